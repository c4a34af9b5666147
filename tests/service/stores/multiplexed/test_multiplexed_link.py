"""Connections that break, and come back: what a request gets meanwhile, on a server that misbehaves by script."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from redis.asyncio.sentinel import Sentinel

from service.stores.connection import Script, StoreUnavailable
from service.stores.multiplexed.connection import Limits
from service.stores.multiplexed.nodes import OnePrimary
from service.stores.multiplexed.scripts import Multiplexed, MultiplexedScripts
from service.stores.redis_url import Address, RedisUrl
from tests.scripted_redis import OK, ScriptedRedis, always, bulk, echo, scripted_redis

pytestmark = pytest.mark.anyio

PATIENT_SECONDS = 20.0
PROMPT = Limits(overdue_seconds=0.1, settled_seconds=0.0)
"""For tests in which a connection breaks right after it was made, and must come back at once."""


@asynccontextmanager
async def shared_connection(url: str, limits: Limits = PROMPT) -> AsyncIterator[Multiplexed]:
    """Connect to a server by script, which redis-py knows nothing of."""
    shared = Multiplexed()
    nodes = OnePrimary(RedisUrl.parse(url).address(), limits)
    await nodes.open()
    shared.nodes = nodes
    try:
        yield shared
    finally:
        await shared.close()


@asynccontextmanager
async def serving(limits: Limits = PROMPT) -> AsyncIterator[tuple[ScriptedRedis, Multiplexed]]:
    """A server, and a connection to it."""
    async with scripted_redis() as server, shared_connection(server.url, limits) as shared:
        yield server, shared


async def until(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for is on the other end of a socket
            await asyncio.sleep(0.002)


async def answered(scripts: MultiplexedScripts, key: str) -> bytes | None:
    """Ask until there is an answer, as pages do one after the other."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while True:
            try:
                return await scripts.get(key)
            except StoreUnavailable:
                await asyncio.sleep(0.002)


async def test_a_reset_in_mid_reply_fails_what_waited_and_repeats_nothing() -> None:
    """Half a reply is no reply; afterwards the connection comes back and the first request on it works."""
    async with serving() as (server, shared):
        server.answer = always(b"$100\r\nhalf a rep")
        waiting = asyncio.create_task(shared.within(PATIENT_SECONDS).get("a"))
        await until(lambda: len(server.asked) == 1)
        server.answer = echo
        server.hang_up()
        with pytest.raises(StoreUnavailable):
            await waiting
        assert await shared.within(PATIENT_SECONDS).get("b") == b"b"
        assert server.asked == [[b"GET", b"a"], [b"GET", b"b"]]


@pytest.mark.parametrize("garbage", [b"?what\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", bulk(b"unasked")])
async def test_what_is_no_answer_ends_the_connection(garbage: bytes) -> None:
    """Bytes that are no reply, or a reply too many, could shift every later one: a new connection is made."""
    async with serving() as (server, shared):
        assert await shared.within(PATIENT_SECONDS).get("a") == b"a"
        server.send(garbage)
        await until(lambda: server.accepted == 2)
        assert await answered(shared.within(PATIENT_SECONDS), "b") == b"b"


async def test_a_late_reply_reaches_nobody_else() -> None:
    """The reply to a request that was given up, or cancelled, is dropped when it comes; the next gets its own."""
    async with serving(Limits()) as (server, shared):
        server.answer = always(None)
        with pytest.raises(StoreUnavailable, match="in time"):
            await shared.within(0.01).get("late")
        cancelled = asyncio.create_task(shared.within(PATIENT_SECONDS).get("cancelled"))
        await until(lambda: len(server.asked) == 2)
        cancelled.cancel()
        server.answer = lambda command: bulk(b"late") + bulk(b"cancelled") + echo(command)  # type: ignore[operator]
        assert await shared.within(PATIENT_SECONDS).get("own") == b"own"
        assert server.accepted == 1


