"""Pages and events of a recording: sensible ones by shoppers with a size and a taste, and every kind of mistake."""

import json
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from recommender.events import ACTS

Items = Mapping[str, list[tuple[str, str | None]]]
"""SKUs by item, as id and size label."""

_FAVOURITES: Final = 14
_DEAL_SEEKERS: Final = 0.3
_PAGES: Final = (
    "home",
    "category",
    "product",
    "product",
    "product",
    "search",
    "cart",
    "checkout",
    "order",
    "other",
)
_CATEGORIES: Final = (
    "Women > Dresses",
    "Women",
    "Men > Tops > Shirts",
    "women > dresses > midi",
    "Nowhere",
    "Accessories",
    "",
)
_SENSIBLE: Final = (
    *("view_item",) * 8,
    *("select_size",) * 5,
    *("add_to_cart",) * 4,
    *("purchase",) * 2,
    *("decision_shown",) * 3,
    *(name.value for name in ACTS),
)
_MISTAKES: Final[tuple[Any, ...]] = (
    7,
    None,
    "view_item",
    {"name": "view_item"},
    {"name": "view_item", "event_id": ""},
    {"name": "view_item", "event_id": "m1"},
    {"name": "purchase", "event_id": "m2", "params": {"items": [{"item_id": "i1"}]}},
    {"name": "scroll", "event_id": "m3", "params": {"items": 7}},
    {
        "name": "view_item",
        "event_id": "m4",
        "params": {"items": [{"item_id": "i1", "price": -1}], "currency": "EURO"},
    },
    {
        "name": "view_item",
        "event_id": "m5",
        "timestamp": "yesterday",
        "params": {"items": [{"item_id": "i1"}]},
    },
    {"name": "fit_feedback", "event_id": "m6", "params": {"items": [{"item_id": "i1"}], "fit": "odd"}},
    {"name": "add_to_cart", "event_id": "m7", "params": {"items": [{"item_id": "i1", "quantity": 1.5}]}},
)


BAD_BODIES: Final = (
    "",
    "{",
    "[]",
    "null",
    '"text"',
    '{"page": {"type": "basement"}}',
    '{"limit": -1}',
    '{"limit": 101}',
    '{"limit": 2.5}',
    '{"limit": "12"}',
    '{"page": 7, "consent": {"storage": "yes"}, "events": {}}',
    '{"visitor_id": 12}',
    json.dumps({"visitor_id": "v" * 300}),
    json.dumps({"page": {"item_id": "i" * 129}}),
    '{"preview": {"homepage": "none"}}',
    '{"preview": {"experiments": {"e0": -1, "": 2}}}',
    '{"attributes": {"a": [1]}}',
    json.dumps({"attributes": {f"a{n}": 1 for n in range(21)}}),
    '{"limit": 1e400}',
    json.dumps({"events": [{"name": "view_cart", "event_id": "e"}] * 51}),
    json.dumps({"page": {"category": "c" * 40_000}}),
    '{"page": {"type": "home"}} trailing',
    '{"page": {"type": "h\\ud800"}}',
)
"""What no page should send."""


class Shopper(NamedTuple):
    """A visitor with favourite items, a place on their ladders, and perhaps an eye for discounts."""

    name: str
    favourites: tuple[str, ...]
    place: float
    seeks_discounts: bool

    @classmethod
    def draw(cls, dice: random.Random, name: str, items: Items) -> "Shopper":
        """Return a shopper who likes neighbours in the feed, which are of one kind."""
        ids = list(items)
        start = dice.randrange(len(ids) - _FAVOURITES) if dice.random() < 0.5 else dice.randrange(480)
        near = [ids[min(start + dice.randrange(60), len(ids) - 1)] for _ in range(_FAVOURITES)]
        return cls(name, tuple(near), dice.random(), dice.random() < _DEAL_SEEKERS)

    def item(self, dice: random.Random, items: Items) -> str:
        """Return an item that the shopper looks at: mostly a favourite."""
        return dice.choice(self.favourites) if dice.random() < 0.8 else dice.choice(list(items))

    def sku(self, dice: random.Random, item: str, items: Items) -> tuple[str, str | None]:
        """Return the SKU of the shopper's size, or now and then another; ``item`` may also be a SKU, or nothing at all."""
        skus = items.get(item) or [(item, None)]
        if dice.random() < 0.1:
            return dice.choice(skus)
        return skus[int(self.place * len(skus))]


