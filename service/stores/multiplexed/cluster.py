"""The primaries of a Redis Cluster: one connection each, and a map of the slots that follows what the nodes say."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from redis.asyncio import RedisCluster
from redis.crc import key_slot

from service.stores.connection import StoreUnavailable, unavailable_on_error
from service.stores.multiplexed.breaker import Changed
from service.stores.multiplexed.connection import CommandRefused, Limits
from service.stores.multiplexed.link import NodeLink
from service.stores.redis_url import Address

SLOTS: Final = 16_384
_REFRESHES_APART_SECONDS: Final = 0.5

_REDIRECTION: Final = re.compile(r"(?P<slot>\d{1,5}) (?P<host>.*):(?P<port>\d{1,5})")

_Place = tuple[str, int]


class ClusterNodes:
    """Sends each key's commands to the primary that holds its slot.

    The map is asked for at the start, and again in the background after a ``MOVED``, a lost connection or an attempt
    that failed; until then a moved slot is known from its redirection.

    Args:
        client: redis-py's, which knows the nodes; closed by whoever made it.
        address: how to log in, the same at all nodes.
        limits: of each connection.
        on_change: is told of breakers that open or close.
    """

    def __init__(
        self,
        client: RedisCluster,
        address: Address,
        limits: Limits,
        on_change: Changed = lambda _patience, _is_open: None,
    ) -> None:
        self._client = client
        self._on_change = on_change
        self._address = address
        self._limits = limits
        self._links: dict[_Place, NodeLink] = {}
        self._places: WeakKeyDictionary[NodeLink, _Place] = WeakKeyDictionary()
        self._redirected_to: set[_Place] = set()
        self._slots: list[NodeLink | None] = [None] * SLOTS
        self._refreshing: asyncio.Task[None] | None = None
        self._is_closed = False

    async def open(self) -> None:
        """See :meth:`Nodes.open`; a primary that does not answer keeps only its own slots from being served."""
        await self._refresh()
        outcomes = await asyncio.gather(
            *(link.first_attempt() for link in self._links.values()), return_exceptions=True
        )
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if len(failures) == len(outcomes):
            raise failures[0] if failures else StoreUnavailable("Redis: the Cluster has no primaries")

    async def close(self) -> None:
        """See :meth:`Nodes.close`."""
        self._is_closed = True
        task, self._refreshing = self._refreshing, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        for link in self.links():
            await link.close()

    def links(self) -> Sequence[NodeLink]:
        """See :meth:`Nodes.links`."""
        return tuple(self._links.values())

    def link_of(self, key: str) -> NodeLink:
        """See :meth:`Nodes.link_of`."""
        link = self._slots[key_slot(key.encode())]
        if link is None:
            raise StoreUnavailable("Redis: no node of the Cluster serves this key's slot")
        return link

    def redirected(self, refused: CommandRefused, link: NodeLink) -> NodeLink:
        """See :meth:`Nodes.redirected`."""
        if refused.code not in ("MOVED", "ASK"):
            if refused.code == "CLUSTERDOWN":
                self._refresh_soon()
            raise refused
        there = _REDIRECTION.fullmatch(refused.details)
        if there is None or int(there["slot"]) >= SLOTS:
            raise refused
        # A node that does not know the other's name leaves it out, or says "?": it is then the host that was asked.
        host = self._places[link][0] if there["host"] in ("", "?") else there["host"]
        target_place = (host, int(there["port"]))
        self._redirected_to.add(target_place)
        target = self._link_to(target_place)
        if refused.code == "MOVED":
            self._slots[int(there["slot"])] = target
            self._refresh_soon()
        return target

    def place_of(self, link: NodeLink) -> tuple[str, int]:
        """Return host and port of the node that ``link`` leads to."""
        return self._places[link]

    def _link_to(self, place: _Place) -> NodeLink:
        link = self._links.get(place)
        if link is None:
            address = self._address.at(*place)

            async def locate() -> Address:
                return address

            link = NodeLink(locate, self._limits, on_trouble=self._refresh_soon, on_change=self._on_change)
            self._links[place] = link
            self._places[link] = place
            link.open()
        return link

    def _refresh_soon(self) -> None:
        if self._refreshing is None and not self._is_closed:
            self._refreshing = asyncio.create_task(self._refresh_in_background(), name="Cluster slots")

    async def _refresh_in_background(self) -> None:
        try:
            with suppress(StoreUnavailable):  # Whatever gave the occasion gives another one.
                await self._refresh()
            await asyncio.sleep(_REFRESHES_APART_SECONDS)
        finally:
            self._refreshing = None

    async def _refresh(self) -> None:
        """Take over the map as a node tells it, and close the links to nodes that are no primaries any more.

        A node that commands were just redirected to is kept: the one that was asked may not have heard of it, and
        one that is only taking over its first slot is in no map.
        """
        ranges = await self._ranges()
        places, self._redirected_to = self._redirected_to, set()
        slots: list[NodeLink | None] = [None] * SLOTS
        for (first, last), place in ranges.items():
            places.add(place)
            slots[first : last + 1] = [self._link_to(place)] * (last + 1 - first)
        self._slots = slots
        for place in [place for place in self._links if place not in places]:
            # Closing takes time, in which a command may be redirected to a place that is still to be closed.
            if place not in self._redirected_to:
                await self._links.pop(place).close()

    async def _ranges(self) -> dict[tuple[int, int], _Place]:
        """Ask one node after the other, until one answers, which primary holds which slots."""
        problem = StoreUnavailable("Redis: the Cluster has no nodes")
        for node in self._client.get_nodes():
            try:
                with unavailable_on_error():
                    ranges: dict[tuple[int, int], dict[str, Any]] = await self._client.cluster_slots(
                        target_nodes=node
                    )  # type: ignore[assignment]  # of the synchronous client
            except StoreUnavailable as error:
                problem = error
                continue
            return {
                range_: (str(nodes["primary"][0] or node.host), int(nodes["primary"][1]))
                for range_, nodes in ranges.items()
            }
        raise problem
