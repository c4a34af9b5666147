"""Which connection leads to a key: to the one server there is, or the one that Sentinels name."""

from collections.abc import Sequence
from typing import Protocol

from redis.asyncio.sentinel import Sentinel

from service.stores.connection import NOT_YET, StoreUnavailable, unavailable_on_error
from service.stores.multiplexed.breaker import Changed
from service.stores.multiplexed.connection import CommandRefused, Limits
from service.stores.multiplexed.link import NodeLink
from service.stores.redis_url import Address


class Nodes(Protocol):
    """The primaries that commands are sent to."""

    async def open(self) -> None:
        """Connect.

        Raises:
            StoreUnavailable: nothing answers.
        """
        ...

    async def close(self) -> None:
        """Drop every connection."""
        ...

    def links(self) -> Sequence[NodeLink]:
        """Return the links to all of them."""
        ...

    def link_of(self, key: str) -> NodeLink:
        """Return the link to the server that holds ``key``.

        Raises:
            StoreUnavailable: no server does.
        """
        ...

    def redirected(self, refused: CommandRefused, link: NodeLink) -> NodeLink:
        """Return the link to where ``refused``, which came over ``link``, sends the command.

        Raises:
            CommandRefused: it is an error like any other.
        """
        ...


class OnePrimary:
    """The one server at an address, or the one that Sentinels name at the moment.

    Args:
        address: of the server; with Sentinels how to log in to it.
        limits: of the connection.
        on_change: is told of breakers that open or close.
        sentinel: redis-py's, closed by whoever made it.
        service: the Sentinels' name for it.
    """

    def __init__(
        self,
        address: Address,
        limits: Limits,
        on_change: Changed = lambda _patience, _is_open: None,
        *,
        sentinel: Sentinel | None = None,
        service: str = "",
    ) -> None:
        self._address = address
        self._sentinel = sentinel
        self._service = service
        self._link = NodeLink(self._locate, limits, must_be_primary=sentinel is not None, on_change=on_change)

    async def open(self) -> None:
        """See :meth:`Nodes.open`."""
        self._link.open()
        await self._link.first_attempt()

    async def close(self) -> None:
        """See :meth:`Nodes.close`."""
        await self._link.close()

    def links(self) -> Sequence[NodeLink]:
        """See :meth:`Nodes.links`."""
        return (self._link,)

    def link_of(self, key: str) -> NodeLink:  # noqa: ARG002 - there is one for all
        """See :meth:`Nodes.link_of`."""
        return self._link

    def redirected(self, refused: CommandRefused, link: NodeLink) -> NodeLink:  # noqa: ARG002 - see Nodes
        """See :meth:`Nodes.redirected`."""
        raise refused

    async def _locate(self) -> Address:
        if self._sentinel is None:
            return self._address
        with unavailable_on_error():
            host, port = await self._sentinel.discover_master(self._service)
        return self._address.at(str(host), int(port))


class NoNodes:
    """Before there is anything to connect to."""

    async def open(self) -> None:
        """See :meth:`Nodes.open`."""

    async def close(self) -> None:
        """See :meth:`Nodes.close`."""

    def links(self) -> Sequence[NodeLink]:
        """See :meth:`Nodes.links`."""
        return ()

    def link_of(self, key: str) -> NodeLink:  # noqa: ARG002 - there is none for any
        """See :meth:`Nodes.link_of`."""
        raise StoreUnavailable(NOT_YET)

    def redirected(self, refused: CommandRefused, link: NodeLink) -> NodeLink:  # noqa: ARG002 - see Nodes
        """See :meth:`Nodes.redirected`."""
        raise refused
