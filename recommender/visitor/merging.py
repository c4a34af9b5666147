"""What becomes of a visitor when they sign in: what was held of them moves into what is held of the customer.

Everything but the affinity sums is a join (see :mod:`recommender.visitor.state`), so those parts come out the same in
whichever order visitors are merged, and however often. Sums are added: whoever merges must do so once for each
transfer, as :mod:`service.stores.identifications` does. An order that both report counts once. An act that both count
once a day, such as a view of the same item on two devices, counts for each, since neither knows what the other's added.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from recommender.affinity import NO_EVIDENCE, AffinitySums
from recommender.visitor.effects import OrderCopy
from recommender.visitor.holdings import Holdings
from recommender.visitor.state import (
    CART_CAPACITY,
    EVIDENCE_CAPACITY,
    EXPOSURES_CAPACITY,
    VIEWED_CAPACITY,
    CartLine,
    Exposure,
    HomepagePin,
    Viewed,
    VisitorState,
)

RING_EVENTS: Final = 512
"""Repetitions among a visitor's last 512 events are recognised by the store."""

ORDERS_CAPACITY: Final = 64
"""Orders of which the store remembers the report that counted."""

CountedOrder = tuple[OrderCopy, int]
"""A report of an order and the ``affinity_version`` at which it counted."""

_Record = TypeVar("_Record", bound=tuple[Any, ...])


def merge(customer: Holdings, visitor: Holdings) -> Holdings:
    """Return what is held of a customer who was just recognised in a visitor.

    Args:
        customer: what is held of the customer, on whichever devices they signed in so far.
        visitor: what was held of the visitor until they signed in.
    """
    affinity, version, orders = _merged_affinity(customer, visitor)
    mine, theirs = customer.state, visitor.state
    cleared = max(mine.cart_cleared_tick, theirs.cart_cleared_tick)
    latest_seen = max(mine, theirs, key=lambda state: (state.last_seen, state.session_started))
    state = VisitorState(
        evidence=newest({*mine.evidence, *theirs.evidence}, EVIDENCE_CAPACITY),
        affinity=affinity,
        affinity_version=version,
        cart=newest(
            (line for line in _last_acts(mine.cart, theirs.cart) if line.tick > cleared), CART_CAPACITY
        ),
        cart_cleared_tick=cleared,
        recently_viewed=newest(_last_views(mine.recently_viewed, theirs.recently_viewed), VIEWED_CAPACITY),
        exposures=merge_exposures(mine.exposures, theirs.exposures),
        homepage=_later_pin(mine.homepage, theirs.homepage),
        last_seen=latest_seen.last_seen,
        session_started=latest_seen.session_started,
    )
    return Holdings(state, last_events((*customer.ring, *visitor.ring), RING_EVENTS), orders)


def merge_exposures(customer: Iterable[Exposure], visitor: Sequence[Exposure]) -> tuple[Exposure, ...]:
    """Return the exposures of a customer who was just recognised in a visitor, newest first, at most 16.

    The customer's variation wins, however old: they have lived with it on every device so far. What only the
    visitor saw is added while there is room, the newest first; the customer's own never makes way for it.
    So what the customer had is the same whichever visitors are merged, in whichever order and however often.

    Args:
        customer: what the customer holds.
        visitor: what the visitor held until they signed in.
    """
    merged = {shown.experiment_key: shown for shown in sorted(customer)}
    for shown in sorted(visitor, reverse=True):
        if len(merged) >= EXPOSURES_CAPACITY:
            break
        merged.setdefault(shown.experiment_key, shown)
    return tuple(sorted(merged.values(), reverse=True))


def newest(records: Iterable[_Record], capacity: int) -> tuple[_Record, ...]:
    """Return the greatest records, which begin with their time, greatest first."""
    return tuple(sorted(records, reverse=True)[:capacity])


def last_orders(orders: Iterable[CountedOrder]) -> tuple[CountedOrder, ...]:
    """Return the newest orders that a store remembers, oldest first."""
    by_age = sorted(orders, key=lambda counted: (-counted[0].untick, counted[0].fingerprint))
    return tuple(by_age[-ORDERS_CAPACITY:])


def last_events(fingerprints: Iterable[int], events: int) -> tuple[int, ...]:
    """Return each fingerprint once, from that of the last but ``events`` event on."""
    prints = tuple(dict.fromkeys(fingerprints))
    starts = [position for position, print_ in enumerate(prints) if not print_ & 1]
    wanted = min(events, len(starts))
    return prints[starts[-wanted] :] if wanted else ()


def order_index(orders: Iterable[CountedOrder]) -> dict[int, CountedOrder]:
    """Return counted orders by the fingerprint of their transaction."""
    return {copy.fingerprint: (copy, version) for copy, version in orders}


def _last_acts(*carts: Iterable[CartLine]) -> Iterable[CartLine]:
    lines: dict[tuple[int, int], CartLine] = {}
    for cart in carts:
        for line in cart:
            key = line.item_key, line.sku_key
            lines[key] = max(line, lines.get(key, line))
    return lines.values()


def _last_views(*sections: Iterable[Viewed]) -> Iterable[Viewed]:
    views: dict[int, Viewed] = {}
    for section in sections:
        for viewed in section:
            views[viewed.item_key] = max(viewed, views.get(viewed.item_key, viewed))
    return views.values()


def _later_pin(mine: HomepagePin | None, theirs: HomepagePin | None) -> HomepagePin | None:
    """Return the later of two pins, as the store's own script chooses between pins."""
    if mine is None or theirs is None:
        return mine or theirs
    return max(mine, theirs, key=lambda pin: (pin.second, pin.variant == "promo"))


def _merged_affinity(
    customer: Holdings, visitor: Holdings
) -> tuple[AffinitySums, int, tuple[CountedOrder, ...]]:
    """Return sums, their version and the orders that they count.

    Sums of two half-lives cannot be added: then the customer's stand, and a rebuild brings in the visitor's.
    """
    version = customer.state.affinity_version or visitor.state.affinity_version
    sums = NO_EVIDENCE
    for holdings in (customer, visitor):
        if holdings.state.affinity_version == version:
            sums = sums.plus(holdings.state.affinity)
    orders = order_index(customer.orders)
    for copy, counted_at in visitor.orders:
        known = orders.get(copy.fingerprint)
        if known is None:
            orders[copy.fingerprint] = copy, counted_at
        else:
            stands, falls = _of_two_reports(known, (copy, counted_at), version)
            orders[copy.fingerprint] = stands
            if falls[1] == version:
                sums = sums.minus(falls[0].sums)
    return sums, version, last_orders(orders.values())


def _of_two_reports(
    mine: CountedOrder, theirs: CountedOrder, version: int
) -> tuple[CountedOrder, CountedOrder]:
    """Return the report of an order that stands and the one that falls; one that is not in the sums cannot stand alone."""
    if (mine[1] == version) != (theirs[1] == version):
        return (mine, theirs) if mine[1] == version else (theirs, mine)
    return (mine, theirs) if mine[0] >= theirs[0] else (theirs, mine)
