"""Connecting, start-up checks, and what every failure becomes."""

import asyncio
import socket
import time
from pathlib import Path

import pytest
import uvloop
from redis import Redis

from recommender.events import Event, EventItem, EventName
from recommender.homepage import HomepageVariant
from service.stores.connection import (
    Client,
    StoreMisconfigured,
    StoreUnavailable,
    _check_version,
    check_server,
    connect,
    connected,
    unavailable_on_error,
)
from service.stores.embedded import EmbeddedValkey
from service.stores.keys import Keyspace
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from tests.scripted_redis import OK, always, scripted_redis
from tests.visitor_events import START, effect

pytestmark = pytest.mark.anyio

PROMO: HomepageVariant = "promo"


def _view() -> Event:
    return Event(EventName.VIEW_ITEM, "e", START, "browser", (EventItem("i1"),))


async def _expect_unavailable(store: RedisVisitorStore, match: str) -> None:
    for attempt in (
        store.apply("anna", [effect(_view())], now=START),
        store.pin_homepage("anna", PROMO, at=START),
    ):
        with pytest.raises(StoreUnavailable, match=match):
            await attempt


async def test_a_server_without_append_only_file_is_warned_of(client: Client, keyspace: Keyspace) -> None:
    """Losing a second is the operator's choice, but a choice; the version is told."""
    report = await check_server(client, keyspace)
    assert not report.is_cluster
    assert report.version.startswith("9.")
    assert [warning for warning in report.warnings if "append-only" in warning]


async def test_an_evicting_server_is_refused_unless_allowed(client: Client, keyspace: Keyspace) -> None:
    """A ``maxmemory-policy`` that evicts could drop events unread: refused, or warned of."""
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(StoreMisconfigured, match=r"allkeys-lru.*KABIN_ALLOW_EVICTION"):
            await check_server(client, keyspace)
        report = await check_server(client, keyspace, allow_eviction=True)
    finally:
        await client.config_set("maxmemory-policy", "noeviction")
    assert any("may evict keys" in warning for warning in report.warnings)


async def test_the_number_of_partitions_is_fixed_at_installation(client: Client) -> None:
    """A prefix used with another number of partitions is refused: its visitors would be lost."""
    await check_server(client, Keyspace("installed"))
    await check_server(client, Keyspace("installed"))
    with pytest.raises(StoreMisconfigured, match="installed with 256 partitions, not 128"):
        await check_server(client, Keyspace("installed", partitions=128))


@pytest.mark.parametrize("version", ["6.2.14", "5.0.7"])
def test_an_old_server_is_refused(version: str) -> None:
    """Redis before 7.0 is refused by its version."""
    with pytest.raises(StoreMisconfigured, match=version):
        _check_version("Redis", version)


