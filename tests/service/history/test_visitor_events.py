"""A visitor's events from every place where they are held, while they move from one to the other."""

import time
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import msgspec
import pytest

from recommender.events import Event, EventItem, EventName
from service.archiving import Archiver
from service.history.archives import readable_archive
from service.history.visitor_events import StoredVisitorEvents
from service.identity.identification import Identification
from service.settings import Settings
from service.stores.archive import Archive, LocalStorage
from service.stores.archive.binding import ArchiveBinding
from service.stores.connection import Client, StoreUnavailable
from service.stores.erasures import RedisErasures
from service.stores.identifications import RedisIdentifications
from service.stores.keys import Keyspace
from service.stores.leases import RedisLeases
from service.stores.log import EventLog, LogEntry
from service.stores.log_drain import LogDrain
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from tests.visitor_events import START, effect, write_archive

pytestmark = pytest.mark.anyio

_prefixes = count()


class Place:
    """A log, its archive, and what reads both."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.keyspace = Keyspace(f"held-{next(_prefixes)}", partitions=2)
        self.settings = Settings(data_dir=folder, redis_prefix=self.keyspace.prefix)
        self.store = RedisVisitorStore(ClientScripts(client), self.keyspace)
        self.erasures = RedisErasures(client, self.keyspace)
        self.archiver = Archiver(
            LogDrain(client, self.keyspace),
            self.keyspace,
            Archive(LocalStorage(folder / "archive")),
            self.erasures,
            leases=RedisLeases(client, self.keyspace),
            binding=ArchiveBinding(client, self.keyspace),
            holder="test",
        )
        self.events = StoredVisitorEvents(
            client, self.keyspace, lambda: readable_archive(self.settings, client, self.keyspace)
        )

    async def happens(self, visitor_id: str, *event_ids: str) -> None:
        """Let a visitor do something."""
        for event_id in event_ids:
            event = Event(EventName.VIEW_ITEM, event_id, START, "browser", (EventItem("i1"),))
            await self.store.apply(visitor_id, [effect(event)], now=START)

    async def found(self, visitor_id: str) -> list[tuple[str, str]]:
        """Return where each event of a visitor was found, and its id."""
        held = await self.events.of(visitor_id)
        return [(each.place, msgspec.json.decode(each.json)["event_id"]) for each in held]


@pytest.fixture
def place(client: Client, tmp_path: Path) -> Place:
    """An empty log and archive."""
    return Place(client, tmp_path)


async def test_events_are_found_in_log_and_archive(place: Place) -> None:
    """By arrival, each once, and nobody else's of the same partition."""
    await place.happens("anna", "a1", "a2")
    await place.happens("bert", "b1")
    await place.archiver.drain(START)
    await place.happens("anna", "a3")
    await place.happens("bert", "b2")
    assert await place.found("anna") == [("archive", "a1"), ("archive", "a2"), ("log", "a3")]
    assert await place.found("bert") == [("archive", "b1"), ("log", "b2")]
    assert await place.found("carl") == []


async def test_what_moves_while_it_is_read_is_found_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archiver at work between the two readings neither hides an event nor doubles it."""
    await place.happens("anna", "a1", "a2")
    read = EventLog.entries

    async def entries(log: EventLog, partition: int) -> AsyncIterator[list[LogEntry]]:
        async for page in read(log, partition):
            yield page
            await place.archiver.drain(START)

    monkeypatch.setattr(EventLog, "entries", entries)
    assert [name for _, name in await place.found("anna")] == ["a1", "a2"]


async def test_what_was_erased_is_not_told(place: Place) -> None:
    """From the moment of the erasure, though the archive's files hold it until the next compaction."""
    await place.happens("anna", "a1")
    await place.archiver.drain(START)
    await place.happens("anna", "a2")
    await place.erasures.erase("anna")
    await place.happens("anna", "a3")
    assert await place.found("anna") == [("log", "a3")]


async def test_what_is_too_old_is_not_told(place: Place, tmp_path: Path) -> None:
    """What arrived before KABIN_ARCHIVE_RETENTION_DAYS counts as gone before it is deleted."""
    event = Event(EventName.VIEW_ITEM, "a1", START, "browser", (EventItem("i1"),))
    write_archive(tmp_path / "archive", place.keyspace, [("anna", event)])
    age_days = int((time.time() - START) // 86_400)
    for retention_days, expected in ((age_days + 9, [("archive", "a1")]), (age_days - 9, [])):
        place.settings = place.settings.model_copy(update={"archive_retention_days": retention_days})
        assert await place.found("anna") == expected


async def test_an_archive_that_is_not_there_is_no_empty_one(place: Place, tmp_path: Path) -> None:
    """Nobody is told "this is all" while a disk is not mounted."""
    await place.happens("anna", "a1")
    await place.archiver.drain(START)
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable, match="is its disk mounted"):
        await place.events.of("anna")


@pytest.mark.parametrize("is_archived", [False, True])
async def test_a_customer_is_told_what_they_did_before_they_signed_in(
    place: Place, is_archived: bool
) -> None:
    """On a shared computer each customer gets their own part of its visitor's events, and the visitor only the last one."""
    identification = Identification(RedisIdentifications(ClientScripts(place.client), place.keyspace))
    for customer, event_id in (("c.anna", "a1"), ("c.bert", "b1")):
        await place.happens("computer", event_id)
        await identification.identify("computer", customer, now=START)
        await eventually_later(place.client)
    await place.happens("c.anna", "a2")
    await place.happens("computer", "x1")
    if is_archived:
        await place.archiver.drain(START)
    for name, expected in (("c.anna", ["a1", "a2"]), ("c.bert", ["b1"]), ("computer", ["x1"])):
        found = await place.found(name)
        assert [event_id for _, event_id in found if "-" not in event_id] == expected


async def eventually_later(client: Client) -> None:
    """Return in another millisecond of the server's clock, to which parts of stories are told apart."""
    before = await client.time()
    while (await client.time())[1] // 1000 == before[1] // 1000:
        pass
