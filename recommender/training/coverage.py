"""Which items a model has neighbours for: of the catalog, and of what visitors look at."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.interactions import ItemCatalog
from recommender.recommendations.neighbours import NO_ITEM, Neighbours


class StockedCatalog(ItemCatalog, Protocol):
    """A catalog that also says what can be bought; :class:`recommender.catalog.catalog.Catalog` answers to it."""

    def __len__(self) -> int:
        """Return the number of items."""
        ...

    @property
    def row_count(self) -> int:
        """Rows given out; those of removed items are not in stock."""
        ...

    def row(self, item_id: str, /) -> int:
        """Return the row of an item, -1 for one that the catalog does not have."""
        ...

    def in_stock(self, row: int, /) -> bool:
        """Tell whether the item of a row can be bought."""
        ...


def with_neighbours(lists: Neighbours) -> NDArray[np.bool_]:
    """Return which item rows have any neighbour, bool ``[items]``."""
    if lists.items.shape[1] == 0:
        return np.zeros(lists.item_count, dtype=np.bool_)
    return np.asarray(lists.items[:, 0] != NO_ITEM)


def covered_in(lists: Neighbours, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which items have neighbours in a model, bool ``[items]``.

    Args:
        lists: the model's.
        rows: int32 ``[items]``, the model's row of each item, -1 for those that it does not know.
    """
    covered = np.append(with_neighbours(lists), False)
    return np.asarray(covered[rows])


def wanted_share(wanted: NDArray[np.float64], covered: NDArray[np.bool_]) -> float | None:
    """Return the share of the interest in items that went to covered ones; None without any interest.

    Args:
        wanted: float64 ``[items]``, interest in each.
        covered: bool ``[items]``.
    """
    total = float(wanted.sum())
    return float(wanted[covered].sum()) / total if total else None


def stocked(catalog: StockedCatalog) -> int:
    """Return how many items can be bought."""
    return sum(map(catalog.in_stock, range(catalog.row_count)))


def stocked_among(catalog: StockedCatalog, item_ids: Iterable[str]) -> int:
    """Return how many of some items can be bought."""
    rows = map(catalog.row, item_ids)
    return sum(catalog.in_stock(row) for row in rows if row >= 0)
