"""The events of everybody who was exposed to an experiment, from the archive and the log, visitor by visitor.

Entries are held undecoded until all of a visitor's are there, and only visitors whose entries name an experiment are
decoded: the time goes with the length of log and archive, the memory with what one pass of the archive brings.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from recommender.events import LINKS, Event
from service.history.history import HistoryCounts
from service.stores.archive import Archive, passes
from service.stores.keys import Keyspace
from service.stores.log import EventLog, StoredEvent

_VISITORS_AT_ONCE: Final = 50
"""Visitors dealt with before other work of the event loop gets its turn: some 5 ms."""

Progress = Callable[[float, str], None]
"""Is told the share that is done, and what."""


async def exposed_visitors(
    log: EventLog,
    keyspace: Keyspace,
    archive: Archive,
    experiment_ids: Collection[str],
    *,
    counts: HistoryCounts,
    progress: Progress | None = None,
) -> AsyncIterator[list[Event]]:
    """Yield all events of each visitor of whom any entry names one of the experiments.

    An entry that stands in log and archive alike comes once; events that were stored twice in different words come
    twice. Visitors may be among them who were not exposed after all.

    Args:
        log: the event log.
        keyspace: its key space.
        archive: entries that have left the log.
        experiment_ids: whose exposures are looked for.
        counts: ``events``, ``repeated`` and ``unreadable`` entries of these visitors are filled in while reading.
        progress: told the share of all entries read.

    Raises:
        StoreUnavailable: Redis did not answer.
        ArchiveError: a file of the archive cannot be read.
    """
    needles = [msgspec.json.encode(experiment_id) for experiment_id in experiment_ids]
    partitions = range(keyspace.partitions)
    lengths = [await log.length(partition) for partition in partitions]
    way = _Way(sum(lengths) + await asyncio.to_thread(archive.count), progress)
    decoder = _Decoder(counts)
    for several in passes(partitions, way.total):
        pile = _Pile(needles)
        # The log first: what is archived meanwhile is then held twice, not missed.
        for partition in several:
            async for page in log.entries(partition):
                pile.take(page)
                way.tell(len(page))
        rows = archive.rows(several)
        while batch := await asyncio.to_thread(next, rows, None):
            pile.take(batch)
            way.tell(len(batch))
        for number, entries in enumerate(pile.exposed_visitors()):
            if number % _VISITORS_AT_ONCE == 0:
                await asyncio.sleep(0)
            yield decoder.events(entries)


@dataclass(slots=True)
class _Pile:
    """Entries, undecoded, and whose name an experiment."""

    needles: Sequence[bytes]
    entries: dict[str, list[bytes]] = field(default_factory=dict)
    exposed: set[str] = field(default_factory=set)

    def take(self, entries: Iterable[StoredEvent]) -> None:
        for entry in entries:
            self.entries.setdefault(entry.visitor_id, []).append(entry.json)
            if entry.visitor_id not in self.exposed and any(needle in entry.json for needle in self.needles):
                self.exposed.add(entry.visitor_id)

    def exposed_visitors(self) -> Iterator[list[bytes]]:
        """Yield each exposed visitor's entries."""
        for visitor_id in sorted(self.exposed):
            yield self.entries[visitor_id]


class _Decoder:
    """Decodes entries and counts."""

    def __init__(self, counts: HistoryCounts) -> None:
        self._counts = counts
        self._decode = msgspec.json.Decoder(Event).decode

    def events(self, entries: Iterable[bytes]) -> list[Event]:
        held = list(entries)
        distinct = dict.fromkeys(held)
        events = []
        for json in distinct:
            try:
                event = self._decode(json)
            except msgspec.MsgspecError:
                self._counts.unreadable += 1
                continue
            if event.name not in LINKS:
                events.append(event)
        self._counts.repeated += len(held) - len(distinct)
        self._counts.events += len(events)
        return events


@dataclass(slots=True)
class _Way:
    """How many entries there are, and how many were read."""

    total: int
    progress: Progress | None
    read: int = 0

    def tell(self, entries: int) -> None:
        self.read += entries
        if self.progress is not None:
            self.progress(self.read / max(self.total, self.read, 1), f"{self.read:,} events")
