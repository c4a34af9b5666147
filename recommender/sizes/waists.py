"""Trousers by waist and inseam in inches."""

import re
from typing import Final

from recommender.departments import AgeGroup, Department, Family, Gender
from recommender.sizes.scales import SIZE_SYSTEMS, Scale
from recommender.sizes.size import Size

_WAIST: Final = re.compile(r"W\s*(\d{2})(?:\s*[/x×\- ]?\s*L\s*(\d{2}))?", re.IGNORECASE)
_WAIST_BEHIND: Final = re.compile(r"(\d{2})\s*W\s*[/x×\-]?\s*(\d{2})\s*L", re.IGNORECASE)
_WAIST_PAIR: Final = re.compile(r"(\d{2})\s*(/|x|×|-|L|R)\s*(\d{2})", re.IGNORECASE)


def parse_waist(text: str, system: int, where: Department) -> Size | None:
    """Return the size of ``"W32/L34"``, ``"32x34"``, ``"32/34"``, ``"32W x 34L"``, ``"W32"`` in department bottoms; 0 is no inseam.

    In a continental women's size system ``"36/38"`` is a double size, not a waist and an inseam.
    """
    if where.family is not Family.BOTTOMS:
        return None
    match = _WAIST.fullmatch(text) or _WAIST_BEHIND.fullmatch(text)
    if match:
        waist, inseam = int(match[1]), int(match[2] or 0)
    else:
        pair = _WAIST_PAIR.fullmatch(text)
        if pair is None:
            return _bare_waist(text, system, where)
        waist, inseam = int(pair[1]), int(pair[3])
        european = system and SIZE_SYSTEMS[system - 1] not in {"US", "UK", "AU"}
        if pair[2] in "/-" and inseam == waist + 2 and european and where.gender is not Gender.MALE:
            return None
    if not 20 <= waist <= 60 or not (inseam == 0 or 24 <= inseam <= 40):
        return None
    return Size(Scale.WAIST_INSEAM, 2 * waist, 2 * inseam)


def _bare_waist(text: str, system: int, where: Department) -> Size | None:
    """Read ``"32"`` as inches where the system leaves no other meaning: men's trousers, US women's jeans."""
    if not text.isdigit() or system == 0 or where.age_group is not AgeGroup.ADULT:
        return None
    number, name = int(text), SIZE_SYSTEMS[system - 1]
    is_waist = (where.gender is Gender.MALE and name in {"US", "UK"} and 26 <= number <= 60) or (
        where.gender is Gender.FEMALE and name == "US" and 23 <= number <= 34 and number % 2 == 1
    )
    return Size(Scale.WAIST_INSEAM, 2 * number, 0) if is_waist else None


def format_waist(size: Size) -> str:
    """Return ``"W32/L34"``, or ``"W32"`` without an inseam."""
    waist = f"{size.value / 2:g}"
    return f"W{waist}/L{size.second / 2:g}" if size.second else f"W{waist}"
