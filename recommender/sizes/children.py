"""Children's clothing by body height in centimetres or by age."""

import re
from typing import Final

from recommender.sizes.scales import SIZE_SYSTEMS, Scale
from recommender.sizes.size import Size

_AGE: Final = re.compile(
    r"(\d{1,2}(?:\.5)?)(?:\s*[-–/]\s*(\d{1,2}))?\s*(M|MO|MOS|MONTHS?|MOIS|MONATE?|MESI|Y|YRS?|YEARS?|ANS?|JAHRE?|ANNI|T)\.?"
)
_PAIR: Final = re.compile(r"(\d{2,3})\s*[-–/]\s*(\d{2,3})")


def parse_child(text: str, system: int) -> Size | None:
    """Return a child's size: ``"6-9M"`` and ``"4Y"`` by age, ``"110/116"`` by height (not in the US and UK).

    A span is its middle. ``system`` is as in :func:`recommender.sizes.scales.system_index`.
    """
    match = _AGE.fullmatch(text)
    if match:
        low, high = float(match[1]), float(match[2] or match[1])
        months = (low + high) * (1 if match[3].startswith("M") else 12)
        return Size(Scale.AGE, int(months), 0) if low <= high and months == int(months) else None
    pair = _PAIR.fullmatch(text)
    shortest, tallest = (pair[1], pair[2]) if pair else (text, text)
    if not (shortest.isdigit() and tallest.isdigit()) or not 44 <= int(shortest) <= int(tallest) <= 188:
        return None
    name = SIZE_SYSTEMS[system - 1] if system else ""
    return (
        Size(Scale.HEIGHT, int(shortest) + int(tallest), 0) if name not in {"US", "UK", "MEX", "BR"} else None
    )


def format_age(size: Size) -> str:
    """Return ``"4Y"`` for whole years from three, else months: ``"7.5M"``."""
    years, rest = divmod(size.value, 24)
    return f"{years}Y" if rest == 0 and years > 2 else f"{size.value / 2:g}M"
