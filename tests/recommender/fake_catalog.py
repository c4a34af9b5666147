"""A catalog of a few items, as reading and training ask it."""

from dataclasses import dataclass

from recommender.identifiers import key_of
from recommender.sizes.ladder import Ladder
from recommender.sizes.size import Size


@dataclass(frozen=True)
class FakeSku:
    """A SKU of the catalog."""

    sku_id: str
    label: str
    size: Size | None = None
    sale: bool = False

    def on_sale(self, _now: float, /) -> bool:
        """Whether it is on sale, at any time."""
        return self.sale


@dataclass(frozen=True)
class FakeItem:
    """An item of the catalog."""

    item_id: str
    skus: tuple[FakeSku, ...] = ()
    department: int = 3
    product_type: str | None = "Dresses"

    @property
    def key(self) -> int:
        """The item's key."""
        return key_of(self.item_id)

    def ladder(self) -> Ladder | None:
        """The item's sizes."""
        return Ladder.of([sku.size for sku in self.skus if sku.size is not None], self.department)


@dataclass(frozen=True)
class FakeResolved:
    """What an identifier stands for."""

    item: FakeItem
    sku: FakeSku | None = None


@dataclass(frozen=True)
class FakeCatalog:
    """A catalog of a few items."""

    items: tuple[FakeItem, ...] = ()

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.items)

    @property
    def row_count(self) -> int:
        """As many rows as items."""
        return len(self.items)

    def row(self, item_id: str, /) -> int:
        """Return the place of an item, -1 if it is not here."""
        return next((row for row, item in enumerate(self.items) if item.item_id == item_id), -1)

    def in_stock(self, _row: int, /) -> bool:
        """Everything can be bought."""
        return True

    def resolve(self, identifier: str, /) -> FakeResolved | None:
        """Return the item or SKU of an identifier."""
        for item in self.items:
            if item.item_id == identifier:
                return FakeResolved(item)
            for sku in item.skus:
                if sku.sku_id == identifier:
                    return FakeResolved(item, sku)
        return None
