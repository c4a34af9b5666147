"""What one event does to a visitor's state: a pure function that the live path, imports and rebuilds share.

============== =============================================================================================
event          effect
============== =============================================================================================
view_item      recently viewed; affinity 1 per item, day and whether discounted
add_to_cart    cart line; size evidence; affinity 3 per item, day and whether discounted
remove_…       the cart line is out (no evidence: who drops an item rarely doubts its size)
view_cart, …   the lines listed by ``view_cart`` and ``begin_checkout`` are in the cart
purchase       size evidence; the cart is empty; affinity 10 per item and 10 per coupon, once per transaction
refund, fit_…  size evidence that the bought size was wrong, or right
select_size    size evidence; ``deselect_size`` takes it back
…_promotion    affinity 1 per promotion and day (also a list of which every item is discounted)
sort_items     affinity 0.5 per day if cheap items come first
decision_shown exposures to experiments
============== =============================================================================================

An item that the catalog does not know leaves no evidence and no affinity, but it is remembered as viewed or
in the cart under the key of its id: pages often show a new style before the feed does.
"""

from functools import lru_cache
from math import frexp, ldexp
from typing import Final, NamedTuple

import msgspec

from recommender.affinity import (
    NO_EVIDENCE,
    AffinityKind,
    AffinityParameters,
    AffinitySums,
    contribution,
)
from recommender.events import Event, EventName
from recommender.identifiers import fingerprint, key_of
from recommender.sizes.size import EvidenceKind, SizeEvidence
from recommender.visitor.lines import CatalogLike, ItemLine, fits_record, line_of, size_of
from recommender.visitor.state import (
    LAST_TICK,
    CartLine,
    Exposure,
    Viewed,
    experiment_key_of,
    second_of,
    tick_of,
)

ITEMS_PER_EVENT: Final = 200
"""GA4's own limit; what an event lists beyond it is left out."""

SHORTEST_SALE_LIST: Final = 3
"""A list of fewer items, all discounted, may be chance; a sale page is longer."""

LAST_DAY: Final = 0xFFFF
_SIGNIFICANT_BITS: Final = 22
_SMALLEST_WEIGHT: Final = 1e-290
"""Below it a double loses bits; no decision could tell such a contribution from none."""

_RANKS: Final = {"browser": 1, "import": 2, "server": 3}

# Python 3.11 takes 0.15 µs to read a member through its class; an event is compared with these ten times.
_DECISION_SHOWN: Final = EventName.DECISION_SHOWN
_PURCHASE: Final = EventName.PURCHASE
_SORT_ITEMS: Final = EventName.SORT_ITEMS
_VIEW_ITEM: Final = EventName.VIEW_ITEM


class OnceContribution(NamedTuple):
    """Affinity that counts once: a second one with the same fingerprint (always odd) adds nothing."""

    fingerprint: int
    sums: AffinitySums


class OrderCopy(NamedTuple):
    """One report of an order; of several reports the greatest counts: the server's, then the earliest.

    ``rank`` is 3 for the shop's server, 2 for an import, 1 for a browser. ``untick`` falls with time
    (``LAST_TICK`` minus the tick), so that plain comparison prefers the earliest report.
    """

    rank: int
    untick: int
    sums: AffinitySums
    fingerprint: int


