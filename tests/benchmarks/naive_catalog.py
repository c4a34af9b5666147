"""The naive service's catalog: every item as an object, in a dictionary."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.naive_schemas import Card


@dataclass
class Item:
    """An item of the catalog; ``stock`` says by size, None for the one size, what is there."""

    item_id: str
    family: str
    card: Card
    stock: dict[str | None, bool]
    skus: dict[str, str | None]

    @property
    def is_on_sale(self) -> bool:
        """Whether the price is reduced."""
        return self.card.sale_price is not None


class Catalog:
    """All items by id, and SKUs by id."""

    def __init__(self, path: Path) -> None:
        self.items: dict[str, Item] = {}
        self.item_of_sku: dict[str, str] = {}
        with path.open() as lines:
            for text in lines:
                self._add(json.loads(text))

    def _add(self, row: Mapping[str, Any]) -> None:
        item_id, size = row["item_group_id"], row.get("size")
        price, currency = row["price"].split()
        sale_price = row.get("sale_price")
        item = self.items.setdefault(
            item_id,
            Item(
                item_id,
                row["product_type"].split(" > ")[-1],
                Card(
                    title=row["title"],
                    link=row["link"],
                    image_link=row.get("image_link"),
                    price=float(price),
                    sale_price=float(sale_price.split()[0]) if sale_price else None,
                    currency=currency,
                ),
                {},
                {},
            ),
        )
        item.stock[size] = row["availability"] == "in_stock"
        item.skus[row["id"]] = size
        self.item_of_sku[row["id"]] = item_id

    def find(self, identifier: str) -> Item | None:
        """Return the item of an item's or a SKU's id."""
        return self.items.get(self.item_of_sku.get(identifier, identifier))
