"""What a recommendation shows of an item: a card, written as JSON once for all the answers that it is in."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from recommender.catalog.money import major_units
from recommender.catalog.texts import Text

BEGINNING: Final = float("-inf")
END: Final = float("inf")


Offer: TypeAlias = tuple[int, int | None, float | None, float | None, str]
"""What a SKU costs: price, sale price (``None`` without one), from and until before when it holds, currency.

Prices are in minor units of the currency, moments in Unix seconds, ``None`` where the sale has no such end.
"""


class Card(NamedTuple):
    """A card as JSON in UTF-8, and from and until before which moment (Unix seconds) it stays true.

    Keys: ``title, link, image_link, price, sale_price, currency``; prices in major units (59.9), the sale price
    ``null`` unless it holds.
    """

    json: bytes
    valid_from: float
    valid_until: float

    def holds(self, now: float) -> bool:
        """Tell whether the card is true at ``now``."""
        return self.valid_from <= now < self.valid_until

    def content(self) -> dict[str, Any]:
        """Return what the card says."""
        content: dict[str, Any] = orjson.loads(self.json)
        return content


def card_of(text: Text, offers: Iterable[Offer], now: float) -> Card:
    """Make an item's card: the offer that is cheapest at ``now`` (the first of equal ones) sets the prices.

    Args:
        text: of the item; an empty image link becomes ``null``.
        offers: at least one; those in stock if any is.
        now: Unix seconds.
    """
    least, price, sale, currency = END, 0, None, ""
    valid_from, valid_until = BEGINNING, END
    for price_minor, sale_price_minor, begin, end, offered_in in offers:
        if begin is not None or end is not None:
            ends = [moment for moment in (begin, end) if moment is not None]
            valid_from = max([valid_from, *(moment for moment in ends if moment <= now)])
            valid_until = min([valid_until, *(moment for moment in ends if moment > now)])
        holds = (
            sale_price_minor is not None and (begin is None or begin <= now) and (end is None or now < end)
        )
        reduced = sale_price_minor if holds else None
        current = price_minor if reduced is None else reduced
        if current < least:
            least, price, sale, currency = current, price_minor, reduced, offered_in
    content = {
        "title": text.title,
        "link": text.link,
        "image_link": text.image_link or None,
        "price": major_units(price, currency),
        "sale_price": None if sale is None else major_units(sale, currency),
        "currency": currency,
    }
    # A copy, as orjson cuts its answer out of a kilobyte of which the rest is lost to others: 110 MB for 30,000 cards.
    return Card(bytes(memoryview(orjson.dumps(content))), valid_from, valid_until)
