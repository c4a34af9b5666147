"""Titles and links of the catalog, compressed two by two against a dictionary of the first of them.

What texts of one shop share (hosts, folders, words) stands in the dictionary, so a block need not hold many of them
to be small. Of 176 bytes each, 65 remain and reading one costs 1.5 µs; blocks of 16 without a dictionary are 50
bytes a text and 17 µs, as all of a block has to be opened.
"""

import zlib
from typing import Final, NamedTuple

BLOCK: Final = 2
"""Texts of a block (one alone: 88 bytes and 1 µs; four: 50 bytes and 7 µs, as zlib then makes a code of its own)."""
_DICTIONARY_BYTES: Final = 4000
_WINDOW_BITS: Final = -12
"""A window of 4 KB, which holds the dictionary, and no checksum: what is read here was written by this process."""
_LEVEL: Final = 6
_MEMORY_LEVEL: Final = 4
_FIELD: Final = "\x1f"
_RECORD: Final = "\x1e"


class Text(NamedTuple):
    """What a shop shows of an item."""

    title: str
    link: str
    image_link: str


class Texts:
    """An append-only store of texts; :meth:`add` returns the number by which :meth:`get` finds one again.

    One thread may add while others read what was added before.
    """

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._dictionary = b""

    def __len__(self) -> int:
        """Return the places of all blocks, the unfilled and no longer used ones among them."""
        return len(self._blocks) * BLOCK

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(map(len, self._blocks))

    def add(self, texts: list[Text]) -> list[int]:
        """Append texts."""
        first = len(self)
        records = [_record(text) for text in texts]
        if not self._dictionary:
            self._dictionary = _RECORD.join(records).encode()[:_DICTIONARY_BYTES]
        fresh = zlib.compressobj(
            _LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, self._dictionary
        )
        for start in range(0, len(texts), BLOCK):
            packing = fresh.copy()  # 6 µs less than reading the dictionary anew for each block
            block = packing.compress(_RECORD.join(records[start : start + BLOCK]).encode())
            self._blocks.append(block + packing.flush())
        return list(range(first, first + len(texts)))

    def get(self, number: int) -> Text:
        """Return a text by its number."""
        block, place = divmod(number, BLOCK)
        records = zlib.decompressobj(_WINDOW_BITS, self._dictionary).decompress(self._blocks[block])
        return Text(*records.decode().split(_RECORD)[place].split(_FIELD))


def _record(text: Text) -> str:
    """Join the fields; separators inside them, which the feed's checks would have removed, become spaces."""
    record = _FIELD.join(text)
    if record.count(_FIELD) != len(text) - 1 or _RECORD in record:
        return _FIELD.join(field.replace(_FIELD, " ").replace(_RECORD, " ") for field in text)
    return record
