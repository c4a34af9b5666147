"""Shoe sizes: whole, half and third sizes, widths, and children's numbers that start again after 13½."""

import re
from typing import Final

from recommender.departments import AgeGroup, Department
from recommender.sizes.letters import parse_letters
from recommender.sizes.scales import SIZE_SYSTEMS, Scale
from recommender.sizes.size import Size

WIDTHS: Final = {
    "N": 1,
    "NARROW": 1,
    "W": 2,
    "WIDE": 2,
    "WEIT": 2,
    "WW": 4,
    "XW": 4,
    "EXTRA WIDE": 4,
    "XWIDE": 4,
}
"""``Size.second`` of a shoe's width; 0 is the ordinary one (M, or none stated)."""

_WIDTH: Final = re.compile(rf"(?<=[\d\s½])({'|'.join(sorted(WIDTHS, key=len, reverse=True))})$")
_FRACTIONS: Final = {"1/2": 0.5, "½": 0.5, "1/3": 0.5, "2/3": 0.5, "⅓": 0.5, "⅔": 0.5}
_SHOE: Final = re.compile(r"(\d{1,3}(?:\.\d)?)(?:\s*(1/2|1/3|2/3|½|⅓|⅔))?\s*(C|K|Y|T|M|[BD](?!\w))?")


def parse_shoe(text: str, system: int, where: Department) -> Size | None:
    """Return the size of ``"8.5"``, ``"38 2/3"`` (kept as 38.5), ``"10 WIDE"``, ``"13C"``; ``system`` as in ``system_index``."""
    width = 0
    stated = _WIDTH.search(text)
    if stated:
        width, text = WIDTHS[stated[1]], text[: stated.start()].strip(" -/(")
    letters = parse_letters(text, system)
    if letters is not None:
        return letters
    pair = re.fullmatch(r"(\d{2})\s*[/-]\s*(\d{2})", text)
    if pair and int(pair[2]) - int(pair[1]) == 1:
        return Size(Scale.SHOE + system, int(pair[1]) + int(pair[2]), width)
    match = _SHOE.fullmatch(text)
    if match is None:
        return None
    number = float(match[1]) + _FRACTIONS.get(match[2] or "", 0.0)
    is_child = where.age_group is not AgeGroup.ADULT
    value = round(2 * number)
    if value != 2 * number or value == 0 or (match[3] in {"C", "K", "Y", "T"} and not is_child):
        return None
    if is_child and system and SIZE_SYSTEMS[system - 1] in {"US", "UK", "AU", "MEX"}:
        value = _child_shoe(value, match[3], where.age_group)
    return Size(Scale.SHOE + system, value, width)


def _child_shoe(value: int, mark: str | None, age_group: AgeGroup) -> int:
    """Put children's and youth's numbers on one line: after 13½ comes 1 (youth), kept as 14.

    Without a mark, numbers below 7½ are youth's in department kids (a US child of the age group kids has
    outgrown child's 7) and children's in the younger age groups.
    """
    is_unmarked = mark not in {"C", "K", "T", "Y"}  # M, B and D are widths
    is_youth = mark == "Y" or (is_unmarked and age_group is AgeGroup.KIDS and value < 15)
    return value + 26 if is_youth else value


def format_shoe(size: Size) -> str:
    """Return length and width, e.g. ``"8.5 W"``; youth's 1 comes out as the 14 that it is kept as."""
    width = {1: " N", 2: " W", 4: " WW"}.get(size.second, "")
    return f"{size.value / 2:g}" + width
