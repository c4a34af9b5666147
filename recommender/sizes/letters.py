"""Letter sizes: XXS to 8XL, written in letters, digits or words, and the sizes between two of them."""

import re
from typing import Final

from recommender.sizes.scales import SIZE_SYSTEMS, Scale
from recommender.sizes.size import Size

_WORDS: Final = {
    "EXTRA SMALL": "XS",
    "X-SMALL": "XS",
    "XSMALL": "XS",
    "EXTRA LARGE": "XL",
    "X-LARGE": "XL",
    "XLARGE": "XL",
    "SMALL": "S",
    "MEDIUM": "M",
    "MED": "M",
    "LARGE": "L",
}
_BETWEEN: Final = re.compile(r"/|(?<!X)-|-(?!SMALL|LARGE)")
_WORD_SIZE: Final = re.compile(r"(?<=X)[ -]?(SMALL|LARGE)")
"""The word in ``"XX-LARGE"`` and ``"2X LARGE"``."""
_ALPHA: Final = re.compile(r"(?:(\d{1,2})X|(X*))(S|L)|(M)")


def parse_letters(text: str, system: int) -> Size | None:
    """Return the size of ``"M"``, ``"2XL"``, ``"S/M"`` …, ``None`` for anything else; ``system`` as in ``system_index``."""
    scale = Scale.ALPHA_ASIA if system and SIZE_SYSTEMS[system - 1] in {"JP", "CN"} else Scale.ALPHA
    text = _WORDS.get(text, text)
    parts = [_letter(_WORDS.get(part.strip(), part.strip())) for part in _BETWEEN.split(text)]
    known = [part for part in parts if part is not None]
    if len(known) != len(parts) or len(parts) > 2:
        return None
    if len(known) == 2 and known[1] - known[0] != 2:
        return None
    return Size(scale, sum(known) // len(known), 0)


def _letter(text: str) -> int | None:
    match = _ALPHA.fullmatch(_WORD_SIZE.sub(_abbreviated, text))
    if match is None:
        return None
    if match[4]:
        return 20
    count = int(match[1]) if match[1] else len(match[2])
    sign = -1 if match[3] == "S" else 1
    return 20 + sign * 2 * (count + 1) if count <= 8 else None


def _abbreviated(word: re.Match[str]) -> str:
    return word[1][0]


def format_letters(size: Size) -> str:
    """Return ``"XS"``, ``"3XL"`` or ``"S/M"``."""
    if size.value % 2:
        return f"{_letter_of(size.value - 1)}/{_letter_of(size.value + 1)}"
    return _letter_of(size.value)


def _letter_of(value: int) -> str:
    if value == 20:
        return "M"
    count = abs(value - 20) // 2 - 1
    return ("X" * count if count <= 2 else f"{count}X") + ("S" if value < 20 else "L")
