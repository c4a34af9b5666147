"""Which column of a shop's file, or which constant, fills which field of an event.

The grammar of ``--map``, one ``field=source`` per field, separated by commas:

========================  =======================================================================
``visitor_id=user_id``    the column ``user_id``
``event=purchase``        the constant, where the field knows the word and no column has that name
``currency==EUR``         a constant, whatever the columns are called
``event=@purchase``       a column, whatever words the field knows
``"item_id=Item, no."``   quotes around a field whose column has a comma in its name
========================  =======================================================================
"""

import csv
from collections.abc import Iterable, Sequence
from typing import Final

from recommender.events import ACTS
from recommender.interactions import ColumnMapping

FIELDS: Final[dict[str, str]] = {
    "visitor_id": "who: a visitor (a browser)",
    "customer_id": "who: a customer's account, in place of visitor_id",
    "item_id": "the item or the SKU, as the catalog spells it",
    "timestamp": "when: Unix seconds, milliseconds or microseconds, or ISO 8601",
    "event": "what happened: purchase, add_to_cart, view_item, …",
    "event_id": "an id of the row; without it Kabin derives one from what the row says",
    "item_variant": "the SKU, where item_id is the item",
    "size": "the size label",
    "quantity": "how many; 1 without it",
    "price": "what one unit cost, discount already taken off",
    "discount": "what was taken off the price of one unit",
    "currency": "ISO 4217 code of price and discount",
    "coupon": "the coupon's code",
    "transaction_id": "the order: its rows become one purchase",
    "fit": "how it fitted (small, true, large): becomes a fit_feedback beside the event",
}
"""The fields a file can fill, and what each means."""

WHO: Final = frozenset({"visitor_id", "customer_id"})
REQUIRED: Final = ("item_id", "timestamp", "event")

WORDS: Final[dict[str, frozenset[str]]] = {"event": frozenset(ACTS)}
"""Fields that know a closed set of words, so that a bare word can be told from a column's name."""


class MappingError(ValueError):
    """The mapping does not fit the file; the message names the field and what to write instead."""


def parse_mapping(texts: Iterable[str]) -> dict[str, str]:
    """Split ``--map`` options into field and source, both still as written.

    Raises:
        MappingError: for a part that is no ``field=source``, an unknown field or one given twice.
    """
    sources: dict[str, str] = {}
    for part in (part for text in texts for part in _split(text)):
        field, equals, source = part.partition("=")
        field, source = field.strip(), source.strip()
        if not equals or not field or not source:
            raise MappingError(f"--map: {part!r} is no field=column pair")
        if field not in FIELDS:
            raise MappingError(f"--map: no field {field!r}; the fields are {', '.join(FIELDS)}")
        if field in sources:
            raise MappingError(f"--map: {field} is given twice, as {sources[field]!r} and as {source!r}")
        sources[field] = source
    return sources


def bind_mapping(sources: dict[str, str], columns: Sequence[str]) -> ColumnMapping:
    """Decide for each source whether it is a column of this file or a constant.

    A field that ``sources`` leaves out is taken from the column of the same name, if there is one.

    Args:
        sources: field to source, from :func:`parse_mapping`.
        columns: the file's column names.

    Raises:
        MappingError: for a source that is neither or both, and when a required field stays empty.
    """
    known = set(columns)
    bound: dict[str, str] = {}
    constants: dict[str, str] = {}
    for field, source in sources.items():
        is_column, text = _column_or_constant(field, source, known)
        (bound if is_column else constants)[field] = text
    # Whoever says who by one field does not mean the other, also where the file has both.
    by_name = set(FIELDS) - (WHO if sources.keys() & WHO else set())
    bound |= {field: field for field in FIELDS if field in by_name & known and field not in sources}
    _check_complete({*bound, *constants}, columns)
    return ColumnMapping(bound, constants)


def _split(text: str) -> list[str]:
    try:
        (parts,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        raise MappingError(f"--map: the quotes in {text!r} do not close") from None
    return [part for part in parts if part.strip()]


def _column_or_constant(field: str, source: str, columns: set[str]) -> tuple[bool, str]:
    if source.startswith("="):
        constant = source[1:]
        if field in WORDS and constant not in WORDS[field]:
            raise MappingError(
                f"--map: {field} cannot be {constant!r}; it is one of {', '.join(sorted(WORDS[field]))}"
            )
        return False, constant
    if source.startswith("@"):
        if source[1:] not in columns:
            raise MappingError(f"--map: {field}: no column {source[1:]!r}; {_listed(columns)}")
        return True, source[1:]
    is_word = source in WORDS.get(field, ())
    if is_word and source in columns:
        raise MappingError(
            f"--map: {field}={source} is ambiguous: a column has that name too. "
            f"Write {field}=={source} for the constant, {field}=@{source} for the column"
        )
    if not is_word and source not in columns:
        raise MappingError(
            f"--map: {field}: no column {source!r}; {_listed(columns)}. For a constant write {field}=={source}"
        )
    return source in columns, source


def _check_complete(filled: set[str], columns: Sequence[str]) -> None:
    who = filled & WHO
    if len(who) != 1:
        problem = "visitor_id and customer_id are both" if who else "neither visitor_id nor customer_id is"
        raise MappingError(f"--map: {problem} mapped; give the one that says who; {_listed(columns)}")
    for field in REQUIRED:
        if field not in filled:
            raise MappingError(f"--map: {field} is missing ({FIELDS[field]}); {_listed(columns)}")


def _listed(columns: Iterable[str]) -> str:
    return f"the file's columns are {', '.join(sorted(columns))}"
