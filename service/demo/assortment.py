"""The simulated shop's items as its pages look them up: by id, by SKU, newest, on sale."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.demo.shop import DemoItem, color_slug


@dataclass(frozen=True, slots=True)
class DemoSku:
    """One colour and size of an item, as it lies on the shelf."""

    sku_id: str
    item: DemoItem
    color: str
    size: str

    @property
    def in_stock(self) -> bool:
        """Whether it can be bought."""
        return self.size not in self.item.sold_out


class Assortment:
    """Every item of the shop, in the feed's order.

    Args:
        items: as :func:`service.demo.shop.simulate_shop` invents them.
    """

    def __init__(self, items: Sequence[DemoItem]) -> None:
        self.items = tuple(items)
        self.newest_first = tuple(sorted(items, key=lambda item: (item.age_days, item.item_id)))
        self._items = {item.item_id: item for item in items}
        self._skus = {
            sku_id: DemoSku(sku_id, item, color, size)
            for item in items
            for sku_id, color, size in item.skus()
        }

    def item(self, item_id: str) -> DemoItem | None:
        """Return the item of this id."""
        return self._items.get(item_id)

    def sku(self, sku_id: str) -> DemoSku | None:
        """Return the SKU of this id."""
        return self._skus.get(sku_id)

    def full_price(self, limit: int) -> tuple[DemoItem, ...]:
        """Return the newest items that are not discounted."""
        return tuple(item for item in self.newest_first if item.sale_price is None)[:limit]

    def on_sale(self, limit: int) -> tuple[DemoItem, ...]:
        """Return what is discounted most, the newest first among equals."""
        discounted = [item for item in self.newest_first if item.sale_price is not None]
        return tuple(sorted(discounted, key=lambda item: -discount_percent(item)))[:limit]


def discount_percent(item: DemoItem) -> int:
    """Return by how much an item is reduced, in whole percent; 0 at full price."""
    return round(100 * (1 - item.paid_price / item.price))


def color_of(item: DemoItem, slug: str | None) -> str:
    """Return the colour of an item that a path spells ``slug``; the first one if it has none like that."""
    return next((color for color in item.colors if color_slug(color) == slug), item.colors[0])


def short_name(item: DemoItem) -> str:
    """Return the title without the colour: ``Linen Shirt``."""
    return item.title.rpartition(" in ")[0] or item.title
