"""A whole feed on its way into the store, packed so that a million rows fit in 150 MB."""

import zlib
from array import array
from collections.abc import Mapping
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from recommender.catalog.buckets import BUCKETS, FirstSeenMemory, SkuIndex, bucket_of, first_seen_of
from recommender.catalog.rows import Row
from recommender.catalog.segments import rows_by_item, segment_of
from recommender.catalog.table import Table
from recommender.identifiers import key_of

_BLOCK_BYTES: Final = 1 << 15


class StagedBucket(NamedTuple):
    """A bucket ready to be stored, and the memory of what left it."""

    segment: Table | None
    memory: FirstSeenMemory


class Staging:
    """Collects rows by bucket; :meth:`bucket` then gives each bucket's table."""

    def __init__(self) -> None:
        self._open = [bytearray() for _ in range(BUCKETS)]
        self._closed: list[list[bytes]] = [[] for _ in range(BUCKETS)]
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Row)
        self._sku_keys = array("Q")
        self._item_keys = array("Q")

    def add(self, row: Row) -> None:
        """Take a row; ids must not repeat."""
        item_key = key_of(row.item_id)
        self._sku_keys.append(item_key if row.item_group_id is None else key_of(row.id))
        self._item_keys.append(item_key)
        bucket = bucket_of(item_key)
        buffer = self._open[bucket]
        buffer += self._encoder.encode(row)
        buffer += b"\n"
        if len(buffer) > _BLOCK_BYTES:
            self._closed[bucket].append(zlib.compress(buffer, 1))
            buffer.clear()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._sku_keys)

    def rows(self, bucket: int) -> list[Row]:
        """Return a bucket's rows in feed order."""
        lines = b"".join(map(zlib.decompress, self._closed[bucket])) + bytes(self._open[bucket])
        return self._decoder.decode_lines(lines)

    def bucket(self, bucket: int, before: Table | None, memory: FirstSeenMemory, now: float) -> StagedBucket:
        """Build a bucket's table; items known before, or remembered, keep their first sight.

        Args:
            bucket: its number.
            before: the bucket as stored now.
            memory: what is remembered of items that left it.
            now: the first sight of new items, Unix seconds.
        """
        listed = _listed(before)
        items = rows_by_item(self.rows(bucket))
        remembered = memory.first_seen()
        seen = {}
        for item_id, rows in items.items():
            key = key_of(item_id)
            seen[item_id] = first_seen_of(rows, listed.get(key, remembered.get(key)), now)
        keys = {key_of(item_id) for item_id in items}
        left = {key: first_seen for key, first_seen in listed.items() if key not in keys}
        segment = segment_of(items, seen) if items else None
        # What came back stays remembered: this feed may never become the catalog, and a listing counts first.
        return StagedBucket(segment, memory.changed(left, (), now))

    def index(self) -> list[SkuIndex]:
        """Return the index from SKU to item, by bucket."""
        keys, item_keys = (np.frombuffer(column, np.uint64) for column in (self._sku_keys, self._item_keys))
        order = np.argsort(keys, kind="stable")
        keys, item_keys = keys[order], item_keys[order]
        bounds = np.searchsorted(keys, np.arange(BUCKETS + 1, dtype=np.uint64) << np.uint64(30))
        return [SkuIndex.of(keys[a:b], item_keys[a:b]) for a, b in pairwise(bounds.tolist())]

    def sku_keys(self) -> npt.NDArray[np.uint64]:
        """Return the keys of all SKUs."""
        return np.array(self._sku_keys, np.uint64)


def _listed(segment: Table | None) -> Mapping[int, float]:
    """Return the first sight of a stored bucket's items by key."""
    if segment is None:
        return {}
    keys, first_seen = segment.items["key"], segment.items["first_seen"]
    return dict(zip(np.asarray(keys).tolist(), np.asarray(first_seen).tolist(), strict=True))
