"""A simulated fashion shop: its items, sizes, colours and prices. Invented from a seed; no real shop's data."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

STYLES: Final = ("casual", "classic", "street", "romantic", "outdoor")
"""Tastes that items belong to and visitors lean towards; they are not in the feed, so nothing can peek."""

COST_SHARE: Final = 0.53
"""What an item cost the shop, of its full price: at 50 % off it sells below cost, as the last pieces do."""

_BRANDS: Final = {
    "casual": ("Northside", "Pebble & Co"),
    "classic": ("Aldine", "Maison Verne"),
    "street": ("Offbeat", "Lowline"),
    "romantic": ("Ophelie", "Fable"),
    "outdoor": ("Ridgeway", "Kestrel"),
}
_MATERIALS: Final = {
    "casual": ("Cotton", "Jersey", "Chambray"),
    "classic": ("Merino", "Poplin", "Wool"),
    "street": ("Boxy", "Oversized", "Washed"),
    "romantic": ("Linen", "Satin", "Lace"),
    "outdoor": ("Fleece", "Ripstop", "Quilted"),
}
_COLORS: Final = ("black", "white", "navy", "olive", "sand", "rust", "sky blue", "burgundy", "grey", "cream")

_ALPHA: Final = ("XS", "S", "M", "L", "XL", "XXL")
_ONE_SIZE: Final = ("One Size",)


@dataclass(frozen=True, slots=True)
class Garment:
    """One kind of garment: how it is called, sized and priced, and how many the shop carries."""

    gender: str
    product_type: str
    noun: str
    family: str
    """Garments of one family are bought in the same size by the same person."""
    sizes: tuple[str, ...]
    size_system: str | None
    price_range: tuple[int, int]
    count: int


def _eu(first: int, last: int, step: int = 2) -> tuple[str, ...]:
    return tuple(str(size) for size in range(first, last + 1, step))


GARMENTS: Final = (
    Garment("female", "Women > Tops > Shirts", "Shirt", "tops", _ALPHA, None, (29, 79), 36),
    Garment("female", "Women > Tops > T-shirts", "T-shirt", "tops", _ALPHA, None, (15, 39), 36),
    Garment("female", "Women > Tops > Knitwear", "Sweater", "tops", _ALPHA, None, (39, 119), 30),
    Garment("female", "Women > Dresses", "Dress", "dresses", _eu(34, 46), "EU", (49, 169), 50),
    Garment("female", "Women > Bottoms > Trousers", "Trousers", "bottoms", _eu(34, 46), "EU", (45, 109), 30),
    Garment("female", "Women > Bottoms > Skirts", "Skirt", "bottoms", _eu(34, 46), "EU", (35, 89), 24),
    Garment("female", "Women > Outerwear > Jackets", "Jacket", "outerwear", _ALPHA, None, (89, 259), 28),
    Garment("female", "Women > Shoes > Sneakers", "Sneakers", "shoes", _eu(36, 42, 1), "EU", (59, 139), 26),
    Garment("male", "Men > Tops > Shirts", "Shirt", "tops", _ALPHA, None, (35, 89), 36),
    Garment("male", "Men > Tops > T-shirts", "T-shirt", "tops", _ALPHA, None, (15, 45), 36),
    Garment("male", "Men > Tops > Sweatshirts", "Sweatshirt", "tops", _ALPHA, None, (39, 99), 28),
    Garment("male", "Men > Bottoms > Trousers", "Trousers", "bottoms", _eu(44, 56), "EU", (49, 119), 32),
    Garment("male", "Men > Outerwear > Jackets", "Jacket", "outerwear", _ALPHA, None, (99, 299), 28),
    Garment("male", "Men > Shoes > Boots", "Boots", "shoes", _eu(40, 46, 1), "EU", (89, 219), 24),
    Garment("unisex", "Accessories > Bags", "Tote Bag", "bags", _ONE_SIZE, None, (19, 99), 18),
    Garment("unisex", "Accessories > Scarves", "Scarf", "scarves", _ONE_SIZE, None, (15, 69), 18),
)
"""What the shop sells: 480 items."""


@dataclass(frozen=True, slots=True)
class DemoItem:
    """One item of the shop, with the style that only the simulation knows."""

    item_id: str
    garment: Garment
    style: str
    brand: str
    title: str
    colors: tuple[str, ...]
    price: float
    sale_price: float | None
    sold_out: frozenset[str]
    age_days: int
    """How long the shop has listed it."""

    def sku_id(self, color: str, size: str) -> str:
        """Return the feed's id of one colour and size."""
        return f"{self.item_id}-{color}-{size}".replace(" ", "_").lower()

    def skus(self) -> Iterator[tuple[str, str, str]]:
        """Yield id, colour and size of every SKU."""
        for color in self.colors:
            for size in self.garment.sizes:
                yield self.sku_id(color, size), color, size

    @property
    def cost(self) -> float:
        """What the shop paid for it."""
        return round(self.price * COST_SHARE, 2)

    @property
    def paid_price(self) -> float:
        """What the item costs now."""
        return self.price if self.sale_price is None else self.sale_price


