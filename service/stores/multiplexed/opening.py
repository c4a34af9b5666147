"""Opening a connection: the socket, TLS, login, and whether the server may be used."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from service.stores.connection import StoreUnavailable
from service.stores.multiplexed.connection import Limits, MultiplexedConnection, Part, encoded
from service.stores.redis_url import Address

_PATIENCE_SECONDS: Final = 1.0
"""An attempt that began while the network was silent is not waited for when the next one would succeed."""
_KEEPALIVE_IDLE_SECONDS: Final = 30
"""Shorter than the idle limits of the firewalls and load balancers that stand before hosted servers (350 s at AWS)."""


async def open_connection(
    address: Address,
    limits: Limits,
    on_lost: Callable[[MultiplexedConnection], None],
    *,
    must_be_primary: bool = False,
) -> MultiplexedConnection:
    """Return a connection on which the server has said that it takes commands.

    Args:
        address: of the server.
        limits: of the connection.
        on_lost: see :class:`MultiplexedConnection`; also called if the handshake fails.
        must_be_primary: refuse a replica: what Sentinels say may be a moment old.

    Raises:
        StoreUnavailable: nothing answers in time, or the server refuses the login, is loading or is a replica.
    """
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            connection = await _connected(address, limits, on_lost)
            try:
                await _shake_hands(connection, address, must_be_primary=must_be_primary)
            except BaseException:
                connection.drop("the handshake failed")
                raise
    except TimeoutError:
        raise StoreUnavailable(f"Redis at {address} did not answer in time") from None
    except OSError as error:
        raise StoreUnavailable(f"Redis at {address}: {error}") from error
    return connection


async def _connected(
    address: Address, limits: Limits, on_lost: Callable[[MultiplexedConnection], None]
) -> MultiplexedConnection:
    loop = asyncio.get_running_loop()

    def protocol() -> MultiplexedConnection:
        return MultiplexedConnection(limits, on_lost)

    if address.path is not None:
        _, connection = await loop.create_unix_connection(protocol, address.path)
        return connection
    transport, connection = await loop.create_connection(
        protocol, address.host, address.port, ssl=address.tls
    )
    _keep_alive(transport.get_extra_info("socket"))
    return connection


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_SECONDS)


async def _shake_hands(connection: MultiplexedConnection, address: Address, *, must_be_primary: bool) -> None:
    commands: list[tuple[Part, ...]] = []
    if address.password is not None:
        user = () if address.username is None else (address.username,)
        commands.append(("AUTH", *user, address.password))
    if address.database:
        commands.append(("SELECT", str(address.database)))
    if must_be_primary:
        commands.append(("ROLE",))
    commands.append(("PING",))
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    replies = [connection.send(encoded(command), deadline) for command in commands]
    # All of them are awaited, so that no failure is left unlooked at; the first one is told.
    outcomes = await asyncio.gather(*replies, return_exceptions=True)
    for command, outcome in zip(commands, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            raise outcome
        if command == ("ROLE",) and outcome[0] != b"master":
            raise StoreUnavailable(f"Redis at {address} is a replica")
