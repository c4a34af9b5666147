"""What has changed in the catalog since its bulk was built: few items, held as objects."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from recommender.catalog.frame import Frame
from recommender.catalog.framing import framed
from recommender.catalog.item import Item
from recommender.catalog.table import Table
from recommender.catalog.texts import Texts
from recommender.departments import DepartmentTable


class Changes(NamedTuple):
    """One step of the catalog: items as they now are, whole, and ids of items that are gone.

    ``segment`` is the table that the items were built from (``None`` if none changed).
    """

    items: tuple[Item, ...]
    removed: tuple[str, ...]
    segment: Table | None

    @classmethod
    def of(cls, segment: Table | None, removed: Iterable[str], departments: DepartmentTable) -> "Changes":
        """Build the items, away from the hot path: 30 µs each."""
        if segment is None or not len(segment):
            return cls((), tuple(removed), None)
        texts = Texts()
        frame = Frame.of([framed(segment, departments, texts)], texts)
        items = tuple(frame.item(row, numbered=-1) for row in range(len(frame)))
        for item in items:
            item.ladder()  # remembered, so that applying does not have to make it
        return cls(items, tuple(removed), segment)


class Overlay:
    """Items changed, added and removed since the frame was built."""

    def __init__(self) -> None:
        self.items: dict[int, Item | None] = {}
        """By row; ``None`` where the item is gone."""
        self.new_rows: dict[str, int] = {}
        """Rows of items that the frame does not have."""
        self.row_of_key: dict[int, int] = {}
        self.row_of_sku: dict[str, int] = {}
        self._newest: list[Item] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def put(self, item: Item) -> None:
        """Hold an item under its row."""
        self._forget_skus(item.row)
        self.items[item.row] = item
        self.row_of_key[item.key] = item.row
        for sku in item.skus:
            self.row_of_sku[sku.sku_id] = item.row
        self._newest = None

    def remove(self, row: int) -> None:
        """Remember that the item of a row is gone."""
        self._forget_skus(row)
        self.items[row] = None
        self._newest = None

    def _forget_skus(self, row: int) -> None:
        held = self.items.get(row)
        for sku in held.skus if held is not None else ():
            if self.row_of_sku.get(sku.sku_id) == row:
                del self.row_of_sku[sku.sku_id]

    def newest(self) -> Sequence[Item]:
        """Return the items held that are in stock, newest first."""
        if self._newest is None:
            held = [item for item in self.items.values() if item is not None and item.in_stock]
            self._newest = sorted(held, key=lambda item: (-item.first_seen, item.row))
        return self._newest

    def sale_ends(self) -> set[float]:
        """Return the moments at which a sale of an item held begins or ends."""
        skus = (sku for item in self.newest() for sku in item.skus)
        return {end for sku in skus for end in (sku.sale_from, sku.sale_until) if end is not None}
