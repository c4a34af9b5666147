"""The attributes of a Merchant Center feed: how each is spelt, read and checked."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import partial
from typing import Any, Final, NamedTuple

from recommender.catalog.money import parse_money
from recommender.catalog.rows import Availability, SalePeriod

ID_LENGTH: Final = 100
"""Merchant Center allows 50 characters for ids; twice that is read."""
LENGTHS: Final = {
    "title": 150,
    "brand": 70,
    "product_type": 750,
    "google_product_category": 750,
    "color": 100,
    "size": 100,
}
"""Merchant Center's limits; longer values are cut."""
LINK_LENGTH: Final = 2000
MAX_REMEMBERED: Final = 65_536
_LAST_SECOND: Final = 1e11

_ALIASES: Final = {
    "offer_id": "id",
    "item_group": "item_group_id",
    "product_types": "product_type",
    "product_category": "google_product_category",
    "sizes": "size",
    "colour": "color",
    "age": "age_group",
    "sale_price_effective_dates": "sale_price_effective_date",
    "cogs": "cost_of_goods_sold",
}
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")
_UNPRINTABLE: Final = re.compile(r"[^\S ]|[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff\ud800-\udfff]")
_SPACES: Final = re.compile(r"\s+")
_LINK: Final = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)
_AVAILABILITY: Final = {
    "in stock": Availability.IN_STOCK,
    "instock": Availability.IN_STOCK,
    "available": Availability.IN_STOCK,
    "limited availability": Availability.IN_STOCK,
    "out of stock": Availability.OUT_OF_STOCK,
    "outofstock": Availability.OUT_OF_STOCK,
    "sold out": Availability.OUT_OF_STOCK,
    "soldout": Availability.OUT_OF_STOCK,
    "discontinued": Availability.OUT_OF_STOCK,
    "preorder": Availability.PREORDER,
    "pre order": Availability.PREORDER,
    "presale": Availability.PREORDER,
    "backorder": Availability.BACKORDER,
    "back order": Availability.BACKORDER,
}
_GENDERS: Final = {
    **dict.fromkeys(("female", "f", "w", "women", "woman", "womens", "women's", "ladies"), "female"),
    **dict.fromkeys(("male", "m", "men", "man", "mens", "men's"), "male"),
    **dict.fromkeys(("unisex", "u"), "unisex"),
}
_AGE_GROUPS: Final = {
    **dict.fromkeys(("adult", "adults"), "adult"),
    **dict.fromkeys(("kids", "kid", "children", "child"), "kids"),
    **dict.fromkeys(("toddler", "toddlers"), "toddler"),
    **dict.fromkeys(("infant", "infants", "baby"), "infant"),
    **dict.fromkeys(("newborn", "newborns"), "newborn"),
}
_SIZE_SYSTEMS: Final = {
    name: name for name in ("AU", "BR", "CN", "DE", "EU", "FR", "IT", "JP", "MEX", "UK", "US")
}
_SIZE_TYPES: Final = frozenset({"regular", "petite", "maternity", "big", "tall", "plus"})


class Parsed(NamedTuple):
    """A checked value, and what was wrong with the text; ``rejects`` says whether the row must be left out."""

    value: Any
    fault: str | None = None
    rejects: bool = False


class Field:
    """One attribute: reads a text once and remembers what it means (up to 65,536 texts)."""

    __slots__ = ("_parse", "name", "remembered")

    def __init__(self, name: str, parse: Callable[[str], Parsed], *, remember: bool = True) -> None:
        self.name = name
        self._parse = parse
        self.remembered: dict[str, Parsed] | None = {} if remember else None

    def read(self, text: str) -> Parsed:
        """Return what the text means; an empty one means nothing."""
        remembered = self.remembered
        if remembered is None:
            return self._parse(text)
        parsed = remembered.get(text)
        if parsed is None:
            parsed = self._parse(text)
            if len(text) <= 200:
                if len(remembered) >= MAX_REMEMBERED:
                    remembered.clear()
                remembered[text] = parsed
        return parsed


def fields(*, default_currency: str | None = None, timezone: tzinfo = UTC) -> dict[str, Field]:
    """Return the attributes that Kabin reads, by name.

    Args:
        default_currency: the currency of prices that name none (ISO 4217).
        timezone: of dates that name none.
    """
    price = partial(_price, default_currency=default_currency)
    parsers: dict[str, Callable[[str], Parsed]] = {
        "price": partial(price, rejects=True),
        "sale_price": partial(price, rejects=False),
        "cost_of_goods_sold": partial(price, rejects=False),
        "sale_price_effective_date": partial(_period, timezone=timezone),
        "first_seen": partial(_moment, timezone=timezone),
        "availability": _availability,
        "gender": partial(_one_of, known=_GENDERS, name="gender"),
        "age_group": partial(_one_of, known=_AGE_GROUPS, name="age_group"),
        "size_system": partial(_one_of, known=_SIZE_SYSTEMS, name="size_system"),
        "size_type": _size_type,
        **{name: partial(_text, name=name, length=length) for name, length in LENGTHS.items()},
    }
    read = {name: Field(name, parse) for name, parse in parsers.items()}
    for name in ("id", "item_group_id"):
        read[name] = Field(name, partial(_identifier, name=name), remember=False)
    read["title"] = Field("title", parsers["title"], remember=False)
    read["link"] = Field("link", partial(_link, name="link", rejects=True), remember=False)
    read["image_link"] = Field("image_link", partial(_link, name="image_link", rejects=False), remember=False)
    return read


