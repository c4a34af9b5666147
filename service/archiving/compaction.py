"""Compaction: a day's many small files become one, and what erased visitors did, or is too old, is left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from recommender.events import SECONDS_PER_DAY
from service.stores.archive import (
    ArchiveError,
    ArchiveFile,
    ArchiveSnapshot,
    ArchiveStorage,
    Manifest,
    Manifests,
)
from service.stores.archive.manifest import files_by_day
from service.stores.archive.reading import erased_rows, of_partitions
from service.stores.archive.retention import expired_before
from service.stores.archive.rows import ARCHIVE_SCHEMA
from service.stores.archive.writing import write_day
from service.stores.erasures import Erased

ROWS_AT_ONCE: Final = 500_000
"""Some 300 MB of memory; larger days are put in order by ranges of partitions."""

MANY_FILES: Final = 8
LARGE_SHARE: Final = 0.9
"""A day is left alone while one file has so much of its rows and the others are few: rewriting a million rows for the
few that came late would take longer every night."""

REMEMBERED_DAYS: Final = 35
"""For so long after its rows were removed, an erased visitor's older events are refused: a Redis that was restored from a
backup may bring them back."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did.

    Attributes:
        days: that were rewritten.
        files_before: of them.
        files_after: of them.
        events: kept in them.
        erased: events of erased visitors that were removed.
        expired: events that were too old and were removed.
    """

    days: int = 0
    files_before: int = 0
    files_after: int = 0
    events: int = 0
    erased: int = 0
    expired: int = 0

    def plus(self, before: Sequence[ArchiveFile], after: Sequence[ArchiveFile], expired: int) -> "Compacted":
        """Return the counts with one more day."""
        kept = sum(file.rows for file in after)
        return Compacted(
            self.days + 1,
            self.files_before + len(before),
            self.files_after + len(after),
            self.events + kept,
            self.erased + sum(file.rows for file in before) - kept - expired,
            self.expired + expired,
        )


class Compaction:
    """Rewrites days of one archive; each day is a commit of its own.

    Args:
        storage: of the archive.
        retention_days: how long events are kept after the day on which they arrived; 0 for ever.
    """

    def __init__(self, storage: ArchiveStorage, *, retention_days: int = 0) -> None:
        self._storage = storage
        self._retention_days = retention_days
        self._manifests = Manifests(storage)

    def run(self, manifest: Manifest, now: float) -> Compacted:
        """Compact what is worth it, and every day with rows of visitors whom the manifest names as erased, or that are too old.

        Args:
            manifest: the newest.
            now: Unix seconds.

        Raises:
            ArchiveConflict: somebody else has changed the archive meanwhile.
            ArchiveError: a file cannot be read or written, or does not hold what the manifest says: then it stays.
        """
        compacted = Compacted()
        gone = Erased(manifest.erased, expired_before(now, self._retention_days))
        for day in sorted(manifest.files):
            before = manifest.files[day]
            removed = self._count(manifest, before, gone)
            if not removed and not is_worth_it(before):
                continue
            expired = self._count(manifest, before, Erased({}, gone.expired_before))
            manifest = self._rewritten(manifest, day, gone, removed, now)
            compacted = compacted.plus(before, manifest.files.get(day, ()), expired)
        if manifest.erased:
            self._remember(manifest, now)
        # What was erased or is too old goes now; other files stay for those who are reading them.
        if compacted.erased or compacted.expired:
            self._manifests.prune(kept=1)
        else:
            self._manifests.prune()
        return compacted

    def _rewritten(self, manifest: Manifest, day: str, gone: Erased, removed: int, now: float) -> Manifest:
        before = manifest.files[day]
        number = manifest.number + 1
        tables = self._tables(manifest, before, gone)
        first = next(tables, None)
        expected = sum(file.rows for file in before) - removed
        after = []
        if first is not None:
            after = [write_day(self._storage, date.fromisoformat(day), number, chain([first], tables))]
        if sum(file.rows for file in after) != expected:
            raise ArchiveError(
                f"archive {self._storage.url}: the files of {day} do not hold the {expected:,} rows that the manifest "
                "tells of; they stay as they are: restore them from a backup"
            )
        others = [file for file in manifest.all_files if file not in before]
        committed = msgspec.structs.replace(
            manifest, number=number, created_at=now, files=files_by_day([*others, *after])
        )
        self._manifests.commit(committed)
        return committed

    def _tables(self, manifest: Manifest, files: Sequence[ArchiveFile], gone: Erased) -> Iterator[pa.Table]:
        """Yield a day's rows that stay, by ascending ranges of partitions."""
        snapshot = ArchiveSnapshot(self._storage, manifest, gone)
        partitions = len(manifest.cursor)
        passes = min(partitions, -(-sum(file.rows for file in files) // ROWS_AT_ONCE))
        columns = ["visitor_id", "received_at", *(set(ARCHIVE_SCHEMA.names) - {"visitor_id", "received_at"})]
        for number in range(passes):
            some = range(partitions * number // passes, partitions * (number + 1) // passes)
            batches = list(snapshot.batches(columns, of_partitions(some), files))
            if batches:
                yield pa.Table.from_batches(batches).select(ARCHIVE_SCHEMA.names).cast(ARCHIVE_SCHEMA)

    def _count(self, manifest: Manifest, files: Sequence[ArchiveFile], gone: Erased) -> int:
        """Return how many rows of a day do not stay."""
        if min(file.first_ms for file in files) / 1000 > max([gone.expired_before, *gone.at.values()]):
            return 0
        everything = ArchiveSnapshot(self._storage, manifest, Erased())
        batches = everything.batches(["visitor_id", "received_at"], None, files)
        return sum(pc.sum(erased_rows(batch, gone)).as_py() or 0 for batch in batches)

    def _remember(self, manifest: Manifest, now: float) -> None:
        """Note in the archive that nothing is left of those whom the manifest names as erased."""
        forgotten_before = now - REMEMBERED_DAYS * SECONDS_PER_DAY
        removed = Erased(manifest.removed).with_more(manifest.erased).at
        self._manifests.commit(
            msgspec.structs.replace(
                manifest,
                number=manifest.number + 1,
                created_at=now,
                erased={},
                removed={name: at for name, at in removed.items() if at > forgotten_before},
            )
        )


def is_worth_it(files: Sequence[ArchiveFile]) -> bool:
    """Return whether a day's files are too many, or their rows too scattered, to be left as they are."""
    rows = [file.rows for file in files]
    return len(files) > MANY_FILES or max(rows) < LARGE_SHARE * sum(rows)
