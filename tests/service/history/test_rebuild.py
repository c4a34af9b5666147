"""Rebuilding: what the log and the archive tell is what the store had, also while visitors go on."""

import asyncio
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.affinity import AffinityParameters
from recommender.events import Event, EventItem, EventName
from recommender.visitor.ledger import ledger_of
from recommender.visitor.state import EMPTY_STATE
from service.history.rebuild import Rebuilder
from service.stores.archive import Archive, LocalStorage
from service.stores.connection import Client, connected
from service.stores.keys import Keyspace
from service.stores.log import EventLog
from service.stores.script_runners import ClientScripts
from service.stores.visitors import Lifetimes, RedisVisitorStore
from tests.visitor_events import PARAMETERS, SHOP, START, effect, events, write_archive

pytestmark = pytest.mark.anyio

_prefixes = count()


@pytest.fixture
def keyspace() -> Keyspace:
    """A prefix that no other test uses; few partitions, so that visitors share them."""
    return Keyspace(f"rebuild-{next(_prefixes)}", partitions=4)


def _rebuilder(client: Client, keyspace: Keyspace, archive: Archive | None = None) -> Rebuilder:
    return Rebuilder(client, keyspace, catalog=SHOP, parameters=PARAMETERS, archive=archive)


async def _forget(client: Client, keyspace: Keyspace, *visitor_ids: str) -> None:
    for visitor_id in visitor_ids:
        for key in keyspace.of_visitor(visitor_id)[:3]:
            await client.execute_command("DEL", key)


async def _stored(client: Client, keyspace: Keyspace, visitor_id: str) -> tuple[bytes, bytes, list[bytes]]:
    """Return a visitor's state without what events do not tell (up to byte 14), ring and orders, in any order."""
    state, ring, orders = [
        await client.execute_command("GET", key) or b"" for key in keyspace.of_visitor(visitor_id)[:3]
    ]
    return state[14:], ring, sorted(orders[start : start + 50] for start in range(0, len(orders), 50))


@given(
    st.lists(st.tuples(st.sampled_from(["anna", "bert", "c"]), st.lists(events(), max_size=5)), max_size=10)
)
@settings(max_examples=40)
def test_a_lost_store_comes_back_as_it_was(valkey_url: str, requests: list[tuple[str, list[Event]]]) -> None:
    """States, rings and orders computed from the log are byte for byte those that requests had left."""

    async def run() -> None:
        keyspace = Keyspace(f"lost-{next(_prefixes)}", partitions=4)
        async with connected(valkey_url, timeout_seconds=20) as client:
            store = RedisVisitorStore(ClientScripts(client), keyspace)
            for visitor_id, happened in requests:
                await store.apply(visitor_id, [effect(event) for event in happened], now=START)
            visitors = {visitor_id for visitor_id, happened in requests if happened}
            before = {visitor_id: await _stored(client, keyspace, visitor_id) for visitor_id in visitors}
            await _rebuilder(client, keyspace).rebuild(now=START)
            assert {v: await _stored(client, keyspace, v) for v in visitors} == before
            await _forget(client, keyspace, *visitors)
            rebuilt = await _rebuilder(client, keyspace).rebuild(now=START)
            assert {v: await _stored(client, keyspace, v) for v in visitors} == before
            assert (rebuilt.visitors, rebuilt.repeated, rebuilt.unreadable) == (len(visitors), 0, 0)

    asyncio.run(run())


async def test_archive_and_log_count_once_together(
    client: Client, keyspace: Keyspace, tmp_path: Path
) -> None:
    """Entries that are in the archive, in the log, or in both make the state that all of them make."""
    happened = [
        Event(EventName.ADD_TO_CART, f"e{i}", START + i * 90_000, "browser", (EventItem(f"i{i % 8}-10"),))
        for i in range(12)
    ]
    write_archive(tmp_path, keyspace, [("anna", event) for event in happened[:8]])
    await EventLog(client, keyspace).append_history(("anna", event) for event in happened[4:])
    told: list[tuple[int, int]] = []
    rebuilt = await _rebuilder(client, keyspace, Archive(LocalStorage(tmp_path))).rebuild(
        now=START, progress=lambda read, total: told.append((read, total))
    )
    state = await RedisVisitorStore(ClientScripts(client), keyspace).read("anna")
    expected = ledger_of(effect(event)[1] for event in happened).state(
        last_seen=state.last_seen, session_started=state.session_started
    )
    assert state == expected
    assert (rebuilt.visitors, rebuilt.events, rebuilt.repeated) == (1, 12, 4)
    assert told[-1] == (16, 16)


async def test_only_the_visitors_asked_for_are_rebuilt(client: Client, keyspace: Keyspace) -> None:
    """Others of the same partition stay as they are; a visitor without events stays unknown."""
    view = Event(EventName.VIEW_ITEM, "e", START, "browser", (EventItem("i1"),))
    visitors = [f"v{number}" for number in range(20)]
    store = RedisVisitorStore(ClientScripts(client), keyspace)
    for visitor_id in visitors:
        await store.apply(visitor_id, [effect(view)], now=START)
    await _forget(client, keyspace, *visitors)
    rebuilt = await _rebuilder(client, keyspace).rebuild(["v3", "v5", "nobody"], now=START)
    known = {visitor_id for visitor_id in visitors if (await store.read(visitor_id)).is_known}
    assert (rebuilt.visitors, known) == (2, {"v3", "v5"})
    assert await store.read("nobody") == EMPTY_STATE


