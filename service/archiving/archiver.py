"""Drains the event log into the archive.

A batch goes read → files → manifest → trim, and the manifest decides. Killed before it, the files count for nothing and the
log still has everything; killed after it, the archive has the entries and the log may too. So what the log holds up to the
manifest's cursor is looked up in the archive: what is there is only trimmed. What is not there came after a Redis
had lost its last second and gone on with a clock that was behind: it is archived like anything new.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec

from service.archiving.batches import DrainableLog, LogBatch, LogReading
from service.archiving.compaction import Compacted, Compaction
from service.archiving.opening import ArchiveOpening
from service.stores.archive import Archive, ArchiveError, ArchiveSnapshot, Manifest, Manifests
from service.stores.archive.binding import ArchiveBinding
from service.stores.archive.manifest import ArchiveFile, files_by_day
from service.stores.archive.reading import EntryKey
from service.stores.archive.writing import table_of, write_days
from service.stores.erasures import Erased, Erasures
from service.stores.keys import Keyspace
from service.stores.leases import LeaseStore, LeaseTaken, held
from service.stores.log import place_of

LEASE: Final = "archive"
LEASE_TTL_SECONDS: Final = 10.0
"""How long others wait for an archiver that was killed."""

ROWS_A_COMMIT: Final = 200_000
"""Some 300 MB of memory while a batch is being written."""

RECORDED_SECONDS: Final = 86_400.0
"""For so long at least Redis records an erasure, done or not: a rebuild that began before it must not bring the visitor back."""

_TURN_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Drained:
    """What a drain did.

    Attributes:
        events: archived.
        files: written.
        size_bytes: of them.
        days: UTC days of the events.
        repeated: entries that had been archived before and were only trimmed.
        erased: entries of visitors who were erased meanwhile.
    """

    events: int = 0
    files: int = 0
    size_bytes: int = 0
    days: set[str] = field(default_factory=set)
    repeated: int = 0
    erased: int = 0

    def add(self, files: Iterable[ArchiveFile]) -> None:
        """Count files that were written."""
        for file in files:
            self.files += 1
            self.events += file.rows
            self.size_bytes += file.size_bytes
            self.days |= files_by_day([file]).keys()


class Archiver:
    """Drains one key space into one archive, and compacts it.

    Every method raises :class:`StoreUnavailable`, :class:`ArchiveError` or :class:`ArchiveConflict` if it could not go on;
    what was committed until then stays, and it may be called again at any time.

    Args:
        log: the event log.
        keyspace: its key space.
        archive: where it goes.
        erasures: visitors whose entries are not to be kept.
        leases: so that archivers of several machines take turns; the archive is right without, but work would be wasted.
        binding: what Redis remembers of its archive.
        holder: what others are told of who drains.
        retention_days: how long events are kept after the day on which they arrived; 0 for ever.
        patience_seconds: how long to wait for another archiver's turn to end.
        rows_a_commit: entries held in memory at once, about.
    """

    def __init__(
        self,
        log: DrainableLog,
        keyspace: Keyspace,
        archive: Archive,
        erasures: Erasures,
        *,
        leases: LeaseStore,
        binding: ArchiveBinding,
        holder: str,
        retention_days: int = 0,
        patience_seconds: float = 0.0,
        rows_a_commit: int = ROWS_A_COMMIT,
    ) -> None:
        self._log = log
        self._keyspace = keyspace
        self._archive = archive
        self._manifests = Manifests(archive.storage)
        self._erasures = erasures
        self._leases = leases
        self._opening = ArchiveOpening(archive, keyspace, binding)
        self._holder = holder
        self._retention_days = retention_days
        self._patience_seconds = patience_seconds
        self._rows_a_commit = rows_a_commit
        self._is_swept = False

    async def drain(self, now: float) -> Drained:
        """Archive and trim every entry that is in the log, in several commits if they are many.

        Args:
            now: Unix seconds.

        Raises:
            LeaseTaken: another archiver is at it.
            ArchiveMismatch: the log has been drained into another archive.
        """
        drained = Drained()
        async with self._turn():
            manifest = await self._opening.open(now)
            manifest = await self._note_erasures(manifest, now)
            reading = LogReading(self._log, self._keyspace.partitions, self._rows_a_commit)
            async for batch in reading.batches():
                manifest = await asyncio.to_thread(self._commit, manifest, batch, now, drained)
                await reading.trim(batch)
        return drained

    async def compact(self, now: float) -> Compacted:
        """Make few large files of a day's many small ones, day by day, without the rows of erased visitors and what is too old.

        Args:
            now: Unix seconds.

        Raises:
            LeaseTaken: another archiver is at it.
            ArchiveMismatch: the log has been drained into another archive.
        """
        async with self._turn():
            manifest = await self._note_erasures(await self._opening.open(now), now)
            compaction = Compaction(self._archive.storage, retention_days=self._retention_days)
            compacted = await asyncio.to_thread(compaction.run, manifest, now)
            done = Erased(manifest.removed).with_more(manifest.erased).at
            await self._erasures.forget(
                {name: at for name, at in done.items() if at <= now - RECORDED_SECONDS}
            )
        return compacted

    async def adopt(self, now: float) -> str:
        """Let the log be drained into this archive from now on, whichever it was before; return the archive's id."""
        async with self._turn():
            return await self._opening.adopt(now)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Hold the lease for the length of a ``with`` block."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience_seconds
        async with AsyncExitStack() as stack:
            while True:
                lease = held(self._leases, LEASE, holder=self._holder, ttl_seconds=LEASE_TTL_SECONDS)
                try:
                    await stack.enter_async_context(lease)
                    break
                except LeaseTaken:
                    if clock() >= deadline:
                        raise
                await asyncio.sleep(_TURN_SECONDS)
            try:
                yield
            except ArchiveError:
                self._is_swept = False  # What could not be committed may lie about.
                raise

    async def _note_erasures(self, manifest: Manifest, now: float) -> Manifest:
        """Return a manifest that names all who were erased, so that readers without Redis skip them too."""
        recorded = await self._erasures.all()
        pending = {name: at for name, at in recorded.items() if at != manifest.removed.get(name)}
        erased = Erased(manifest.erased).with_more(pending).at
        if erased == manifest.erased:
            return manifest
        noted = msgspec.structs.replace(manifest, number=manifest.number + 1, created_at=now, erased=erased)
        await asyncio.to_thread(self._manifests.commit, noted)
        return noted

    def _commit(self, manifest: Manifest, batch: LogBatch, now: float, drained: Drained) -> Manifest:
        """Write what the archive has not yet of a batch; return the manifest that lists it."""
        fresh = self._fresh(manifest, batch.in_order(), drained)
        cursor = list(manifest.cursor)
        for partition, pages in batch.pages.items():
            cursor[partition] = max(cursor[partition], pages[-1], key=place_of)
        if not fresh and tuple(cursor) == manifest.cursor:
            return manifest
        number = manifest.number + 1
        files = write_days(self._archive.storage, number, table_of(fresh)) if fresh else []
        committed = msgspec.structs.replace(
            manifest,
            number=number,
            created_at=now,
            cursor=tuple(cursor),
            files=files_by_day([*manifest.all_files, *files]),
        )
        self._manifests.commit(committed)
        drained.add(files)
        self._tidy_up()
        return committed

    def _fresh(self, manifest: Manifest, entries: list[EntryKey], drained: Drained) -> list[EntryKey]:
        cursor = [place_of(log_id) for log_id in manifest.cursor]
        below = [entry for entry in entries if place_of(entry.log_id) <= cursor[entry.partition]]
        archived = ArchiveSnapshot(self._archive.storage, manifest, Erased()).holding(below)
        erased = Erased(manifest.removed).with_more(manifest.erased)
        fresh = []
        for entry in entries:
            if entry in archived:
                drained.repeated += 1
            elif erased.covers(entry.visitor_id, entry.received_at):
                drained.erased += 1
            else:
                fresh.append(entry)
        return fresh

    def _tidy_up(self) -> None:
        self._manifests.prune()
        if not self._is_swept:
            # Not before the first commit: only then the number that a killed archiver was about to use is given out.
            orphans = self._manifests.sweep()
            if orphans:
                _log.info(
                    "archive %s: removed %d files of an archiver that was killed", self._archive.url, orphans
                )
            self._is_swept = True
