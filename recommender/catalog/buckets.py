"""How the catalog is cut into pieces small enough to rewrite: 1,024 buckets of items, by key.

A bucket holds the items whose 40-bit key starts with its 10 bits, so buckets in order are items in order. With a
million SKUs a bucket is a table of about a thousand, 60 KB compressed. An index with as many buckets says which
item each SKU belongs to.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from recommender.catalog.rows import Row
from recommender.catalog.table import TableError

BUCKETS: Final = 1024
_BUCKET_SHIFT: Final = 30
_PAIR: Final = np.dtype([("key", "<u8"), ("item_key", "<u8")])
_MEMORY: Final = np.dtype([("key", "<u8"), ("first_seen", "<f8"), ("left_at", "<f8")])
REMEMBERED_SECONDS: Final = 400 * 86_400
"""How long the first sight of an item that left is remembered: a year's seasonal item is no novelty."""


def bucket_of(key: int) -> int:
    """Return the bucket, in ``[0, 1024)``, of an item's or a SKU's 40-bit key."""
    return key >> _BUCKET_SHIFT


class Step(msgspec.Struct, array_like=True):
    """One entry of the change log: an encoded table of the items that changed, and the ids of those gone."""

    table: bytes
    removed: list[str]


class SkuIndex:
    """One bucket of the index from SKU to item: pairs of keys, sorted."""

    def __init__(self, pairs: npt.NDArray[np.void]) -> None:
        self._pairs = pairs

    @classmethod
    def decode(cls, data: bytes | None) -> "SkuIndex":
        """Read a stored bucket; ``None`` is an empty one.

        Raises:
            TableError: the bytes are cut off.
        """
        if len(data or b"") % _PAIR.itemsize:
            raise TableError("a part of the catalog's SKU index is damaged: PUT the catalog again")
        return cls(np.frombuffer(data or b"", _PAIR))

    @classmethod
    def of(cls, keys: npt.NDArray[np.uint64], item_keys: npt.NDArray[np.uint64]) -> "SkuIndex":
        """Make a bucket of parallel arrays."""
        pairs = np.empty(len(keys), _PAIR)
        pairs["key"], pairs["item_key"] = keys, item_keys
        return cls(np.sort(pairs))

    def encode(self) -> bytes:
        """Return 16 bytes a SKU."""
        return self._pairs.tobytes()

    def item_keys(self, sku_key: int) -> list[int]:
        """Return the keys of the items that have a SKU of this key: one, or two in a collision."""
        keys = self._pairs["key"]
        start, stop = (
            np.searchsorted(keys, np.uint64(sku_key), "left"),
            np.searchsorted(keys, np.uint64(sku_key), "right"),
        )
        found: list[int] = self._pairs["item_key"][start:stop].tolist()
        return found

    def changed(self, added: Iterable[tuple[int, int]], removed: Iterable[tuple[int, int]]) -> "SkuIndex":
        """Return the bucket with pairs of (SKU key, item key) removed, then added."""
        gone = np.array(list(removed), _PAIR)
        kept = self._pairs[~np.isin(self._pairs, gone)] if len(gone) else self._pairs
        new = np.array(list(added), _PAIR)
        return SkuIndex(np.sort(np.concatenate((kept, new))))


class FirstSeenMemory:
    """When items that left a bucket had first been listed, so that coming back does not make them new."""

    def __init__(self, entries: npt.NDArray[np.void]) -> None:
        self._entries = entries

    @classmethod
    def decode(cls, data: bytes | None) -> "FirstSeenMemory":
        """Read a stored bucket; ``None`` is an empty one, and so is a damaged one."""
        whole = len(data or b"") // _MEMORY.itemsize * _MEMORY.itemsize
        return cls(np.frombuffer((data or b"")[:whole], _MEMORY))

    def encode(self) -> bytes:
        """Return 24 bytes an item."""
        return self._entries.tobytes()

    def first_seen(self) -> dict[int, float]:
        """Return the first sight by item key."""
        return dict(zip(self._entries["key"].tolist(), self._entries["first_seen"].tolist(), strict=True))

    def changed(self, left: Mapping[int, float], returned: Iterable[int], now: float) -> "FirstSeenMemory":
        """Return the memory after items left (key: first sight) and others came back; old entries are dropped."""
        forgotten = np.array([*left, *returned], np.uint64)
        recent = self._entries["left_at"] > now - REMEMBERED_SECONDS
        kept = self._entries[recent & ~np.isin(self._entries["key"], forgotten)]
        new = np.array([(key, first_seen, now) for key, first_seen in left.items()], _MEMORY)
        return FirstSeenMemory(np.concatenate((kept, new)))

    def __len__(self) -> int:
        return len(self._entries)


def first_seen_of(rows: Iterable[Row], known: float | None, now: float) -> float:
    """Return when an item was first listed: what its rows say (not after now), else what is known, else now."""
    stated = [row.first_seen for row in rows if row.first_seen is not None]
    if stated:
        return min(*stated, now)
    return now if known is None else known
