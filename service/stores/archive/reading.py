"""Reading the archive: whatever the newest manifest lists, without the rows of erased visitors."""

import itertools
import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from service.stores.archive.errors import ArchiveError
from service.stores.archive.manifest import ArchiveFile, Manifest, Manifests, day_of
from service.stores.archive.rows import ARCHIVE_SCHEMA, ArchivedRow
from service.stores.archive.storage import ArchiveStorage
from service.stores.erasures import Erased, visitor_hash

ENTRIES_A_PASS: Final = 500_000
"""Entries of which readers hold something at once: up to 600 bytes each."""

_BATCH_ROWS: Final = 16_384
_FILES_AHEAD: Final = 2


class EntryKey(NamedTuple):
    """What tells one log entry from every other, also from one that got the same id after Redis had lost its last second."""

    partition: int
    log_id: str
    visitor_id: str
    event: str

    @property
    def received_at(self) -> float:
        """When the event arrived, in Unix seconds by Redis' clock."""
        return int(self.log_id.partition("-")[0]) / 1000


@dataclass(frozen=True, slots=True)
class ArchiveSnapshot:
    """The archive as one manifest describes it, of which ``None`` is an archive that has not begun."""

    storage: ArchiveStorage
    manifest: Manifest | None
    erased: Erased

    @property
    def files(self) -> tuple[ArchiveFile, ...]:
        """Every file with something to read, by day."""
        if self.manifest is None:
            return ()
        first_ms = self.erased.expired_before * 1000
        return tuple(file for file in self.manifest.all_files if file.last_ms >= first_ms)

    def archived_through(self, partition: int) -> str:
        """Return the id of the last entry of a partition that is in the archive; ``0-0`` before the first."""
        return "0-0" if self.manifest is None else self.manifest.cursor[partition]

    def count(self, partitions: Collection[int] | None = None) -> int:
        """See :meth:`Archive.count`."""
        if partitions is None or not self.files:
            return sum(file.rows for file in self.files)
        with self._failures():
            return int(self.dataset().count_rows(filter=of_partitions(partitions)))

    def rows(
        self,
        partitions: Collection[int] | None = None,
        *,
        visitor_ids: Collection[str] | None = None,
        names: Collection[str] | None = None,
        since: float | None = None,
    ) -> Iterator[list[ArchivedRow]]:
        """See :meth:`Archive.rows`."""
        chosen, files = of_partitions(partitions), self.files
        if visitor_ids is not None:
            theirs = ds.field("visitor_id").isin(sorted(visitor_ids))
            chosen = theirs if chosen is None else chosen & theirs
        if names is not None:
            named = ds.field("name").isin(sorted(names))
            chosen = named if chosen is None else chosen & named
        if since is not None:
            late = ds.field("received_at") >= since
            chosen = late if chosen is None else chosen & late
            files = tuple(file for file in files if file.last_ms / 1000 >= since)
        for batch in self.batches(["visitor_id", "received_at", "event"], chosen, files):
            visitors, arrivals, events = (column.to_pylist() for column in batch.columns)
            yield [
                ArchivedRow(visitor_id, received_at, event.encode())
                for visitor_id, received_at, event in zip(visitors, arrivals, events, strict=True)
            ]

    def batches(
        self,
        columns: Sequence[str],
        chosen: ds.Expression | None = None,
        files: Sequence[ArchiveFile] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield columns, with ``visitor_id`` and ``received_at`` first, of the rows that are not erased, file by file.

        Raises:
            ArchiveError: a file cannot be read.
        """
        if not (self.files if files is None else files):
            return
        with self._failures():
            found = self.dataset(files).to_batches(
                columns=list(columns), filter=chosen, batch_size=_BATCH_ROWS, fragment_readahead=_FILES_AHEAD
            )
            for batch in found:
                kept = batch.filter(pc.invert(erased_rows(batch, self.erased))) if self.erased else batch
                if kept.num_rows:
                    yield kept

    def holding(self, wanted: Collection[EntryKey]) -> set[EntryKey]:
        """Return which of some log entries are archived, whoever was erased.

        Raises:
            ArchiveError: a file cannot be read.
        """
        arrivals = [int(entry.log_id.partition("-")[0]) for entry in wanted]
        if not arrivals:
            return set()
        first, last = min(arrivals), max(arrivals)
        files = [file for file in self.files if file.first_ms <= last and first <= file.last_ms]
        if not files:
            return set()
        looked_for = frozenset(wanted)
        chosen = of_partitions({entry.partition for entry in wanted}) & ds.field("log_id").isin(
            sorted({entry.log_id for entry in wanted})
        )
        found: set[EntryKey] = set()
        with self._failures():
            for batch in self.dataset(files).to_batches(
                columns=["partition", "log_id", "visitor_id", "event"], filter=chosen, batch_size=_BATCH_ROWS
            ):
                rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
                found.update(looked_for.intersection(itertools.starmap(EntryKey, rows)))
        return found

    def dataset(self, files: Sequence[ArchiveFile] | None = None) -> ds.Dataset:
        """Return files, all of them by default and at least one, as a dataset."""
        paths = [self.storage.path_of(file.name) for file in (self.files if files is None else files)]
        return ds.dataset(paths, schema=ARCHIVE_SCHEMA, format="parquet", filesystem=self.storage.arrow)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ArchiveError(
                f"archive {self.storage.url}: {error}; if it was being compacted, do this again"
            ) from error
        except (pa.ArrowException, OSError) as error:
            raise ArchiveError(f"archive {self.storage.url}: {error}") from error


class Archive:
    """The archive of one storage, as it is when asked; a storage without one is empty.

    Args:
        storage: where it lies.
        erased: visitors whose rows are skipped, besides those that the manifest names.
    """

    def __init__(self, storage: ArchiveStorage, erased: Erased | None = None) -> None:
        self.storage = storage
        self._erased = erased or Erased()

    @property
    def url(self) -> str:
        """Where it lies."""
        return self.storage.url

    def snapshot(self) -> ArchiveSnapshot:
        """Return the archive as it is now; later commits do not change it.

        Whoever also reads the log reads that *before*: what is drained in between is then seen twice instead of not at all.

        Raises:
            ArchiveError: the newest manifest cannot be read.
        """
        manifest = Manifests(self.storage).newest()
        erased = self._erased if manifest is None else self._erased.with_more(manifest.erased)
        return ArchiveSnapshot(self.storage, manifest, erased)

    def count(self, partitions: Collection[int] | None = None) -> int:
        """Return the number of archived entries, of some partitions or all, with those of erased visitors.

        Raises:
            ArchiveError: a file cannot be read.
        """
        return self.snapshot().count(partitions)

    def rows(
        self,
        partitions: Collection[int] | None = None,
        *,
        visitor_ids: Collection[str] | None = None,
        names: Collection[str] | None = None,
        since: float | None = None,
    ) -> Iterator[list[ArchivedRow]]:
        """Yield archived entries in batches, by day and commit; those of erased visitors are skipped.

        Args:
            partitions: whose; all by default.
            visitor_ids: whose of these; all by default.
            names: events of which names; all by default.
            since: Unix seconds: only those that arrived then or later.

        Raises:
            ArchiveError: a file cannot be read.
        """
        yield from self.snapshot().rows(partitions, visitor_ids=visitor_ids, names=names, since=since)

    def files(self) -> list[str]:
        """Return paths or URLs of all files, by day; see :mod:`service.stores.archive.rows` for their columns."""
        return [self.storage.url_of(file.name) for file in self.snapshot().files]

    def days(self) -> list[str]:
        """Return the UTC days of which there are events, ISO 8601, ascending."""
        return sorted({day_of(file.name) for file in self.snapshot().files})


def passes(partitions: Sequence[int], entries: int) -> Iterator[Sequence[int]]:
    """Cut partitions into runs, for each of which a reader scans the archive once.

    Args:
        partitions: all that are to be read.
        entries: in them, log and archive together.

    Yields:
        partitions with about :data:`ENTRIES_A_PASS` entries together; at least one.
    """
    number = min(len(partitions), max(1, math.ceil(entries / ENTRIES_A_PASS)))
    for run in range(number):
        yield partitions[len(partitions) * run // number : len(partitions) * (run + 1) // number]


def of_partitions(partitions: Collection[int] | None) -> ds.Expression | None:
    """Return the condition of being in one of some partitions, or none."""
    return None if partitions is None else ds.field("partition").isin(sorted(partitions))


def erased_rows(batch: pa.RecordBatch | pa.Table, erased: Erased) -> pa.Array:
    """Return which rows, with columns ``visitor_id`` and ``received_at``, are erased.

    Each visitor is looked up once a batch: hashing an id takes a microsecond.
    """
    column = batch.column("visitor_id")
    visitors = (
        column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    ).dictionary_encode()
    until: npt.NDArray[np.float64] = np.array(
        [erased.at.get(visitor_hash(visitor_id), -np.inf) for visitor_id in visitors.dictionary.to_pylist()],
        np.float64,
    )
    arrivals = batch.column("received_at").to_numpy()
    covered: npt.NDArray[np.bool_] = arrivals <= until[visitors.indices.to_numpy()]
    covered |= arrivals < erased.expired_before
    return pa.array(covered)
