"""The small shop that fuzzed requests, states and feeds are about."""

import io
from functools import cache
from typing import Any, Final

from recommender.affinity import AffinityParameters
from recommender.catalog.catalog import Catalog
from recommender.catalog.feed import FeedReader
from recommender.catalog.rows import Row
from tests.catalog_rows import feed_of, line

NOW: Final = 1_763_740_800.0

PARAMETERS: Final = AffinityParameters(first_day=20_400, mu_by_day=(0.2, 0.3, 0.25, 0.5))

LINES: Final[tuple[dict[str, Any], ...]] = (
    line("a-38", "a"),
    line("a-40", "a", size="40", sale_price="39.90 EUR"),
    line(
        "b-38", "b", sale_price="39.90 EUR", sale_price_effective_date="2025-11-01T00:00Z/2025-12-01T00:00Z"
    ),
    line("s-8.5", "s", product_type="Women > Shoes", size="8.5", size_system="US", price="1,299.00 USD"),
    line("h", None, product_type="Accessories", size="One Size", availability="out_of_stock"),
)
"""Dresses in two sizes, a pair of shoes and something that has no sizes."""


@cache
def catalog() -> Catalog:
    """Return the shop's catalog."""
    rows = [entry for entry in FeedReader(feed_of(*LINES), name="feed.jsonl") if isinstance(entry, Row)]
    assert len(rows) == len(LINES)
    return Catalog.of_rows(rows, now=NOW)


def feed(separator: str) -> bytes:
    """Return the shop's feed under a header line."""
    names = list(dict.fromkeys(name for each in LINES for name in each))
    out = io.StringIO()
    for cells in (names, *([each.get(name, "") for name in names] for each in LINES)):
        quoted = [f'"{cell}"' if separator in str(cell) else str(cell) for cell in cells]
        out.write(separator.join(quoted) + "\n")
    return out.getvalue().encode()
