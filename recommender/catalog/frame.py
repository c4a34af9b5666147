"""The bulk of the catalog in memory: immutable packed columns with an index, 100 to 200 bytes a SKU."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recommender.catalog.cards import Offer
from recommender.catalog.columns import (
    Coded,
    Rows,
    Strings,
    as_array,
    as_coded,
    as_strings,
    narrow,
    scalars,
)
from recommender.catalog.framing import Kind, Label
from recommender.catalog.item import Item, Sku
from recommender.catalog.rows import Availability
from recommender.catalog.segments import NO_AMOUNT, period_of
from recommender.catalog.table import Table, concatenate_tables
from recommender.catalog.texts import Text, Texts
from recommender.identifiers import key_of

_NO_ITEMS: Final = Table(
    np.zeros(1, np.int32),
    {
        "key": np.zeros(0, np.uint64),
        "first_seen": np.zeros(0, np.float64),
        "item_id": Strings.of([]),
        "kind": Coded[Any].of([]),
        "brand": Coded[Any].of([]),
        "text": np.zeros(0, np.uint32),
    },
    {
        "key": np.zeros(0, np.uint64),
        "sku_id": Strings.of([]),
        "size": Coded[Any].of([]),
        "color": Coded[Any].of([]),
        "price": np.zeros(0, np.uint8),
        "sale_price": np.zeros(0, np.int8),
        "sale_period": Coded[Any].of([]),
        "currency": Coded[Any].of([]),
        "availability": np.zeros(0, np.uint8),
    },
)


class Frame:
    """A million SKUs ready to be looked up; rows number the items in ascending order of key.

    Scalars are read through memoryviews: 50 ns each, half of what indexing a numpy array costs.
    """

    def __init__(self, table: Table, texts: Texts) -> None:
        self.texts = texts
        self.starts = narrow(table.starts)
        self.keys = as_array(table.items["key"])
        self.first_seen = as_array(table.items["first_seen"])
        self.item_ids = as_strings(table.items["item_id"])
        self.kinds: Coded[Kind] = as_coded(table.items["kind"])
        self.brands: Coded[str | None] = as_coded(table.items["brand"])
        self.text_numbers = as_array(table.items["text"])
        self.sku_ids = as_strings(table.skus["sku_id"])
        self.labels: Coded[Label] = as_coded(table.skus["size"])
        self.colors: Coded[str | None] = as_coded(table.skus["color"])
        self.prices = narrow(as_array(table.skus["price"]))
        self.sale_prices = narrow(as_array(table.skus["sale_price"]))
        self.sale_periods: Coded[str] = as_coded(table.skus["sale_period"])
        self.currencies: Coded[str] = as_coded(table.skus["currency"])
        self.availability = as_array(table.skus["availability"])
        self._periods = [period_of(text) for text in self.sale_periods.values]
        self._sale_ends = [
            (None, None) if period is None else (period.start, period.end) for period in self._periods
        ]
        self.sku_rows, self.sku_keys = _sku_index(as_array(table.skus["key"]))
        self._starts, self._keys = scalars(self.starts), scalars(self.keys)
        self._sku_keys, self._sku_rows = scalars(self.sku_keys), scalars(self.sku_rows)
        self._first_seen, self._text_numbers = scalars(self.first_seen), scalars(self.text_numbers)
        self._prices, self._sale_prices = scalars(self.prices), scalars(self.sale_prices)
        self._availability = scalars(self.availability)

    @classmethod
    def of(cls, tables: Iterable[Table], texts: Texts) -> "Frame":
        """Join framed tables (see :func:`framed`) whose texts are in ``texts``."""
        held = list(tables)
        return cls(concatenate_tables(held).sorted_by_key() if held else _NO_ITEMS, texts)

    def __len__(self) -> int:
        return len(self.keys)

    def table(self, items: Rows) -> Table:
        """Return the framed table of the given rows."""
        sku_keys = np.empty_like(self.sku_keys)
        sku_keys[self.sku_rows] = self.sku_keys
        whole = Table(
            self.starts,
            {
                "key": self.keys,
                "first_seen": self.first_seen,
                "item_id": self.item_ids,
                "kind": self.kinds,
                "brand": self.brands,
                "text": self.text_numbers,
            },
            {
                "key": sku_keys,
                "sku_id": self.sku_ids,
                "size": self.labels,
                "color": self.colors,
                "price": self.prices,
                "sale_price": self.sale_prices,
                "sale_period": self.sale_periods,
                "currency": self.currencies,
                "availability": self.availability,
            },
        )
        return whole.take_items(items)

    def row(self, item_id: str) -> int:
        """Return the row of an item id, -1 if there is none."""
        key = key_of(item_id)
        keys = self._keys
        row = bisect_left(keys, key)
        while row < len(keys) and keys[row] == key:
            if self.item_ids[row] == item_id:
                return row
            row += 1
        return -1

    def row_of_key(self, key: int) -> int:
        """Return the first row of a 40-bit key, -1 if there is none."""
        row = bisect_left(self._keys, key)
        return row if row < len(self._keys) and self._keys[row] == key else -1

    def row_of_sku(self, sku_id: str) -> int:
        """Return the row of the item that has the SKU, -1 if none has."""
        key = key_of(sku_id)
        keys = self._sku_keys
        place = bisect_left(keys, key)
        while place < len(keys) and keys[place] == key:
            sku_row = self._sku_rows[place]
            if self.sku_ids[sku_row] == sku_id:
                return bisect_right(self._starts, sku_row) - 1
            place += 1
        return -1

    def item(self, row: int, *, numbered: int | None = None) -> Item:
        """Build the item of a row; ``numbered`` is the row number it shall carry."""
        text = self.text(row)
        kind = self.kinds[row]
        return Item(
            item_id=self.item_ids[row],
            key=self._keys[row],
            row=row if numbered is None else numbered,
            title=text.title,
            link=text.link,
            image_link=text.image_link or None,
            brand=self.brands[row],
            product_type=kind.product_type,
            google_product_category=kind.google_product_category,
            department=kind.department,
            first_seen=self._first_seen[row],
            skus=self._skus(row),
        )

    def text(self, row: int) -> Text:
        """Return title and links of a row."""
        return self.texts.get(self._text_numbers[row])

    def _skus(self, row: int) -> tuple[Sku, ...]:
        start, stop = self._starts[row], self._starts[row + 1]
        columns = zip(
            self.sku_ids.slice(start, stop),
            self.labels.slice(start, stop),
            self.colors.slice(start, stop),
            self._prices_of(start, stop),
            self._availability[start:stop],
            strict=True,
        )
        in_stock = int(Availability.IN_STOCK)  # an enum's member costs 60 ns each time it is looked up
        # Fields by place: with keywords a SKU costs 0.5 µs more, and an item has eight.
        return tuple(
            Sku(sku_id, label, size, color, *price, available == in_stock)
            for sku_id, (label, size), color, price, available in columns
        )

    def offers(self, row: int) -> list[Offer]:
        """Return what the SKUs in stock cost, or all of them if none is."""
        start, stop = self._starts[row], self._starts[row + 1]
        prices = self._prices_of(start, stop)
        in_stock = int(Availability.IN_STOCK)
        available = self._availability[start:stop]
        return [price for price, one in zip(prices, available, strict=True) if one == in_stock] or prices

    def _prices_of(self, start: int, stop: int) -> list[Offer]:
        columns = zip(
            self._prices[start:stop],
            self._sale_prices[start:stop],
            self.sale_periods.slice_codes(start, stop),
            self.currencies.slice(start, stop),
            strict=True,
        )
        ends = self._sale_ends
        return [
            (price, None, None, None, currency)
            if sale_price == NO_AMOUNT
            else (price, sale_price, *ends[period], currency)
            for price, sale_price, period, currency in columns
        ]

    def items_with(self, skus: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Tell for every row whether any of its SKUs is marked; bool [rows]."""
        if not len(self):
            return np.zeros(0, np.bool_)
        any_marked: npt.NDArray[np.bool_] = np.logical_or.reduceat(skus, self.starts[:-1].astype(np.intp))
        return any_marked

    def skus_in_stock(self) -> npt.NDArray[np.bool_]:
        """Tell for every SKU row whether it is in stock; bool [SKUs]."""
        in_stock: npt.NDArray[np.bool_] = self.availability == Availability.IN_STOCK
        return in_stock

    def skus_on_sale(self, now: float) -> npt.NDArray[np.bool_]:
        """Tell for every SKU row whether its sale price holds at ``now``; bool [SKUs]."""
        holds = [
            period is None
            or ((period.start is None or period.start <= now) and (period.end is None or now < period.end))
            for period in self._periods
        ]
        if not holds:
            return np.zeros(len(self.sale_prices), np.bool_)
        marked: npt.NDArray[np.bool_] = (self.sale_prices != NO_AMOUNT) & np.array(holds)[
            self.sale_periods.codes
        ]
        return marked

    def sale_ends(self) -> list[float]:
        """Return the moments at which any sale begins or ends, ascending."""
        ends = {
            end for period in self._periods if period for end in (period.start, period.end) if end is not None
        }
        return sorted(ends)

    @property
    def nbytes(self) -> int:
        """Bytes of the columns and texts, without the distinct values of coded columns."""
        columns = [value for value in vars(self).values() if isinstance(value, np.ndarray | Strings | Coded)]
        return sum(column.nbytes for column in columns) + self.texts.nbytes


def _sku_index(keys: npt.NDArray[Any]) -> tuple[npt.NDArray[np.integer[Any]], npt.NDArray[Any]]:
    rows = np.argsort(keys, kind="stable")
    return narrow(rows), keys[rows]
