"""Rows of a small shop for tests of the catalog."""

import io
import json
from collections.abc import Iterable
from typing import Any

from recommender.catalog.feed import FeedEntry, FeedReader
from recommender.catalog.money import Money
from recommender.catalog.rows import Row, RowError, RowPatch

NOW = 1_763_740_800.0
DAY = 86_400.0


def row(id_: str = "a-38", item: str | None = "a", **changes: Any) -> Row:
    """Return a dress in EU 38, red, in stock, 59.90 EUR; ``size`` and the others as given."""
    values: dict[str, Any] = {
        "id": id_,
        "item_group_id": item,
        "title": f"Dress {item or id_}",
        "link": f"https://shop.example/{item or id_}",
        "image_link": None,
        "availability": 1,
        "price": Money(5990, "EUR"),
        "sale_price": None,
        "sale_price_effective_date": None,
        "brand": "Marke",
        "product_type": "Women > Dresses",
        "google_product_category": None,
        "gender": "female",
        "age_group": "adult",
        "color": "red",
        "size": "38",
        "size_type": None,
        "size_system": "EU",
        "cost_of_goods_sold": None,
        "first_seen": None,
    }
    return Row(**(values | changes))


def feed_of(*lines: dict[str, Any]) -> io.BytesIO:
    """Return lines as a JSON Lines feed."""
    return io.BytesIO("".join(json.dumps(line) + "\n" for line in lines).encode())


def line(id_: str = "a-38", item: str | None = "a", **changes: Any) -> dict[str, Any]:
    """Return a good line of a feed, changed; ``None`` leaves a field out."""
    values = {
        "id": id_,
        "item_group_id": item,
        "title": f"Dress {item or id_}",
        "link": f"https://shop.example/{item or id_}",
        "availability": "in_stock",
        "price": "59.90 EUR",
        "product_type": "Women > Dresses",
        "gender": "female",
        "color": "red",
        "size": "38",
        "size_system": "EU",
    }
    return {name: value for name, value in (values | changes).items() if value is not None}


def read(feed: bytes, **options: Any) -> list[FeedEntry]:
    """Read a feed to its end."""
    return list(FeedReader(io.BytesIO(feed), **options))


def rows_in(entries: Iterable[FeedEntry]) -> list[Row]:
    """Return the rows among entries."""
    return [entry for entry in entries if isinstance(entry, Row)]


def patches_in(entries: Iterable[FeedEntry]) -> list[RowPatch]:
    """Return the patches among entries."""
    return [entry for entry in entries if isinstance(entry, RowPatch)]


def errors_in(entries: Iterable[FeedEntry]) -> list[RowError]:
    """Return the reports among entries."""
    return [entry for entry in entries if isinstance(entry, RowError)]
