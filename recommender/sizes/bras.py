"""Bra sizes: a band and a cup whose letters mean another number of steps in each system."""

import re
from typing import Final

from recommender.sizes.scales import SIZE_SYSTEMS, Scale
from recommender.sizes.size import Size

_CUPS_METRIC: Final = ("AA", "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L")
_CUPS_UK: Final = (
    "AA",
    "A",
    "B",
    "C",
    "D",
    "DD",
    "E",
    "F",
    "FF",
    "G",
    "GG",
    "H",
    "HH",
    "J",
    "JJ",
    "K",
    "KK",
    "L",
)
_CUPS_US: Final = ("AA", "A", "B", "C", "D", "DD", "DDD", "G", "H", "I", "J", "K", "L")
_CUP_ALIASES_US: Final = {"E": "DD", "DD/E": "DD", "F": "DDD", "DDD/F": "DDD", "DDDD": "G"}
_BRA_SYSTEMS: Final = ("", "US", "UK", "EU", "FR", "IT", "DE", "JP", "AU")
_BRA: Final = re.compile(r"(\d{1,3})\s*([A-Z]{1,4}(?:/[A-Z]{1,3})?)|([A-Z]{1,3})\s*(\d{2,3})")


def _cups(base: int) -> tuple[str, ...]:
    if base in {Scale.BRA, Scale.BRA_UK, Scale.BRA_AU}:
        return _CUPS_UK
    return _CUPS_US if base == Scale.BRA_US else _CUPS_METRIC


def parse_bra(text: str, system: int) -> Size | None:
    """Read band and cup; the cup's letters mean another number of steps in each system (UK E is EU F)."""
    name = SIZE_SYSTEMS[system - 1] if system else ""
    match = _BRA.fullmatch(text)
    if match is None or name not in _BRA_SYSTEMS:
        return None
    band, cup = int(match[1] or match[4]), match[2] or match[3]
    base = int(Scale.BRA) + _BRA_SYSTEMS.index(name)
    if base == Scale.BRA_US:
        cup = _CUP_ALIASES_US.get(cup, cup)
    elif base == Scale.BRA:
        cup = {"DDD": "E", "DD/E": "DD"}.get(cup, cup)
    elif base not in {Scale.BRA_UK, Scale.BRA_AU}:
        cup = {"DD": "E"}.get(cup, cup)
    cups = _cups(base)
    if cup not in cups or not 0 <= band <= 160:
        return None
    return Size(base, 2 * band, 2 * cups.index(cup))


def format_bra(size: Size) -> str:
    """Return band and cup, e.g. ``"34DD"``."""
    return f"{size.value / 2:g}{_cups(size.scale)[size.second // 2]}"
