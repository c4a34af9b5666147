"""How often one address may ask: kept in the memory of each worker, so every worker grants the rate anew."""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from service.stores.rates import MICROSECONDS, Rate, next_arrival

CAPACITY: Final = 100_000
"""Addresses remembered at most, about 15 MB; only those of the last two reaches of the rate (8 s) are."""

_KNOWN_CLIENTS: Final = 4096
_FORWARDED_BYTES: Final = 256
"""Of the end of ``X-Forwarded-For``: five hops of IPv6. What a client writes before them is nothing to keep."""
_IPV6_NETWORK_BITS: Final = 64
"""Whoever has one IPv6 address has 2⁶⁴ (RFC 6177), so what counts is the network."""

_Address: TypeAlias = IPv4Address | IPv6Address


class AddressRates:
    """Grants every address the same rate.

    Whose request it is: the peer's, or, where the peer is a trusted proxy, that of the last address in
    ``X-Forwarded-For`` that is none. If that one is not public, it is the shop's own proxy or server, behind which
    everybody would share one rate: it is let through, and so is what has no address (a Unix socket).

    Args:
        rate: of each address; ``None`` lets everybody through.
        trusted_proxies: networks of the proxies in front, such as ``10.0.0.0/8``.
        capacity: addresses remembered.

    Raises:
        ValueError: what is no network.
    """

    def __init__(
        self, rate: Rate | None, trusted_proxies: Sequence[str] = (), *, capacity: int = CAPACITY
    ) -> None:
        self._rate = rate
        self._proxies = tuple(ip_network(network, strict=False) for network in trusted_proxies)
        self._generation_size = max(1, capacity // 2)
        self._recent: dict[str, int] = {}
        self._older: dict[str, int] = {}
        self._turn_us = 0
        # Parsing and judging an address takes 8 µs, a known one 0.2; a browser asks more than once.
        self._client_of = lru_cache(_KNOWN_CLIENTS)(self._find_client)

    def admit(self, peer: str | None, forwarded: bytes | None, now: float) -> float:
        """Count a request and return after how many seconds it should come again, 0 if it may go on.

        Args:
            peer: address at the other end of the connection, ``None`` if it has none.
            forwarded: the ``X-Forwarded-For`` header.
            now: Unix seconds.
        """
        rate = self._rate
        if rate is None or not peer:
            return 0.0
        claimed = forwarded[-_FORWARDED_BYTES:] if forwarded and self._proxies else None
        client = self._client_of(peer, claimed)
        if client is None:
            return 0.0
        now_us = int(now * MICROSECONDS)
        if now_us >= self._turn_us or len(self._recent) >= self._generation_size:
            # An arrival is never ahead of the clock for longer than the reach, and one in the past counts as none.
            self._older, self._recent = self._recent, {}
            self._turn_us = now_us + rate.reach_us
        known_us = self._recent.get(client) or self._older.get(client, 0)
        arrival_us = next_arrival(known_us, now_us, rate)
        too_early_us = arrival_us - now_us - rate.reach_us
        if too_early_us > 0:
            return too_early_us / MICROSECONDS
        self._recent[client] = arrival_us
        return 0.0

    @property
    def remembered(self) -> int:
        """How many addresses are in memory now."""
        return len(self._recent.keys() | self._older.keys())

    def _find_client(self, peer: str, forwarded: bytes | None) -> str | None:
        """Return the name of the client in the records, ``None`` if it is let through."""
        address = _parsed(peer)
        hops = forwarded.decode("latin-1").split(",") if forwarded else []
        while address is not None and any(address in network for network in self._proxies):
            address = _parsed(hops.pop()) if hops else None
        if address is None or not address.is_global:
            return None
        if isinstance(address, IPv6Address):
            return str(IPv6Network((int(address), _IPV6_NETWORK_BITS), strict=False))
        return str(address)


def _parsed(text: str) -> _Address | None:
    """Return an address as proxies write it, with or without a port; ``None`` if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    with suppress(ValueError):
        address = ip_address(text)
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return address if mapped is None else mapped
    return None
