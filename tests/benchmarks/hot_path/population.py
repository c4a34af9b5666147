"""Millions of visitors in Redis within a minute: copies of a few whom the service itself has come to know."""

import socket
from collections.abc import Iterable
from itertools import islice
from typing import Final

from redis import Redis

from service.stores.keys import Keyspace
from tests.benchmarks.hot_path.processes import HOST
from tests.benchmarks.hot_path.servers import Server
from tests.benchmarks.hot_path.shop import ReferenceShop

_BATCH: Final = 2_000
_OK: Final = b"+OK\r\n"
_READ_BYTES: Final = 1 << 16

_SET: Final = b"*5\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$2\r\nPX\r\n$%d\r\n%b\r\n"


def multiply(redis: Server, shop: ReferenceShop, known: int) -> None:
    """Make the other visitors of a shop look like its first ones.

    Args:
        redis: that the service keeps its visitors in.
        shop: whose visitors to make.
        known: how many of them the service knows; every other one gets state, ring and orders of one of these.

    Raises:
        RuntimeError: Redis refuses; the message is what it said.
    """
    with Redis(port=redis.port) as client:
        templates = [_written(client, shop, number) for number in range(known)]
    fill(
        redis.port,
        (
            (key, value, lifetime_ms)
            for number in range(known, shop.visitors)
            for key, (value, lifetime_ms) in zip(_keys(shop, number), templates[number % known], strict=True)
            if value
        ),
    )


def fill(port: int, values: Iterable[tuple[str, bytes, int]]) -> None:
    """Set keys of a Redis on loopback: name, value and milliseconds to live of each.

    Raises:
        RuntimeError: Redis refuses; the message is what it said.
    """
    commands = (_command(*each) for each in values)
    with socket.create_connection((HOST, port)) as connection:
        while batch := list(islice(commands, _BATCH)):
            connection.sendall(b"".join(batch))
            missing = len(_OK) * len(batch)
            while missing > 0:
                received = connection.recv(_READ_BYTES)
                if b"-" in received or not received:
                    raise RuntimeError(f"Redis refused a key: {received[:200]!r}")
                missing -= len(received)


def _command(key: str, value: bytes, lifetime_ms: int) -> bytes:
    name, lifetime = key.encode(), b"%d" % lifetime_ms
    return _SET % (len(name), name, len(value), value, len(lifetime), lifetime)


def _keys(shop: ReferenceShop, number: int) -> tuple[str, str, str]:
    keys = Keyspace().of_visitor(shop.visitor_id(number))
    return keys.state, keys.ring, keys.orders


def _written(client: "Redis", shop: ReferenceShop, number: int) -> list[tuple[bytes, int]]:
    """Return what the service keeps of a visitor: values and their milliseconds to live; empty for nothing."""
    keys = _keys(shop, number)
    found = [(bytes(client.get(key) or b""), int(client.pttl(key))) for key in keys]  # type: ignore[arg-type]
    if not found[0][0]:
        raise RuntimeError(f"the service does not know visitor {number}")
    return found
