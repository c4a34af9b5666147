"""From a row of a shop's order or click history to the event that the page would have sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from hashlib import blake2b
from math import isfinite
from typing import Final, Literal, NamedTuple, cast

from recommender.events import ACTS, Event, EventItem, EventName
from recommender.interactions import ColumnMapping
from service.identity.customers import CustomerIds
from service.imports.timestamps import timestamp_parser

FITS: Final[Mapping[str, Literal["small", "true", "large"]]] = {
    **dict.fromkeys(("small", "too small", "runs small", "too_small"), "small"),
    **dict.fromkeys(("true", "fit", "fits", "true to size", "true_to_size", "good", "ok"), "true"),
    **dict.fromkeys(("large", "too large", "runs large", "too_large", "big", "too big"), "large"),
}
"""The words shops use for how an item fitted."""

LONGEST_ID: Final = 128
ORDERED: Final = frozenset({EventName.PURCHASE, EventName.REFUND})
CLOCK_SKEW_SECONDS: Final = 300.0


class RowError(ValueError):
    """What is wrong with a row: the field (None for the row as a whole) and the reason."""

    def __init__(self, field_name: str | None, detail: str) -> None:
        super().__init__(detail)
        self.field = field_name
        self.detail = detail


class UnknownEventName(Exception):  # noqa: N818 - an observation, not an error
    """The row's event is none that Kabin understands: it is counted, as over HTTP, and not an error."""


@dataclass(frozen=True, slots=True)
class HistoryForm:
    """How a file writes what a mapping of columns cannot say."""

    timestamp: str | None = None
    """See :func:`service.imports.timestamps.timestamp_parser`."""
    zone: tzinfo = UTC
    event_names: Mapping[str, str] = field(default_factory=dict)
    """The file's word for an event to Kabin's, such as ``addtocart`` to ``add_to_cart``."""


class HistoryEvent(NamedTuple):
    """One event of a file and the visitor whose state it belongs to."""

    visitor_id: str
    event: Event


