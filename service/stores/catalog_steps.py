"""What the catalog store computes between its commands: in another thread, without I/O but for reading the feed."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from recommender.catalog.buckets import FirstSeenMemory, SkuIndex, Step, bucket_of
from recommender.catalog.feed import FeedEntry, FeedError, FeedReader
from recommender.catalog.patching import Draft, Outcome, Stored
from recommender.catalog.rows import Row, RowError, RowPatch
from recommender.catalog.segments import rows_of
from recommender.catalog.staging import Staging
from recommender.catalog.table import decode_table, encode_table
from recommender.identifiers import key_of

Homes: TypeAlias = Mapping[str, list[int]]
"""For each SKU id the keys of the items that may have it: one, none, or two if keys collide."""

MAX_REPORTED: Final = 1000
"""Reports of single lines in an answer; all of them are counted."""
STEP_PATCHES: Final = 1000
STEP_BUCKETS: Final = 64
_PAUSE_ROWS: Final = 32
_PAUSE_SECONDS: Final = 0.0001
"""A pause each millisecond of work lets the event loop in; Python alone would switch after five."""


class Reports:
    """Collects what is said about lines: all are counted, the first thousand of each sort kept."""

    def __init__(self) -> None:
        self.rejected_count = 0
        self.warning_count = 0
        self.rejected: list[RowError] = []
        self.warnings: list[RowError] = []

    def add(self, report: RowError) -> None:
        """Take a report."""
        kept = self.rejected if report.rejected else self.warnings
        if len(kept) < MAX_REPORTED:
            kept.append(report)
        self.rejected_count += report.rejected
        self.warning_count += not report.rejected


def paced(entries: Iterable[FeedEntry]) -> Iterator[FeedEntry]:
    """Yield a feed's entries, leaving room for the event loop."""
    for number, entry in enumerate(entries):
        if number % _PAUSE_ROWS == 0:
            time.sleep(_PAUSE_SECONDS)
        yield entry


def staged(reader: FeedReader, reports: Reports) -> Staging:
    """Read a whole feed.

    Raises:
        FeedError: it is unreadable, or no row of it is good.
    """
    staging = Staging()
    for entry in paced(reader):
        if isinstance(entry, Row):
            staging.add(entry)
        elif isinstance(entry, RowError):
            reports.add(entry)
    if not len(staging):
        first = reports.rejected[0]
        raise FeedError(
            f"none of the {reports.rejected_count:,} rows is good; line {first.line}: {first.detail}"
        )
    return staging


def coalesced(reader: FeedReader, reports: Reports) -> list[RowPatch]:
    """Read patches; several of one SKU become one, the later fields counting."""
    patches: dict[str, RowPatch] = {}
    for entry in paced(reader):
        if isinstance(entry, RowError):
            reports.add(entry)
        elif isinstance(entry, RowPatch):
            earlier = patches.get(entry.id)
            fields = entry.fields if earlier is None else earlier.fields | entry.fields
            patches[entry.id] = RowPatch(entry.line, entry.id, fields)
    return list(patches.values())


def buckets_of(sku_ids: Iterable[str]) -> list[int]:
    """Return the buckets of the index that tell where SKUs are."""
    return sorted({bucket_of(key_of(id_)) for id_ in sku_ids})


def homes_in(index: Mapping[int, bytes], sku_ids: Iterable[str]) -> Homes:
    """Look SKUs up in stored buckets of the index."""
    decoded = {bucket: SkuIndex.decode(data) for bucket, data in index.items()}
    empty = SkuIndex.decode(None)
    return {id_: decoded.get(bucket_of(key_of(id_)), empty).item_keys(key_of(id_)) for id_ in sku_ids}


def steps(patches: Sequence[RowPatch], homes: Homes) -> list[list[RowPatch]]:
    """Cut patches into steps of at most a thousand rows and 64 buckets; rows of one item keep their order."""
    touched = {patch.id: sorted({bucket_of(key) for key in _touched_keys(patch, homes)}) for patch in patches}
    cut: list[list[RowPatch]] = []
    buckets: set[int] = set()
    for patch in sorted(patches, key=lambda patch: touched[patch.id]):
        buckets.update(touched[patch.id])
        if not cut or len(cut[-1]) >= STEP_PATCHES or len(buckets) > STEP_BUCKETS:
            cut.append([])
            buckets = set(touched[patch.id])
        cut[-1].append(patch)
    return cut


def _touched_keys(patch: RowPatch, homes: Homes) -> set[int]:
    """Return the keys of the items that a patch may touch."""
    keys = set(homes[patch.id])
    group = patch.fields.get("item_group_id")
    if group is not None:
        keys.add(key_of(group))
    elif not keys or "title" in patch.fields or "item_group_id" in patch.fields:
        keys.add(key_of(patch.id))  # the row may become an item of its own
    return keys


