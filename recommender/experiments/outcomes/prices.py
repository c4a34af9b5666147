"""What a line of an order brought: the price paid and the margin, from the event where it says, else from the catalog."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.catalog.columns import as_array, as_coded
from recommender.catalog.item import Item, Resolved, Sku
from recommender.catalog.money import major_units
from recommender.catalog.table import Table
from recommender.events import EventItem
from recommender.identifiers import key_of
from recommender.visitor.lines import line_of

UNKNOWN_COST: Final = float("nan")

MOST_MONEY: Final = 1e12
"""A price above it is a mistake, as it is over HTTP: it counts as none, or a sum might run out of numbers."""

MOST_UNITS: Final = 1_000_000
"""More of one line is a mistake, likewise."""


class PricedCatalog(Protocol):
    """What money needs of the catalog."""

    def resolve(self, identifier: str, /) -> Resolved | None:
        """Return the item (and SKU) of an item or SKU id, ``None`` if neither is known."""


class CostBook:
    """``cost_of_goods_sold`` of every SKU that has one in the report's currency: 16 bytes each.

    Args:
        keys: uint64 ``[skus]``, 40-bit keys of the SKUs, ascending.
        costs: float64 ``[skus]``, what one unit cost the shop, in major units.
    """

    def __init__(self, keys: NDArray[np.uint64], costs: NDArray[np.float64]) -> None:
        self.keys = keys
        self.costs = costs

    def __len__(self) -> int:
        """Return the number of SKUs with a known cost."""
        return int(self.keys.size)

    @classmethod
    def of_table(cls, table: Table, currency: str) -> "CostBook":
        """Read the costs of one of the catalog's stored tables; those in other currencies are left out."""
        coded = as_coded(table.skus["cost"])
        by_code = np.array([_cost(text, currency) for text in coded.values], np.float64)
        costs = by_code[coded.codes] if by_code.size else np.empty(0, np.float64)
        known = np.isfinite(costs)
        keys = as_array(table.skus["key"]).astype(np.uint64)[known]
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], costs[known][order])

    @classmethod
    def joined(cls, books: Sequence["CostBook"]) -> "CostBook":
        """Return the costs of all books, of which no two have a SKU in common."""
        keys = np.concatenate([np.empty(0, np.uint64), *(book.keys for book in books)])
        costs = np.concatenate([np.empty(0, np.float64), *(book.costs for book in books)])
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], costs[order])

    @classmethod
    def of(cls, costs: Mapping[str, float]) -> "CostBook":
        """Return a book of a few SKU ids."""
        pairs = sorted((key_of(sku_id), cost) for sku_id, cost in costs.items())
        keys = np.array([key for key, _ in pairs], np.uint64)
        return cls(keys, np.array([cost for _, cost in pairs], np.float64))

    def cost_of(self, sku: Sku) -> float | None:
        """Return what one unit cost the shop, ``None`` if the feed does not say."""
        key = np.uint64(sku.key)
        place = int(np.searchsorted(self.keys, key))
        found = place < self.keys.size and self.keys[place] == key
        return float(self.costs[place]) if found else None


def _cost(text: str, currency: str) -> float:
    """Return a cost as the stored tables write it (``"1990 EUR"``) in major units, NaN for another currency or none."""
    minor, _, stated = text.partition(" ")
    return major_units(int(minor), currency) if stated == currency else UNKNOWN_COST


class Basis(IntEnum):
    """Where a line's margin comes from."""

    COST = 0
    """The feed's ``cost_of_goods_sold``."""
    SHARE = 1
    """The shop's stated gross margin."""
    UNPRICED = 2
    """Neither the event nor the catalog knows a price: the line brings nothing."""


class Line(NamedTuple):
    """One line of an order, in major units of the report's currency; ``item_key`` finds it again in a refund."""

    item_key: int
    unit_price: float
    quantity: int
    margin: float
    basis: Basis

    @property
    def revenue(self) -> float:
        """What was paid for all units."""
        return self.unit_price * self.quantity


class Prices:
    """Prices lines of orders.

    Args:
        catalog: list prices and sales, where an event does not say what was paid.
        costs: what SKUs cost the shop, in ``currency``.
        currency: ISO 4217 code that all money is counted in; prices of the catalog in others are not used.
        gross_margin_share: margin of a list price, 0 to 1, where no cost is known.
    """

    def __init__(
        self, catalog: PricedCatalog, costs: CostBook, *, currency: str, gross_margin_share: float
    ) -> None:
        self._catalog = catalog
        self._costs = costs
        self.currency = currency
        self.gross_margin_share = gross_margin_share

    def item_key(self, entry: EventItem) -> int:
        """Return the key of the item that an entry names, whether by item or by SKU."""
        return line_of(entry, self._catalog).item_key

    def line(self, entry: EventItem, at: float) -> Line:
        """Return what an entry of a purchase brought.

        ``price`` is what one unit cost and ``discount`` what had been taken off, as in GA4; where the event says neither,
        the catalog's price at that moment and its list price count. The margin is the price less the SKU's
        cost; without one, the price less the list price's assumed cost, so that a discount comes off the margin.

        Args:
            entry: of an event in :attr:`currency`.
            at: when it was bought, Unix seconds.
        """
        item_key, sku = self._resolved(entry)
        quantity = min(max(entry.quantity, 0), MOST_UNITS)
        priced = sku is not None and sku.currency == self.currency
        price = entry.price if entry.price is None or entry.price <= MOST_MONEY else None
        if price is None and sku is not None and priced:
            price = major_units(sku.current_price_minor(at), self.currency)
        if price is None:
            return Line(item_key, 0.0, quantity, 0.0, Basis.UNPRICED)
        cost = None if sku is None else self._costs.cost_of(sku)
        if cost is not None:
            return Line(item_key, price, quantity, (price - cost) * quantity, Basis.COST)
        listed = price + min(entry.discount or 0.0, MOST_MONEY)
        if entry.discount is None and sku is not None and priced:
            listed = max(price, major_units(sku.price_minor, self.currency))
        margin = (price - listed * (1.0 - self.gross_margin_share)) * quantity
        return Line(item_key, price, quantity, margin, Basis.SHARE)

    def _resolved(self, entry: EventItem) -> tuple[int, Sku | None]:
        """Return the item's key and the SKU: the one named, else that of the size, else the item's first."""
        line = line_of(entry, self._catalog)
        if isinstance(line.sku, Sku) or not isinstance(line.item, Item):
            return line.item_key, line.sku if isinstance(line.sku, Sku) else None
        skus = line.item.skus
        wanted = (entry.size or "").strip().casefold()
        sized = (sku for sku in skus if wanted and sku.label.strip().casefold() == wanted)
        return line.item_key, next(sized, skus[0] if skus else None)