class HistoryReader:
    """Turns rows into events: the same row gives the same event, in every run and on every machine.

    Args:
        mapping: where each field comes from.
        form: how the file writes times and event names.
        now: Unix seconds; a row from later than this, clocks' differences apart, is refused.
        customers: gives customers the visitor ids that they have when they sign in.
    """

    def __init__(
        self, mapping: ColumnMapping, form: HistoryForm, now: float, *, customers: CustomerIds
    ) -> None:
        self._customers = customers
        self.columns = list(dict.fromkeys(mapping.columns.values()))
        self._place = {name: self.columns.index(column) for name, column in mapping.columns.items()}
        self._constants = mapping.constants
        self._parse_timestamp = timestamp_parser(form.timestamp, form.zone)
        self._event_names = {**{name.value: name for name in ACTS}, **_renamed(form.event_names)}
        self._latest = now + CLOCK_SKEW_SECONDS
        self._seen: dict[bytes, int] = {}

    def read(self, cells: tuple[object, ...]) -> list[HistoryEvent]:
        """Return the events of one row, cells in the order of ``columns``: one, or two where it tells a fit.

        Raises:
            RowError: the row cannot become an event.
            UnknownEventName: it is an event of a kind that Kabin has no use for.
        """
        name = self._name(cells)
        visitor_id = self._visitor_id(cells)
        item = self._item(cells)
        timestamp = self._timestamp(cells)
        transaction_id = self._text(cells, "transaction_id")
        event_id = self._text(cells, "event_id")
        coupon = self._text(cells, "coupon", LONGEST_ID)
        currency = self._currency(cells)
        fit = self._fit(cells)
        identity = (
            visitor_id,
            name,
            repr(timestamp),
            *map(str, _fields_of(item)),
            str(coupon),
            str(transaction_id),
        )
        event = Event(
            name=name,
            event_id=event_id or self._derived_id(identity),
            timestamp=timestamp,
            source="import",
            items=(item,),
            currency=currency,
            transaction_id=transaction_id,
            coupon=coupon,
            fit=fit if name is EventName.FIT_FEEDBACK else None,
        )
        if fit is None or name is EventName.FIT_FEEDBACK:
            return [HistoryEvent(visitor_id, event)]
        feedback_id = f"{event_id}.fit" if event_id else self._derived_id((*identity, fit))
        return [HistoryEvent(visitor_id, event), HistoryEvent(visitor_id, _feedback(event, fit, feedback_id))]

    def _cell(self, cells: tuple[object, ...], field_name: str) -> object:
        place = self._place.get(field_name)
        if place is None:
            return self._constants.get(field_name)
        cell = cells[place]
        # Parquet written by pandas has NaN where a cell is empty.
        return None if isinstance(cell, float) and not isfinite(cell) else cell

    def _text(self, cells: tuple[object, ...], field_name: str, longest: int = LONGEST_ID) -> str | None:
        cell = self._cell(cells, field_name)
        if cell is None:
            return None
        if isinstance(cell, int) and not isinstance(cell, bool):
            return str(cell)
        if isinstance(cell, float) and cell.is_integer():
            return str(int(cell))  # 119679.0: an integer column that once had a gap
        if not isinstance(cell, str):
            raise RowError(field_name, f"is no text but {type(cell).__name__}")
        text = cell.strip()
        if len(text) > longest:
            raise RowError(field_name, f"longer than {longest} characters")
        if not text.isprintable():
            # Not the text: it may be who somebody is, and reports end up in log files.
            raise RowError(field_name, "has characters that do not print (is the encoding right?)")
        return text or None

    def _visitor_id(self, cells: tuple[object, ...]) -> str:
        field_name = "customer_id" if self._knows("customer_id") else "visitor_id"
        text = self._text(cells, field_name)
        if text is None:
            raise RowError(field_name, "is empty")
        if field_name == "customer_id":
            return self._customers.visitor_id_of(text)
        try:
            return self._customers.named(text)
        except ValueError as error:
            raise RowError(field_name, str(error)) from None

    def _knows(self, field_name: str) -> bool:
        return field_name in self._place or field_name in self._constants

    def _name(self, cells: tuple[object, ...]) -> EventName:
        text = self._text(cells, "event")
        if text is None:
            raise RowError("event", "is empty")
        name = self._event_names.get(text)
        if name is None:
            raise UnknownEventName(text)
        return name

    def _timestamp(self, cells: tuple[object, ...]) -> float:
        cell = self._cell(cells, "timestamp")
        if cell is None or cell == "":
            raise RowError("timestamp", "is empty")
        try:
            timestamp = self._parse_timestamp(cell)
        except (ValueError, OverflowError) as error:
            raise RowError("timestamp", str(error)) from None
        if timestamp > self._latest:
            raise RowError("timestamp", f"{str(cell)!r} is in the future")
        return timestamp

    def _item(self, cells: tuple[object, ...]) -> EventItem:
        item_id = self._text(cells, "item_id")
        if item_id is None:
            raise RowError("item_id", "is empty")
        quantity = self._number(cells, "quantity")
        if quantity is not None and (quantity < 1 or not quantity.is_integer()):
            raise RowError(
                "quantity",
                f"{quantity:g} is no positive whole number; returns are events of their own (refund)",
            )
        return EventItem(
            item_id=item_id,
            item_variant=self._text(cells, "item_variant"),
            size=self._text(cells, "size"),
            price=self._money(cells, "price"),
            discount=self._money(cells, "discount"),
            quantity=int(quantity or 1),
        )

    def _number(self, cells: tuple[object, ...], field_name: str) -> float | None:
        cell = self._cell(cells, field_name)
        if cell is None or cell == "":
            return None
        try:
            number = float(cast("str", cell))
        except (TypeError, ValueError):
            raise RowError(field_name, f"{cell!r} is no number (digits with a decimal point)") from None
        if not isfinite(number):
            raise RowError(field_name, f"{cell!r} is no number")
        return number

    def _money(self, cells: tuple[object, ...], field_name: str) -> float | None:
        amount = self._number(cells, field_name)
        if amount is not None and amount < 0:
            raise RowError(field_name, f"{amount:g} is negative")
        return amount

    def _currency(self, cells: tuple[object, ...]) -> str | None:
        text = self._text(cells, "currency")
        if text is not None and not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
            raise RowError("currency", f"{text!r} is no ISO 4217 code such as EUR")
        return text

    def _fit(self, cells: tuple[object, ...]) -> Literal["small", "true", "large"] | None:
        text = self._text(cells, "fit")
        if text is None:
            return None
        try:
            return FITS[text.lower()]
        except KeyError:
            raise RowError(
                "fit",
                f"{text!r} is neither small, true nor large, nor a word like them (runs small, fits, too big)",
            ) from None

    def _derived_id(self, identity: tuple[str, ...]) -> str:
        """Hash what the row says and how many rows before it said the same.

        Two equal rows of one file are two events (two pieces bought, two views in one second), while the
        same file, or one that overlaps it, gives the same ids again and counts once.
        """
        digest = blake2b("\x1f".join(identity).encode(), digest_size=12).digest()
        occurrence = self._seen.get(digest, 0)
        self._seen[digest] = occurrence + 1
        return f"imp-{digest.hex()}-{occurrence}" if occurrence else f"imp-{digest.hex()}"


def _feedback(event: Event, fit: Literal["small", "true", "large"], event_id: str) -> Event:
    """Return what a row says of the fit, as an event beside its own."""
    (item,) = event.items
    return Event(
        name=EventName.FIT_FEEDBACK,
        event_id=event_id,
        timestamp=event.timestamp,
        source="import",
        items=(EventItem(item.item_id, item.item_variant, item.size),),
        fit=fit,
    )


def _fields_of(item: EventItem) -> tuple[object, ...]:
    return item.item_id, item.item_variant, item.size, item.price, item.discount, item.quantity


def _renamed(event_names: Mapping[str, str]) -> dict[str, EventName]:
    acts = {name.value: name for name in ACTS}
    try:
        return {theirs: acts[ours] for theirs, ours in event_names.items()}
    except KeyError as error:
        raise RowError("event", f"{error} is no event: the events are {', '.join(ACTS)}") from None
