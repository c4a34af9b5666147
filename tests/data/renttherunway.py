"""A catalog feed for RentTheRunway's rentals, which come without one.

    python tests/data/renttherunway.py [RENTALS.parquet [FEED.jsonl]]

The rentals name an item, its category and the sizes rented; that is what the feed's `item_group_id`, `product_type` and
`size` are made of, one SKU for each size that was rented at least once. **The data hold no prices, titles or
stock**: every SKU costs the same 100 USD, is called after its category and is in stock, so nothing that rests on
prices (discount affinity, the homepage variant) can be judged by these data.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow.parquet as pq

MAPPING: Final = "visitor_id=user_id,item_id=item_id,size=size,timestamp=review_date,event=purchase"
"""How a rental becomes an event: renting is taken as buying."""

NOMINAL_PRICE: Final = "100.00 USD"


def feed_rows(rentals: Path) -> Iterator[dict[str, Any]]:
    """Yield one Merchant Center row for each item and size in a file of rentals, items in order of their id."""
    table = pq.read_table(rentals, columns=["item_id", "category", "size"])
    categories: dict[int, str] = {}
    sizes: defaultdict[int, set[int]] = defaultdict(set)
    for item_id, category, size in zip(*(column.to_pylist() for column in table.columns), strict=True):
        categories.setdefault(item_id, category)
        sizes[item_id].add(size)
    for item_id in sorted(categories):
        for size in sorted(sizes[item_id]):
            yield {
                "id": f"{item_id}-{size}",
                "item_group_id": str(item_id),
                "title": f"{categories[item_id].capitalize()} {item_id}",
                "link": f"https://shop.example/items/{item_id}",
                "image_link": f"https://shop.example/images/{item_id}.webp",
                "availability": "in_stock",
                "price": NOMINAL_PRICE,
                "product_type": f"Women > {categories[item_id].capitalize()}",
                "gender": "female",
                "age_group": "adult",
                "size": str(size),
                "size_system": "US",
            }


def write_feed(rentals: Path, feed: Path) -> int:
    """Write the feed as JSON Lines and return the number of rows."""
    count = 0
    with feed.open("wb") as out:
        for count, row in enumerate(feed_rows(rentals), 1):  # noqa: B007 - the last number is the count
            out.write(orjson.dumps(row) + b"\n")
    return count


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    source = given[0] if given else Path("../shared/data/renttherunway_open.parquet")
    target = given[1] if given[1:] else Path("renttherunway_feed.jsonl")
    print(f"{target}: {write_feed(source, target):,} SKUs")
