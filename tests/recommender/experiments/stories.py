"""Visitors' stories for tests: a shop of two items, and events by a few words."""

from itertools import count
from typing import Any

from recommender.catalog.catalog import Catalog
from recommender.catalog.money import Money
from recommender.events import Event, EventItem, EventName, ExperimentShown
from recommender.experiments.outcomes.prices import CostBook, Prices
from tests.catalog_rows import row

START = 1_767_225_600.0
"""2026-01-01 00:00 UTC: the exposure of most stories."""
HOUR = 3600.0
DAY = 86_400.0

CATALOG = Catalog.of_rows(
    [
        row("a-38", "a", size="38", price=Money(6000, "EUR")),
        row("a-40", "a", size="40", price=Money(6000, "EUR"), sale_price=Money(4500, "EUR")),
        row("b-38", "b", size="38", price=Money(10_000, "EUR")),
        row("c", None, size=None, price=Money(5000, "USD")),
    ],
    now=START - 100 * DAY,
)
"""Item a costs the shop 20 EUR, b and c have no known cost; c is priced in dollars."""

COSTS = CostBook.of({"a-38": 20.0, "a-40": 20.0})


def prices(*, currency: str = "EUR", gross_margin_share: float = 0.5) -> Prices:
    """Return the prices of the shop."""
    return Prices(CATALOG, COSTS, currency=currency, gross_margin_share=gross_margin_share)


_numbers = count(1)


def event(name: str, after: float, **fields: Any) -> Event:
    """Return an event so many seconds after :data:`START`, with an id of its own unless one is given."""
    given = {"event_id": f"e{next(_numbers)}", "source": "browser", **fields}
    return Event(name=EventName(name), timestamp=START + after, **given)


def shown(
    after: float = 0.0,
    variation: int = 1,
    name: str = "promo",
    *,
    experiment_id: str = "promo-page",
    propensity: float | None = 0.5,
    bucket_version: int = 0,
    **fields: Any,
) -> Event:
    """Return the exposure to a variation."""
    one = ExperimentShown(experiment_id, variation, name, propensity, bucket_version)
    given = {"decision_id": f"d{next(_numbers)}", "slot": "homepage", **fields}
    return event("decision_shown", after, experiments=(one,), **given)


def bought(after: float, *items: EventItem, order: str | None = None, **fields: Any) -> Event:
    """Return an order of some items, in euros unless said otherwise."""
    given = {"currency": "EUR", "transaction_id": order or f"t{next(_numbers)}", **fields}
    return event("purchase", after, items=items, **given)


def line(item_id: str = "a-38", price: float | None = None, **fields: Any) -> EventItem:
    """Return an entry of an event's items."""
    return EventItem(item_id, price=price, **fields)
