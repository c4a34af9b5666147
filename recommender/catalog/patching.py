"""Changing stored buckets: patches of rows, and removals, as pure functions."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from recommender.catalog.buckets import FirstSeenMemory, SkuIndex, bucket_of, first_seen_of
from recommender.catalog.columns import Strings
from recommender.catalog.rows import Row, RowError, RowPatch, patched, with_valid_sale
from recommender.catalog.segments import rows_of, segment_of
from recommender.catalog.table import Table, concatenate_tables
from recommender.identifiers import key_of


class Stored(NamedTuple):
    """The stored buckets that a change may touch, by number; one that was not read is missing, not empty."""

    segments: Mapping[int, Table | None]
    sku_index: Mapping[int, SkuIndex]
    memory: Mapping[int, FirstSeenMemory]


class Outcome(NamedTuple):
    """What a change leads to: buckets to store (``None``: now empty), items changed and gone, counts, reports."""

    segments: dict[int, Table | None]
    sku_index: dict[int, SkuIndex]
    memory: dict[int, FirstSeenMemory]
    changed: Table | None
    removed: list[str]
    items_added: int
    skus_added: int
    accepted: int
    reports: list[RowError]


class Draft:
    """Items taken out of their buckets, changed, and put back together; at most one patch for each SKU."""

    def __init__(self, stored: Stored, now: float) -> None:
        self._stored = stored
        self._now = now
        self._before: dict[str, list[Row]] = {}
        self._items: dict[str, list[Row]] = {}
        self._first_seen: dict[str, float] = {}
        self.accepted = 0
        self.reports: list[RowError] = []

    def patch(self, patch: RowPatch) -> None:
        """Change, add or move one SKU; a row that cannot be is reported and changes nothing."""
        held_by = self._item_of_sku(patch.id)
        rows = self._items[held_by] if held_by is not None else []
        place = next((place for place, row in enumerate(rows) if row.id == patch.id), -1)
        made = patched(rows[place] if place >= 0 else None, patch)
        if isinstance(made, RowError):
            self.reports.append(made)
            return
        row, fault = with_valid_sale(made, patch.line)
        if fault is not None:
            self.reports.append(fault)
        self.accepted += 1
        if held_by == row.item_id:
            rows[place] = row
            return
        if place >= 0:
            del rows[place]
        self._take_out(row.item_id).append(row)

    def remove(self, id_: str) -> int:
        """Remove an item with all its SKUs, or one SKU; return how many SKUs went."""
        rows = self._take_out(id_)
        if rows:
            removed = len(rows)
            rows.clear()
            return removed
        item_id = self._item_of_sku(id_)
        if item_id is None:
            return 0
        self._items[item_id] = [row for row in self._items[item_id] if row.id != id_]
        return 1

    def _item_of_sku(self, sku_id: str) -> str | None:
        """Return the item that has the SKU, taken out; ``None`` if none has."""
        sku_key = key_of(sku_id)
        for item_key in self._stored.sku_index[bucket_of(sku_key)].item_keys(sku_key):
            for item_id in ids_of_key(self._stored.segments[bucket_of(item_key)], item_key):
                if any(row.id == sku_id for row in self._take_out(item_id)):
                    return item_id
        return None

    def _take_out(self, item_id: str) -> list[Row]:
        """Return the item's rows as a list to change."""
        if item_id not in self._items:
            segment = self._stored.segments[bucket_of(key_of(item_id))]
            place = _place_of(segment, item_id)
            rows = rows_of(segment, place) if segment is not None and place >= 0 else []
            if segment is not None and place >= 0:
                self._first_seen[item_id] = float(np.asarray(segment.items["first_seen"])[place])
            self._before[item_id] = rows
            self._items[item_id] = list(rows)
        return self._items[item_id]

    def outcome(self) -> Outcome:
        """Put the changed items back into their buckets."""
        touched = {item_id for item_id, rows in self._items.items() if rows != self._before[item_id]}
        changed = {item_id: self._items[item_id] for item_id in touched if self._items[item_id]}
        removed = [item_id for item_id in touched if not self._items[item_id]]
        table = self._table(changed)
        memory = self._memory(changed, removed)
        skus_before = sum(len(self._before[item_id]) for item_id in touched)
        return Outcome(
            segments=self._segments(touched, table),
            sku_index=self._index(touched),
            memory=memory,
            changed=table,
            removed=[item_id for item_id in removed if self._before[item_id]],
            items_added=len(changed) - sum(bool(self._before[item_id]) for item_id in touched),
            skus_added=sum(map(len, changed.values())) - skus_before,
            accepted=self.accepted,
            reports=self.reports,
        )

    def _table(self, changed: Mapping[str, list[Row]]) -> Table | None:
        seen = {}
        for item_id, rows in changed.items():
            known = self._first_seen.get(item_id)
            if known is None:
                key = key_of(item_id)
                known = self._stored.memory[bucket_of(key)].first_seen().get(key)
            seen[item_id] = first_seen_of(rows, known, self._now)
        return segment_of(changed, seen) if changed else None

    def _segments(self, touched: Iterable[str], table: Table | None) -> dict[int, Table | None]:
        by_bucket: dict[int, set[str]] = {}
        for item_id in touched:
            by_bucket.setdefault(bucket_of(key_of(item_id)), set()).add(item_id)
        keys = np.asarray(table.items["key"]) if table is not None else np.zeros(0, np.uint64)
        segments: dict[int, Table | None] = {}
        for bucket, item_ids in by_bucket.items():
            parts = []
            before = self._stored.segments[bucket]
            if before is not None:
                kept = [place for place, item_id in enumerate(_item_ids(before)) if item_id not in item_ids]
                parts.append(before.take_items(np.array(kept, np.int64)))
            mine = np.flatnonzero(keys >> np.uint64(30) == bucket)
            if table is not None and len(mine):
                parts.append(table.take_items(mine))
            parts = [part for part in parts if len(part)]
            segments[bucket] = concatenate_tables(parts).sorted_by_key() if parts else None
        return segments

    def _index(self, touched: Iterable[str]) -> dict[int, SkuIndex]:
        added: dict[int, list[tuple[int, int]]] = {}
        removed: dict[int, list[tuple[int, int]]] = {}
        for item_id in touched:
            item_key = key_of(item_id)
            before = {key_of(row.id) for row in self._before[item_id]}
            after = {key_of(row.id) for row in self._items[item_id]}
            for keys, changes in ((after - before, added), (before - after, removed)):
                for key in keys:
                    changes.setdefault(bucket_of(key), []).append((key, item_key))
        return {
            bucket: self._stored.sku_index[bucket].changed(added.get(bucket, ()), removed.get(bucket, ()))
            for bucket in added.keys() | removed.keys()
        }

    def _memory(self, changed: Iterable[str], removed: Iterable[str]) -> dict[int, FirstSeenMemory]:
        left: dict[int, dict[int, float]] = {}
        returned: dict[int, list[int]] = {}
        for item_id in removed:
            if item_id in self._first_seen:
                key = key_of(item_id)
                left.setdefault(bucket_of(key), {})[key] = self._first_seen[item_id]
        for item_id in changed:
            if item_id not in self._first_seen:
                returned.setdefault(bucket_of(key_of(item_id)), []).append(key_of(item_id))
        memory = {}
        for bucket in left.keys() | returned.keys():
            before = self._stored.memory[bucket]
            if bucket in left or len(before):
                memory[bucket] = before.changed(left.get(bucket, {}), returned.get(bucket, ()), self._now)
        return memory


def _item_ids(segment: Table) -> list[str]:
    column = segment.items["item_id"]
    if not isinstance(column, Strings):
        raise TypeError("item_id is a column of strings")
    return column.slice(0, len(column))


def ids_of_key(segment: Table | None, key: int) -> list[str]:
    """Return the ids of a bucket's items of one key: one, or two in a collision."""
    if segment is None:
        return []
    column = segment.items["item_id"]
    places = np.flatnonzero(np.asarray(segment.items["key"]) == np.uint64(key))
    return [str(column[int(place)]) for place in places]


def _place_of(segment: Table | None, item_id: str) -> int:
    if segment is None:
        return -1
    column = segment.items["item_id"]
    places = np.flatnonzero(np.asarray(segment.items["key"]) == np.uint64(key_of(item_id)))
    return next((int(place) for place in places if column[int(place)] == item_id), -1)