async def test_a_peer_that_only_takes_is_given_up() -> None:
    """When nothing is answered any more the connection is replaced, without waiting for TCP to notice."""
    async with serving() as (server, shared):
        server.answer = always(None)
        with pytest.raises(StoreUnavailable):
            await shared.within(0.01).get("a")
        await until(lambda: server.accepted == 2)
        server.answer = echo
        assert await answered(shared.within(PATIENT_SECONDS), "b") == b"b"


async def test_without_a_server_requests_fail_at_once() -> None:
    """After the first attempt has failed nobody queues behind a dead connection, whatever their patience."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with scripted_redis(port) as server:
        shared = Multiplexed()
        shared.nodes = OnePrimary(RedisUrl.parse(server.url).address(), Limits())
        await shared.nodes.open()
    try:
        link = shared.nodes.link_of("")
        await until(lambda: link.connection is None)
        patient = shared.within(86_400)
        with pytest.raises(StoreUnavailable):
            async with asyncio.timeout(PATIENT_SECONDS):
                await patient.get("a")
        async with scripted_redis(port) as server:
            assert await answered(patient, "b") == b"b"
            assert server.asked[-1] == [b"GET", b"b"]
    finally:
        await shared.close()


async def test_a_request_waits_for_the_first_attempt_within_its_deadline() -> None:
    """A blink of the server costs a request a little time, not its answer, and never more than its patience."""
    async with serving() as (server, shared):
        server.pong = None
        server.hang_up()
        link = shared.nodes.link_of("")
        await until(lambda: link.connection is None and server.accepted == 2)
        waiting = asyncio.create_task(shared.within(PATIENT_SECONDS).get("a"))
        with pytest.raises(StoreUnavailable, match="in time"):
            await shared.within(0.02).get("b")
        assert not waiting.done()
        server.send(b"+PONG\r\n")
        assert await waiting == b"a"
        assert server.asked == [[b"GET", b"a"]]


async def test_a_server_that_is_loading_is_tried_again_until_it_has_loaded() -> None:
    """While Redis reads its file back it refuses everything: the connection counts as none."""
    async with serving() as (server, shared):
        server.pong = b"-LOADING Redis is loading the dataset in memory\r\n"
        server.hang_up()
        await until(lambda: server.accepted >= 3)
        assert server.open_connections <= 1, "attempts that failed have left their connections open"
        with pytest.raises(StoreUnavailable, match="LOADING"):
            await shared.within(PATIENT_SECONDS).get("a")
        server.pong = b"+PONG\r\n"
        assert await answered(shared.within(PATIENT_SECONDS), "b") == b"b"


async def test_a_server_that_takes_no_writes_is_looked_for_anew() -> None:
    """READONLY is a failover that the connection has survived: the address is asked for, and connected to, again."""
    async with serving() as (server, shared):
        server.answer = always(b"-READONLY You can't write against a read only replica.\r\n")
        with pytest.raises(StoreUnavailable, match="READONLY"):
            await shared.within(PATIENT_SECONDS).get("a")
        server.answer = echo
        assert await shared.within(PATIENT_SECONDS).get("b") == b"b"
        assert server.accepted == 2


class Watcher:
    """Stands for redis-py's Sentinel client, and names one address."""

    def __init__(self, url: str) -> None:
        self._address = RedisUrl.parse(url).address()

    async def discover_master(self, service: str) -> tuple[str, int]:
        """Return where the primary is."""
        assert service == "mymaster"
        return self._address.host, self._address.port


async def test_a_replica_that_sentinels_still_name_is_refused() -> None:
    """What they say may be a moment old: the server itself is asked, until it is a primary."""
    async with scripted_redis() as server:
        server.answer = always(b"*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$9\r\nconnected\r\n:0\r\n")
        watcher = cast("Sentinel", Watcher(server.url))
        nodes = OnePrimary(Address("nowhere"), PROMPT, sentinel=watcher, service="mymaster")
        with pytest.raises(StoreUnavailable, match="is a replica"):
            await nodes.open()
        server.answer = always(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")
        await until(lambda: nodes.link_of("").connection is not None)
        await nodes.close()


async def test_a_fresh_connection_to_a_read_only_server_is_kept() -> None:
    """A server that is read-only on purpose is not connected to anew for every request."""
    async with serving(Limits()) as (server, shared):
        server.answer = always(b"-READONLY You can't write against a read only replica.\r\n")
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="READONLY"):
                await shared.within(PATIENT_SECONDS).get("a")
        assert server.accepted == 1


