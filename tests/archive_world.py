"""A log, an archive and archivers of it that can be interrupted at any of their calls."""

import asyncio
import inspect
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from recommender.events import SECONDS_PER_DAY, Event, EventItem, EventName
from service.archiving import Archiver
from service.stores.archive import Archive, ArchiveStorage, Manifests, open_storage
from service.stores.archive.binding import ArchiveBinding
from service.stores.erasures import Erased, Erasure, Erasures, visitor_hash
from service.stores.keys import Keyspace
from service.stores.leases import MemoryLeases
from tests.model_log import ModelLog

NOW = 1_763_740_900.0
PARTITIONS = 3
_worlds = count()

Interruption = Callable[[str], None]
"""Is told "before" and "after" each call that an archiver makes; may raise or do something else meanwhile."""


class Killed(BaseException):
    """The archiver is no more: nothing of it runs after this."""


@dataclass
class MemoryErasures(Erasures):
    """Records of erasures, without the rest of them."""

    at: dict[str, float] = field(default_factory=dict)

    async def erase(self, visitor_id: str) -> Erasure:
        """Record an erasure now."""
        self.at[visitor_hash(visitor_id)] = NOW
        return Erasure(NOW, 0, was_known=False)

    async def all(self) -> Mapping[str, float]:
        """Return the records."""
        return dict(self.at)

    async def forget(self, done: Mapping[str, float]) -> None:
        """Drop records."""
        self.at = {name: at for name, at in self.at.items() if done.get(name) != at}


class MemoryBinding(ArchiveBinding):
    """The archive's id, kept here."""

    def __init__(self) -> None:
        self.archive_id: str | None = None

    async def read(self) -> str | None:
        """Return the id."""
        return self.archive_id

    async def claim(self, archive_id: str) -> str:
        """Record the first one."""
        self.archive_id = self.archive_id or archive_id
        return self.archive_id

    async def replace(self, archive_id: str) -> None:
        """Record another."""
        self.archive_id = archive_id


class Interruptible:
    """Tells of every call of what it stands for, coroutines and context managers included."""

    def __init__(self, target: Any, told: Interruption) -> None:
        self._target = target
        self._told = told

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        if not callable(attribute) or name in {"path_of", "url_of"}:
            return attribute

        def call(*arguments: Any, **named: Any) -> Any:
            self._told("before")
            result = attribute(*arguments, **named)
            self._told("after")
            return result

        async def call_and_wait(*arguments: Any, **named: Any) -> Any:
            self._told("before")
            result = await attribute(*arguments, **named)
            self._told("after")
            return result

        return call_and_wait if inspect.iscoroutinefunction(attribute) else call


def at_step(number: int, act: Callable[[], None]) -> tuple[Interruption, list[int]]:
    """Return an interruption that acts once, at the given call, and the list that then holds this number."""
    steps = count()
    reached: list[int] = []

    def told(_moment: str) -> None:
        if next(steps) == number:
            reached.append(number)
            act()

    return told, reached


def kill() -> None:
    """End the archiver that is interrupted."""
    raise Killed


class World:
    """What there is besides archivers, and everything that ever happened."""

    def __init__(self, storage: ArchiveStorage | None = None) -> None:
        self.keyspace = Keyspace(f"world-{next(_worlds)}", partitions=PARTITIONS)
        self.storage = storage or open_storage(f"memory://{self.keyspace.prefix}")
        self.log = ModelLog()
        self.binding = MemoryBinding()
        self.erasures = MemoryErasures()
        self.accepted: list[str] = []
        self._numbers = count()

    def arrive(self, number: int) -> None:
        """Let events of several visitors arrive, some of the day before; a second passes."""
        for _ in range(number):
            event_id = f"e{next(self._numbers)}"
            place = len(self.accepted)
            visitor_id = f"v{place % 5}"
            timestamp = self.log.clock_ms / 1000 - SECONDS_PER_DAY * (place % 4 == 0)
            event = Event(EventName.VIEW_ITEM, event_id, timestamp, "browser", (EventItem("i1"),))
            self.log.append(self.keyspace.partition_of(visitor_id), visitor_id, msgspec.json.encode(event))
            self.accepted.append(event_id)
        self.log.clock_ms += 1000

    def archiver(self, told: Interruption | None = None, *, rows_a_commit: int = 4) -> Archiver:
        """Return another archiver; with a lease of its own, as if the one before had lost it."""

        def seen(target: Any) -> Any:
            return target if told is None else Interruptible(target, told)

        return Archiver(
            seen(self.log),
            self.keyspace,
            Archive(seen(self.storage)),
            seen(self.erasures),
            leases=MemoryLeases(),
            binding=seen(self.binding),
            holder="test",
            rows_a_commit=rows_a_commit,
        )

    def drain(self, told: Interruption | None = None) -> None:
        """Drain by another archiver, to its end or until it is killed."""
        asyncio.run(self.archiver(told).drain(NOW))

    def compact(self, told: Interruption | None = None) -> None:
        """Compact by another archiver."""
        asyncio.run(self.archiver(told).compact(NOW))

    def archive(self) -> Archive:
        """Return the archive as readers see it."""
        return Archive(self.storage, Erased(self.erasures.at))

    def archived(self) -> Counter[str]:
        """Return how often each event is in the archive."""
        return Counter(
            msgspec.json.decode(row.json, type=Event).event_id
            for rows in self.archive().rows()
            for row in rows
        )

    def waiting(self) -> int:
        """Return how many entries the log still has."""
        return sum(len(self.log.entries(partition)) for partition in range(PARTITIONS))

    def unlisted(self) -> set[str]:
        """Return data files that no manifest lists."""
        manifests = Manifests(self.storage)
        listed = {file.name for number in manifests.numbers() for file in manifests.read(number).all_files}
        return {name for name in self.storage.list() if name.endswith(".parquet")} - listed


def meanwhile(act: Callable[[], None]) -> None:
    """Do something with an event loop of its own while the caller, in whichever thread it is, waits."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def every_step(run: Callable[[int], list[int]]) -> Iterator[int]:
    """Run with one interruption after the other until there is no such step any more."""
    for number in count():
        if not run(number):
            return
        yield number
