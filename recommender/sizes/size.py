"""A size as a position on a scale, and the evidence for it that a visitor leaves behind."""

from enum import IntEnum
from typing import NamedTuple


class Size(NamedTuple):
    """A parsed size: where it lies on the scale of one size system.

    ``scale`` is a code of :class:`recommender.sizes.scales.Scale` (system and kind, for example US numeric,
    alpha, waist/inseam inches, EU shoe, UK bra). ``value`` and ``second`` are positions in half units:
    US 10 is ``value=20``; shoe 8.5 is 17; W32/L34 is 64 and 68; a 34C bra is band 68 and cup 3 × 2.
    ``second`` is 0 where the scale has one dimension. Sizes of different scales never compare.
    """

    scale: int
    value: int
    second: int


class EvidenceKind(IntEnum):
    """What a visitor did with a size, in the order of its weight; one byte in the visitor's state."""

    CLICK = 1
    CART = 2
    PURCHASE_UNCONFIRMED = 3
    """A purchase that only the browser reported."""
    PURCHASE = 4
    """A purchase that the shop's server or an import reported."""
    DESELECT = 5
    """Takes back the click and the cart line of the same item and size up to its day."""
    REFUND = 6
    TOO_SMALL = 7
    TOO_LARGE = 8
    TRUE_TO_SIZE = 9
    PURCHASE_PRESELECTED = 10
    """A purchase in a size that Kabin had preselected."""


class SizeEvidence(NamedTuple):
    """One act of a visitor that speaks for (or against) a size; 13 bytes in the visitor's state.

    A visitor's evidence is a *set* of these: the same act twice is one record, so order and repetition
    cannot matter. ``item_key`` is :func:`recommender.identifiers.key_of` the item (not the SKU),
    ``department`` a code of :mod:`recommender.departments`, ``day`` whole days since 1970-01-01 UTC.
    """

    day: int
    kind: int
    item_key: int
    department: int
    size: Size