async def test_a_connection_that_is_dropped_at_once_is_not_made_at_once_again() -> None:
    """A server that takes connections and hangs up is tried with growing pauses, and requests fail meanwhile."""
    async with serving(Limits(settled_seconds=60.0)) as (server, shared):
        link = shared.nodes.link_of("")
        server.hang_up()
        await until(lambda: link.connection is None)
        with pytest.raises(StoreUnavailable):
            await shared.within(PATIENT_SECONDS).get("a")
        assert link._failures == 1
        assert await answered(shared.within(PATIENT_SECONDS), "b") == b"b"


async def test_a_connection_that_breaks_in_its_handshake_is_no_connection() -> None:
    """Bytes after the last answer of the handshake: whatever they are, no request may be sent on it."""
    async with serving() as (server, shared):
        server.pong = b"+PONG\r\n+AND MORE\r\n"
        server.hang_up()
        await until(lambda: server.accepted >= 3)
        with pytest.raises(StoreUnavailable, match="nobody had asked for"):
            await shared.within(PATIENT_SECONDS).get("a")
        server.pong = b"+PONG\r\n"
        assert await answered(shared.within(PATIENT_SECONDS), "b") == b"b"


async def test_a_script_is_sent_whole_only_to_a_server_that_lacks_it() -> None:
    """NOSCRIPT says that nothing ran: the source is sent once; every other error is the caller's."""
    script = Script("pin")
    async with serving() as (server, shared):
        scripts = shared.within(PATIENT_SECONDS)
        server.answer = lambda command: (
            b"-NOSCRIPT No matching script.\r\n" if command[0] == b"EVALSHA" else b":1\r\n"
        )
        assert await scripts.run(script, ["k"], [b"\x00\xff", 7, "é"]) == 1
        assert [command[:3] for command in server.asked] == [
            [b"EVALSHA", script.sha.encode(), b"1"],
            [b"EVAL", script.source.encode(), b"1"],
        ]
        assert server.asked[1][3:] == [b"k", b"\x00\xff", b"7", "é".encode()]
        server.answer = always(b"-BUSY Redis is busy running a script.\r\n")
        with pytest.raises(StoreUnavailable, match="Redis: BUSY"):
            await scripts.run(script, ["k"], [])
        assert len(server.asked) == 3


async def test_login_and_database_come_first() -> None:
    """Username, password and database of the URL are said before anything else."""
    async with scripted_redis() as server:
        server.answer = always(OK)
        url = server.url.replace("redis://", "redis://anna:pass%20word@") + "/3"
        async with shared_connection(url):
            assert server.asked == [[b"AUTH", b"anna", b"pass word"], [b"SELECT", b"3"]]


async def test_a_refused_login_is_unavailable_in_the_servers_words() -> None:
    """A wrong password is told, though never the password."""
    async with scripted_redis() as server:
        server.answer = always(b"-WRONGPASS invalid username-password pair\r\n")
        nodes = OnePrimary(RedisUrl.parse(server.url.replace("//", "//:secret@")).address(), PROMPT)
        with pytest.raises(StoreUnavailable, match="WRONGPASS") as failed:
            await nodes.open()
        await nodes.close()
        assert "secret" not in str(failed.value)


async def test_before_it_is_open_and_after_it_is_closed_everything_fails_at_once() -> None:
    """Routes can be put together before there is a server, and closing leaves no task behind."""
    before = asyncio.all_tasks()
    async with serving() as (_, shared):
        scripts = shared.within(PATIENT_SECONDS)
        assert await scripts.get("a") == b"a"
        await shared.ping(PATIENT_SECONDS)
        await shared.close()
        with pytest.raises(StoreUnavailable, match="not been reached"):
            await scripts.get("a")
        with pytest.raises(StoreUnavailable, match="not been reached"):
            await shared.ping(PATIENT_SECONDS)
    await until(lambda: asyncio.all_tasks() <= before)