def page_of(dice: random.Random, shopper: Shopper, items: Items) -> dict[str, Any]:
    """Return the page that asks."""
    page: dict[str, Any] = {"type": dice.choice(_PAGES)}
    if page["type"] in {"product", "cart", "order"} or dice.random() < 0.1:
        page["item_id"] = shopper.item(dice, items)
        draw = dice.random()
        if draw < 0.2:
            page["sku"] = shopper.sku(dice, page["item_id"], items)[0]
        elif draw < 0.3:
            page["item_id"] = shopper.sku(dice, page["item_id"], items)[0]
        elif draw < 0.34:
            page["item_id"] = "unknown"
    if page["type"] in {"category", "search"} or dice.random() < 0.1:
        page["category"] = dice.choice(_CATEGORIES)
    return page


def events_of(
    dice: random.Random, shopper: Shopper, items: Items, count: int, *, now: float, viewed: str | None
) -> Iterator[Any]:
    """Yield events, the first one often a view of the page's item."""
    for number in range(count):
        if dice.random() < 0.03:
            yield dice.choice(_MISTAKES)
        elif number == 0 and viewed is not None and dice.random() < 0.7:
            yield _event(dice, shopper, items, "view_item", viewed, now=now)
        else:
            yield _event(dice, shopper, items, dice.choice(_SENSIBLE), shopper.item(dice, items), now=now)


def _event(
    dice: random.Random, shopper: Shopper, items: Items, name: str, item: str, *, now: float
) -> dict[str, Any]:
    # Few ids for some, so that events repeat.
    space = 40 if dice.random() < 0.1 else 10**9
    event: dict[str, Any] = {"name": name, "event_id": f"{shopper.name}-{dice.randrange(space)}"}
    params: dict[str, Any] = {"currency": dice.choice(("EUR", "eur", "USD"))}
    if (
        name not in {"sort_items", "decision_shown", "view_promotion", "select_promotion"}
        or dice.random() < 0.2
    ):
        entries = 1 if name != "purchase" else dice.choice((1, 1, 2, 3))
        params["items"] = [_entry(dice, shopper, items, item)] + [
            _entry(dice, shopper, items, shopper.item(dice, items)) for _ in range(entries - 1)
        ]
    if name in {"purchase", "refund"}:
        params["transaction_id"] = f"{shopper.name}-order-{dice.randrange(12)}"
        if dice.random() < (0.9 if shopper.seeks_discounts else 0.1):
            params["coupon"] = "TEN"
    if name == "decision_shown":
        params["decision_id"] = f"@decision:{shopper.name}" if dice.random() < 0.9 else "made-up"
        params["slot"] = dice.choice((None, "homepage", "size", "recommendations", "banner"))
        if dice.random() < 0.3:
            params["experiments"] = [{"experiment_id": "e0", "variation_id": dice.randrange(3)}]
    if name == "fit_feedback":
        params["fit"] = dice.choice(("small", "true", "large"))
    if name == "sort_items":
        params["sort_by"] = dice.choice(("price_asc", "price_desc", "newest"))
    if name in {"view_promotion", "select_promotion"}:
        params["promotion_id"] = dice.choice(("sale", "outlet"))
    event["params"] = params
    return event | _time(dice, now)


def _entry(dice: random.Random, shopper: Shopper, items: Items, item: str) -> dict[str, Any]:
    sku, size = shopper.sku(dice, item, items)
    entry: dict[str, Any] = {"item_id": item}
    draw = dice.random()
    if draw < 0.4:
        entry["item_variant"] = sku
    elif draw < 0.6:
        entry["item_id"] = sku
    elif draw < 0.8 and size is not None:
        entry["size"] = size
    elif draw < 0.83:
        entry["size"] = "odd"
    if dice.random() < 0.5 or shopper.seeks_discounts:
        discounts = (5.5, 20) if shopper.seeks_discounts else (0, 0, 0, 5.5)
        entry |= {"price": round(dice.uniform(10, 90), 2), "discount": dice.choice(discounts)}
    if dice.random() < 0.1:
        entry["quantity"] = dice.choice((1, 2, 3.0))
    if dice.random() < 0.05:
        entry["preselected"] = True
    return entry


def _time(dice: random.Random, now: float) -> dict[str, Any]:
    """Return when an event says it was; servers may report any past, browsers a day."""
    draw = dice.random()
    if draw < 0.6:
        return {}
    if draw < 0.8:
        return {"timestamp": round(now - dice.uniform(0, 900), 2)}
    if draw < 0.85:
        return {"timestamp_micros": int((now - dice.uniform(0, 80_000)) * 1e6)}
    if draw < 0.9:
        return {"timestamp": datetime.fromtimestamp(now - dice.uniform(0, 9_000), UTC).isoformat()}
    if draw < 0.97:
        return {"timestamp": round(now - dice.uniform(90_000, 8_000_000), 1)}
    return {"timestamp": round(now + dice.uniform(100, 5_000), 1)}
