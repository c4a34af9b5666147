"""The event log: one Redis stream for each partition.

An entry has two fields: ``v`` the visitor's id and ``e`` the event as JSON of :class:`recommender.events.Event`; its
id begins with the millisecond of its arrival. Live events are appended by ``scripts/apply.lua`` in the step that applies them;
histories by :meth:`EventLog.append_history`. No entry ever expires: the archiver trims those that it has archived.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from recommender.events import Event
from recommender.identifiers import fingerprint
from service.stores.connection import Client, Script, unavailable_on_error
from service.stores.keys import Keyspace

FIRST: Final = "0-0"
"""The id before every entry's."""

_PAGE: Final = 2000
_BATCH: Final = 8000
"""Events appended together: some thirty a partition, so that one script call carries them."""

_CALLS_AT_ONCE: Final = 16

_decode_event = msgspec.json.Decoder(Event).decode


class LogEntry(NamedTuple):
    """One entry as it is stored; ``log_id`` orders the entries of a partition by arrival."""

    log_id: str
    visitor_id: str
    json: bytes

    @property
    def received_at(self) -> float:
        """When the event arrived, in Unix seconds by Redis' clock."""
        return int(self.log_id.partition("-")[0]) / 1000

    def event(self) -> Event:
        """Return the event.

        Raises:
            msgspec.ValidationError: the stored JSON is no event of this version.
        """
        return _decode_event(self.json)


class StoredEvent(Protocol):
    """An entry of the log or a row of the archive."""

    @property
    def visitor_id(self) -> str:
        """Whose event it is."""

    @property
    def json(self) -> bytes:
        """The event."""


class ArchivedEvents(Protocol):
    """What recognising a history needs of the archive."""

    def rows(self) -> Iterator[Sequence[StoredEvent]]:
        """Yield everything archived, as it is when the first is asked for."""


class _EventId(msgspec.Struct):
    event_id: str


_decode_event_id = msgspec.json.Decoder(_EventId).decode


class Appended(NamedTuple):
    """What became of a history: how many events were new, how many had been there, and whose they are."""

    appended: int
    known: int
    visitors: frozenset[str]


