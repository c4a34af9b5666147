"""From bytes to checked bodies and events: every mistake gets a pointer, and a bad event stands alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from recommender.events import Event, EventItem, EventName, ExperimentShown
from service.explanation import explain
from service.problems import FieldError, Problem
from service.schemas import EventsRequest, Exposure, ItemOfEvent, PersonalizeRequest, WireEvent

MAX_AGE_SECONDS: Final = 86_400
"""A browser's event that claims to be older happened, for all we know, when it arrived."""
MAX_AHEAD_SECONDS: Final = 300
"""How far a clock may run ahead of ours."""

Source = Literal["browser", "server"]

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_NEEDS_ITEMS: Final = frozenset(
    {
        EventName.VIEW_ITEM,
        EventName.ADD_TO_CART,
        EventName.REMOVE_FROM_CART,
        EventName.SELECT_SIZE,
        EventName.DESELECT_SIZE,
        EventName.FIT_FEEDBACK,
        EventName.PURCHASE,
    }
)
_NEEDS: Final[dict[EventName, str]] = {
    EventName.PURCHASE: "transaction_id",
    EventName.REFUND: "transaction_id",
    EventName.DECISION_SHOWN: "decision_id",
    EventName.SORT_ITEMS: "sort_by",
    EventName.FIT_FEEDBACK: "fit",
}
_NAMES: Final = {name.value: name for name in EventName}


class _Named(msgspec.Struct):
    name: str


class CheckedEvents(msgspec.Struct, frozen=True):
    """What a body's events came to: good ones in order, the count of unknown names, one line per bad field."""

    events: tuple[Event, ...]
    ignored: int
    rejected: tuple[FieldError, ...]


NO_EVENTS: Final = CheckedEvents((), 0, ())


class BodyDecoder:
    """Decodes the bodies of ``POST /personalize`` and ``POST /events``; one instance serves all requests."""

    def __init__(self) -> None:
        self._personalize = msgspec.json.Decoder(PersonalizeRequest)
        self._events = msgspec.json.Decoder(EventsRequest)
        self._event = msgspec.json.Decoder(WireEvent)
        self._named = msgspec.json.Decoder(_Named)

    def personalize(self, body: bytes) -> PersonalizeRequest:
        """Decode a body of ``POST /personalize``.

        Raises:
            Problem: 400 if it is no JSON, 422 with one line per wrong field otherwise.
        """
        try:
            return self._personalize.decode(body)
        except _UNREADABLE as error:
            raise _refusal(error, PersonalizeRequest, body) from None

    def events(self, body: bytes) -> EventsRequest:
        """Decode a body of ``POST /events``.

        Raises:
            Problem: 400 if it is no JSON, 422 with one line per wrong field otherwise.
        """
        try:
            return self._events.decode(body)
        except _UNREADABLE as error:
            raise _refusal(error, EventsRequest, body) from None

    def check(self, raw_events: Sequence[msgspec.Raw], *, now: float, source: Source) -> CheckedEvents:
        """Check each event of a body by itself.

        Args:
            raw_events: the elements of the body's ``events`` array.
            now: time of arrival, Unix seconds.
            source: who sent them; decides which timestamps are believed.
        """
        if not raw_events:
            return NO_EVENTS
        good: list[Event] = []
        rejected: list[FieldError] = []
        ignored = 0
        for index, raw in enumerate(raw_events):
            try:
                wire = self._event.decode(raw)
            except _UNREADABLE:
                errors = self._explain_event(raw, f"/events/{index}")
                ignored += not errors
                rejected += errors
                continue
            name = _NAMES.get(wire.name)
            if name is None:
                ignored += 1
                continue
            outcome = _event_of(wire, name, now=now, source=source)
            if isinstance(outcome, Event):
                good.append(outcome)
            else:
                rejected.append(FieldError(f"/events/{index}{outcome.pointer}", outcome.detail))
        return CheckedEvents(tuple(good), ignored, tuple(rejected))

    def _explain_event(self, raw: msgspec.Raw, pointer: str) -> list[FieldError]:
        """Return what is wrong with an event; nothing if its name is unknown, whatever else it holds."""
        try:
            if self._named.decode(raw).name not in _NAMES:
                return []
        except msgspec.ValidationError:
            return [FieldError(pointer, "expected an object with a `name`")]
        except _UNREADABLE as error:
            return [FieldError(pointer, f"unreadable: {error}")]
        try:
            return explain(msgspec.json.decode(raw), WireEvent, pointer)
        except _UNREADABLE as error:  # Such as 1e400, which is JSON but no number that a computer holds.
            return [FieldError(pointer, f"unreadable: {str(error).partition(' - at ')[0]}")]