def canonical_name(header: str) -> str:
    """Return the attribute that a column heading or key means: ``"g:Item Group ID"`` is ``item_group_id``."""
    name = header.strip().strip("\ufeff\"'").strip()
    name = name.removeprefix("[").removesuffix("]")
    if name[:2].lower() == "g:":
        name = name[2:]
    name = _NOT_A_WORD.sub("_", _CAPITAL.sub("_", name).lower()).strip("_")
    return _ALIASES.get(name, name)


def _clean(text: str) -> tuple[str, bool]:
    """Return the text without control characters and doubled spaces; tell whether it held control characters."""
    if text.isprintable() and "  " not in text:
        return text.strip(), False
    bare = _UNPRINTABLE.sub(lambda match: " " if match[0].isspace() else "", text)
    dirty = any(not char.isspace() for char in _UNPRINTABLE.findall(text))
    return _SPACES.sub(" ", bare).strip(), dirty


def _text(text: str, *, name: str, length: int) -> Parsed:
    clean, dirty = _clean(text)
    if len(clean) > length:
        return Parsed(clean[:length].rstrip(), f"{name} is {len(clean):,} characters long: cut to {length}")
    return Parsed(clean or None, f"{name} has control characters: removed" if dirty else None)


def _identifier(text: str, *, name: str) -> Parsed:
    text = text.strip()
    if not text:
        return Parsed(None)
    if len(text) > ID_LENGTH:
        return Parsed(None, f"{name} is {len(text):,} characters long: use at most {ID_LENGTH}", rejects=True)
    if not text.isprintable() and _UNPRINTABLE.search(text):
        return Parsed(None, f"{name} {text!r:.60} has control characters: remove them", rejects=True)
    return Parsed(text)


def _link(text: str, *, name: str, rejects: bool) -> Parsed:
    text = text.strip()
    if not text:
        return Parsed(None)
    link = text.replace(" ", "%20") if " " in text else text
    kept = "" if rejects else "; image left out"
    if len(link) > LINK_LENGTH:
        return Parsed(
            None, f"{name} is {len(link):,} characters long: use at most {LINK_LENGTH:,}{kept}", rejects
        )
    if not _LINK.match(link) or (not link.isprintable() and _UNPRINTABLE.search(link)):
        return Parsed(
            None, f"{name} {text!r:.60} is no http or https address: give the whole one{kept}", rejects
        )
    return Parsed(link)


def _price(text: str, *, default_currency: str | None, rejects: bool) -> Parsed:
    if not text.strip():
        return Parsed(None)
    try:
        return Parsed(parse_money(text, default_currency=default_currency))
    except ValueError as error:
        return Parsed(None, str(error) if rejects else f"{error}; value ignored", rejects)


def _availability(text: str) -> Parsed:
    words = _SPACES.sub(" ", text.strip().lower().replace("_", " ").replace("-", " "))
    words = words.rsplit("/", 1)[-1]
    if not words:
        return Parsed(None)
    known = _AVAILABILITY.get(words)
    if known is None:
        detail = f"availability {text!r:.60} is unknown: use in_stock, out_of_stock, preorder or backorder"
        return Parsed(None, detail, rejects=True)
    return Parsed(int(known))


def _one_of(text: str, *, known: Mapping[str, str], name: str) -> Parsed:
    text = text.strip()
    if not text:
        return Parsed(None)
    value = known.get(text.lower()) or known.get(text.upper())
    if value is None:
        return Parsed(
            None, f"{name} {text!r:.60} is none of {', '.join(sorted(set(known.values())))}: ignored"
        )
    return Parsed(value)


def _size_type(text: str) -> Parsed:
    names = [name for name in re.split(r"[\s,;/]+", text.strip().lower()) if name]
    kept = [name for name in names if name in _SIZE_TYPES][:2]
    fault = f"size_type {text!r:.60} is none of {', '.join(sorted(_SIZE_TYPES))}: ignored"
    return Parsed(",".join(kept) or None, fault if len(kept) < len(names) else None)


def _period(text: str, *, timezone: tzinfo) -> Parsed:
    if not text.strip():
        return Parsed(None)
    start_text, separator, end_text = (part.strip() for part in text.partition("/"))
    try:
        start = _seconds(start_text, timezone) if start_text else None
        end = _seconds(end_text, timezone, end_of_day=True) if end_text else None
    except (ValueError, OverflowError):
        separator = ""
    if not separator or not (start_text or end_text):
        detail = f"{text!r:.80} is no range of dates: write 2026-11-20T00:00+0100/2026-11-30T23:59+0100"
        return Parsed(SalePeriod(0.0, 0.0), f"{detail}; sale ignored")
    if start is not None and end is not None and end <= start:
        return Parsed(
            SalePeriod(0.0, 0.0), f"{text!r:.80} ends before it starts: swap the dates; sale ignored"
        )
    return Parsed(SalePeriod(start, end))


def _moment(text: str, *, timezone: tzinfo) -> Parsed:
    if not text.strip():
        return Parsed(None)
    try:
        return Parsed(_seconds(text.strip(), timezone))
    except (ValueError, OverflowError):
        return Parsed(
            None, f"first_seen {text!r:.60} is no date: write 2026-11-20T08:00Z or Unix seconds; ignored"
        )


def _seconds(text: str, timezone: tzinfo, *, end_of_day: bool = False) -> float:
    """Return Unix seconds of an ISO 8601 date or time (or of Unix seconds); a last day counts whole."""
    if len(text) >= 9 and text.replace(".", "", 1).isdecimal():
        seconds = float(text)
        if seconds > _LAST_SECOND:
            raise ValueError("beyond the year 5138")
        return seconds
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone)
    if end_of_day and moment.time() == time() and len(text) <= len("2026-11-30"):
        moment += timedelta(days=1)
    return moment.timestamp()