def touched_buckets(change: Sequence[RowPatch] | str, homes: Homes) -> tuple[list[int], list[int]]:
    """Return the buckets of items and of the index that a step may touch."""
    if isinstance(change, str):
        keys = {key_of(change), *homes[change]}
        return sorted({bucket_of(key) for key in keys}), buckets_of([change])
    keys = {key for patch in change for key in _touched_keys(patch, homes)}
    return sorted({bucket_of(key) for key in keys}), buckets_of(patch.id for patch in change)


def buckets_of_item(items: Mapping[int, bytes], item_id: str) -> list[int]:
    """Return the buckets of the index that hold an item's SKUs; none if the item is not there."""
    data = items.get(bucket_of(key_of(item_id)))
    if data is None:
        return []
    segment = decode_table(data)
    places = np.flatnonzero(np.asarray(segment.items["key"]) == np.uint64(key_of(item_id)))
    rows = [row for place in places for row in rows_of(segment, int(place))]
    return buckets_of(row.id for row in rows)


class Buckets(NamedTuple):
    """Which buckets were read for a step, and the bytes of those that exist."""

    item_buckets: list[int]
    items: dict[int, bytes]
    memory: dict[int, bytes]
    sku_buckets: list[int]
    indexes: dict[int, bytes]


class Drafted(NamedTuple):
    """What a step leads to, encoded: buckets of items, index and memory (b"" where nothing is left).

    ``step`` is the entry of the change log, ``None`` if nothing changes.
    """

    outcome: Outcome
    step: bytes | None
    groups: tuple[dict[int, bytes], ...]


def draft(read: Buckets, change: Sequence[RowPatch] | str, now: float) -> Drafted:
    """Work out what a step leads to."""
    stored = Stored(
        {
            bucket: decode_table(read.items[bucket]) if bucket in read.items else None
            for bucket in read.item_buckets
        },
        {bucket: SkuIndex.decode(read.indexes.get(bucket)) for bucket in read.sku_buckets},
        {bucket: FirstSeenMemory.decode(read.memory.get(bucket)) for bucket in read.item_buckets},
    )
    working = Draft(stored, now)
    if isinstance(change, str):
        working.remove(change)
    for number, patch in enumerate(() if isinstance(change, str) else change):
        if number % _PAUSE_ROWS == 0:
            time.sleep(_PAUSE_SECONDS)
        working.patch(patch)
    outcome = working.outcome()
    if outcome.changed is None and not outcome.removed:
        return Drafted(outcome, None, ())
    table = b"" if outcome.changed is None else encode_table(outcome.changed)
    groups = (
        {bucket: b"" if table is None else encode_table(table) for bucket, table in outcome.segments.items()},
        {bucket: index.encode() for bucket, index in outcome.sku_index.items()},
        {bucket: memory.encode() for bucket, memory in outcome.memory.items()},
    )
    return Drafted(outcome, msgspec.msgpack.encode(Step(table, outcome.removed)), groups)


class Built(NamedTuple):
    """Some buckets of a new generation, and what they replace."""

    items: int
    segments: dict[int, bytes]
    memory: dict[int, bytes]
    old_sku_keys: list[npt.NDArray[np.uint64]]


def build(
    staging: Staging,
    buckets: Iterable[int],
    old: Mapping[int, bytes],
    memory: Mapping[int, bytes],
    now: float,
) -> Built:
    """Build the tables of some buckets of a new generation."""
    built = Built(0, {}, {}, [])
    items = 0
    for bucket in buckets:
        time.sleep(_PAUSE_SECONDS)
        before = decode_table(old[bucket]) if bucket in old else None
        if before is not None:
            built.old_sku_keys.append(np.asarray(before.skus["key"], np.uint64))
        remembered = FirstSeenMemory.decode(memory.get(bucket))
        made = staging.bucket(bucket, before, remembered, now)
        if made.segment is not None:
            items += len(made.segment)
            built.segments[bucket] = encode_table(made.segment)
        if made.memory is not remembered and (len(made.memory) or len(remembered)):
            built.memory[bucket] = made.memory.encode()
    return built._replace(items=items)


def count_missing(old_sku_keys: list[npt.NDArray[np.uint64]], staging: Staging) -> int:
    """Return how many SKUs of the old generation the new one lacks."""
    if not old_sku_keys:
        return 0
    return int(np.count_nonzero(~np.isin(np.concatenate(old_sku_keys), staging.sku_keys())))


def encoded_index(staging: Staging) -> list[bytes]:
    """Return the index from SKU to item, bucket by bucket."""
    return [pairs.encode() for pairs in staging.index()]
