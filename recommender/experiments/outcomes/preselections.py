"""Sizes that Kabin had preselected, and those that the visitor then changed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from recommender.events import Event, EventItem, EventName
from recommender.experiments.outcomes.prices import Prices

SIZE_SLOT: Final = "size"


@dataclass(slots=True)
class _Preselection:
    """One decision: the size chosen for each item, as far as events tell, and what was done about it."""

    sizes: dict[int, str | None] = field(default_factory=dict)
    is_changed: bool = False


def count_preselections(events: Iterable[Event], prices: Prices) -> tuple[int, int]:
    """Return how many decisions preselected a size, and how many of these sizes the visitor changed.

    A decision preselected one if the page said so with its ``decision_shown`` (``preselected``), if it was taken back
    (``deselect_size``), or if it went into the cart. It was changed if it was taken back, if another size was
    selected under its ``decision_id``, or if another size of the item went into the cart.

    Args:
        events: of one visitor within the conversion window, oldest first.
        prices: resolves items.
    """
    held = list(events)
    found = _preselections(held, prices)
    about_item: dict[int, _Preselection] = {}
    for event in held if found else ():
        own = found.get(event.decision_id or "")
        if own is not None:
            about_item |= dict.fromkeys(own.sizes, own)
        if event.name is EventName.ADD_TO_CART:
            _compare_cart(event, about_item, prices)
        elif own is not None and event.name is EventName.DESELECT_SIZE:
            own.is_changed = True
        elif own is not None and event.name is EventName.SELECT_SIZE:
            own.is_changed |= any(_differs(entry, own, prices) for entry in event.items)
    return len(found), sum(one.is_changed for one in found.values())


def _preselections(events: Iterable[Event], prices: Prices) -> dict[str, _Preselection]:
    found: dict[str, _Preselection] = {}
    for event in events:
        if event.decision_id is None or not _tells_of_one(event):
            continue
        preselection = found.setdefault(event.decision_id, _Preselection())
        for entry in event.items:
            if event.name is EventName.DECISION_SHOWN or event.is_preselected(entry):
                preselection.sizes[prices.item_key(entry)] = _label(entry)
    return found


def _compare_cart(event: Event, about_item: dict[int, _Preselection], prices: Prices) -> None:
    """Mark the preselections of items that went into the cart in another size."""
    for entry in event.items:
        preselection = about_item.get(prices.item_key(entry))
        if preselection is not None and entry.size and not event.is_preselected(entry):
            preselection.is_changed |= _differs(entry, preselection, prices)


def _tells_of_one(event: Event) -> bool:
    if event.name is EventName.DESELECT_SIZE:
        return True
    said = event.preselected or any(entry.preselected for entry in event.items)
    shown = event.name is EventName.DECISION_SHOWN and event.slot == SIZE_SLOT
    return said and (shown or event.name is EventName.ADD_TO_CART)


def _differs(entry: EventItem, preselection: _Preselection, prices: Prices) -> bool:
    """Tell whether an entry is of another size than the preselected one; where neither says, it is."""
    chosen = preselection.sizes.get(prices.item_key(entry))
    return chosen is None or _label(entry) != chosen


def _label(entry: EventItem) -> str | None:
    return entry.size.strip().casefold() if entry.size else None