def _refusal(error: Exception, schema: type[msgspec.Struct], body: bytes) -> Problem:
    if not isinstance(error, msgspec.ValidationError):
        return Problem(400, f"the body is not JSON: {error}")
    errors = explain(_plain(body), schema, "")
    return Problem(422, _summary(errors), errors=errors)


def _plain(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except _UNREADABLE as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


def _summary(errors: Sequence[FieldError]) -> str:
    where = errors[0].pointer or "the body"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{where}: {errors[0].detail}{more}"


# ---------------------------------------------------------------- one event


def _event_of(wire: WireEvent, name: EventName, *, now: float, source: Source) -> Event | FieldError:
    params = wire.params
    needed = _NEEDS.get(name)
    if needed is not None and getattr(params, needed) is None:
        return FieldError(f"/params/{needed}", f"{name} needs it")
    if name in _NEEDS_ITEMS and not params.items:
        return FieldError("/params/items", f"{name} needs at least one item")
    timestamp = _timestamp_of(wire, now=now, source=source)
    if isinstance(timestamp, FieldError):
        return timestamp
    return Event(
        name=name,
        event_id=wire.event_id,
        timestamp=timestamp,
        source=source,
        items=tuple([_item_of(item) for item in params.items]),
        currency=params.currency.upper() if params.currency else None,
        transaction_id=params.transaction_id,
        coupon=params.coupon,
        decision_id=params.decision_id,
        preselected=params.preselected,
        fit=params.fit,
        sort_by=params.sort_by,
        promotion_id=params.promotion_id,
        slot=params.slot,
        experiments=tuple([_shown_of(shown) for shown in params.experiments]) if params.experiments else (),
    )


def _item_of(item: ItemOfEvent) -> EventItem:
    return EventItem(
        item.item_id,
        item.item_variant,
        item.size,
        item.price,
        item.discount,
        int(item.quantity),
        item.coupon,
        item.preselected,
    )


def _shown_of(shown: Exposure) -> ExperimentShown:
    return ExperimentShown(shown.experiment_id, int(shown.variation_id), shown.variation)


def _timestamp_of(wire: WireEvent, *, now: float, source: Source) -> float | FieldError:
    """Return when the event happened, as far as its sender can be believed.

    A browser's clock may be wrong, so a day of delay and five minutes of lead are the most it is granted; beyond
    them the time of arrival counts. The shop's server may report any past, and a future of more than five
    minutes is its mistake (milliseconds for seconds, say), which is refused rather than hidden.
    """
    claimed: float
    pointer = "/timestamp"
    if isinstance(wire.timestamp, str):
        try:
            parsed = datetime.fromisoformat(wire.timestamp)
        except ValueError:
            return FieldError(pointer, "is neither Unix seconds nor ISO 8601")
        claimed = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    elif wire.timestamp is not None:
        claimed = wire.timestamp
    elif wire.timestamp_micros is not None:
        pointer = "/timestamp_micros"
        claimed = wire.timestamp_micros / 1e6
    else:
        return now
    if source == "browser":
        return claimed if now - MAX_AGE_SECONDS <= claimed <= now + MAX_AHEAD_SECONDS else now
    if claimed < 0:
        return FieldError(pointer, "lies before 1970")
    if claimed > now + MAX_AHEAD_SECONDS:
        return FieldError(pointer, "lies in the future; it is in seconds (timestamp_micros in microseconds)")
    return claimed
