"""A simulated crowd: visitors with a body, a taste and a feeling for discounts, and what they did in 60 days.

Everything Kabin is to find out (true size, style, weight of a discount) is known here and only leaves
traces in the events, as in a shop.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, NamedTuple

from service.demo.shop import STYLES, DemoItem

DAYS: Final = 60
SECONDS_PER_DAY: Final = 86_400

MORE_SESSIONS: Final = 2.0
"""Visits of a shopper in the sixty days besides the first one, on average."""

FAVOURITE_STYLE: Final = 6.0
"""How many times likelier a view in the favourite style is than in any other one."""

DEAL_SEEKER_PULL: Final = 10.0
"""How many times likelier deal seekers look at an item when it is discounted; a quarter of the crowd are such."""

NEIGHBOURING_SIZE: Final = 0.08
"""Share of size choices that fall one step beside the true size: gifts, cuts, doubts."""


@dataclass(frozen=True, slots=True)
class Shopper:
    """One simulated visitor."""

    visitor_id: str
    gender: str
    style: str
    size_step: dict[str, int]
    """Garment family to place on that family's ladder."""
    discount_pull: float
    """How many times likelier a view is when the item is discounted."""
    sessions: int


def simulate_crowd(
    seed: int, count: int, *, prefix: str = "demo", more_sessions: float = MORE_SESSIONS
) -> list[Shopper]:
    """Invent the shoppers; the same seed gives the same crowd.

    Args:
        seed: of the crowd.
        count: how many.
        prefix: of their ids.
        more_sessions: how often each came in the sixty days besides the first time, on average; none over six times that.
    """
    rng = random.Random(f"crowd-{seed}")  # noqa: S311 - a reproducible crowd, no secrets
    return [_simulate_shopper(rng, f"{prefix}-{number:05d}", more_sessions) for number in range(1, count + 1)]


def crowd_rows(
    shoppers: Sequence[Shopper], items: Sequence[DemoItem], *, seed: int, now: float
) -> Iterator[dict[str, Any]]:
    """Yield what the crowd did in the days before ``now``, in time order, as rows of an event file.

    Args:
        shoppers: the crowd.
        items: the shop it strolls through.
        seed: of the crowd's choices.
        now: Unix seconds at which the story ends.
    """
    rng = random.Random(f"events-{seed}")  # noqa: S311 - reproducible choices, no secrets
    shelves = Shelves(items)
    rows: list[dict[str, Any]] = []
    for shopper in shoppers:
        for _ in range(shopper.sessions):
            # More of them came lately than long ago.
            start = now - 600 - rng.betavariate(1.0, 1.6) * DAYS * SECONDS_PER_DAY
            rows += _session(rng, shopper, shelves, start, now)
    rows.sort(key=lambda row: (row["timestamp"], row["visitor_id"]))
    yield from rows


class Shelves:
    """The shop as a shopper sees it: items by gender and style, and their odds of being looked at.

    Args:
        items: what the shop sells.
    """

    def __init__(self, items: Sequence[DemoItem]) -> None:
        self._by_shelf: dict[tuple[str, str], list[DemoItem]] = defaultdict(list)
        for item in items:
            genders = ("female", "male") if item.garment.gender == "unisex" else (item.garment.gender,)
            for gender in genders:
                self._by_shelf[gender, item.style].append(item)
        self._in_reach: dict[_AtHand, _Shelf] = {}

    def pick(self, rng: random.Random, shopper: Shopper, *, discounted: bool | None = None) -> DemoItem:
        """Choose what the shopper looks at next.

        Args:
            rng: the dice.
            shopper: who looks.
            discounted: whether only discounted items are at hand, or only others; ``None`` for the whole shop.
        """
        odds = [FAVOURITE_STYLE if style == shopper.style else 1.0 for style in STYLES]
        (style,) = rng.choices(STYLES, odds)
        at_hand = _AtHand(shopper.gender, style, shopper.discount_pull, discounted)
        shelf = self._in_reach.get(at_hand)
        if shelf is None:
            shelf = self._in_reach[at_hand] = self._look(at_hand)
        (item,) = rng.choices(shelf.items, cum_weights=shelf.odds)
        return item

    def _look(self, at_hand: "_AtHand") -> "_Shelf":
        items = self._by_shelf[at_hand.gender, at_hand.style]
        if at_hand.discounted is not None:
            # A shelf without any such item leaves the shopper to what is there.
            items = [item for item in items if (item.sale_price is not None) is at_hand.discounted] or items
        # Popularity falls with an item's place on the shelf; a discount pulls.
        odds = accumulate(
            (at_hand.discount_pull if item.sale_price is not None else 1.0) / (place + 8)
            for place, item in enumerate(items)
        )
        return _Shelf(items, list(odds))


