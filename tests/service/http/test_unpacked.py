"""Compressed feeds: read as they are, and no further than a feed may be large."""

import gzip
import io
import tracemalloc

import pytest

from recommender.catalog.feed import FeedError, FeedReader
from service.routes.unpacked import unpacked
from tests.service.http.conftest import FEED

MIB = 1024 * 1024


def test_a_feed_is_read_as_if_it_were_not_compressed() -> None:
    """Every row, in order."""
    plain = list(FeedReader(io.BytesIO(FEED), name="feed.jsonl"))
    packed = io.BytesIO(gzip.compress(FEED))
    assert list(FeedReader(unpacked(packed, max_bytes=len(FEED)), name="feed.jsonl")) == plain


@pytest.mark.parametrize("start", [b"", b"\xff\xfe"], ids=["lines", "UTF-16"])
def test_a_bomb_is_given_up_before_it_fills_the_memory(start: bytes) -> None:
    """300 KB that hold 300 MB cost no more than the limit; UTF-16 is the kind that is read whole."""
    bomb = gzip.compress(start + FEED, 9) + gzip.compress(b" " * 10 * MIB, 9) * 30
    tracemalloc.start()
    try:
        with pytest.raises(FeedError, match="when it is unpacked"):
            list(FeedReader(unpacked(io.BytesIO(bomb), max_bytes=MIB), name="feed.jsonl"))
        assert tracemalloc.get_traced_memory()[1] < 20 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [b"no gzip at all", gzip.compress(FEED)[:-20]])
def test_a_damaged_one_is_said_to_be_so(packed: bytes) -> None:
    """One line of why, and nothing is changed."""
    with pytest.raises(FeedError, match="damaged"):
        list(FeedReader(unpacked(io.BytesIO(packed), max_bytes=MIB), name="feed.jsonl"))
