"""Items and SKUs as decisions see them: parsed, priced, with the sizes that can be bought."""

from typing import Any, NamedTuple

import msgspec

from recommender.catalog.cards import Card, card_of
from recommender.catalog.texts import Text
from recommender.identifiers import key_of
from recommender.sizes.ladder import Ladder
from recommender.sizes.size import Size


class Sku(msgspec.Struct, frozen=True, gc=False):
    """One size and colour of an item, a row of the feed.

    ``label`` is the feed's ``size`` as the shop writes it ("" where it has none), ``size`` what it means.
    Prices are in minor units of ``currency``; ``sale_price_minor`` is always below ``price_minor``.
    ``sale_from`` and ``sale_until`` are Unix seconds, ``None`` where the sale has no such end. ``in_stock``
    is Merchant Center's ``in_stock`` alone: what is on preorder or backorder cannot be sent today.
    """

    sku_id: str
    label: str
    size: Size | None
    color: str | None
    price_minor: int
    sale_price_minor: int | None
    sale_from: float | None
    sale_until: float | None
    currency: str
    in_stock: bool

    @property
    def key(self) -> int:
        """The 40-bit key under which a visitor's state remembers the SKU."""
        return key_of(self.sku_id)

    def on_sale(self, now: float) -> bool:
        """Tell whether the sale price holds at ``now`` (Unix seconds)."""
        return (
            self.sale_price_minor is not None
            and (self.sale_from is None or self.sale_from <= now)
            and (self.sale_until is None or now < self.sale_until)
        )

    def current_price_minor(self, now: float) -> int:
        """Return what the SKU costs at ``now``, in minor units."""
        if self.sale_price_minor is not None and self.on_sale(now):
            return self.sale_price_minor
        return self.price_minor


class Item(msgspec.Struct, eq=False, gc=False):
    """An item of the catalog; title, link, brand and categories are its first SKU's, in feed order.

    ``row`` numbers the item within one :class:`~recommender.catalog.catalog.Catalog` and ``first_seen`` (Unix
    seconds) is when the shop first listed it. Do not change an item: caches share it.
    """

    item_id: str
    key: int
    row: int
    title: str
    link: str
    image_link: str | None
    brand: str | None
    product_type: str | None
    google_product_category: str | None
    department: int
    first_seen: float
    skus: tuple[Sku, ...]
    _ladder: Ladder | None = None
    _ladder_known: bool = False
    _card: Card | None = None

    @property
    def in_stock(self) -> bool:
        """Whether any SKU is in stock."""
        return any(sku.in_stock for sku in self.skus)

    def on_sale(self, now: float) -> bool:
        """Tell whether any SKU that is in stock is on sale at ``now``."""
        return any(sku.in_stock and sku.on_sale(now) for sku in self.skus)

    def sizes_in_stock(self) -> frozenset[Size]:
        """Return the sizes that can be bought in at least one colour."""
        return frozenset(sku.size for sku in self.skus if sku.in_stock and sku.size is not None)

    def ladder(self) -> Ladder | None:
        """Return the item's sizes, in stock or not and in any colour, on the scale that most of them share."""
        if not self._ladder_known:
            self._ladder = Ladder.of((sku.size for sku in self.skus), self.department)
            self._ladder_known = True
        return self._ladder

    def remember_ladder(self, ladder: Ladder | None) -> None:
        """Take over the item's ladder from where it is known: working it out is a quarter of building an item."""
        self._ladder, self._ladder_known = ladder, True

    def sku_of(self, sku_id: str) -> Sku | None:
        """Return the item's SKU of this id."""
        return next((sku for sku in self.skus if sku.sku_id == sku_id), None)

    def sku_of_key(self, sku_key: int) -> Sku | None:
        """Return the item's SKU of this 40-bit key."""
        return next((sku for sku in self.skus if sku.key == sku_key), None)

    def card_json(self, now: float) -> bytes:
        """Return the JSON of the item's card at ``now`` (Unix seconds), see :class:`~recommender.catalog.cards.Card`."""
        return self._card_at(now).json

    def card(self, now: float) -> dict[str, Any]:
        """Return what the card says."""
        return self._card_at(now).content()

    def _card_at(self, now: float) -> Card:
        card = self._card
        if card is None or not card.holds(now):
            offered = [sku for sku in self.skus if sku.in_stock] or self.skus
            offers = [
                (sku.price_minor, sku.sale_price_minor, sku.sale_from, sku.sale_until, sku.currency)
                for sku in offered
            ]
            card = self._card = card_of(Text(self.title, self.link, self.image_link or ""), offers, now)
        return card


class Resolved(NamedTuple):
    """What an id of the shop stands for: an item, and the SKU if the id was a SKU's."""

    item: Item
    sku: Sku | None


def sku_for(
    item: Item,
    size: Size,
    *,
    prefer_color: str | None = None,
    prefer_like_sku: Sku | str | None = None,
    same_color_only: bool = False,
) -> Sku | None:
    """Return the SKU in stock to choose for a size: in the preferred colour, else the first in feed order.

    Args:
        item: the item looked at.
        size: the size wanted; sizes of other scales never match.
        prefer_color: the colour being viewed, as the feed writes it.
        prefer_like_sku: the SKU being viewed (or its id): its colour is preferred.
        same_color_only: answer ``None`` rather than switch to another colour.

    Returns:
        ``None`` if the size is not in stock (in that colour, with ``same_color_only``).
    """
    viewed = item.sku_of(prefer_like_sku) if isinstance(prefer_like_sku, str) else prefer_like_sku
    color = prefer_color if prefer_color is not None else (None if viewed is None else viewed.color)
    offers = [sku for sku in item.skus if sku.in_stock and sku.size == size]
    if color is None:
        return offers[0] if offers else None
    wanted = color.strip().casefold()
    for sku in offers:
        if (sku.color or "").strip().casefold() == wanted:
            return sku
    return offers[0] if offers and not same_color_only else None
