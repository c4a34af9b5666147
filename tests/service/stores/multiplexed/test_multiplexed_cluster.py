"""Redirections and failovers of a Cluster, on two servers by script; real ones are in the contract tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import pytest
from redis.asyncio import RedisCluster
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError

from service.stores.connection import StoreUnavailable
from service.stores.multiplexed.cluster import SLOTS, ClusterNodes
from service.stores.multiplexed.connection import CommandRefused, Limits
from service.stores.multiplexed.scripts import Multiplexed
from service.stores.redis_url import Address
from tests.scripted_redis import ScriptedRedis, always, echo, scripted_redis

pytestmark = pytest.mark.anyio

PATIENT_SECONDS = 20.0
SLOT = key_slot(b"k")
NOBODY = 1
"""A port that no server listens on."""


class Node(NamedTuple):
    """A node as redis-py knows it."""

    host: str
    port: int


@dataclass
class Topology:
    """Stands for redis-py's client: says which port holds which slots, as a test wants it.

    Attributes:
        ranges: first and last slot, and the port of their primary.
        away: ports of nodes that cannot be asked.
        asked: how often the map was asked for.
    """

    ranges: dict[tuple[int, int], int]
    away: set[int] = field(default_factory=set)
    asked: int = 0

    def get_nodes(self) -> list[Node]:
        """Return all nodes, also those that are away."""
        return [Node("127.0.0.1", port) for port in sorted({*self.away, *self.ranges.values()})]

    async def cluster_slots(self, target_nodes: Node) -> dict[tuple[int, int], Any]:
        """Return the map, with hosts left out as a node does that does not know its own."""
        self.asked += 1
        if target_nodes.port in self.away:
            raise RedisConnectionError("away")
        return {range_: {"primary": ("", port), "replicas": []} for range_, port in self.ranges.items()}


def port_of(server: ScriptedRedis) -> int:
    """Return the server's port."""
    return int(server.url.rpartition(":")[2])


@asynccontextmanager
async def cluster() -> AsyncIterator[tuple[ScriptedRedis, ScriptedRedis, Topology, Multiplexed]]:
    """Two servers, of which the first holds every slot, and shared connections to them."""
    async with scripted_redis() as first, scripted_redis() as second:
        topology = Topology({(0, SLOTS - 1): port_of(first)})
        limits = Limits(settled_seconds=0.0)
        shared = Multiplexed()
        nodes = ClusterNodes(cast("RedisCluster", topology), Address(), limits)
        await nodes.open()
        shared.nodes = nodes
        try:
            yield first, second, topology, shared
        finally:
            await shared.close()


@pytest.mark.parametrize("host", [b"", b"?", b"127.0.0.1"])
async def test_moved_is_followed_and_remembered(host: bytes) -> None:
    """The next command for the slot goes to its new owner at once; a host not told is the one that was asked."""
    async with cluster() as (first, second, topology, shared):
        topology.ranges = {(0, SLOTS - 1): port_of(second)}
        first.answer = always(b"-MOVED %d %b:%d\r\n" % (SLOT, host, port_of(second)))
        scripts = shared.within(PATIENT_SECONDS)
        assert [await scripts.get("k"), await scripts.get("k")] == [b"k", b"k"]
        assert (len(first.asked), len(second.asked)) == (1, 2)


@pytest.mark.parametrize(
    "where", [b"", b"1", b"1 nowhere", b"x 127.0.0.1:1", b"16384 127.0.0.1:1", b"1 127.0.0.1:port"]
)
async def test_a_redirection_that_makes_no_sense_is_a_failure(where: bytes) -> None:
    """A node that redirects to nowhere makes the store unavailable, as any error of it does."""
    async with cluster() as (first, _, _, shared):
        first.answer = always(b"-MOVED %b\r\n" % where)
        with pytest.raises(StoreUnavailable, match="MOVED"):
            await shared.within(PATIENT_SECONDS).get("k")


