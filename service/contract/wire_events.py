"""One event of a body: whether it says what its name asks for, and when it happened."""

from datetime import UTC, datetime
from typing import Final, Literal

from recommender.events import Event, EventItem, EventName, ExperimentShown
from service.contract.problems import FieldError
from service.contract.schemas import Exposure, ItemOfEvent, WireEvent

MAX_AGE_SECONDS: Final = 86_400
"""A browser's event that claims to be older happened, for all we know, when it arrived."""
MAX_AHEAD_SECONDS: Final = 300
"""How far a clock may run ahead of ours."""

Source = Literal["browser", "server"]

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


def event_of(wire: WireEvent, name: EventName, *, now: float, source: Source) -> Event | FieldError:
    """Return the event that was sent, or the first thing that is wrong with it.

    Args:
        wire: the event, of the right shape.
        name: what it is called.
        now: time of arrival, Unix seconds.
        source: who sent it; decides which timestamps are believed.
    """
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
