"""Lists of items for pages: the newest at full price, what is on sale, a category; frame and overlay together."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final

from recommender.catalog.frame import Frame
from recommender.catalog.item import Item
from recommender.catalog.orders import CategoryPath, Orders, Sales, category_path, matches, paths_of
from recommender.catalog.overlay import Overlay

Accept = Callable[[int], bool]
MAX_SCANNED: Final = 5000
"""Rows a query looks at before it gives up: 0.6 ms where a filter accepts nothing."""
_CHUNK: Final = 256
_PREPARED_SECONDS: Final = 120.0


class Listing:
    """Answers what pages list; costly orders are kept until a sale begins or ends.

    Args:
        frame: the bulk of the catalog.
        overlay: what has changed since; :meth:`changed` must follow each change of it.
    """

    def __init__(self, frame: Frame, overlay: Overlay) -> None:
        self._frame = frame
        self._overlay = overlay
        self.orders = Orders(frame)
        self._sales: Sales | None = None
        self._next_sales: Sales | None = None
        self._split: tuple[float, float, list[Item], list[Item]] | None = None
        self._counts: tuple[Sales, int, int] | None = None

    def changed(self) -> None:
        """Forget what was derived from the overlay."""
        self._split = self._counts = None

    def rows(
        self, now: float, on_sale: bool | None, limit: int, accept: Accept | None, category: str | None
    ) -> list[int]:
        """Return rows of items in stock, newest first.

        Args:
            now: Unix seconds.
            on_sale: only items on sale, only items at full price, or (``None``) both.
            limit: most rows wanted.
            accept: a filter of rows.
            category: a page's category path.
        """
        path = self._known_path(category_path(category)) if category else ()
        if category and not path:
            return []
        rows = self._from_frame(now, on_sale, limit, accept, path)
        changed = self._from_overlay(now, on_sale, limit, accept, path)
        if not changed:
            return rows
        first_seen = self._frame.first_seen
        merged = sorted([(-float(first_seen[row]), row) for row in rows] + changed)
        return [row for _, row in merged[:limit]]

    def _from_frame(
        self, now: float, on_sale: bool | None, limit: int, accept: Accept | None, path: CategoryPath
    ) -> list[int]:
        sales = self._sales_at(now)
        if path:
            candidates = self.orders.category(path)
        elif on_sale is None:
            candidates = self.orders.newest_in_stock
        else:
            candidates = sales.sale_rows if on_sale else sales.full_price_rows
        changed, flags = self._overlay.items, sales.on_sale
        found: list[int] = []
        for start in range(0, min(len(candidates), MAX_SCANNED), _CHUNK):
            for row in candidates[start : start + _CHUNK].tolist():
                if row in changed or (path and on_sale is not None and flags[row] != on_sale):
                    continue
                if accept is None or accept(row):
                    found.append(row)
                    if len(found) >= limit:
                        return found
        return found

    def _from_overlay(
        self, now: float, on_sale: bool | None, limit: int, accept: Accept | None, path: CategoryPath
    ) -> list[tuple[float, int]]:
        if not len(self._overlay):
            return []
        full_price, sale = self._split_at(now)
        items: Sequence[Item] = self._overlay.newest()
        if on_sale is not None:
            items = sale if on_sale else full_price
        found: list[tuple[float, int]] = []
        for item in items[:MAX_SCANNED]:
            if path and not _is_within(item, path):
                continue
            if accept is None or accept(item.row):
                found.append((-item.first_seen, item.row))
                if len(found) >= limit:
                    break
        return found

    def _known_path(self, path: CategoryPath) -> CategoryPath:
        """Drop leading levels ("Home") until the category has items in stock."""
        while path:
            if len(self.orders.category(path)) or any(
                _is_within(item, path) for item in self._overlay.newest()
            ):
                return path
            path = path[1:]
        return path

    def on_sale_share(self, now: float) -> float:
        """Return the share of items in stock that are on sale at ``now``; 0 for an empty catalog."""
        sales = self._sales_at(now)
        if self._counts is None or self._counts[0] is not sales:
            changed = [row for row in self._overlay.items if row < len(self._frame)]
            stocked = len(self.orders.newest_in_stock) - sum(
                bool(self.orders.in_stock[row]) for row in changed
            )
            self._counts = (sales, stocked, len(sales.sale_rows) - sum(sales.on_sale[row] for row in changed))
        _, stocked, discounted = self._counts
        full_price, sale = self._split_at(now)
        total = stocked + len(full_price) + len(sale)
        return (discounted + len(sale)) / total if total else 0.0

    def _split_at(self, now: float) -> tuple[list[Item], list[Item]]:
        """Return the overlay's items in stock at full price and on sale, each newest first."""
        split = self._split
        if split is None or not split[0] <= now < split[1]:
            ends = [float("-inf"), *sorted(self._overlay.sale_ends()), float("inf")]
            place = bisect_right(ends, now)
            items = self._overlay.newest()
            sale = [item for item in items if item.on_sale(now)]
            full_price = [item for item in items if not item.on_sale(now)]
            split = self._split = (ends[place - 1], ends[place], full_price, sale)
        return split[2], split[3]

    def _sales_at(self, now: float) -> Sales:
        sales = self._sales
        if sales is None or not sales.holds(now):
            following = self._next_sales
            sales = following if following is not None and following.holds(now) else self.orders.sales(now)
            self._sales = sales
        return sales

    def is_prepared(self, now: float) -> bool:
        """Tell whether :meth:`prepare` has nothing to do."""
        sales, following = self._sales, self._next_sales
        if sales is None or not sales.holds(now):
            return False
        far = sales.valid_until - now >= _PREPARED_SECONDS
        return far or (following is not None and following.valid_from == sales.valid_until)

    def prepare(self, now: float) -> None:
        """Compute what changes at the start or end of sales before requests need it."""
        sales = self._sales_at(now)
        if not self.is_prepared(now):
            self._next_sales = self.orders.sales(sales.valid_until)


def _is_within(item: Item, path: CategoryPath) -> bool:
    return matches(path, paths_of(item.product_type, item.google_product_category))
