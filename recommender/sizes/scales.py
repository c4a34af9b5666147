"""The scales on which sizes are measured, packed into one byte.

A scale is a size system (US, EU, …) of one kind of size (clothing, shoe, bra, …) and, for clothing, a
size type (petite, plus, …). Sizes of different scales never compare, so a US 10 can never meet an EU 10
and a petite 10 never a regular one. Codes are stored in visitors' states: never renumber them.

Layout of the byte: codes below 192 are ``16 × size type + clothing base``; codes from 192 on are scales
that have no size types.
"""

from enum import IntEnum
from functools import cache
from typing import Final


class Scale(IntEnum):
    """Code of a scale; a clothing code stands for size type *regular*, see :func:`with_size_type`."""

    CLOTHING = 0
    """Numbers whose size system the feed does not state: the shop's own scale."""
    CLOTHING_US = 1
    CLOTHING_UK = 2
    CLOTHING_EU = 3
    CLOTHING_FR = 4
    CLOTHING_IT = 5
    CLOTHING_DE = 6
    CLOTHING_JP = 7
    CLOTHING_AU = 8
    CLOTHING_BR = 9
    CLOTHING_CN = 10
    CLOTHING_MEX = 11
    ALPHA = 12
    """S, M, L of Western makers. Half units: M is 20, one letter size is 2."""
    ALPHA_ASIA = 13
    """S, M, L where the feed says JP or CN: cut for another population, so kept apart."""
    WAIST_INSEAM = 14
    """Inches; ``second`` is the inseam, 0 where the label gives none."""
    SHOE = 192
    SHOE_US = 193
    SHOE_UK = 194
    SHOE_EU = 195
    SHOE_FR = 196
    SHOE_IT = 197
    SHOE_DE = 198
    SHOE_JP = 199
    SHOE_AU = 200
    SHOE_BR = 201
    SHOE_CN = 202
    SHOE_MEX = 203
    BRA = 208
    BRA_US = 209
    BRA_UK = 210
    BRA_EU = 211
    BRA_FR = 212
    BRA_IT = 213
    BRA_DE = 214
    BRA_JP = 215
    BRA_AU = 216
    ONE_SIZE = 224
    HEIGHT = 225
    """Body height in centimetres, for children (EN 13402-3)."""
    AGE = 226
    """Age in months, for children."""


class SizeType(IntEnum):
    """Cut of a clothing size: Merchant Center's ``size_type`` values and the pairs it allows."""

    REGULAR = 0
    PETITE = 1
    PLUS = 2
    TALL = 3
    BIG = 4
    MATERNITY = 5
    BIG_AND_TALL = 6
    PLUS_PETITE = 7
    PLUS_TALL = 8
    PLUS_MATERNITY = 9
    PETITE_MATERNITY = 10
    TALL_MATERNITY = 11


SIZE_SYSTEMS: Final = ("US", "UK", "EU", "FR", "IT", "DE", "JP", "AU", "BR", "CN", "MEX")
"""Merchant Center's ``size_system`` values, in the order of the codes above."""

_TYPES: Final = {
    frozenset({"petite"}): SizeType.PETITE,
    frozenset({"plus"}): SizeType.PLUS,
    frozenset({"oversize"}): SizeType.PLUS,
    frozenset({"tall"}): SizeType.TALL,
    frozenset({"long"}): SizeType.TALL,
    frozenset({"big"}): SizeType.BIG,
    frozenset({"maternity"}): SizeType.MATERNITY,
    frozenset({"big", "tall"}): SizeType.BIG_AND_TALL,
    frozenset({"plus", "petite"}): SizeType.PLUS_PETITE,
    frozenset({"plus", "tall"}): SizeType.PLUS_TALL,
    frozenset({"plus", "maternity"}): SizeType.PLUS_MATERNITY,
    frozenset({"petite", "maternity"}): SizeType.PETITE_MATERNITY,
    frozenset({"tall", "maternity"}): SizeType.TALL_MATERNITY,
}
_CLOTHING_END: Final = 192
_TYPE_STRIDE: Final = 16


def system_index(size_system: str | None) -> int | None:
    """Return 1 … 11 for a Merchant Center size system, 0 where none is stated, ``None`` for an unknown one."""
    if not size_system or not size_system.strip():
        return 0
    name = size_system.strip().upper()
    name = {"GB": "UK", "MX": "MEX", "EUR": "EU", "USA": "US"}.get(name, name)
    return SIZE_SYSTEMS.index(name) + 1 if name in SIZE_SYSTEMS else None


def size_type_of(size_type: str | None) -> SizeType | None:
    """Return the size type of a feed's value, e.g. ``"petite"`` or ``"big and tall"``.

    Args:
        size_type: the feed's ``size_type``; several values may be joined by a comma, slash, blank or "and".

    Returns:
        The size type, regular where none is stated, ``None`` for a value that is none of ours: a size of an
        unknown cut must not be mixed with regular ones.
    """
    if not size_type:
        return SizeType.REGULAR
    words = size_type.lower().replace(",", " ").replace("/", " ").replace("&", " ").replace("-", " ").split()
    meant = frozenset(word for word in words if word not in {"and", "regular", "standard", "size"})
    return SizeType.REGULAR if not meant else _TYPES.get(meant)


def with_size_type(scale: int, size_type: SizeType) -> int:
    """Return the clothing scale for another size type; scales without size types come back unchanged."""
    return base_of(scale) + _TYPE_STRIDE * size_type if scale < _CLOTHING_END else scale


def base_of(scale: int) -> int:
    """Return the scale without its size type: a member of :class:`Scale`."""
    return scale % _TYPE_STRIDE if scale < _CLOTHING_END else scale


def size_type_in(scale: int) -> SizeType:
    """Return the size type packed into a scale code, regular for scales that have none."""
    return SizeType(scale // _TYPE_STRIDE) if scale < _CLOTHING_END else SizeType.REGULAR


@cache  # 4 µs otherwise, and there are only some hundred scales
def size_system_of(scale: int) -> str | None:
    """Return the Merchant Center size system of a scale, ``None`` where it has none (alpha, inches, …)."""
    base = base_of(scale)
    for first in (Scale.CLOTHING, Scale.SHOE, Scale.BRA):
        offset = base - first
        if first is Scale.BRA and base == Scale.BRA_AU:
            return "AU"
        last = 7 if first is Scale.BRA else len(SIZE_SYSTEMS)
        if 1 <= offset <= last:
            return SIZE_SYSTEMS[offset - 1]
    return None


@cache
def step_of(scale: int) -> int:
    """Return the widest ordinary distance of neighbouring sizes in half units, 0 where the shop defines it.

    Women's and men's clothing goes by 2 (JP and US juniors too), shoes by 1 or ½, heights by 6 cm.
    """
    base = base_of(scale)
    if base == Scale.CLOTHING or base in {Scale.SHOE, Scale.BRA, Scale.AGE}:
        return 0
    if base < Scale.ALPHA:
        return 4
    if base == Scale.HEIGHT:
        return 12
    if Scale.BRA_US <= base <= Scale.BRA_AU:
        return {Scale.BRA_US: 4, Scale.BRA_UK: 4, Scale.BRA_IT: 2, Scale.BRA_AU: 4}.get(Scale(base), 10)
    if base == Scale.SHOE_CN:
        return 20
    return 2