class _AtHand(NamedTuple):
    """What of the shop somebody looks at."""

    gender: str
    style: str
    discount_pull: float
    discounted: bool | None


class _Shelf(NamedTuple):
    """Items, and their odds added up."""

    items: list[DemoItem]
    odds: list[float]


def _simulate_shopper(rng: random.Random, visitor_id: str, more_sessions: float) -> Shopper:
    body = rng.gauss(0.0, 1.0)
    size_step = {
        family: round(body + rng.gauss(0.0, 0.35))
        for family in ("tops", "dresses", "bottoms", "outerwear", "shoes")
    }
    (pull,) = rng.choices((0.5, 1.0, DEAL_SEEKER_PULL), (0.25, 0.5, 0.25))
    sessions = min(int(6 * more_sessions), 1 + int(rng.expovariate(1 / more_sessions)))
    return Shopper(visitor_id, rng.choice(("female", "male")), rng.choice(STYLES), size_step, pull, sessions)


def _session(
    rng: random.Random, shopper: Shopper, shelves: Shelves, start: float, now: float
) -> Iterator[dict[str, Any]]:
    clock = start
    cart: list[tuple[DemoItem, str]] = []
    for _ in range(1 + min(11, int(rng.expovariate(1 / 3.0)))):
        item = shelves.pick(rng, shopper)
        clock = min(now, clock + rng.uniform(8, 90))
        yield _row(shopper, "view_item", clock, item)
        if rng.random() > 0.35:
            continue
        size = choose_size(rng, shopper, item)
        clock = min(now, clock + rng.uniform(4, 30))
        yield _row(shopper, "select_size", clock, item, size)
        if size in item.sold_out or rng.random() > 0.5:
            continue
        clock = min(now, clock + rng.uniform(2, 20))
        yield _row(shopper, "add_to_cart", clock, item, size)
        cart.append((item, size))
    if cart and rng.random() < 0.6:
        clock = min(now, clock + rng.uniform(30, 240))
        order_id = f"demo-order-{rng.getrandbits(48):012x}"
        for item, size in cart:
            yield {**_row(shopper, "purchase", clock, item, size), "transaction_id": order_id}


def choose_size(rng: random.Random, shopper: Shopper, item: DemoItem) -> str:
    """Choose a size of an item: the shopper's own, or now and then the one beside it."""
    sizes = item.garment.sizes
    if len(sizes) == 1:
        return sizes[0]
    step = len(sizes) // 2 + shopper.size_step.get(item.garment.family, 0)
    if rng.random() < NEIGHBOURING_SIZE:
        step += rng.choice((-1, 1))
    return sizes[min(max(step, 0), len(sizes) - 1)]


def _row(
    shopper: Shopper, event: str, timestamp: float, item: DemoItem, size: str | None = None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "visitor_id": shopper.visitor_id,
        "event": event,
        "timestamp": round(timestamp, 1),
        "item_id": item.item_id,
        "price": item.paid_price,
        "currency": "EUR",
    }
    if size is not None:
        row["size"] = size
    if item.sale_price is not None:
        row["discount"] = round(item.price - item.sale_price, 2)
    return row
