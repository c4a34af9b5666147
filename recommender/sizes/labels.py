"""Reading size labels of a feed, and writing sizes back.

Understood: numbers (``"10"``, ``"00"``, ``"38/40"``), letters (``"XS"``, ``"2XL"`` = ``"XXL"``, ``"S/M"``, ``"1X"``), waist and
inseam (``"W32 L34"``, ``"32x34"``), shoes (``"8.5"``, ``"8 ½"``, ``"EU 38 2/3"``, ``"10 wide"``, ``"13C"``), bras (``"34DD"``, ``"C75"``),
heights and ages of children (``"110/116"``, ``"12M"``, ``"4-5 years"``) and one size. A label may carry its own
system (``"US 8"``, of several as in ``"US 10 / EU 42"`` the feed's) or cut (``"12 Petite"``, ``"14W"``); one that contradicts the feed's field is not
understood, and what is not understood is ``None``: Kabin then abstains for that SKU rather than guess.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from recommender.departments import AgeGroup, Department, Family, department_from_code
from recommender.sizes.bras import format_bra, parse_bra
from recommender.sizes.children import format_age, parse_child
from recommender.sizes.letters import format_letters, parse_letters
from recommender.sizes.scales import Scale, SizeType, base_of, size_type_of, system_index, with_size_type
from recommender.sizes.shoes import format_shoe, parse_shoe
from recommender.sizes.size import Size
from recommender.sizes.waists import format_waist, parse_waist

_ONE_SIZE: Final = frozenset(
    [
        "ONE SIZE",
        "ONESIZE",
        "ONE-SIZE",
        "ONE SIZE FITS ALL",
        "ONE SIZE FITS MOST",
        "OS",
        "O/S",
        "OSFA",
        "OSFM",
        "OS/FA",
        "UNI",
        "UNICA",
        "UNIQUE",
        "TU",
        "TAILLE UNIQUE",
        "TAGLIA UNICA",
        "EINHEITSGRÖSSE",
        "FREE SIZE",
        "FREE",
        "F",
    ],
)
_CUTS: Final = {
    "PETITE": SizeType.PETITE,
    "P": SizeType.PETITE,
    "TALL": SizeType.TALL,
    "LONG": SizeType.TALL,
    "T": SizeType.TALL,
    "PLUS": SizeType.PLUS,
    "MATERNITY": SizeType.MATERNITY,
    "REGULAR": SizeType.REGULAR,
    "REG": SizeType.REGULAR,
    "R": SizeType.REGULAR,
}
_NUMBER: Final = r"\d{1,3}(?:\.\d)?"
_PAIR: Final = re.compile(rf"({_NUMBER})\s*(?:/|-|–)\s*({_NUMBER})")
_SYSTEMS: Final = "US|UK|EU|EUR|FR|IT|DE|JP|AU|BR|CN|MEX"
_SYSTEM: Final = re.compile(
    rf"^({_SYSTEMS})(?:\b|(?=\d))[\s:.-]*|[\s:.-]*(?:\b|(?<=\d))({_SYSTEMS})$|\s*\(({_SYSTEMS})\)$"
)
_SEVERAL: Final = re.compile(r"\s*[/|,;]\s*")
"""What stands between the sizes of a label that names several systems."""
_PLUS: Final = re.compile(r"([0-6])X|(\d{2})W")
_CUT_BEHIND: Final = re.compile(r"(.+?)[\s-]*(PETITE|TALL|LONG|PLUS|MATERNITY|REGULAR|REG|(?<=[\dSML])[PTR])")
_CUT_BEFORE: Final = re.compile(r"(PETITE|TALL|LONG|PLUS|MATERNITY|REGULAR)[\s-]+(.+)")
_WIDEST_PAIR: Final = 6
"""Half units that a double size spans at most; 38-42 would fall on the middle of its own sizes."""

_GREATEST_VALUE: Final = 65_535
_GREATEST_SECOND: Final = 255


def parse_size(
    label: str, *, department: int, size_system: str | None = None, size_type: str | None = None
) -> Size | None:
    """Return the size that a label means in a department, ``None`` if it cannot be told.

    Sixths of a shoe size do not fit the half units of :class:`~recommender.sizes.size.Size`: thirds
    (EU 38 ⅔) are kept as the nearest half (38.5), at most 1.1 mm of foot length away and still one size each
    on a ladder of thirds. The SKU's own label is what a shop shows.

    Args:
        label: the feed's ``size``.
        department: a code of :mod:`recommender.departments`.
        size_system: the feed's ``size_system``; a system written in the label must agree with it.
        size_type: the feed's ``size_type``.
    """
    system, cut = system_index(size_system), size_type_of(size_type)
    text = _of_system(" ".join(label.upper().replace("’", "'").split()), system).replace(",", ".")
    if system is None or cut is None or not text:
        return None
    if text in _ONE_SIZE:
        return Size(int(Scale.ONE_SIZE), 0, 0)
    stated = _SYSTEM.search(text)
    if stated and len(stated[0]) < len(text):
        own = system_index(stated[1] or stated[2] or stated[3]) or 0
        if system not in {0, own}:
            return None
        system, text = own, (text[: stated.start()] + text[stated.end() :]).strip()
    size = _size(text, system, cut, department_from_code(department))
    if size is None or size.value > _GREATEST_VALUE or size.second > _GREATEST_SECOND:
        return None
    return size._replace(scale=int(size.scale))


def _of_system(text: str, system: int | None) -> str:
    """Return the part of ``"US 10 / EU 42"`` that is of a system (the first if none is wanted), other labels whole."""
    parts = _SEVERAL.split(text)
    stated = [_SYSTEM.search(part) for part in parts]
    named = {
        system_index(mark[1] or mark[2] or mark[3]): part
        for part, mark in zip(parts, stated, strict=True)
        if mark
    }
    if len(parts) < 2 or len(named) < len(parts):
        return text
    return named.get(system, text) if system else parts[0]


def format_size(size: Size) -> str:
    """Return the plain label of a size, without its system: ``"10"``, ``"XL"``, ``"W32/L34"``, ``"8.5"``, ``"34C"``.

    Parsing the label again in the same department, system and size type gives the size back, but for a child's
    shoe size under 7½ in a department of kids, whose C is not kept.
    """
    write = _FORMATS.get(base_of(size.scale))
    if write is not None:
        return write(size)
    return "0" * (size.second + 1) if size.value == 0 else f"{size.value / 2:g}"


_FORMATS: Final[Mapping[int, Callable[[Size], str]]] = {
    Scale.ONE_SIZE: lambda _: "ONE SIZE",
    Scale.ALPHA: format_letters,
    Scale.ALPHA_ASIA: format_letters,
    Scale.WAIST_INSEAM: format_waist,
    Scale.AGE: format_age,
    **dict.fromkeys(range(Scale.BRA, Scale.BRA_AU + 1), format_bra),
    **dict.fromkeys(range(Scale.SHOE, Scale.SHOE_MEX + 1), format_shoe),
}


def _halves(number: str) -> int:
    return round(float(number) * 2)


def _size(text: str, system: int, cut: SizeType, where: Department) -> Size | None:
    if where.family is Family.SHOES:
        return parse_shoe(text, system, where)
    if where.family is Family.BRAS:
        bra = parse_bra(text, system)
        if bra is not None:
            return bra
    if where.age_group is not AgeGroup.ADULT:
        child = parse_child(text, system)
        if child is not None:
            return child
    plain = _plain(text, system, where)
    if plain is not None:
        return plain._replace(scale=with_size_type(plain.scale, cut))
    own_cut, rest = _cut_in(text, where)
    if own_cut is None or cut not in {SizeType.REGULAR, own_cut}:
        return None
    plain = _plain(rest, system, where)
    return None if plain is None else plain._replace(scale=with_size_type(plain.scale, own_cut))


def _plain(text: str, system: int, where: Department) -> Size | None:
    return parse_letters(text, system) or parse_waist(text, system, where) or _numeric(text, system)


def _cut_in(text: str, where: Department) -> tuple[SizeType | None, str]:
    """Split a cut off a label: ``"12 PETITE"``, ``"TALL M"``, adults' ``"14W"`` and ``"2X"`` (plus)."""
    plus = _PLUS.fullmatch(text)
    if plus and where.age_group is not AgeGroup.ADULT:
        return None, text  # a girl's 6X lies between 6 and 7
    if plus:
        letters = "L" if plus[1] == "0" else f"{plus[1]}XL"
        return SizeType.PLUS, plus[2] or letters
    behind, before = _CUT_BEHIND.fullmatch(text), _CUT_BEFORE.fullmatch(text)
    if behind:
        return _CUTS[behind[2]], behind[1]
    return (_CUTS[before[1]], before[2]) if before else (None, text)


def _numeric(text: str, system: int) -> Size | None:
    scale = Scale.CLOTHING + system
    if text in {"00", "000", "0000"}:
        return Size(scale, 0, len(text) - 1)
    pair = _PAIR.fullmatch(text)
    if pair:
        low, high = _halves(pair[1]), _halves(pair[2])
        return Size(scale, (low + high) // 2, 0) if low < high <= low + _WIDEST_PAIR else None
    if not re.fullmatch(_NUMBER, text):
        return None
    value = _halves(text)
    return Size(scale, value, 0) if value / 2 == float(text) else None
