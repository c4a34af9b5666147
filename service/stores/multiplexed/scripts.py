"""Scripts on the hot path: one round trip on a connection that all requests share, within a patience."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import RedisCluster

from service.stores.connection import NOT_YET, Client, Script, StoreUnavailable
from service.stores.multiplexed.breaker import Changed
from service.stores.multiplexed.cluster import ClusterNodes
from service.stores.multiplexed.connection import (
    CommandRefused,
    Limits,
    MultiplexedConnection,
    Part,
    TooLate,
    encoded,
)
from service.stores.multiplexed.link import NodeLink
from service.stores.multiplexed.nodes import Nodes, NoNodes, OnePrimary
from service.stores.redis_url import RedisUrl, SentinelClient

_MOST_REDIRECTIONS: Final = 5

_LEFT_ALONE: Final = "Redis does not answer in time, and is left alone until it does"


class Multiplexed:
    """The connections that all requests of a process share; commands fail until they are open.

    Args:
        limits: of each connection.
        on_change: is told of breakers that open or close, by the patience of :meth:`within`.
    """

    def __init__(
        self, limits: Limits | None = None, *, on_change: Changed = lambda _patience, _is_open: None
    ) -> None:
        self._limits = limits or Limits()
        self._on_change = on_change
        self.nodes: Nodes = NoNodes()

    def within(self, seconds: float) -> "MultiplexedScripts":
        """Return what runs scripts on these connections and gives up after ``seconds``."""
        return MultiplexedScripts(self, seconds)

    async def open(self, url: str, client: Client) -> None:
        """Connect; afterwards lost connections come back by themselves.

        Args:
            url: as :func:`service.stores.connection.connect` takes it.
            client: of the same server; it finds the primary, and is closed later than this.

        Raises:
            StoreUnavailable: nothing answers there.
        """
        parsed = RedisUrl.parse(url)
        address, nodes = parsed.address(), self.nodes
        if isinstance(client, RedisCluster):
            nodes = ClusterNodes(client, address, self._limits, self._on_change)
        elif isinstance(client, SentinelClient):
            nodes = OnePrimary(
                address, self._limits, self._on_change, sentinel=client.sentinels, service=parsed.service
            )
        else:
            nodes = OnePrimary(address, self._limits, self._on_change)
        try:
            await nodes.open()
        except BaseException:
            await nodes.close()
            raise
        self.nodes = nodes

    async def close(self) -> None:
        """Drop the connections."""
        nodes, self.nodes = self.nodes, NoNodes()
        await nodes.close()

    async def ping(self, seconds: float) -> None:
        """Return if every primary answers, and is fast enough for everybody.

        Raises:
            StoreUnavailable: one does not, or is left alone by those with little patience.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        links = self.nodes.links()
        if not links:
            raise StoreUnavailable(NOT_YET)
        for link in links:
            if link.breakers.are_open:
                raise StoreUnavailable(_LEFT_ALONE)
            connection = link.connection or await link.reached(deadline)
            await connection.send(encoded(("PING",)), deadline)


class MultiplexedScripts:
    """Runs scripts on shared connections (:class:`~service.stores.script_runners.ScriptRunner`).

    Nothing is repeated except what the server says it did not begin: a script that it does not know, a command for
    another node.

    Attributes:
        seconds: that it waits for an answer.
    """

    def __init__(self, shared: Multiplexed, seconds: float) -> None:
        self._shared = shared
        self.seconds = seconds

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """See :meth:`ScriptRunner.run`."""
        deadline = asyncio.get_running_loop().time() + self.seconds
        command = encoded(("EVALSHA", script.sha, len(keys), *keys, *arguments))
        # What _do does, written out: no coroutine inside another on every request's way.
        link = self._shared.nodes.link_of(keys[0])
        breaker = link.breakers[self.seconds]
        if breaker.is_open:
            raise StoreUnavailable(_LEFT_ALONE)
        try:
            connection = link.connection or await link.reached(deadline)
            reply = await connection.send(command, deadline)
        except CommandRefused as refused:
            problem = refused
        except TooLate:
            link.missed(self.seconds, deadline)
            raise
        else:
            if breaker.strikes:
                breaker.answered()
            return reply
        try:
            if problem.code != "NOSCRIPT":
                return await self._redirected(problem, command, link, connection, deadline)
        except CommandRefused as refused:
            if refused.code != "NOSCRIPT":
                raise
        return await self._do(keys[0], ("EVAL", script.source, len(keys), *keys, *arguments), deadline)

    async def get(self, key: str) -> bytes | None:
        """See :meth:`ScriptRunner.get`."""
        deadline = asyncio.get_running_loop().time() + self.seconds
        stored: bytes | None = await self._do(key, ("GET", key), deadline)
        return stored

    async def length(self, key: str) -> int:
        """See :meth:`ScriptRunner.length`."""
        deadline = asyncio.get_running_loop().time() + self.seconds
        return int(await self._do(key, ("XLEN", key), deadline))

    async def _do(self, key: str, parts: tuple[Part, ...], deadline: float) -> Any:
        link = self._shared.nodes.link_of(key)
        if link.breakers[self.seconds].is_open:
            raise StoreUnavailable(_LEFT_ALONE)
        command = encoded(parts)
        try:
            connection = link.connection or await link.reached(deadline)
            return await connection.send(command, deadline)
        except CommandRefused as refused:
            return await self._redirected(refused, command, link, connection, deadline)
        except TooLate:
            link.missed(self.seconds, deadline)
            raise

    async def _redirected(
        self,
        refused: CommandRefused,
        command: bytes,
        link: NodeLink,
        connection: MultiplexedConnection,
        deadline: float,
    ) -> Any:
        """Send the command to where the server says it belongs; raise what is no redirection."""
        for _ in range(_MOST_REDIRECTIONS):
            if refused.code == "READONLY":
                link.suspect(connection)
            link = self._shared.nodes.redirected(refused, link)
            connection = link.connection or await link.reached(deadline)
            send = connection.send_asking if refused.code == "ASK" else connection.send
            try:
                return await send(command, deadline)
            except CommandRefused as again:
                refused = again
        raise StoreUnavailable(f"Redis: sent from node to node {_MOST_REDIRECTIONS} times")
