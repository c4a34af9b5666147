"""A shop small enough to be known by heart: whatever an answer says of a visitor can be judged by itself."""

import json
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from service.identity.tokens import VisitorTokens

SERVER_KEY: Final = "the-server-key-of-the-faults"
SIGNING_KEY: Final = "the-signing-key-of-the-faults"

VISITORS: Final = 60
SIZES: Final = ("36", "38", "40", "42", "44")
ITEMS: Final = 30
BOUGHT: Final = 3
"""Items of a visitor's history: from three unanimous ones on the size is preselected."""
SOLD_OUT: Final = "dress-29"


class Visitor(NamedTuple):
    """A known shopper, who has bought dresses of one size only.

    Attributes:
        visitor_id: under which everything is kept.
        token: that the browser holds.
        size: that a page with a dress preselects.
    """

    visitor_id: str
    token: str
    size: str


def visitors() -> list[Visitor]:
    """Return all of them; neighbours have different sizes, so that a mistaken identity shows four times in five."""
    tokens = VisitorTokens([SIGNING_KEY])
    ids = [f"visitor-{number}" for number in range(VISITORS)]
    return [
        Visitor(visitor_id, tokens.sign(visitor_id), SIZES[number % len(SIZES)])
        for number, visitor_id in enumerate(ids)
    ]


def item_id(number: int) -> str:
    """Return the id of an item that no history holds, in stock in every size."""
    return f"dress-{BOUGHT + number % (ITEMS - BOUGHT - 1)}"


def feed() -> bytes:
    """Return the catalog: dresses in five sizes, of which one is sold out."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in _lines())


def history(visitor: Visitor) -> list[dict[str, Any]]:
    """Return what a visitor has bought, as the shop's server tells it."""
    at = time.time() - 3600
    return [
        {
            "name": "purchase",
            "event_id": f"history-{visitor.visitor_id}-{number}",
            "timestamp": at,
            "params": {
                "transaction_id": f"order-{visitor.visitor_id}-{number}",
                "currency": "EUR",
                "items": [{"item_id": f"dress-{number}", "size": visitor.size, "quantity": 1}],
            },
        }
        for number in range(BOUGHT)
    ]


def _lines() -> Iterator[dict[str, Any]]:
    for number in range(ITEMS):
        item = f"dress-{number}"
        for size in SIZES:
            yield {
                "id": f"{item}-{size}",
                "item_group_id": item,
                "title": f"Dress {number}",
                "link": f"https://shop.example/{item}",
                "availability": "out_of_stock" if item == SOLD_OUT else "in_stock",
                "price": "59.90 EUR",
                "product_type": "Women > Dresses",
                "gender": "female",
                "age_group": "adult",
                "color": "red",
                "size": size,
                "size_system": "EU",
            }