async def test_pins_and_sessions_are_kept(client: Client, keyspace: Keyspace) -> None:
    """What events do not tell survives a rebuild."""
    store = RedisVisitorStore(ClientScripts(client), keyspace)
    view = Event(EventName.VIEW_ITEM, "e", START, "browser", (EventItem("i1"),))
    await store.apply("anna", [effect(view)], now=START + 100)
    await store.pin_homepage("anna", "promo", at=START + 101)
    before = await store.read("anna")
    await _rebuilder(client, keyspace).rebuild(now=START)
    assert await store.read("anna") == before


async def test_a_visitor_is_forgotten_as_if_nothing_had_been_rebuilt(
    client: Client, keyspace: Keyspace, tmp_path: Path
) -> None:
    """A state lives on for what was left since its last event, and one that had expired does not come back."""
    view = Event(EventName.VIEW_ITEM, "e", START, "browser", (EventItem("i1"),))
    write_archive(tmp_path, keyspace, [("anna", view)])
    store, life = RedisVisitorStore(ClientScripts(client), keyspace), Lifetimes().state_seconds
    rebuilder = _rebuilder(client, keyspace, Archive(LocalStorage(tmp_path)))
    assert (await rebuilder.rebuild(now=START + life)).visitors == 0
    assert not (await store.read("anna")).is_known
    assert (await rebuilder.rebuild(now=START + life - 500)).visitors == 1
    assert 400 < await client.ttl(keyspace.of_visitor("anna").state) <= 500


async def test_who_never_came_back_stays_forgotten(
    client: Client, keyspace: Keyspace, tmp_path: Path
) -> None:
    """A flood of first requests that expired within the hour is not brought back for a year; who returned is."""
    first = Event(EventName.VIEW_ITEM, "e1", START, "browser", (EventItem("i1"),), is_first_visit=True)
    later = Event(EventName.VIEW_ITEM, "e2", START, "browser", (EventItem("i2"),))
    write_archive(tmp_path, keyspace, [("stranger", first), ("anna", first), ("anna", later)])
    store, hour = RedisVisitorStore(ClientScripts(client), keyspace), Lifetimes().first_visit_seconds
    rebuilder = _rebuilder(client, keyspace, Archive(LocalStorage(tmp_path)))
    assert (await rebuilder.rebuild(now=START + hour)).visitors == 1
    assert not (await store.read("stranger")).is_known
    assert await client.ttl(keyspace.of_visitor("anna").state) > 399 * 86_400
    assert (await rebuilder.rebuild(now=START + hour - 500)).visitors == 2
    assert 400 < await client.ttl(keyspace.of_visitor("stranger").state) <= 500


async def test_unreadable_entries_are_counted(client: Client, keyspace: Keyspace) -> None:
    """An entry that is no event is counted and left out; its visitor's other events count."""
    log = EventLog(client, keyspace)
    await client.xadd(keyspace.log(keyspace.partition_of("anna")), {"v": "anna", "e": b"{}"})
    view = Event(EventName.VIEW_ITEM, "e", START, "browser", (EventItem("i1"),))
    await log.append_history([("anna", view)])
    rebuilt = await _rebuilder(client, keyspace).rebuild(now=START)
    assert (rebuilt.visitors, rebuilt.events, rebuilt.unreadable) == (1, 1, 1)


async def test_new_parameters_replace_the_sums(client: Client, keyspace: Keyspace) -> None:
    """After a rebuild with another half-life the sums are of the new version, complete."""
    store = RedisVisitorStore(ClientScripts(client), keyspace)
    view = Event(EventName.VIEW_ITEM, "e", START, "browser", (EventItem("i1"),))
    before = (await store.apply("anna", [effect(view)], now=START)).state
    parameters = AffinityParameters(half_life_days=30.0)
    await Rebuilder(client, keyspace, catalog=SHOP, parameters=parameters).rebuild(now=START)
    after = await store.read("anna")
    assert after.affinity_version == parameters.sums_version != before.affinity_version
    assert after.affinity.weight > before.affinity.weight


async def test_visitors_who_go_on_lose_nothing(client: Client, keyspace: Keyspace) -> None:
    """Rebuilding again and again under live writes ends with the state that all events make."""
    store = RedisVisitorStore(ClientScripts(client), keyspace)
    visitors = [f"v{number}" for number in range(6)]
    happened = {
        visitor_id: [
            Event(
                EventName.ADD_TO_CART, f"{visitor_id}-{i}", START + i, "browser", (EventItem(f"i{i % 8}-12"),)
            )
            for i in range(150)
        ]
        for visitor_id in visitors
    }

    async def live() -> None:
        for step in range(0, 150, 3):
            for visitor_id in visitors:
                batch = [effect(event) for event in happened[visitor_id][step : step + 3]]
                await store.apply(visitor_id, batch, now=START)

    async def rebuild_meanwhile(writing: "asyncio.Task[None]") -> int:
        rebuilds = 0
        while not writing.done():
            await _rebuilder(client, keyspace).rebuild(now=START)
            rebuilds += 1
        return rebuilds

    writing = asyncio.create_task(live())
    assert await rebuild_meanwhile(writing) >= 2
    await writing
    for visitor_id in visitors:
        state = await store.read(visitor_id)
        expected = ledger_of(effect(event)[1] for event in happened[visitor_id])
        assert state == expected.state(last_seen=state.last_seen, session_started=state.session_started)
