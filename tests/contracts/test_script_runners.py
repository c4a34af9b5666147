"""The contract of what runs scripts, for redis-py and for the shared connection, on every kind of server."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from recommender.events import Event, EventItem, EventName
from service.stores.connection import Client, StoreUnavailable
from service.stores.keys import Keyspace
from service.stores.memory import MemoryVisitorStore
from service.stores.multiplexed.scripts import Multiplexed
from service.stores.script_runners import ClientScripts, ScriptRunner
from service.stores.visitors import RedisVisitorStore
from tests.lua_script import LuaScript
from tests.visitor_events import START, effect

pytestmark = pytest.mark.anyio

PATIENT_SECONDS = 20.0


@pytest.fixture(params=["redis-py", "multiplexed"])
async def scripts(
    request: pytest.FixtureRequest, client: Client, redis_url: str
) -> AsyncIterator[ScriptRunner]:
    """What runs scripts."""
    if request.param == "redis-py":
        yield ClientScripts(client)
        return
    shared = Multiplexed()
    await shared.open(redis_url, client)
    yield shared.within(PATIENT_SECONDS)
    await shared.close()


async def test_a_script_gets_bytes_texts_and_numbers(scripts: ScriptRunner, keyspace: Keyspace) -> None:
    """Arguments arrive byte for byte, replies come back as bytes, integers, lists and nothing."""
    script = LuaScript("return {KEYS[1], ARGV[1], #ARGV[2], tonumber(ARGV[3]), false, {ARGV[4]}}")
    anything = bytes(range(256)) + b"\r\n$3\r\n"
    reply = await scripts.run(script, [keyspace.log(1)], [anything, "é☂", 2**40, b""])
    assert reply == [keyspace.log(1).encode(), anything, 5, 2**40, None, [b""]]


async def test_replies_of_any_size_arrive_whole(scripts: ScriptRunner, keyspace: Keyspace) -> None:
    """Many pieces on the wire are one reply, beside small ones."""
    script = LuaScript("return string.rep(ARGV[1], tonumber(ARGV[2]))")
    sizes = [0, 1, 70_000, 3, 2_000_000, 5]
    replies = await asyncio.gather(
        *(scripts.run(script, [keyspace.log(size % 256)], ["x", size]) for size in sizes)
    )
    assert [len(reply) for reply in replies] == sizes


async def test_concurrent_calls_get_their_own_replies(scripts: ScriptRunner, keyspace: Keyspace) -> None:
    """Ninety at once, a third of them cancelled at some point: each of the others gets what it asked for."""
    script = LuaScript("return ARGV[1]")

    async def call(number: int) -> None:
        key = keyspace.of_visitor(f"visitor {number}").state
        assert await scripts.run(script, [key], [f"reply {number}"]) == b"reply %d" % number

    tasks = [asyncio.create_task(call(number)) for number in range(90)]
    for number, task in enumerate(tasks):
        if number % 3 == 0:
            if number % 2:
                await asyncio.sleep(0)
            task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(outcome is None for number, outcome in enumerate(outcomes) if number % 3)


async def test_what_the_server_refuses_is_unavailable_in_its_words(
    scripts: ScriptRunner, keyspace: Keyspace
) -> None:
    """A script's own error, and a key of another type; the next call works."""
    with pytest.raises(StoreUnavailable, match="SOMETHING is wrong"):
        await scripts.run(
            LuaScript("return redis.error_reply('SOMETHING is wrong')"), [keyspace.installation], []
        )
    await scripts.run(LuaScript("return redis.call('HSET', KEYS[1], 'a', 'b')"), [keyspace.installation], [])
    with pytest.raises(StoreUnavailable, match="wrong kind of value"):
        await scripts.get(keyspace.installation)
    assert await scripts.get(keyspace.log(7)) is None


async def test_the_length_of_a_stream_is_counted(
    scripts: ScriptRunner, client: Client, keyspace: Keyspace
) -> None:
    """Entries of a partition's log; none of one that has not been written yet."""
    await client.xadd(keyspace.log(9), {"v": "anna"})
    await client.xadd(keyspace.log(9), {"v": "anna"})
    assert [await scripts.length(keyspace.log(partition)) for partition in (9, 10)] == [2, 0]


async def test_a_server_that_lost_its_scripts_gets_them_again(
    scripts: ScriptRunner, client: Client, keyspace: Keyspace
) -> None:
    """After SCRIPT FLUSH (a restart, a failover) the next call works, and ran once."""
    script = LuaScript("return redis.call('INCR', KEYS[1])")
    assert await scripts.run(script, [keyspace.log(3)], []) == 1
    await client.script_flush()
    assert await scripts.run(script, [keyspace.log(3)], []) == 2
    assert await scripts.get(keyspace.log(3)) == b"2"


async def test_the_visitors_store_does_on_it_what_the_plain_model_does(
    scripts: ScriptRunner, keyspace: Keyspace
) -> None:
    """Events, repetitions, pins and reading, of many visitors at once, in all partitions."""
    store, model = RedisVisitorStore(scripts, keyspace), MemoryVisitorStore()

    async def visit(visitor_id: str) -> None:
        views = [
            Event(
                EventName.VIEW_ITEM, f"{visitor_id}-{number}", START + number, "browser", (EventItem("i1"),)
            )
            for number in range(4)
        ]
        for happened in (views[:3], views[1:], []):
            batch = [effect(event) for event in happened]
            now = START + 10 * len(happened)
            assert await store.apply(visitor_id, batch, now=now) == await model.apply(
                visitor_id, batch, now=now
            )
        assert await store.pin_homepage(visitor_id, "promo", at=START + 50)
        await model.pin_homepage(visitor_id, "promo", at=START + 50)
        assert await store.read(visitor_id) == await model.read(visitor_id)

    await asyncio.gather(*(visit(f"visitor {number}") for number in range(40)))
