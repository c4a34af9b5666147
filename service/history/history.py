"""Everything that visitors ever did, from the archive and the event log, for training and evaluation."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from recommender.events import LINKS, Event
from recommender.identifiers import fingerprint
from service.stores.archive import Archive, passes
from service.stores.keys import Keyspace
from service.stores.log import EventLog, StoredEvent

_decode = msgspec.json.Decoder(Event).decode


@dataclass(slots=True)
class HistoryCounts:
    """What was read; an event that is there twice, such as one that was just being archived, is ``repeated``."""

    events: int = 0
    repeated: int = 0
    unreadable: int = 0


async def read_history(
    log: EventLog,
    keyspace: Keyspace,
    archive: Archive,
    *,
    counts: HistoryCounts,
    progress: Callable[[float], None] | None = None,
) -> AsyncIterator[tuple[str, Event]]:
    """Yield every act of a visitor once with the visitor's id, some partitions after the others; a visitor is in one partition.

    The log is read before the archive: what an archiver moves in between comes twice, and is recognised.

    Args:
        log: the event log.
        keyspace: its key space.
        archive: entries that have left the log.
        counts: filled while reading.
        progress: told the share of entries read.

    Raises:
        StoreUnavailable: Redis did not answer.
        ArchiveError: a file of the archive cannot be read.
    """
    reading = _Reading(counts, progress)
    partitions = range(keyspace.partitions)
    reading.total = sum([await log.length(partition) for partition in partitions])
    reading.total += await asyncio.to_thread(archive.count)
    for several in passes(partitions, reading.total):
        seen: set[int] = set()
        for partition in several:
            async for page in log.entries(partition):
                for new in reading.new_events(page, seen):
                    yield new
        rows = archive.rows(several)
        while batch := await asyncio.to_thread(next, rows, None):
            for new in reading.new_events(batch, seen):
                yield new


@dataclass(slots=True)
class _Reading:
    """How far the reading is."""

    counts: HistoryCounts
    progress: Callable[[float], None] | None
    total: int = 0
    read: int = 0

    def new_events(self, entries: Sequence[StoredEvent], seen: set[int]) -> Iterator[tuple[str, Event]]:
        """Yield those of the entries that are events not ``seen`` before, and count all of them."""
        for entry in entries:
            try:
                event = _decode(entry.json)
            except msgspec.MsgspecError:
                self.counts.unreadable += 1
                continue
            if event.name in LINKS:
                continue
            print_ = fingerprint(entry.visitor_id, event.event_id)
            if print_ in seen:
                self.counts.repeated += 1
                continue
            seen.add(print_)
            self.counts.events += 1
            yield entry.visitor_id, event
        self.read += len(entries)
        if self.progress is not None:
            self.progress(self.read / max(self.total, self.read, 1))
