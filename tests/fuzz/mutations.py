"""Nearly good inputs as Hypothesis draws them: good ones, cut, repeated and mixed."""

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

MOST_EDITS: Final = 6

_AWKWARD: Final = (
    b"", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b'"', b"\\", b"%", b"{", b"[" * 200, b"null", b"-1",
    b"1e400", b"NaN", b"0.1", b"-0", b"9" * 40, b"99999999999999999999", b"\xf0\x9f\x91\x97", b"\xe2\x80\xae",
    b"\\ud800", b"\xd9\xa3",
)  # fmt: skip
"""Bytes that parsers of any kind stumble over."""


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Draw a seed with a few edits, or (seldom) bytes that have nothing to do with any seed.

    Args:
        draw: given by Hypothesis.
        seeds: good inputs.
        words: put in here and there, beside what is awkward for everybody.
    """
    if draw(st.integers(0, 15)) == 15:
        return draw(st.binary(max_size=200))
    data = draw(st.sampled_from(seeds))
    snippets = (*_AWKWARD, *words)
    for _ in range(draw(st.integers(0, MOST_EDITS))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from((0, 0, 1, 1, 2, 4, 8, 32, 256))))
        piece = draw(st.sampled_from(snippets) | st.binary(min_size=1, max_size=4) | _slice_of(seeds))
        data = data[:start] + piece + data[end:]
    return data


@st.composite
def _slice_of(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    seed = draw(st.sampled_from(seeds))
    start = draw(st.integers(0, len(seed)))
    return seed[start : start + draw(st.integers(1, 64))]
