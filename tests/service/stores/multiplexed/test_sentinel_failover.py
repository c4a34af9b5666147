"""A primary dies, Sentinel names another: both clients find it by themselves, and nothing acknowledged is lost."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from recommender.events import Event, EventItem, EventName
from service.stores.connection import Client, StoreUnavailable, check_server, connected, unavailable_on_error
from service.stores.keys import Keyspace
from service.stores.multiplexed.scripts import Multiplexed
from service.stores.visitors import RedisVisitorStore
from tests.redis_servers import eventually, redis_server
from tests.visitor_events import START, effect

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.parametrize(
        "anyio_backend", [("asyncio", {"use_uvloop": True})], ids=["uvloop"], indirect=True
    ),
]

PATIENT_SECONDS = 30.0
PASSWORD = "of the servers"  # noqa: S105 - servers of this test, on loopback
SENTINEL_PASSWORD = "of the sentinel"  # noqa: S105 - likewise


class Trio:
    """A primary, its replica, and the Sentinel that watches them."""

    def __init__(self, primary: int, replica: int, sentinel: int) -> None:
        self.primary, self.replica = primary, replica
        self.url = (
            f"redis+sentinel://:{PASSWORD.replace(' ', '%20')}@127.0.0.1:1,127.0.0.1:{sentinel}/mymaster/2"
            f"?sentinel_password={SENTINEL_PASSWORD.replace(' ', '%20')}"
        )

    def kill_primary(self) -> None:
        """End it without a word to anybody; what it has acknowledged is at the replica."""
        with Redis(port=self.primary, password=PASSWORD, retry=Retry(NoBackoff(), 0)) as client:
            assert client.wait(1, 10_000) == 1
            try:
                client.shutdown(nosave=True, now=True, force=True)
            except RedisConnectionError:
                return


@contextmanager
def trio(folder: Path) -> Iterator[Trio]:
    """Run the three servers."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    login = ("--requirepass", PASSWORD, "--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0")
    with ExitStack() as stack:
        primary = stack.enter_context(redis_server(folder / "a", *login, binary=binary, password=PASSWORD))
        replica = stack.enter_context(
            redis_server(
                folder / "b",
                *login,
                "--replicaof",
                "127.0.0.1",
                str(primary),
                binary=binary,
                password=PASSWORD,
            )
        )
        with Redis(port=replica, password=PASSWORD) as client:
            eventually(
                lambda: client.info("replication")["master_link_status"] == "up",
                "the replica does not follow",
            )
        sentinel = stack.enter_context(_sentinel(folder / "s", primary, binary))
        yield Trio(primary, replica, sentinel)


@contextmanager
def _sentinel(folder: Path, primary: int, binary: str) -> Iterator[int]:
    folder.mkdir()
    configuration = folder / "sentinel.conf"
    configuration.write_text(
        f"""sentinel monitor mymaster 127.0.0.1 {primary} 1
sentinel auth-pass mymaster "{PASSWORD}"
sentinel down-after-milliseconds mymaster 300
sentinel failover-timeout mymaster 5000
requirepass "{SENTINEL_PASSWORD}"
"""
    )
    with redis_server(folder, binary=binary, configuration=configuration, password=SENTINEL_PASSWORD) as port:
        with Redis(port=port, password=SENTINEL_PASSWORD) as client:
            # Looks ten times a second where it would look once in a second or in ten.
            client.execute_command(
                "SENTINEL", "DEBUG", "info-period", 100, "ping-period", 100, "ask-period", 100
            )
            eventually(
                lambda: client.sentinel_masters()["mymaster"]["num-slaves"] == 1, "no replica was found"
            )
        yield port


async def test_a_failover_is_survived(tmp_path: Path) -> None:
    """While there is no primary visits are unavailable at once; then they go on where they had stopped."""
    keyspace = Keyspace()
    with trio(tmp_path) as servers:
        async with connected(servers.url, timeout_seconds=PATIENT_SECONDS) as client:
            await check_server(client, keyspace)
            shared = Multiplexed()
            await shared.open(servers.url, client)
            store = RedisVisitorStore(shared.within(PATIENT_SECONDS), keyspace)
            assert await _views(store, 0) == (1, 0)
            await asyncio.to_thread(servers.kill_primary)
            failures = await _until_it_works(store)
            assert failures > 0
            assert await _views(store, 0) == (0, 1), "what was acknowledged has been lost"
            assert await _port_of(client) == servers.replica
            assert len((await store.read("anna")).recently_viewed) == 2
            await shared.close()


async def _views(store: RedisVisitorStore, number: int) -> tuple[int, int]:
    event = Event(EventName.VIEW_ITEM, f"e{number}", START, "browser", (EventItem(f"i{number}"),))
    applied = await store.apply("anna", [effect(event)], now=START)
    return applied.accepted, applied.duplicate


async def _until_it_works(store: RedisVisitorStore) -> int:
    failures = 0
    async with asyncio.timeout(PATIENT_SECONDS):
        while True:
            try:
                await _views(store, 1)
            except StoreUnavailable:
                failures += 1
                await asyncio.sleep(0.01)
            else:
                return failures


async def _port_of(client: Client) -> int:
    with unavailable_on_error():
        return int((await client.info("server"))["tcp_port"])
