"""FNV-1a, 32 bits, over UTF-16 code units: what GrowthBook's hash versions are made of.

FNV-1a takes one unit after the other, so a prefix is hashed once: seeds when definitions are compiled, a visitor's id
when the first experiment asks. All seeds that precede the same id are hashed together, as lanes of one large integer:
one multiplication moves up to sixteen experiments one unit on, at the price of one and a half.
"""

from array import array
from collections.abc import Sequence
from struct import unpack
from typing import Any, Final

from recommender.experiments.values import hash_text

OFFSET_BASIS: Final = 0x811C9DC5
"""FNV-1a of nothing."""

_PRIME: Final = 0x01000193
_32_BITS: Final = 0xFFFFFFFF

_UNMASKED_UNITS: Final = 64
"""Up to here it is cheaper to let a number grow by 24 bits a unit than to cut it to 32 bits each time."""

_LANE_BITS: Final = 64
"""A state times the prime has 57 bits, so no lane reaches the next."""

_LANES: Final = 16


def code_units(text: str) -> Sequence[int]:
    """Return the UTF-16 code units of a text; of an ASCII text, these are its bytes."""
    if text.isascii():
        return text.encode()
    encoded = text.encode("utf-16-le", "surrogatepass")
    return unpack(f"<{len(encoded) // 2}H", encoded)


def fnv1a(units: Sequence[int], state: int = OFFSET_BASIS) -> int:
    """Return FNV-1a (32 bits) of ``units``, going on from ``state``."""
    if len(units) <= _UNMASKED_UNITS:
        for unit in units:
            state = (state ^ unit) * _PRIME
        return state & _32_BITS
    for unit in units:
        state = (state ^ unit) * _PRIME & _32_BITS
    return state


class Prefixes:
    """Up to sixteen prefixes that are hashed together; filled while definitions are compiled."""

    __slots__ = ("_by_byte", "_layout", "_mask", "_ones", "_size", "_start")

    def __init__(self) -> None:
        self._size = self._start = self._ones = self._mask = 0
        self._layout = ""
        self._by_byte: tuple[int, ...] = ()

    @property
    def is_full(self) -> bool:
        """Whether there is no lane left."""
        return self._size == _LANES

    def add(self, state: int) -> int:
        """Take in a prefix's state and return its lane."""
        lane = self._size
        self._start |= state << lane * _LANE_BITS
        self._ones |= 1 << lane * _LANE_BITS
        self._mask = self._ones * _32_BITS
        self._size += 1
        self._layout = f"<{self._size}Q"
        self._by_byte = tuple(byte * self._ones for byte in range(128))
        return lane

    def followed_by(self, units: Sequence[int]) -> tuple[int, ...]:
        """Return FNV-1a of each prefix with ``units`` after it, by lane."""
        states, mask = self._start, self._mask
        if isinstance(units, bytes):
            by_byte = self._by_byte
            for byte in units:
                states = (states ^ by_byte[byte]) * _PRIME & mask
        else:
            for unit in units:
                states = (states ^ unit * self._ones) * _PRIME & mask
        return unpack(self._layout, states.to_bytes(8 * self._size, "little"))


class Identity:
    """Whom a hash is about.

    Attributes:
        attribute: name of the attribute, such as ``"id"``.
        value: the attribute as given; empty if it identifies nobody.
        text: what is hashed for it; empty if it identifies nobody.
        hashed: FNV-1a of prefixes followed by ``text``, as far as computed; ask :meth:`after`.
    """

    __slots__ = ("_units", "attribute", "hashed", "text", "value")

    def __init__(self, attribute: str, value: Any) -> None:
        self.attribute = attribute
        self.text = hash_text(value)
        self.value = value if self.text else ""
        self.hashed: dict[Prefixes, tuple[int, ...]] = {}
        self._units = code_units(self.text)

    def after(self, prefixes: Prefixes) -> tuple[int, ...]:
        """Return FNV-1a of each prefix followed by the identity, by lane."""
        hashed = self.hashed.get(prefixes)
        if hashed is None:
            hashed = self.hashed[prefixes] = prefixes.followed_by(self._units)
        return hashed


def _decimal_steps() -> "tuple[array[int], ...]":
    """Return what two decimal digits add to a state, by the state's low six bits and the digits' number.

    A digit is 0x30 to 0x39, so xor changes the low six bits only and by an amount that depends on them alone:
    two steps are ``state * prime ** 2`` plus an entry of this table.
    """
    return tuple(
        array("I", ((fnv1a(b"%02d" % pair, low) - low * _PRIME_SQUARED) & _32_BITS for pair in range(100)))
        for low in range(64)
    )


_PRIME_SQUARED: Final = _PRIME * _PRIME & _32_BITS
_PAIRS: Final = _decimal_steps()
_HEADS: Final = array("I", (fnv1a(b"%d" % head) for head in range(_32_BITS // 1_000_000 + 1)))
"""States after the millions of a 32-bit number."""


def fnv1a_of_decimal(number: int) -> int:
    """Return FNV-1a of a 32-bit number's decimal digits: the second half of hash version 2, by table."""
    if number < 1_000_000:
        return fnv1a(b"%d" % number)
    state = _HEADS[number // 1_000_000]
    state = state * _PRIME_SQUARED + _PAIRS[state & 63][number // 10_000 % 100]
    state = state * _PRIME_SQUARED + _PAIRS[state & 63][number // 100 % 100]
    return state * _PRIME_SQUARED + _PAIRS[state & 63][number % 100] & _32_BITS