def simulate_shop(seed: int) -> list[DemoItem]:
    """Invent the shop's items; the same seed gives the same shop."""
    rng = random.Random(seed)  # noqa: S311 - a reproducible shop, no secrets
    garments = [garment for garment in GARMENTS for _ in range(garment.count)]
    return [_simulate_item(rng, garment, f"K{number:04d}") for number, garment in enumerate(garments, 1)]


def feed_rows(items: Sequence[DemoItem], *, base_url: str, now: float) -> Iterator[dict[str, Any]]:
    """Yield the shop's Google Merchant Center feed, one row a SKU.

    Args:
        items: the shop.
        base_url: of the shop, without a slash at the end; links and images start with it.
        now: Unix seconds; how long items have been listed counts back from it.
    """
    today = datetime.fromtimestamp(now, UTC).date()
    for item in items:
        first_seen = (today - timedelta(days=item.age_days)).isoformat()
        for sku_id, color, size in item.skus():
            row = {
                "id": sku_id,
                "item_group_id": item.item_id,
                "title": item.title,
                "link": base_url + product_path(item.item_id),
                "image_link": base_url + garment_path(item.item_id, color),
                "availability": "out_of_stock" if size in item.sold_out else "in_stock",
                "price": f"{item.price:.2f} EUR",
                "cost_of_goods_sold": f"{item.cost:.2f} EUR",
                "brand": item.brand,
                "product_type": item.garment.product_type,
                "gender": item.garment.gender,
                "age_group": "adult",
                "color": color,
                "size": size,
                "first_seen": first_seen,
            }
            if item.garment.size_system:
                row["size_system"] = item.garment.size_system
            if item.sale_price is not None:
                row["sale_price"] = f"{item.sale_price:.2f} EUR"
            yield row


def product_path(item_id: str, color: str | None = None) -> str:
    """Return where the shop shows an item, in one of its colours if given."""
    path = f"/product/{item_id}"
    return path if color is None else f"{path}?color={color_slug(color)}"


def garment_path(item_id: str, color: str) -> str:
    """Return where the drawing of an item in one colour is."""
    return f"/garments/{item_id}-{color_slug(color)}.svg"


def color_slug(color: str) -> str:
    """Return how a colour is spelt in paths: ``sky_blue``."""
    return color.replace(" ", "_")


def _simulate_item(rng: random.Random, garment: Garment, item_id: str) -> DemoItem:
    style = rng.choice(STYLES)
    colors = tuple(rng.sample(_COLORS, rng.choice((1, 1, 2))))
    price = rng.randint(*garment.price_range) + 0.90
    # A quarter of the shop is on sale, at 20 to 50 % off.
    sale_price = round(price * rng.choice((0.8, 0.7, 0.6, 0.5)), 2) if rng.random() < 0.25 else None
    sold_out = frozenset(size for size in garment.sizes if len(garment.sizes) > 1 and rng.random() < 0.06)
    title = f"{rng.choice(_MATERIALS[style])} {garment.noun} in {colors[0].title()}"
    return DemoItem(
        item_id,
        garment,
        style,
        rng.choice(_BRANDS[style]),
        title,
        colors,
        price,
        sale_price,
        sold_out,
        rng.randint(1, 240),
    )
