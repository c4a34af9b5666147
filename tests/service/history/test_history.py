"""Reading log and archive together while events move from the one to the other."""

from collections import Counter
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from recommender.events import Event, EventItem, EventName
from recommender.visitor.ledger import ledger_of
from service.archiving import Archiver
from service.history.history import HistoryCounts, read_history
from service.history.rebuild import Rebuilder
from service.imports.log_history import LogHistory
from service.stores.archive import Archive, LocalStorage
from service.stores.archive.binding import ArchiveBinding
from service.stores.connection import Client, StoreUnavailable, check_server
from service.stores.erasures import RedisErasures
from service.stores.keys import Keyspace
from service.stores.leases import RedisLeases
from service.stores.log import EventLog, LogEntry
from service.stores.log_drain import LogDrain
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from tests.visitor_events import PARAMETERS, SHOP, START, effect

pytestmark = pytest.mark.anyio

_prefixes = count()


@pytest.fixture
def keyspace() -> Keyspace:
    """A prefix that no other test uses, with few partitions, so that draining again and again is quick."""
    return Keyspace(f"history-{next(_prefixes)}", partitions=4)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An empty archive."""
    return Archive(LocalStorage(tmp_path))


@pytest.fixture
def archiver(client: Client, keyspace: Keyspace, archive: Archive) -> Archiver:
    """What drains the log into it, as the command puts it together."""
    return Archiver(
        LogDrain(client, keyspace),
        keyspace,
        archive,
        RedisErasures(client, keyspace),
        leases=RedisLeases(client, keyspace),
        binding=ArchiveBinding(client, keyspace),
        holder="test",
    )


class DrainedWhileRead(EventLog):
    """A log that is drained after each page that is read from it."""

    def __init__(self, client: Client, keyspace: Keyspace, archiver: Archiver) -> None:
        super().__init__(client, keyspace)
        self._archiver = archiver

    async def entries(self, partition: int, *, after: str = "0-0") -> AsyncIterator[list[LogEntry]]:
        """See :meth:`EventLog.entries`."""
        async for page in super().entries(partition, after=after):
            yield page
            await self._archiver.drain(START)


def _history(visitors: int, each: int) -> list[tuple[str, Event]]:
    return [
        (
            f"v{number}",
            Event(
                EventName.ADD_TO_CART,
                f"{number}-{index}",
                START + 90_000 * index,
                "browser",
                (EventItem(f"i{index % 8}-10"),),
            ),
        )
        for number in range(visitors)
        for index in range(each)
    ]


async def test_events_that_move_while_they_are_read_are_read_once(
    client: Client, keyspace: Keyspace, archive: Archive, archiver: Archiver
) -> None:
    """Whatever an archiver takes between two pages is found in the archive, and what both have is counted once."""
    happened = _history(visitors=4, each=5)
    log = DrainedWhileRead(client, keyspace, archiver)
    await log.append_history(happened)
    counts = HistoryCounts()
    shares: list[float] = []
    read = [
        event.event_id
        async for _, event in read_history(log, keyspace, archive, counts=counts, progress=shares.append)
    ]
    assert Counter(read) == Counter(event.event_id for _, event in happened)
    assert (counts.events, counts.unreadable) == (20, 0)
    assert counts.repeated > 0
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert await log.length(keyspace.partition_of("v0")) == 0


async def test_states_rebuilt_while_the_log_is_drained_miss_nothing(
    client: Client, keyspace: Keyspace, archive: Archive, archiver: Archiver
) -> None:
    """Events that arrive and are archived while a visitor is being rebuilt are in the state that is installed."""
    store = RedisVisitorStore(ClientScripts(client), keyspace)
    log = EventLog(client, keyspace)
    happened = [event for _, event in _history(visitors=1, each=9)]
    for event in happened[:4]:
        await store.apply("v0", [effect(event)], now=START)
    await archiver.drain(START)
    late = list(happened[4:8])

    archived_through_now = log.archived_through

    async def another(partition: int) -> str:
        archived_through = await archived_through_now(partition)
        if late:
            await store.apply("v0", [effect(late.pop(0))], now=START)
            await archiver.drain(START)
        return archived_through

    rebuilder = Rebuilder(client, keyspace, catalog=SHOP, parameters=PARAMETERS, archive=archive)
    rebuilder._source._log.archived_through = another  # type: ignore[method-assign]
    await rebuilder.rebuild(["v0"], now=START)
    assert not late
    assert await log.length(keyspace.partition_of("v0")) == 0
    state = await store.read("v0")
    ledger = ledger_of(effect(event)[1] for event in happened[:8])
    assert state == ledger.state(last_seen=state.last_seen, session_started=state.session_started)


async def test_a_long_history_is_archived_on_the_way(
    client: Client, keyspace: Keyspace, archive: Archive, archiver: Archiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import never leaves more in Redis than it may hold, is recognised when it comes again, and rebuilds its visitors."""
    monkeypatch.setattr("service.imports.log_history.EVENTS_BETWEEN_DRAINS", 30)
    monkeypatch.setattr("service.stores.log._BATCH", 10)
    log = EventLog(client, keyspace)
    rebuilder = Rebuilder(client, keyspace, catalog=SHOP, parameters=PARAMETERS, archive=archive)
    happened = _history(visitors=20, each=5)
    history = LogHistory(log, rebuilder, archive, archiver, START)
    appended = await history.append(iter(happened))
    assert (appended.appended, archive.count()) == (100, 90)
    again = await LogHistory(log, rebuilder, archive, archiver, START).append(iter(happened))
    assert (again.appended, again.known) == (0, 100)
    await history.rebuild(appended.visitors, lambda _: None)
    assert (await RedisVisitorStore(ClientScripts(client), keyspace).read("v7")).is_known


async def test_a_full_redis_is_drained(
    client: Client, keyspace: Keyspace, archive: Archive, archiver: Archiver
) -> None:
    """Where memory has run out, the archiver is what makes room: nothing that it does may need any."""
    log = EventLog(client, keyspace)
    await log.append_history(_history(visitors=4, each=5))
    await archiver.drain(START)
    await check_server(client, keyspace)
    await log.append_history(_history(visitors=4, each=9), archive=archive)
    await client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            await log.append_history(_history(visitors=1, each=10))
        await check_server(client, keyspace)
        assert (await archiver.drain(START)).events == 16
    finally:
        await client.config_set("maxmemory", 0)
    assert archive.count() == 36
    assert sum([await log.length(partition) for partition in range(4)]) == 0
