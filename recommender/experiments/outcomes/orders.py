"""A visitor's orders and what came back: each order once, the shop server's report before a browser's."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from recommender.events import Event, EventItem, EventName
from recommender.experiments.outcomes.prices import Basis, Prices

_RANKS: Final = {"browser": 1, "import": 2, "server": 3}
"""Who is believed about one transaction; as in :mod:`recommender.visitor.effects`."""


class Order(NamedTuple):
    """One order as placed, in major units of the report's currency.

    Attributes:
        at: when it was placed, Unix seconds.
        revenue: the price of all units, before anything came back; 0 in a foreign currency.
        margin: revenue less what the goods cost.
        by_cost: the part of revenue whose margin comes from known costs.
        unpriced_lines: lines without any price.
        is_foreign: whether it was paid in another currency: an order, but no money here.
        is_confirmed: whether the shop vouches for it; a browser's word alone may be wrong, or forged.
        is_returned: whether anything of it came back.
        refunded: what was paid back, at most the revenue.
    """

    at: float
    revenue: float
    margin: float
    by_cost: float
    unpriced_lines: int
    is_foreign: bool
    is_confirmed: bool
    is_returned: bool
    refunded: float


def orders_of(events: Iterable[Event], prices: Prices) -> list[Order]:
    """Return a visitor's orders, oldest first.

    Of several reports of one ``transaction_id`` the greatest counts: the shop's server's, then an import's, then a
    browser's; of two alike the earlier. It was placed when it was first reported: a payment is confirmed after the visitor
    has seen more pages, and an import may know the day alone, so it tells the moment only where nothing else does. Of its
    refunds, those of the most trusted reporter count, all of them together.

    Args:
        events: distinct events of one visitor in a fixed order.
        prices: what lines cost.
    """
    reports: dict[tuple[str, str], list[Event]] = {}
    refunds: dict[str, list[Event]] = {}
    for event in events:
        if event.name is EventName.PURCHASE:
            key = ("order", event.transaction_id) if event.transaction_id else ("event", event.event_id)
            reports.setdefault(key, []).append(event)
        elif event.name is EventName.REFUND and event.transaction_id:
            refunds.setdefault(event.transaction_id, []).append(event)
    return sorted(
        _order(several, refunds.get(several[0].transaction_id or "", ()), prices)
        for several in reports.values()
    )


def _trust(event: Event) -> tuple[int, float]:
    return _RANKS[event.source], -event.timestamp


def _order(reports: Sequence[Event], refunds: Sequence[Event], prices: Prices) -> Order:
    report = max(reports, key=_trust)
    placed_at = min((one.timestamp for one in reports if one.source != "import"), default=report.timestamp)
    is_foreign = _is_foreign(report, prices)
    lines = [] if is_foreign else [prices.line(entry, placed_at) for entry in report.items]
    revenue = sum(line.revenue for line in lines)
    best = max((_RANKS[refund.source] for refund in refunds), default=0)
    paid: dict[object, float] = {line.item_key: line.unit_price for line in lines}
    if not is_foreign:
        paid |= {_words_of(entry): line.unit_price for entry, line in zip(report.items, lines, strict=True)}
    refunded = sum(
        revenue if not refund.items else sum(_given_back(entry, paid, prices) for entry in refund.items)
        for refund in refunds
        if _RANKS[refund.source] == best and not _is_foreign(refund, prices)
    )
    return Order(
        at=placed_at,
        revenue=revenue,
        margin=sum(line.margin for line in lines),
        by_cost=sum(line.revenue for line in lines if line.basis is Basis.COST),
        unpriced_lines=sum(line.basis is Basis.UNPRICED for line in lines),
        is_foreign=is_foreign,
        is_confirmed=report.source != "browser",
        is_returned=bool(refunds),
        refunded=min(refunded, revenue),
    )


def _given_back(entry: EventItem, paid: dict[object, float], prices: Prices) -> float:
    """Return what an entry of a refund gives back: its own price, else what the line of these words, or this item, cost."""
    price = entry.price
    if price is None:
        price = paid.get(_words_of(entry))
    if price is None:
        price = paid.get(prices.item_key(entry), 0.0)
    return price * max(entry.quantity, 0)


def _words_of(entry: EventItem) -> tuple[str | None, ...]:
    """Return how an entry names what was bought: two sizes of one item may have cost unlike."""
    return entry.item_id, entry.item_variant, entry.size


def _is_foreign(event: Event, prices: Prices) -> bool:
    return event.currency is not None and event.currency != prices.currency