class EventLog:
    """Reads the log, and appends to it what did not come in by a request."""

    def __init__(self, client: Client, keyspace: Keyspace) -> None:
        self._client = client
        self._keyspace = keyspace
        self._append = Script("append")

    async def read(self, partition: int, *, after: str = FIRST, count: int = _PAGE) -> list[LogEntry]:
        """Return up to ``count`` entries of a partition that follow ``after``, oldest first.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        with unavailable_on_error():
            found: Any = await self._client.xrange(
                self._keyspace.log(partition), min=f"({after}", count=count
            )
        return entries_of(found)

    async def entries(self, partition: int, *, after: str = FIRST) -> AsyncIterator[list[LogEntry]]:
        """Yield the entries of a partition after ``after`` in pages, up to the newest at the time of reading."""
        while page := await self.read(partition, after=after):
            yield page
            after = page[-1].log_id

    async def archived_through(self, partition: int) -> str:
        """Return the id of a partition's last entry that was archived and trimmed; ``0-0`` before the first."""
        with unavailable_on_error():
            stored = await self._client.execute_command("GET", self._keyspace.archived(partition))
        return FIRST if stored is None else bytes(stored).decode()

    async def length(self, partition: int) -> int:
        """Return the number of entries of a partition."""
        with unavailable_on_error():
            return int(await self._client.xlen(self._keyspace.log(partition)))

    async def append_history(
        self,
        events: Iterable[tuple[str, Event]],
        *,
        archive: ArchivedEvents | None = None,
        progress: Callable[[int], None] | None = None,
        make_room: Callable[[int], Awaitable[None]] | None = None,
    ) -> Appended:
        """Append visitors' past events that are neither in the log nor in the archive yet.

        States do not change: rebuild the returned visitors afterwards. If it fails half-way, do it again:
        what was appended is then known.

        Args:
            events: visitor id and event, in any order; taken in batches, so it may be a generator.
            archive: entries that have left the log.
            progress: is told the number of events dealt with, batch by batch.
            make_room: awaited with the number of events appended so far, batch by batch; may move some to the archive.

        Raises:
            StoreUnavailable: Redis did not carry it out.
        """
        known_before = await self._known(archive)
        seen: set[int] = set()
        visitors: set[str] = set()
        appended = known = 0
        for batch in _batches(events):
            prints = [_identity(visitor_id, event.event_id) for visitor_id, event in batch]
            is_known = _contains(known_before, prints)
            fresh: dict[int, list[str | bytes | int]] = {}
            for (visitor_id, event), print_, old in zip(batch, prints, is_known, strict=True):
                visitors.add(visitor_id)
                if old or print_ in seen:
                    known += 1
                    continue
                seen.add(print_)
                appended += 1
                partition = self._keyspace.partition_of(visitor_id)
                fresh.setdefault(partition, []).extend((visitor_id, msgspec.json.encode(event)))
            await self._append_all(fresh)
            if make_room is not None:
                await make_room(appended)
            if progress is not None:
                progress(appended + known)
        return Appended(appended, known, frozenset(visitors))

    async def _append_all(self, fresh: Mapping[int, list[str | bytes | int]]) -> None:
        """Append to each partition by one call: redis-py takes 100 µs for an XADD of its own an event."""

        async def append(partition: int, arguments: list[str | bytes | int]) -> None:
            await self._append.run(self._client, [self._keyspace.log(partition)], arguments)

        waiting = iter(fresh.items())
        with unavailable_on_error():
            while several := list(islice(waiting, _CALLS_AT_ONCE)):
                await asyncio.gather(*(append(partition, arguments) for partition, arguments in several))

    async def _known(self, archive: ArchivedEvents | None) -> npt.NDArray[np.uint64]:
        """Return the sorted identities of every event in log and archive, 8 bytes each."""
        parts: list[npt.NDArray[np.uint64]] = []
        for partition in range(self._keyspace.partitions):
            parts.extend([_identities(page) async for page in self.entries(partition)])
        if archive is not None:
            parts.extend(_identities(rows) for rows in archive.rows())
        return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.uint64)


def place_of(log_id: str) -> tuple[int, int]:
    """Return what orders the ids of a partition: millisecond and number in it."""
    milliseconds, _, number = log_id.partition("-")
    return int(milliseconds), int(number)


def entries_of(found: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> list[LogEntry]:
    """Return entries as Redis answers them, without those that are no event of any visitor.

    Nothing of Kabin writes such a one, but it must not keep the others from being archived.
    """
    entries = []
    for log_id, fields in found:
        with suppress(KeyError, UnicodeDecodeError):
            entries.append(LogEntry(log_id.decode(), fields[b"v"].decode(), fields[b"e"]))
    return entries


def _identity(visitor_id: str, event_id: str) -> int:
    return fingerprint(visitor_id, event_id)


def _identities(entries: Iterable[StoredEvent]) -> npt.NDArray[np.uint64]:
    prints = []
    for entry in entries:
        try:
            prints.append(_identity(entry.visitor_id, _decode_event_id(entry.json).event_id))
        except msgspec.MsgspecError:
            continue  # An unreadable entry has no identity; `kabin rebuild` counts and reports it.
    return np.array(prints, np.uint64)


def _contains(known: npt.NDArray[np.uint64], prints: list[int]) -> list[bool]:
    if not len(known):
        return [False] * len(prints)
    wanted = np.array(prints, np.uint64)
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    found: list[bool] = (known[places] == wanted).tolist()
    return found


def _batches(events: Iterable[tuple[str, Event]]) -> Iterator[list[tuple[str, Event]]]:
    iterator = iter(events)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