class Effects(msgspec.Struct, frozen=True):
    """What one event adds to a visitor's state; see :class:`recommender.visitor.state.VisitorState`.

    ``fingerprint`` is the event's own (always even): a second event with it has no effect at all.
    """

    fingerprint: int
    evidence: tuple[SizeEvidence, ...] = ()
    cart: tuple[CartLine, ...] = ()
    cart_cleared_tick: int = 0
    recently_viewed: tuple[Viewed, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    affinity: tuple[OnceContribution, ...] = ()
    order: OrderCopy | None = None
    affinity_version: int = 0


def effects_of(event: Event, catalog: CatalogLike, parameters: AffinityParameters) -> Effects:
    """Return what ``event`` does to its visitor's state.

    Args:
        event: a checked event.
        catalog: resolves items, SKUs, sizes and, where the event does not say, discounts.
        parameters: the half-life and the shop's discounted share by day.
    """
    name = event.name
    act = _Act(event, [line_of(entry, catalog) for entry in event.items[:ITEMS_PER_EVENT]], parameters)
    # What an event has no part in is not asked for: a view takes 35 µs within a request instead of 44.
    return Effects(
        fingerprint("event", event.event_id) & ~1,
        act.evidence() if name in _EVIDENCE_NAMES else (),
        act.cart() if name in _PRESENT_AFTER else (),
        tick_of(event.timestamp) if name is _PURCHASE else 0,
        act.recently_viewed() if name is _VIEW_ITEM else (),
        act.exposures() if name is _DECISION_SHOWN else (),
        act.affinity(),
        act.order() if name is _PURCHASE and event.transaction_id else None,
        parameters.sums_version,
    )


class _Act:
    """One event with its lines resolved; each method answers for one part of the state."""

    __slots__ = ("_day", "_event", "_lines", "_parameters")

    def __init__(self, event: Event, lines: list[ItemLine], parameters: AffinityParameters) -> None:
        self._event = event
        self._lines = lines
        self._parameters = parameters
        self._day = min(max(event.day, 0), LAST_DAY)

    def evidence(self) -> tuple[SizeEvidence, ...]:
        kinds = _evidence_kinds(self._event)
        records: dict[SizeEvidence, None] = {}
        for line in self._lines:
            kind = kinds[self._event.is_preselected(line.entry)]
            if kind is None:
                continue
            size = size_of(line)
            if line.item is not None and size is not None and fits_record(size):
                records[SizeEvidence(self._day, int(kind), line.item_key, line.item.department, size)] = None
        return tuple(records)

    def cart(self) -> tuple[CartLine, ...]:
        present = _PRESENT_AFTER[self._event.name]
        tick = tick_of(self._event.timestamp)
        lines = {
            CartLine(tick, present, line.item_key, 0 if line.sku is None else key_of(line.sku.sku_id)): None
            for line in self._lines
        }
        return tuple(lines)

    def recently_viewed(self) -> tuple[Viewed, ...]:
        tick = tick_of(self._event.timestamp)
        if len(self._lines) == 1:
            return (Viewed(tick, self._lines[0].item_key),)
        return tuple({Viewed(tick, line.item_key): None for line in self._lines})

    def exposures(self) -> tuple[Exposure, ...]:
        second = second_of(self._event.timestamp)
        return tuple(
            Exposure(second, shown.variation_id, experiment_key_of(shown.experiment_id, shown.bucket_version))
            for shown in self._event.experiments[:ITEMS_PER_EVENT]
            if 0 <= shown.variation_id <= 0xFF
        )

    def affinity(self) -> tuple[OnceContribution, ...]:
        event = self._event
        name = event.name
        kind = _ITEM_KINDS.get(name)
        if kind is not None:
            return self._by_item(kind)
        if name is _PURCHASE:
            if event.transaction_id:
                return ()
            return (OnceContribution(fingerprint("order", event.event_id) | 1, self._order_sums()),)
        if self._is_sale_page():
            return (self._once(AffinityKind.SALE_PAGE, event.promotion_id or "", discounted=True),)
        if name is _SORT_ITEMS and _puts_cheap_first(event.sort_by):
            return (self._once(AffinityKind.SORT_BY_PRICE, "", discounted=True),)
        return ()

    def order(self) -> OrderCopy:
        event = self._event
        return OrderCopy(
            rank=_RANKS[event.source],
            untick=LAST_TICK - tick_of(event.timestamp),
            sums=self._order_sums(),
            fingerprint=fingerprint("transaction", event.transaction_id or ""),
        )

    def _order_sums(self) -> AffinitySums:
        sums = NO_EVIDENCE
        known = {line.item_key: line for line in self._lines if line.item is not None}
        for line in known.values():
            sums = sums.plus(self._contribution(AffinityKind.PURCHASE, self._is_discounted(line)))
        coupons = {self._event.coupon, *(line.entry.coupon for line in self._lines)} - {None, ""}
        for _ in coupons:
            sums = sums.plus(self._contribution(AffinityKind.COUPON, discounted=True))
        return sums

    def _by_item(self, kind: AffinityKind) -> tuple[OnceContribution, ...]:
        if len(self._lines) == 1:
            line = self._lines[0]
            if line.item is None:
                return ()
            return (self._once(kind, str(line.item_key), discounted=self._is_discounted(line)),)
        known = {line.item_key: line for line in self._lines if line.item is not None}
        return tuple(
            [
                self._once(kind, str(item_key), discounted=self._is_discounted(line))
                for item_key, line in known.items()
            ]
        )

    def _once(self, kind: AffinityKind, subject: str, *, discounted: bool) -> OnceContribution:
        print_ = fingerprint("once", _KIND_NAMES[kind], subject, str(self._day), "1" if discounted else "0")
        return OnceContribution(print_ | 1, self._contribution(kind, discounted))

    def _contribution(self, kind: AffinityKind, discounted: bool) -> AffinitySums:
        mu = self._parameters.mu_at(self._day)
        return _contribution_of(kind, discounted, self._day, mu, self._parameters.half_life_days)

    def _is_discounted(self, line: ItemLine) -> bool:
        """Tell whether the item was discounted: the event's word, else the catalog's for that moment."""
        if line.entry.discount is not None:
            return line.entry.discount > 0
        now = self._event.timestamp
        if line.sku is not None:
            return line.sku.on_sale(now)
        if line.item is not None:
            for sku in line.item.skus:
                if sku.on_sale(now):
                    return True
        return False

    def _is_sale_page(self) -> bool:
        event = self._event
        if event.name is EventName.SELECT_PROMOTION:
            return True
        if event.name is EventName.VIEW_PROMOTION:
            # A promotion that Kabin itself put into a slot is no choice of the visitor's: counting it
            # would make whoever is shown promotions ever more promo-prone.
            return event.slot is None
        if event.name is not EventName.VIEW_ITEM_LIST:
            return False
        if event.promotion_id is not None:
            return True
        known = [line for line in self._lines if line.item is not None]
        return len(known) >= SHORTEST_SALE_LIST and all(self._is_discounted(line) for line in known)


_PRESENT_AFTER: Final = {
    EventName.ADD_TO_CART: True,
    EventName.VIEW_CART: True,
    EventName.BEGIN_CHECKOUT: True,
    EventName.REMOVE_FROM_CART: False,
}

_ITEM_KINDS: Final = {EventName.VIEW_ITEM: AffinityKind.VIEW, EventName.ADD_TO_CART: AffinityKind.CART}

_KIND_NAMES: Final = {kind: kind.name for kind in AffinityKind}
"""Asking a member of an enumeration for its name is a call of Python's own."""

_FIT_KINDS: Final = {
    "small": EvidenceKind.TOO_SMALL,
    "large": EvidenceKind.TOO_LARGE,
    "true": EvidenceKind.TRUE_TO_SIZE,
}

_CHOICE_KINDS: Final = {
    EventName.SELECT_SIZE: EvidenceKind.CLICK,
    EventName.DESELECT_SIZE: EvidenceKind.DESELECT,
    EventName.ADD_TO_CART: EvidenceKind.CART,
}

_EVIDENCE_NAMES: Final = frozenset(
    {*_CHOICE_KINDS, EventName.REFUND, EventName.FIT_FEEDBACK, EventName.PURCHASE}
)


def _evidence_kinds(event: Event) -> tuple[EvidenceKind | None, EvidenceKind | None]:
    """Return what the event says about a size of the visitor's own choice, and about one that Kabin preselected.

    ``None`` stands for nothing. The event is one of :data:`_EVIDENCE_NAMES`.
    """
    if event.name in _CHOICE_KINDS:
        return _CHOICE_KINDS[event.name], None
    if event.name is EventName.REFUND:
        return EvidenceKind.REFUND, EvidenceKind.REFUND
    if event.name is EventName.FIT_FEEDBACK:
        kind = _FIT_KINDS.get(event.fit or "")
        return kind, kind
    own = EvidenceKind.PURCHASE_UNCONFIRMED if event.source == "browser" else EvidenceKind.PURCHASE
    return own, EvidenceKind.PURCHASE_PRESELECTED


def _puts_cheap_first(sort_by: str | None) -> bool:
    order = (sort_by or "").casefold()
    descending = order.startswith("-") or any(
        word in order for word in ("desc", "high_to", "high-to", "high to")
    )
    return "price" in order and not descending


@lru_cache(maxsize=1024)
def _contribution_of(
    kind: AffinityKind, discounted: bool, day: int, mu: float, half_life_days: float
) -> AffinitySums:
    """Return what an act adds; all visitors of a day share a dozen, and working one out takes 3 µs."""
    parameters = AffinityParameters(half_life_days=half_life_days)
    return quantized(contribution(kind, discounted=discounted, day=day, mu=mu, parameters=parameters))


def quantized(sums: AffinitySums) -> AffinitySums:
    """Round a contribution to 22 significant bits of its weight, one part in 4 million.

    Sums of such numbers are exact in a double, and so independent of the order of addition, over a history
    of about 4 years at a half-life of 90 days and a thousand acts; beyond that they agree to 1 part in 10¹⁵.
    """
    if sums.weight < _SMALLEST_WEIGHT:
        return NO_EVIDENCE
    quantum = ldexp(1.0, frexp(sums.weight)[1] - _SIGNIFICANT_BITS)
    return AffinitySums(*(round(part / quantum) * quantum for part in sums))
