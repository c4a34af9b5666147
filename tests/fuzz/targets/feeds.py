"""Catalogs: feeds in three formats, patches of them, and the tables in which Redis keeps them."""

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from recommender.catalog.buckets import FirstSeenMemory, SkuIndex, bucket_of
from recommender.catalog.catalog import Catalog
from recommender.catalog.feed import FeedError, FeedReader
from recommender.catalog.patching import Draft, Stored
from recommender.catalog.rows import Row, RowError, RowPatch
from recommender.catalog.segments import rows_by_item, rows_of, segment_of
from recommender.catalog.table import FORMAT, Table, TableError, decode_table, encode_table
from recommender.identifiers import key_of
from tests.catalog_rows import feed_of
from tests.fuzz.target import Attempt, Target, cut
from tests.fuzz.targets.shop import LINES, NOW, feed

WORDS: Final = tuple(
    word.encode()
    for word in (
        "id", "item_group_id", "title", "link", "image_link", "availability", "price", "sale_price", "size",
        "sale_price_effective_date", "brand", "product_type", "google_product_category", "gender", "age_group", "color",
        "size_type", "size_system", "cost_of_goods_sold", "first_seen", "in_stock", "preorder", "0.001 KWD",
        "1 000,00 JPY", "9999-12-31T23:59-12:00/0001-01-01T00:00+14:00", "75B", "W32 L34", "S/M", "6-9 months", "2T",
        "XXXXL", "US 8½", "\t", ",", ";", "|", '""', "\x85", "\u2028",
    )
)  # fmt: skip

_WHOLE_CATALOG_EVERY: Final = 8
"""A catalog takes 3 ms to make, twenty times as long as the feed takes to read; which inputs get one is fixed."""


def _reading(name: str) -> Callable[[Path], Attempt]:
    """Return what reads a feed of this file name, and makes a catalog of its rows."""

    def prepare(_folder: Path) -> Attempt:
        def attempt(data: bytes) -> None:
            rows = []
            try:
                for entry in FeedReader(io.BytesIO(data), name=name, default_currency="EUR"):
                    if isinstance(entry, Row):
                        rows.append(entry)
                    else:
                        assert isinstance(entry, RowError)
                        assert entry.detail
                        msgspec.json.encode(entry)
            except FeedError:
                return
            assert len({row.id for row in rows}) == len(rows)
            _check_stored(rows)
            if zlib.crc32(data) % _WHOLE_CATALOG_EVERY == 0:
                _check_catalog(rows)

        return attempt

    return prepare


def _check_stored(rows: list[Row]) -> None:
    """Store rows and read them back."""
    items = rows_by_item(rows)
    if not items:
        return
    table = decode_table(encode_table(segment_of(items, dict.fromkeys(items, NOW))))
    stored = {row.id: row for number in range(len(table)) for row in rows_of(table, number)}
    assert stored.keys() == {row.id for row in rows}


def _check_catalog(rows: list[Row]) -> None:
    """Make a catalog of rows and show every item."""
    catalog = Catalog.of_rows(rows, now=NOW)
    catalog.prepare(NOW)
    for item in catalog.items():
        assert catalog.resolve(item.item_id) is not None
        msgspec.json.encode(item.card(NOW))


def patch(_folder: Path) -> Attempt:
    """Read patches and apply them to the shop's stored catalog."""
    base = [entry for entry in FeedReader(feed_of(*LINES), name="feed.jsonl") if isinstance(entry, Row)]
    stored = _stored(base)

    def attempt(data: bytes) -> None:
        try:
            entries = list(FeedReader(io.BytesIO(data), name="p.jsonl", default_currency="EUR", partial=True))
        except FeedError:
            return
        draft = Draft(stored, NOW)
        for entry in entries:
            if isinstance(entry, RowPatch):
                draft.patch(entry)
        outcome = draft.outcome()
        for segment in outcome.segments.values():
            if segment is not None:
                _unpack(decode_table(encode_table(segment)))
        for report in outcome.reports:
            msgspec.json.encode(report)

    return attempt


class _Everywhere(dict[int, SkuIndex | FirstSeenMemory | Table | None]):
    """Stored buckets, of which every one has been read."""

    def __init__(self, empty: Callable[[], SkuIndex | FirstSeenMemory | None]) -> None:
        super().__init__()
        self._empty = empty

    def __missing__(self, bucket: int) -> SkuIndex | FirstSeenMemory | Table | None:
        return self._empty()


def _stored(rows: list[Row]) -> Stored:
    segments = _Everywhere(lambda: None)
    indexes = _Everywhere(lambda: SkuIndex.decode(None))
    memory = _Everywhere(lambda: FirstSeenMemory.decode(None))
    for item_id, of_item in rows_by_item(rows).items():
        segments[bucket_of(key_of(item_id))] = segment_of({item_id: of_item}, {item_id: NOW})
        for row in of_item:
            bucket = bucket_of(key_of(row.id))
            before = indexes[bucket]
            assert isinstance(before, SkuIndex)
            indexes[bucket] = before.changed([(key_of(row.id), key_of(item_id))], [])
    return Stored(segments, indexes, memory)  # type: ignore[arg-type] # each holds its own kind only


def _unpack(table: Table) -> None:
    for number in range(len(table)):
        rows_of(table, number)


def table(_folder: Path) -> Attempt:
    """Decode what Redis keeps of a catalog: a table, an index and a memory."""

    def attempt(data: bytes) -> None:
        stored, index, memory = cut(data, 3)
        for decode in (decode_table, _compressed):
            try:
                decode(stored)
            except TableError:
                continue
        try:
            SkuIndex.decode(index).item_keys(key_of("a-38"))
        except TableError:
            assert len(index) % 16
        FirstSeenMemory.decode(memory).first_seen()

    return attempt


def _compressed(packed: bytes) -> None:
    """Decode a table whose compression is sound, so that what is inside gets its turn."""
    decode_table(FORMAT + zlib.compress(packed, 1))


def _table_seeds() -> tuple[bytes, ...]:
    rows = [entry for entry in FeedReader(feed_of(*LINES), name="feed.jsonl") if isinstance(entry, Row)]
    encoded = encode_table(segment_of(rows_by_item(rows), dict.fromkeys(rows_by_item(rows), NOW)))
    return encoded, zlib.decompress(encoded[1:]), bytes(32)


TARGETS: Final = (
    Target("feed-tsv", "feed as TSV", _reading("feed.tsv"), (feed("\t"), feed("\t").decode().encode("utf-16")), WORDS),
    Target("feed-csv", "feed as CSV", _reading("feed.csv"), (feed(","), feed(";"), feed("|")), WORDS),
    Target(
        "feed-jsonl", "feed as JSON Lines", _reading("feed.jsonl"), (feed_of(*LINES).getvalue(),),
        tuple(b'"%b"' % word for word in WORDS),
    ),
    Target(
        "feed-gz", "feed, compressed", _reading("feed.csv.gz"), (gzip.compress(feed(","), mtime=0),),
    ),
    Target(
        "patch", "rows of PATCH /catalog", patch,
        (b'{"id":"a-38","price":"10 EUR","sale_price":null}\n{"id":"n","item_group_id":"a","title":"T","link":"https://x/"}\n',
         b"id,price,item_group_id\na-38,9.90 EUR,b\nh,,h2\n"),
        tuple(b'"%b"' % word for word in WORDS),
    ),
    Target("catalog-table", "stored tables of the catalog", table, _table_seeds()),
)  # fmt: skip
