"""The bytes of a visitor's state, and of effects on their way to the store's script.

All numbers are big-endian. A state is one string:

====== ===== ==============================================================================================
offset bytes content
====== ===== ==============================================================================================
0      1     format, :data:`FORMAT`
1      4     ``last_seen``, Unix seconds
5      4     ``session_started``, Unix seconds
9      5     homepage pin: Unix seconds, variant (0 none, 1 full_price, 2 promo)
14     4     ``affinity_version``
18     5     ``cart_cleared_tick``
23     32    affinity: four doubles
55     4     numbers of records of evidence, cart lines, views and exposures, one byte each
59     12·n  evidence: day 16 bits, kind 4, item key 40, department 8, scale 8, value 12, second 8
       15·n  cart lines: tick 39 bits, present 1, item key 40, SKU key 40
       10·n  views: tick 40 bits, item key 40
       9·n   exposures: Unix second 32 bits, variation 8, experiment key 32
       7     maybe: the store's own, the visitor's arrival at the rate that they may ask at, Unix µs
====== ===== ==============================================================================================

Each section is sorted by its records' bytes, greatest first, which is the order of the tuples. Every record
starts with what it is ordered by, so the script compares a number and, only where that ties, bytes.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Final

from recommender.affinity import AffinitySums
from recommender.homepage import HomepageVariant
from recommender.sizes.size import Size, SizeEvidence
from recommender.visitor.effects import Effects, OrderCopy
from recommender.visitor.state import CartLine, Exposure, HomepagePin, Viewed, VisitorState

FORMAT: Final = 1
"""Format of states and of effects; a release that changes either raises it and rebuilds."""

PIN_OFFSET: Final = 9
ARRIVAL_BYTES: Final = 7

_HEADER: Final = Struct(">BIIIBI5sddddBBBB")
_EVIDENCE: Final = Struct(">QI")
_CART: Final = Struct(">IBIBIB")
_VIEWED: Final = Struct(">HQ")
_EXPOSURE: Final = Struct(">IBI")
_EFFECTS: Final = Struct(">Q5sIBBBBBB")
_ONCE: Final = Struct(">Qdddd")
_ORDER: Final = Struct(">QB5sdddd")
_STORED_ORDER: Final = Struct(">QB5sIdddd")
_PIN: Final = Struct(">IB")

_EVIDENCE_BYTES: Final = 12
_CART_BYTES: Final = 15
_VIEWED_BYTES: Final = 10
_EXPOSURE_BYTES: Final = 9
_40_BITS: Final = (1 << 40) - 1

_new = tuple.__new__
"""Makes a named tuple in a third of the time of its own constructor; a state has up to 70 of them."""

_VARIANT_CODES: Final[dict[HomepageVariant, int]] = {"full_price": 1, "promo": 2}
_VARIANTS: Final[dict[int, HomepageVariant]] = {code: variant for variant, code in _VARIANT_CODES.items()}


class StateFormatError(ValueError):
    """Stored bytes are no state of this format; ``kabin rebuild`` writes them anew."""


def encode_state(state: VisitorState) -> bytes:
    """Return the bytes of a state; its sections must be sorted and within their capacities."""
    pin = state.homepage
    header = _HEADER.pack(
        FORMAT,
        state.last_seen,
        state.session_started,
        0 if pin is None else pin.second,
        0 if pin is None else _VARIANT_CODES[pin.variant],
        state.affinity_version,
        state.cart_cleared_tick.to_bytes(5, "big"),
        *state.affinity,
        len(state.evidence),
        len(state.cart),
        len(state.recently_viewed),
        len(state.exposures),
    )
    return b"".join(
        (
            header,
            *map(encode_evidence, state.evidence),
            *map(_encode_cart_line, state.cart),
            *map(_encode_viewed, state.recently_viewed),
            *map(_encode_exposure, state.exposures),
        )
    )


def decode_state(stored: bytes) -> VisitorState:
    """Return the state that ``stored`` holds.

    Raises:
        StateFormatError: the bytes are of another format or damaged.
    """
    if len(stored) < _HEADER.size or stored[0] != FORMAT:
        found = f"format {stored[0]}" if stored else "no bytes"
        raise StateFormatError(
            f"a stored visitor state has {found}, not format {FORMAT}: run `kabin rebuild`"
        )
    (
        _, last_seen, session_started, pin_second, pin_variant, version, cleared, observed, expected, weight,
        weight_squared, evidence_count, cart_count, viewed_count, exposure_count,
    ) = _HEADER.unpack_from(stored)  # fmt: skip
    cart_at = _HEADER.size + evidence_count * _EVIDENCE_BYTES
    viewed_at = cart_at + cart_count * _CART_BYTES
    exposures_at = viewed_at + viewed_count * _VIEWED_BYTES
    end = exposures_at + exposure_count * _EXPOSURE_BYTES
    if len(stored) not in (end, end + ARRIVAL_BYTES):
        raise StateFormatError(
            f"a stored visitor state has {len(stored)} bytes where its header says {end}: run `kabin rebuild`"
        )
    variant = _VARIANTS.get(pin_variant)
    # By position, and without asking for empty sections: 4 µs less within a request.
    return VisitorState(
        _decode_evidence(stored[_HEADER.size : cart_at]) if evidence_count else (),
        _new(AffinitySums, (observed, expected, weight, weight_squared)),
        version,
        _decode_cart(stored[cart_at:viewed_at]) if cart_count else (),
        int.from_bytes(cleared, "big"),
        tuple(
            [
                _new(Viewed, (high << 24 | low >> 40, low & _40_BITS))
                for high, low in _VIEWED.iter_unpack(stored[viewed_at:exposures_at])
            ]
        )
        if viewed_count
        else (),
        tuple([_new(Exposure, record) for record in _EXPOSURE.iter_unpack(stored[exposures_at:end])])
        if exposure_count
        else (),
        None if variant is None else HomepagePin(pin_second, variant),
        last_seen,
        session_started,
    )


def encode_evidence(record: SizeEvidence) -> bytes:
    """Return the 12 bytes of a record, which sort as the records do."""
    day, kind, item_key, department, (scale, value, second) = record
    return _EVIDENCE.pack(
        day << 48 | kind << 44 | item_key << 4 | department >> 4,
        (department & 0xF) << 28 | scale << 20 | value << 8 | second,
    )


def _decode_evidence(section: bytes) -> tuple[SizeEvidence, ...]:
    return tuple(
        [
            _new(
                SizeEvidence,
                (
                    high >> 48,
                    high >> 44 & 0xF,
                    high >> 4 & _40_BITS,
                    (high & 0xF) << 4 | low >> 28,
                    _decode_size(low & 0xFFF_FFFF),
                ),
            )
            for high, low in _EVIDENCE.iter_unpack(section)
        ]
    )


@lru_cache(maxsize=4096)
def _decode_size(low: int) -> Size:
    """Return the size in the low 28 bits of a record; visitors share a few hundred."""
    return Size(low >> 20, low >> 8 & 0xFFF, low & 0xFF)


def _encode_cart_line(line: CartLine) -> bytes:
    stamp = line.tick << 1 | line.present
    return b"%b%b%b" % (
        stamp.to_bytes(5, "big"),
        line.item_key.to_bytes(5, "big"),
        line.sku_key.to_bytes(5, "big"),
    )


def _decode_cart(section: bytes) -> tuple[CartLine, ...]:
    return tuple(
        [
            _new(
                CartLine,
                (high << 7 | low >> 1, bool(low & 1), item_high << 8 | item_low, sku_high << 8 | sku_low),
            )
            for high, low, item_high, item_low, sku_high, sku_low in _CART.iter_unpack(section)
        ]
    )


def _encode_viewed(viewed: Viewed) -> bytes:
    return viewed.tick.to_bytes(5, "big") + viewed.item_key.to_bytes(5, "big")


def _encode_exposure(exposure: Exposure) -> bytes:
    return _EXPOSURE.pack(*exposure)


def encode_effects(effects: Effects) -> bytes:
    """Return the bytes in which the script takes one event's effects: counts, then each part's records."""
    order = effects.order
    parts = [
        _EFFECTS.pack(
            effects.fingerprint,
            effects.cart_cleared_tick.to_bytes(5, "big"),
            effects.affinity_version,
            len(effects.evidence),
            len(effects.cart),
            len(effects.recently_viewed),
            len(effects.exposures),
            len(effects.affinity),
            0 if order is None else 1,
        )
    ]
    if effects.evidence:
        parts.extend(map(encode_evidence, effects.evidence))
    if effects.cart:
        parts.extend(map(_encode_cart_line, effects.cart))
    if effects.recently_viewed:
        parts.extend(map(_encode_viewed, effects.recently_viewed))
    if effects.exposures:
        parts.extend(map(_encode_exposure, effects.exposures))
    if effects.affinity:
        parts.extend([_ONCE.pack(once.fingerprint, *once.sums) for once in effects.affinity])
    if order is not None:
        parts.append(_ORDER.pack(order.fingerprint, order.rank, order.untick.to_bytes(5, "big"), *order.sums))
    return b"".join(parts)


def encode_pin(pin: HomepagePin) -> bytes:
    """Return the five bytes of a homepage pin at :data:`PIN_OFFSET` of a state."""
    return _PIN.pack(pin.second, _VARIANT_CODES[pin.variant])


def encode_orders(orders: Sequence[tuple[OrderCopy, int]]) -> bytes:
    """Return the string in which the store remembers orders: each copy and its ``affinity_version``."""
    return b"".join(
        _STORED_ORDER.pack(copy.fingerprint, copy.rank, copy.untick.to_bytes(5, "big"), version, *copy.sums)
        for copy, version in orders
    )


def decode_orders(stored: bytes) -> tuple[tuple[OrderCopy, int], ...]:
    """Return the orders that :func:`encode_orders` wrote.

    Raises:
        StateFormatError: the bytes are damaged.
    """
    if len(stored) % _STORED_ORDER.size:
        raise StateFormatError(f"stored orders have {len(stored)} bytes: run `kabin rebuild`")
    return tuple(
        (OrderCopy(rank, int.from_bytes(untick, "big"), AffinitySums(*sums), print_), version)
        for print_, rank, untick, version, *sums in _STORED_ORDER.iter_unpack(stored)
    )


def encode_ring(fingerprints: Iterable[int]) -> bytes:
    """Return the string by which the store recognises repetitions: 8 bytes each.

    Args:
        fingerprints: oldest first; an event's (even) precedes those that it counts once (odd).
    """
    return b"".join(print_.to_bytes(8, "big") for print_ in fingerprints)


def decode_ring(stored: bytes) -> tuple[int, ...]:
    """Return the fingerprints that :func:`encode_ring` wrote; of a lone arrival, which a ring may be, none."""
    whole = len(stored) - len(stored) % 8
    return tuple(int.from_bytes(stored[start : start + 8], "big") for start in range(0, whole, 8))