async def test_nothing_there_is_unavailable(tmp_path: Path) -> None:
    """A port on which nothing listens, a socket that does not exist, Sentinels that are away: unavailable, no traceback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for url in (f"redis://127.0.0.1:{port}", f"unix://{tmp_path}/no.sock"):
        with pytest.raises(StoreUnavailable):
            await connect(url, timeout_seconds=1)
    with pytest.raises(StoreUnavailable):
        await connect(f"redis+sentinel://127.0.0.1:{port},127.0.0.1:{port}/mymaster", timeout_seconds=1)
    for url in ("http://127.0.0.1", "redis+sentinel://127.0.0.1"):
        with pytest.raises(StoreMisconfigured, match="KABIN_REDIS_URL"):
            await connect(url, timeout_seconds=1)


async def test_refusals_of_the_server_are_unavailable(tmp_path: Path) -> None:
    """Out of memory and read-only replicas refuse writes; nothing is half done, reading goes on."""
    with EmbeddedValkey(tmp_path, append_only=False) as server:
        async with connected(server.url, timeout_seconds=5) as client:
            store = RedisVisitorStore(ClientScripts(client), Keyspace())
            await client.config_set("maxmemory", "1")
            await _expect_unavailable_write(store, "OOM|OutOfMemory")
            await client.config_set("maxmemory", "0")
            await client.execute_command("REPLICAOF", "127.0.0.1", "1")
            await _expect_unavailable_write(store, "ReadOnly|READONLY")
            assert not (await store.read("anna")).is_known
            await client.execute_command("REPLICAOF", "NO", "ONE")
            assert (await store.apply("anna", [effect(_view())], now=START)).accepted == 1


async def _expect_unavailable_write(store: RedisVisitorStore, match: str) -> None:
    with pytest.raises(StoreUnavailable, match=match):
        await store.apply("anna", [effect(_view())], now=START)


async def test_a_server_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    """While it is gone every call is unavailable; afterwards the same store works, and nothing was counted twice."""
    server = EmbeddedValkey(tmp_path)
    server.start()
    try:
        async with connected(server.url, timeout_seconds=5) as client:
            store = RedisVisitorStore(ClientScripts(client), Keyspace())
            await store.apply("anna", [effect(_view())], now=START)
            server.stop()
            await _expect_unavailable(store, "Redis: ")
            with pytest.raises(StoreUnavailable):
                await store.read("anna")
            server.start()
            again = await store.apply("anna", [effect(_view())], now=START)
            assert (again.accepted, again.duplicate) == (0, 1)
    finally:
        server.stop()


async def test_a_server_that_hangs_is_given_up_after_one_try() -> None:
    """A command without an answer fails after its timeout and is not sent again."""
    asked: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked.append(line.strip().upper())
            if asked[-1] == b"CLUSTER":
                writer.write(b"$19\r\ncluster_enabled:0\r\n\r\n")
            elif asked[-1] == b"CLIENT":
                writer.write(b"+OK\r\n")
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with connected(url, timeout_seconds=0.2) as client:
            with pytest.raises(StoreUnavailable, match="Timeout"), unavailable_on_error():
                await client.execute_command("INCR", "a")
    assert asked.count(b"INCR") == 1


def test_a_connection_that_was_reset_while_it_was_idle_is_unavailable() -> None:
    """On the service's own event loop such a failure is a RuntimeError, which no caller expects of a Redis away."""

    async def ask_after_a_reset() -> None:
        async with scripted_redis() as server, connected(server.url, timeout_seconds=5) as client:
            server.answer = always(OK)
            await client.execute_command("ECHO", "hello")
            accepted = server.accepted
            server.reset()
            deadline = time.monotonic() + 30
            while server.open_connections:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.001)
            with pytest.raises(StoreUnavailable), unavailable_on_error():
                await client.execute_command("ECHO", "hello")
            await client.execute_command("ECHO", "hello")
            assert server.accepted > accepted

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask_after_a_reset())


def test_other_mistakes_stay_what_they_are() -> None:
    """A defect must not look as if Redis were away."""
    with pytest.raises(RuntimeError, match="a defect"), unavailable_on_error():
        raise RuntimeError("a defect")


async def test_bytes_of_another_format_are_unavailable(client: Client, keyspace: Keyspace) -> None:
    """A state that this release cannot read is left as it is and said to need a rebuild."""
    store = RedisVisitorStore(ClientScripts(client), keyspace)
    key = keyspace.of_visitor("anna").state
    await client.execute_command("SET", key, b"\x63old")
    with pytest.raises(StoreUnavailable, match="kabin rebuild"):
        await store.read("anna")
    with pytest.raises(StoreUnavailable, match="kabin rebuild"):
        await store.apply("anna", [effect(_view())], now=START)
    assert await client.execute_command("GET", key) == b"\x63old"


def test_redis_from_url_understands_our_urls(valkey_url: str) -> None:
    """The URL that is handed on works for other clients too."""
    with Redis.from_url(valkey_url) as other:
        assert other.ping()