async def test_ask_is_followed_once() -> None:
    """The slot's owner is asked again next time, and only what was told to is asked for with ASKING."""
    async with cluster() as (first, second, _, shared):
        first.answer = always(b"-ASK %d 127.0.0.1:%d\r\n" % (SLOT, port_of(second)))
        scripts = shared.within(PATIENT_SECONDS)
        assert await scripts.get("k") == b"k"
        first.answer = echo
        assert await scripts.get("k") == b"k"
        assert second.asked == [[b"ASKING"], [b"GET", b"k"]]
        assert len(first.asked) == 2


async def test_nodes_that_send_a_command_round_and_round_are_given_up() -> None:
    """Two nodes that each say it is the other: unavailable after a few turns."""
    async with cluster() as (first, second, _, shared):
        first.answer = always(b"-MOVED %d 127.0.0.1:%d\r\n" % (SLOT, port_of(second)))
        second.answer = always(b"-MOVED %d 127.0.0.1:%d\r\n" % (SLOT, port_of(first)))
        with pytest.raises(StoreUnavailable, match="from node to node"):
            await shared.within(PATIENT_SECONDS).get("k")


async def test_a_failover_is_found_by_itself() -> None:
    """A primary goes away: the map is asked for until another holds its slots, though nobody redirects."""
    async with cluster() as (first, second, topology, shared):
        scripts = shared.within(PATIENT_SECONDS)
        assert await scripts.get("k") == b"k"
        topology.away = {port_of(first)}
        topology.ranges = {(0, SLOTS - 1): port_of(second)}
        first.pong = None
        first.hang_up()
        async with asyncio.timeout(PATIENT_SECONDS):
            while not second.asked:
                try:
                    await scripts.get("k")
                except StoreUnavailable:
                    await asyncio.sleep(0.002)
        assert [port for _, port in shared_places(shared)] == [port_of(second)]


def shared_places(shared: Multiplexed) -> list[tuple[str, int]]:
    """Return where the links lead."""
    nodes = cast("ClusterNodes", shared.nodes)
    return [nodes.place_of(link) for link in nodes.links()]


async def test_a_node_that_comes_into_use_while_others_are_closed_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A redirection to a node that the new map leaves out, come while another one's link is being closed, holds."""
    async with cluster() as (first, second, topology, shared):
        nodes = cast("ClusterNodes", shared.nodes)
        topology.ranges = {(0, SLOT): NOBODY, (SLOT + 1, SLOTS - 1): port_of(second)}
        await nodes.open()
        topology.ranges = {(0, SLOTS - 1): port_of(first)}
        leaving = nodes.link_of("k")
        close = leaving.close

        async def close_slowly() -> None:
            nodes.redirected(CommandRefused(f"MOVED {SLOT} 127.0.0.1:{port_of(second)}"), nodes.link_of("k"))
            await close()

        monkeypatch.setattr(leaving, "close", close_slowly)
        await nodes.open()
        assert await shared.within(PATIENT_SECONDS).get("k") == b"k"
        assert (len(first.asked), len(second.asked)) == (0, 1)


async def test_a_slot_that_nobody_serves_is_unavailable() -> None:
    """Its keys fail at once; CLUSTERDOWN makes the map be asked for again."""
    async with cluster() as (first, _, topology, shared):
        scripts = shared.within(PATIENT_SECONDS)
        topology.ranges = {(SLOT + 1, SLOTS - 1): port_of(first)}
        before = topology.asked
        first.answer = always(b"-CLUSTERDOWN Hash slot not served\r\n")
        with pytest.raises(StoreUnavailable, match="CLUSTERDOWN"):
            await scripts.get("k")
        async with asyncio.timeout(PATIENT_SECONDS):
            while topology.asked == before:  # noqa: ASYNC110 - what is waited for is in the background
                await asyncio.sleep(0.002)
            await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="serves this key's slot"):
            await scripts.get("k")
