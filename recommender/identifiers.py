"""Short stable numbers for the identifiers a shop and its pages use."""

from hashlib import blake2b
from typing import Final

KEY_BYTES: Final = 5
"""Width of an item or SKU key: 40 bits collide for 0.5 of the pairs among a million items."""


def key_of(identifier: str) -> int:
    """Return the 40-bit key under which an item or a SKU is remembered in a visitor's state.

    Args:
        identifier: an ``item_group_id`` or ``id`` of the feed, as the shop spells it.

    Returns:
        An integer in ``[0, 2**40)``, the same on every machine and in every version.
    """
    return int.from_bytes(blake2b(identifier.encode(), digest_size=KEY_BYTES).digest(), "big")


def fingerprint(*parts: str) -> int:
    """Return the 64-bit fingerprint by which a repetition is recognised (event id, transaction, …)."""
    return int.from_bytes(blake2b("\x1f".join(parts).encode(), digest_size=8).digest(), "big")
