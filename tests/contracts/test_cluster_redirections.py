"""A Redis Cluster whose slots move, and whose connections are cut, while scripts run on the shared connections."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from redis import Redis
from redis.asyncio import RedisCluster
from redis.crc import key_slot

from service.stores.connection import Client, StoreUnavailable
from service.stores.keys import Keyspace
from service.stores.multiplexed.cluster import ClusterNodes
from service.stores.multiplexed.scripts import Multiplexed
from tests.lua_script import LuaScript

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.parametrize("redis_url", ["cluster"], indirect=True),
]

PATIENT_SECONDS = 20.0
INCREMENT = "return redis.call('INCR', KEYS[1])"


@pytest.fixture
async def shared(client: Client, redis_url: str) -> AsyncIterator[Multiplexed]:
    """The shared connections to the Cluster."""
    shared = Multiplexed()
    await shared.open(redis_url, client)
    yield shared
    await shared.close()


class MovingSlot:
    """A slot without keys, its owner, and the node that it moves to."""

    def __init__(self, client: RedisCluster, key: str) -> None:
        self._number = key_slot(key.encode())
        owner = client.get_node_from_key(key)
        assert owner is not None
        ports = [int(node.port) for node in client.get_primaries()]
        self.target_port = next(port for port in ports if port != owner.port)
        self._nodes = {port: Redis(port=port) for port in ports}
        self._owner, self._target = self._nodes[int(owner.port)], self._nodes[self.target_port]

    def begin(self) -> None:
        """Let it be on its way: keys that its owner does not hold are asked for at the target."""
        self._set(self._target, "IMPORTING", _id_of(self._owner))
        self._set(self._owner, "MIGRATING", _id_of(self._target))

    def finish(self) -> None:
        """Let it have arrived."""
        owner = _id_of(self._target)
        for node in (self._target, self._owner, *self._nodes.values()):
            self._set(node, "NODE", owner)

    def cut_connections(self) -> int:
        """Let every node close the connections of its clients, and return how many that were."""
        return sum(int(node.client_kill_filter(_type="normal", skipme=True)) for node in self._nodes.values())

    def close(self) -> None:
        """Close the connections of this test."""
        for node in self._nodes.values():
            node.close()

    def _set(self, node: "Redis", *how: str) -> None:
        node.execute_command("CLUSTER SETSLOT", self._number, *how)  # type: ignore[no-untyped-call]


def _id_of(node: "Redis") -> str:
    return bytes(node.execute_command("CLUSTER MYID")).decode()  # type: ignore[no-untyped-call]


@pytest.fixture
def key(keyspace: Keyspace) -> str:
    """A key in a slot that no other test uses."""
    return f"{keyspace.prefix}:{{{keyspace.prefix}-moving}}:count"


@pytest.fixture
def slot(client: Client, key: str) -> Iterator[MovingSlot]:
    """The slot of ``key``."""
    assert isinstance(client, RedisCluster)
    slot = MovingSlot(client, key)
    yield slot
    slot.close()


async def test_a_slot_that_moves_is_followed(
    shared: Multiplexed, slot: MovingSlot, keyspace: Keyspace, key: str
) -> None:
    """ASK while it is on its way, MOVED when it has arrived: nothing fails, nothing runs twice or gets another's reply."""
    increment, echo = LuaScript(INCREMENT), LuaScript("return ARGV[1]")
    scripts = shared.within(PATIENT_SECONDS)

    async def count_among_others() -> int:
        others = [scripts.run(echo, [keyspace.log(number)], [str(number)]) for number in range(40)]
        count, *replies = await asyncio.gather(scripts.run(increment, [key], []), *others)
        assert replies == [b"%d" % number for number in range(40)]
        return int(count)

    slot.begin()
    assert [await count_among_others() for _ in range(3)] == [1, 2, 3]
    slot.finish()
    assert [await count_among_others() for _ in range(3)] == [4, 5, 6]
    nodes = shared.nodes
    assert isinstance(nodes, ClusterNodes)
    assert nodes.place_of(nodes.link_of(key)) == ("127.0.0.1", slot.target_port)


async def test_connections_that_are_cut_come_back(
    shared: Multiplexed, slot: MovingSlot, keyspace: Keyspace
) -> None:
    """Every primary drops its clients: soon all of them are reached again, on new connections."""
    scripts = shared.within(PATIENT_SECONDS)
    await shared.ping(PATIENT_SECONDS)
    connections = [link.connection for link in shared.nodes.links()]
    assert slot.cut_connections() >= 3
    async with asyncio.timeout(PATIENT_SECONDS):
        while any(link.connection in (None, *connections) for link in shared.nodes.links()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert await asyncio.gather(*(scripts.get(keyspace.log(number)) for number in range(40))) == [None] * 40


async def test_a_node_that_answers_nothing_costs_only_its_own_slots(
    shared: Multiplexed, keyspace: Keyspace
) -> None:
    """A link to a primary that is away fails at once; keys of the others are served."""
    script = LuaScript("return 1")
    nodes = shared.nodes
    assert isinstance(nodes, ClusterNodes)
    lost = nodes.link_of(keyspace.log(0))
    await lost.close()
    keys = [keyspace.log(number) for number in range(100)]
    outcomes = await asyncio.gather(
        *(shared.within(PATIENT_SECONDS).run(script, [key], []) for key in keys), return_exceptions=True
    )
    for key, outcome in zip(keys, outcomes, strict=True):
        if nodes.link_of(key) is lost:
            assert isinstance(outcome, StoreUnavailable)
        else:
            assert outcome == 1
