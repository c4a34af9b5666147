"""Rows of the feed as tables, and back: what the store keeps of the catalog, nothing left out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from recommender.catalog.columns import Coded, Column, Strings
from recommender.catalog.money import Money
from recommender.catalog.rows import Row, SalePeriod
from recommender.catalog.table import Table
from recommender.identifiers import key_of

TEXTS: Final = ("id", "title", "link", "image_link")
"""Columns whose values hardly repeat."""
REPEATED: Final = (
    "brand",
    "product_type",
    "google_product_category",
    "gender",
    "age_group",
    "color",
    "size",
    "size_type",
    "size_system",
)
"""Columns of few distinct values, ``None`` among them."""
NO_AMOUNT: Final = -1


def segment_of(items: Mapping[str, Sequence[Row]], first_seen: Mapping[str, float]) -> Table:
    """Pack items into a table, sorted by key.

    Args:
        items: the rows of each item id, in feed order; none is empty.
        first_seen: when each of these items was first listed, in Unix seconds.
    """
    ordered = sorted((key_of(item_id), item_id) for item_id in items)
    rows = [row for _, item_id in ordered for row in items[item_id]]
    counts = [len(items[item_id]) for _, item_id in ordered]
    return Table(
        np.concatenate(([0], np.cumsum(counts, dtype=np.int32))).astype(np.int32),
        {
            "key": np.array([key for key, _ in ordered], np.uint64),
            "first_seen": np.array([first_seen[item_id] for _, item_id in ordered], np.float64),
            "item_id": Strings.of(item_id for _, item_id in ordered),
        },
        _sku_columns(rows),
    )


def _sku_columns(rows: Sequence[Row]) -> dict[str, Column]:
    columns: dict[str, Column] = {
        name: Strings.of((getattr(row, name) or "") for row in rows) for name in TEXTS
    }
    columns |= {name: Coded[str | None].of(getattr(row, name) for row in rows) for name in REPEATED}
    columns |= {
        "key": np.array([key_of(row.id) for row in rows], np.uint64),
        "grouped": np.array([row.item_group_id is not None for row in rows], np.uint8),
        "availability": np.array([row.availability for row in rows], np.uint8),
        "price": np.array([row.price.minor for row in rows], np.int64),
        "currency": Coded[str].of(row.price.currency for row in rows),
        "sale_price": np.array([_minor(row.sale_price) for row in rows], np.int64),
        "sale_period": Coded[str].of(_period_text(row.sale_price_effective_date) for row in rows),
        "cost": Coded[str].of(_cost_text(row.cost_of_goods_sold) for row in rows),
        "first_seen": np.array(
            [np.nan if row.first_seen is None else row.first_seen for row in rows], np.float64
        ),
    }
    return columns


def rows_of(segment: Table, item: int) -> list[Row]:
    """Unpack the rows of item number ``item``."""
    start, stop = int(segment.starts[item]), int(segment.starts[item + 1])
    item_id = str(_values(segment.items["item_id"], item, item + 1)[0])
    columns = {name: _values(column, start, stop) for name, column in segment.skus.items()}
    return [_row(item_id, {name: column[i] for name, column in columns.items()}) for i in range(stop - start)]


def _values(column: Column, start: int, stop: int) -> list[Any]:
    return column[start:stop].tolist() if isinstance(column, np.ndarray) else column.slice(start, stop)


def _row(item_id: str, values: dict[str, Any]) -> Row:
    currency = values["currency"]
    return Row(
        id=values["id"],
        item_group_id=item_id if values["grouped"] else None,
        title=values["title"],
        link=values["link"],
        image_link=values["image_link"] or None,
        availability=values["availability"],
        price=Money(values["price"], currency),
        sale_price=None if values["sale_price"] == NO_AMOUNT else Money(values["sale_price"], currency),
        sale_price_effective_date=period_of(values["sale_period"]),
        cost_of_goods_sold=_cost_of(values["cost"]),
        first_seen=None if np.isnan(values["first_seen"]) else values["first_seen"],
        **{name: values[name] for name in REPEATED},
    )


def _minor(money: Money | None) -> int:
    return NO_AMOUNT if money is None else money.minor


def _period_text(period: SalePeriod | None) -> str:
    if period is None:
        return ""
    return "/".join("" if end is None else repr(end) for end in (period.start, period.end))


def period_of(text: str) -> SalePeriod | None:
    """Read the ``sale_period`` column: ``"start/end"`` in Unix seconds, "" for a sale without dates."""
    if not text:
        return None
    start, _, end = text.partition("/")
    return SalePeriod(float(start) if start else None, float(end) if end else None)


def _cost_text(money: Money | None) -> str:
    return "" if money is None else f"{money.minor} {money.currency}"


def _cost_of(text: str) -> Money | None:
    if not text:
        return None
    minor, _, currency = text.partition(" ")
    return Money(int(minor), currency)


def rows_by_item(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Group rows by item, both in the order of the feed."""
    items: dict[str, list[Row]] = {}
    for row in rows:
        items.setdefault(row.item_id, []).append(row)
    return items
