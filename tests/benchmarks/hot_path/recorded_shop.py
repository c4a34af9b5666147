"""The shop of the recorded answers: a feed with every size system, a small trained model and a large synthetic one.

Everything is invented from seeds and dated by :data:`NOW`, so that every recording asks about the same shop.
"""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from recommender.catalog.catalog import Catalog
from recommender.catalog.feed import FeedReader
from recommender.catalog.rows import Row
from recommender.interactions import interactions_of_file
from recommender.model import write_model
from recommender.recommendations.als import AlsSettings
from recommender.recommendations.blend import BlendSettings
from recommender.training import TrainingSettings, train
from service.demo.crowd import crowd_rows, simulate_crowd
from service.demo.shop import feed_rows, simulate_shop
from tests.benchmarks.published_models import content

NOW: Final = 1_763_740_800.0
"""2025-11-21 16:00 UTC, when a recording begins; its clock is set by each request."""

SEED: Final = 7
SHOPPERS: Final = 2000
SYNTHETIC_ITEMS: Final = 3000

_LADDERS: Final[tuple[tuple[str, str, str, str | None, tuple[str, ...]], ...]] = (
    ("Women > Bras", "female", "adult", "EU", ("70B", "70C", "75B", "75C", "80B", "80C", "85D")),
    ("Men > Jeans", "male", "adult", "US", ("30x30", "30x32", "32x32", "32x34", "34x32", "36x34")),
    ("Kids > T-shirts", "unisex", "kids", "EU", ("98/104", "110/116", "122/128", "134/140")),
    ("Women > Dresses", "female", "adult", "US", ("0", "2", "4", "6", "8", "10", "12", "14")),
    ("Women > Dresses", "female", "adult", "UK", ("6", "8", "10", "12", "14", "16")),
    ("Women > Shoes > Sandals", "female", "adult", "US", ("6", "6.5", "7", "7.5", "8", "8.5")),
    ("Women > Tops", "female", "adult", "JP", ("S", "M", "L", "LL")),
    ("Garden > Tools", "unisex", "adult", None, ()),
)
"""Product type, gender, age group, size system and sizes of what the demonstration's shop does not sell."""

_EACH: Final = 12
"""Items of each of them."""


def feed() -> bytes:
    """Return the whole feed as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in _rows()).encode()


def changed_rows() -> bytes:
    """Return the feed's rows that a shop changes during the day: sold out, reduced, renamed."""
    changed = []
    for number, row in enumerate(_rows()):
        if number % 17 == 0:
            changed.append(row | {"availability": "out_of_stock"})
        elif number % 23 == 0:
            changed.append(row | {"title": f"{row['title']} (new)", "sale_price": "9.99 EUR"})
    return "".join(json.dumps(row) + "\n" for row in changed).encode()


def running_experiments() -> dict[str, Any]:
    """Return what runs in the phases with experiments: three of Kabin's own features, and a shop's."""

    def feature(key: str, *values: Any, **rule: Any) -> dict[str, Any]:
        return {
            "defaultValue": values[0],
            "rules": [{"key": key, "variations": list(values), "hashVersion": 2, **rule}],
        }

    in_germany: Sequence[dict[str, Any]] = ({"condition": {"country": "DE"}, "force": "plain"},)
    banner = feature("banner-test", "red", "blue", "none", weights=[0.5, 0.3, 0.2], coverage=0.8)
    banner["rules"] = [*in_germany, *banner["rules"]]
    return {
        "features": {
            "kabin-homepage": feature("e0", "personalized", "promo", coverage=0.9),
            "kabin-size": feature("e1", True, False),
            "kabin-recommendations": feature("e2", "blend", "covisit", "als", weights=[0.4, 0.3, 0.3]),
            "banner": banner,
            "layout": feature(
                "layout-test",
                {"columns": 3},
                {"columns": 4, "note": "ü"},
                condition={"page_type": {"$in": ["home", "category"]}},
            ),
            "vip": {
                "defaultValue": False,
                "rules": [{"condition": {"discount_affinity_index": {"$gt": 1.1}}, "force": True}],
            },
        }
    }


def item_sizes() -> dict[str, list[tuple[str, str | None]]]:
    """Return each item's SKUs: id and size label."""
    sizes: dict[str, list[tuple[str, str | None]]] = {}
    for row in _rows():
        sizes.setdefault(row.get("item_group_id", row["id"]), []).append((row["id"], row.get("size")))
    return sizes


