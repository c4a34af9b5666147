"""How full a server is: the embedded Valkey, Debian's Redis and a Redis Cluster."""

import pytest
from redis.asyncio import RedisCluster

from service.stores.connection import Client
from service.stores.keys import Keyspace
from service.stores.load import RedisLoad
from service.stores.script_runners import ClientScripts

pytestmark = pytest.mark.anyio


async def _limit(client: Client, megabytes: int) -> None:
    target = {"target_nodes": RedisCluster.ALL_NODES} if isinstance(client, RedisCluster) else {}
    await client.execute_command("CONFIG SET", "maxmemory", f"{megabytes}mb", **target)


async def test_the_log_is_counted_over_all_partitions(client: Client, keyspace: Keyspace) -> None:
    """Entries of every partition are added up; what has been deleted does not count."""
    keyspace = Keyspace(keyspace.prefix, partitions=9)
    load = RedisLoad(client, ClientScripts(client), keyspace)
    assert await load.log_events() == 0
    for partition in (0, 7, 8):
        for _ in range(partition % 3 + 1):
            last = await client.xadd(keyspace.log(partition), {"v": "anna"})
    assert await load.log_events() == 6
    await client.xdel(keyspace.log(8), last)
    assert await load.log_events() == 5


async def test_memory_is_a_share_of_what_the_server_may_use(client: Client, keyspace: Keyspace) -> None:
    """Without maxmemory there is no share; with it, half the memory is twice the share."""
    load = RedisLoad(client, ClientScripts(client), keyspace)
    assert await load.memory_percent() is None
    try:
        await _limit(client, 1000)
        whole = await load.memory_percent()
        await _limit(client, 500)
        half = await load.memory_percent()
    finally:
        await _limit(client, 0)
    assert whole is not None
    assert half is not None
    assert 0 < whole < 20
    assert half == pytest.approx(2 * whole, rel=0.2)
