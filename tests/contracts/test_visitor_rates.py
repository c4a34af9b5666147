"""The rate of visitors, counted in the store itself: on every server it is that of the plain model."""

import asyncio
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import RedisCluster

from recommender.events import Event, EventItem, EventName
from recommender.visitor.codec import ARRIVAL_BYTES, encode_state
from recommender.visitor.state import EMPTY_STATE
from service.stores.connection import Client, StoreUnavailable, connected
from service.stores.keys import Keyspace
from service.stores.log import EventLog
from service.stores.memory import MemoryVisitorStore
from service.stores.rates import Rate
from service.stores.script_runners import ClientScripts
from service.stores.visitors import Applied, RateLimited, RedisVisitorStore, VisitorStore
from tests.visitor_events import START, effect

pytestmark = pytest.mark.anyio

TIMEOUT_SECONDS = 20.0
SLOW = Rate.of(0.01, 3)
"""So slow that nothing of it passes while a test runs: the stores' clock is the caller's, that of lifetimes is not."""
SLOWER = Rate.of(0.005, 2)
_prefixes = count()


def view(number: int) -> Event:
    """Return a view that is itself by its number."""
    return Event(EventName.VIEW_ITEM, f"e{number}", START, "browser", (EventItem(f"i{number % 8}"),))


Step = tuple[int, list[int], Rate | None]
"""Seconds since the request before (the clock may be set back), numbers of events, the rate if there is one."""

STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 1, 60, 100, 101, 250, 2000, -150]),
        st.lists(st.integers(0, 20), max_size=2),
        st.sampled_from([SLOW, SLOW, SLOWER, None]),
    ),
    max_size=25,
)


async def outcome(store: VisitorStore, numbers: list[int], now: float, rate: Rate | None) -> Applied | float:
    """Return what a request came to, or after how many seconds it should come again."""
    try:
        return await store.apply("anna", [effect(view(number)) for number in numbers], now=now, rate=rate)
    except RateLimited as limited:
        return limited.retry_after_seconds


@given(STEPS)
@settings(max_examples=40)
def test_every_store_admits_what_the_plain_model_admits(redis_url: str, requests: list[Step]) -> None:
    """With and without events, new or repeated, under changing rates and clocks: answers and states are the model's."""

    async def run() -> None:
        keyspace = Keyspace(f"rates-{next(_prefixes)}")
        async with connected(redis_url, timeout_seconds=TIMEOUT_SECONDS) as client:
            store, model = RedisVisitorStore(ClientScripts(client), keyspace), MemoryVisitorStore()
            now = START
            for pause, numbers, rate in requests:
                now += pause
                assert await outcome(store, numbers, now, rate) == await outcome(model, numbers, now, rate)
                assert await store.read("anna") == await model.read("anna")
            logged = await EventLog(client, keyspace).read(keyspace.partition_of("anna"))
            assert tuple(entry.event() for entry in logged) == model.logged("anna")

    asyncio.run(run())


async def test_who_asks_too_often_changes_nothing(
    store: RedisVisitorStore, client: Client, keyspace: Keyspace
) -> None:
    """Over the rate not a byte is written, and after the time told the same request is taken."""
    for number in range(3):
        await store.apply("anna", [effect(view(number))], now=START, rate=SLOW)
    keys = keyspace.of_visitor("anna")

    async def stored() -> list[bytes | int | None]:
        return [await client.dump(keys.state), await client.dump(keys.ring), await client.xlen(keys.log)]

    before = await stored()
    for batch in ([effect(view(3))], []):
        with pytest.raises(RateLimited, match=r"100\.0 s") as caught:
            await store.apply("anna", batch, now=START, rate=SLOW)
    assert await stored() == before
    later = START + caught.value.retry_after_seconds
    assert (await store.apply("anna", [effect(view(3))], now=later, rate=SLOW)).accepted == 1


async def test_requests_without_a_rate_are_neither_limited_nor_counted(store: RedisVisitorStore) -> None:
    """What the shop's server does for a visitor takes nothing from the visitor's own rate."""
    for number in range(3):
        await store.apply("anna", [effect(view(number))], now=START, rate=SLOW)
        await store.apply("anna", [effect(view(number + 10))], now=START)
    with pytest.raises(RateLimited):
        await store.apply("anna", [], now=START, rate=SLOW)
    assert (await store.apply("anna", [effect(view(20))], now=START)).accepted == 1


async def test_an_unknown_visitor_stays_unknown(
    store: RedisVisitorStore, client: Client, keyspace: Keyspace
) -> None:
    """Without events only the arrival is kept, for as long as it means something; the first event takes it over."""
    keys = keyspace.of_visitor("anna")
    for _ in range(2):
        assert (await store.apply("anna", [], now=START, rate=SLOW)).state == EMPTY_STATE
    assert await client.exists(keys.state) == 0
    assert 0 < await client.pttl(keys.ring) <= SLOW.reach_us / 1000
    await store.apply("anna", [effect(view(1))], now=START, rate=SLOW)
    with pytest.raises(RateLimited):
        await store.apply("anna", [], now=START, rate=SLOW)
    assert (await store.apply("anna", [effect(view(1))], now=START)).duplicate == 1


async def test_a_ring_outlives_its_state(
    store: RedisVisitorStore, client: Client, keyspace: Keyspace
) -> None:
    """Where the state has gone before the ring, an arrival does not take the ring's place: repetitions stay known."""
    await store.apply("anna", [effect(view(1))], now=START, rate=SLOW)
    await client.execute_command("DEL", keyspace.of_visitor("anna").state)
    for _ in range(2):
        assert (await store.apply("anna", [effect(view(1))], now=START, rate=SLOW)).duplicate == 1


async def test_the_arrival_lies_behind_the_state(
    store: RedisVisitorStore, client: Client, keyspace: Keyspace
) -> None:
    """It takes 7 bytes of a known visitor's state, changes no lifetime, and a damaged one locks nobody out."""
    key = keyspace.of_visitor("anna").state
    await store.apply("anna", [effect(view(1))], now=START, ttl_seconds=500)
    assert (await store.apply("anna", [], now=START + 5, rate=SLOW)).state.last_seen == START
    await store.apply("anna", [], now=START + 61, rate=SLOW)
    stored = await client.execute_command("GET", key)
    assert stored[:-ARRIVAL_BYTES] == encode_state(await store.read("anna"))
    assert int.from_bytes(stored[-ARRIVAL_BYTES:], "big") == (int(START) + 205) * 1_000_000
    assert 400 < await client.ttl(key) <= 500
    await client.setrange(key, len(stored) - ARRIVAL_BYTES, b"\xff" * ARRIVAL_BYTES)
    for _ in range(3):
        await store.apply("anna", [], now=START + 61, rate=SLOW)


async def test_nobody_is_turned_away_because_memory_has_run_out(
    store: RedisVisitorStore, client: Client
) -> None:
    """Where no event can be kept, neither can an arrival: requests without events are answered all the same."""
    options = {"target_nodes": RedisCluster.PRIMARIES} if isinstance(client, RedisCluster) else {}
    known = (await store.apply("anna", [effect(view(1))], now=START)).state
    await client.config_set("maxmemory", 1, **options)
    try:
        for _ in range(5):
            assert (await store.apply("anna", [], now=START, rate=SLOW)).state == known
            assert (await store.apply("nobody", [], now=START, rate=SLOW)).state == EMPTY_STATE
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            await store.apply("anna", [effect(view(2))], now=START, rate=SLOW)
    finally:
        await client.config_set("maxmemory", 0, **options)