def write_models(models_dir: Path) -> tuple[str, str]:
    """Train one model, write a synthetic one beside it, and return their versions; none is published."""
    catalog = Catalog.of_rows(
        (each for each in FeedReader(io.BytesIO(feed())) if isinstance(each, Row)), now=NOW
    )
    events = models_dir.parent / "events.jsonl"
    shop = simulate_shop(SEED)
    crowd = crowd_rows(simulate_crowd(SEED, SHOPPERS), shop, seed=SEED, now=NOW - 3600)
    events.write_text("".join(json.dumps(row) + "\n" for row in crowd))
    interactions, _ = interactions_of_file(events, catalog=catalog)
    settings = TrainingSettings(
        blend=BlendSettings(als=AlsSettings(factors=16, iterations=5)),
        tune_seconds=0.0,
        curve_seconds=0.0,
        publish=False,
    )
    trained = train(interactions, models_dir, settings, created_at=NOW - 1800, catalog=catalog).version
    synthetic = write_model(models_dir, content(SYNTHETIC_ITEMS, SEED), created_at=NOW)
    return trained, synthetic


def _rows() -> Iterator[dict[str, Any]]:
    yield from feed_rows(simulate_shop(SEED), base_url="https://shop.example", now=NOW)
    for ladder in range(len(_LADDERS)):
        for number in range(_EACH):
            yield from _item(ladder, number)
    for number in range(SYNTHETIC_ITEMS):
        yield from _synthetic(number)


def _item(ladder: int, number: int) -> Iterator[dict[str, Any]]:
    """Yield the SKUs of an item: some of no group, some gone, some on sale for a few days only."""
    product_type, gender, age_group, system, sizes = _LADDERS[ladder]
    item_id = f"x{ladder}-{number}"
    for place, size in enumerate(sizes or (None,)):
        row: dict[str, Any] = {
            "id": item_id if size is None else f"{item_id}-{place}",
            "title": f"Größe «{number}» – {product_type}",
            "link": f"https://shop.example/{item_id}?a=1&b=2",
            "availability": "out_of_stock" if number == 5 or (place + number) % 4 == 0 else "in_stock",
            "price": f"{20 + 7 * number}.{10 * ladder:02d} {'USD' if system == 'US' else 'EUR'}",
            "product_type": product_type,
            "google_product_category": "Apparel & Accessories > Clothing",
            "gender": gender,
            "age_group": age_group,
            "brand": f"Brand {number % 3}",
            "first_seen": f"2025-{1 + number % 10:02d}-{1 + ladder:02d}T00:00:00Z",
        }
        if size is not None:
            row |= {"item_group_id": item_id, "size": size, "color": ("red", "blue")[place % 2]}
        if system is not None:
            row["size_system"] = system
        if number % 3 == 0:
            row["sale_price"] = f"{10 + 5 * number}.00 {'USD' if system == 'US' else 'EUR'}"
        if number % 6 == 0:
            row["sale_price_effective_date"] = "2025-11-22T00:00:00Z/2025-11-24T12:00:00Z"
        yield row


def _synthetic(number: int) -> Iterator[dict[str, Any]]:
    sizes = ("34", "36", "38", "40", "42", "44", "46", "48") if number % 5 == 0 else ("38", "40", "42")
    for place, size in enumerate(sizes):
        row = {
            "id": f"i{number}-{size}",
            "item_group_id": f"i{number}",
            "title": f"Viscose wrap dress {number}",
            "link": f"https://shop.example/i{number}",
            "image_link": f"https://cdn.shop.example/img/{number}.jpg",
            "availability": "out_of_stock" if (7 * number + 3 * place) % 11 == 0 else "in_stock",
            "price": f"{30 + number % 90}.90 EUR",
            "product_type": ("Women > Dresses", "Women > Dresses > Midi", "Women > Skirts")[number % 3],
            "gender": "female",
            "age_group": "adult",
            "color": ("red", "black")[number % 2],
            "size": size,
            "size_system": "EU",
            "first_seen": f"2025-{1 + number % 11:02d}-{1 + number % 20:02d}T00:00:00Z",
        }
        if number % 7 == 0:
            row["sale_price"] = f"{20 + number % 50}.00 EUR"
        yield row
