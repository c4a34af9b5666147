"""The shop that the hot path is measured in: 43,000 items, visitors with 30 events of history, product pages.

Everything follows from a few numbers and a seed, so every process of a benchmark can make its own copy of it.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.model import ModelContent
from recommender.recommendations.neighbours import NO_ITEM, Neighbours
from service.identity.tokens import VisitorTokens
from tests.benchmarks.hot_path.page_request import http_request, product_page
from tests.benchmarks.hot_path.popularity import LISTS_EXPONENT, VIEWS_EXPONENT, distinct, drawn
from tests.catalog_rows import line

SERVER_KEY: Final = "reference-shop-server-key"
SIGNING_KEY: Final = "reference-shop-signing-key-of-visitor-tokens"
SIZES: Final = ("34", "36", "38", "40", "42", "44", "46", "48")

EXPERIMENTS: Final[dict[str, dict[str, Any]]] = {
    "homepage": {"feature": "kabin-homepage", "variations": ["personalized", "full_price"]},
    "neighbours": {"feature": "kabin-recommendations", "variations": ["blend", "covisit"]},
    "delivery": {"feature": "delivery-note", "variations": ["short", "long"]},
}
"""Three running experiments, of which none switches off work: size and recommendations are decided for everybody."""

_IN_STOCK: Final = 0.85
_LISTED: Final = 50
_SAME_FAMILY: Final = 0.8
_SHOPPER_VIEWS: Final = 20
_FAMILIES: Final = ("dresses",) * 2 + ("tops",) + ("bags",) * 7
"""Of every ten items: dresses and tops come in eight sizes, bags in one; 43,000 items have 133,300 SKUs."""


@dataclass(frozen=True)
class ReferenceShop:
    """The shop, its model and its visitors; equal numbers make equal shops.

    Attributes:
        items: of the catalog and of the model, at least 100.
        visitors: who know the shop.
        history: events of each of them.
        seed: of everything that is drawn.
    """

    items: int = 43_000
    visitors: int = 1_000
    history: int = 30
    seed: int = 6

    # ---------------------------------------------------------------- catalog and model

    @cached_property
    def by_popularity(self) -> NDArray[np.int32]:
        """Item rows, most viewed first; rows themselves say nothing about popularity."""
        return np.random.default_rng(self.seed).permutation(self.items).astype(np.int32)

    def item_id(self, row: int) -> str:
        """Return the identifier of an item row."""
        return f"i{row}"

    def feed(self) -> Iterator[bytes]:
        """Yield the product feed, a JSON line a SKU."""
        in_stock = np.random.default_rng((self.seed, 1)).random((self.items, len(SIZES))) < _IN_STOCK
        for row in range(self.items):
            family = family_of(row)
            sizes = SIZES if family != "bags" else (None,)
            for place, size in enumerate(sizes):
                sku = line(
                    sku_id(self.item_id(row), size),
                    self.item_id(row),
                    title=f"{family.capitalize()} in washed linen {row}",
                    image_link=f"https://cdn.shop.example/images/{row}-front.jpg",
                    brand=f"Brand {row % 97}",
                    product_type=f"Women > {family.capitalize()}",
                    availability="in_stock" if in_stock[row, place] else "out_of_stock",
                    sale_price="39.90 EUR" if row // len(_FAMILIES) % 5 == 0 else None,
                    size=size,
                    size_system="EU" if size else None,
                )
                yield json.dumps(sku).encode() + b"\n"

    def model(self) -> ModelContent:
        """Return a model whose lists look like trained ones: popular items stand in many, mostly of one family."""
        rng = np.random.default_rng((self.seed, 2))
        covisit, als = self._lists(rng), self._lists(rng)
        blend = self._lists(rng)
        sources = rng.integers(0, 2, blend.items.shape, dtype=np.int8)
        return ModelContent(
            item_ids=[self.item_id(row) for row in range(self.items)],
            neighbours={
                "covisit": covisit,
                "als": als,
                "blend": Neighbours(blend.items, blend.scores, sources),
            },
            popular=self.by_popularity[:1000],
            popular_by_category={
                f"Women > {family.capitalize()}": self._of_family(family)[:1000] for family in set(_FAMILIES)
            },
        )

    def views(self) -> sp.csr_array:
        """Return a ``[shoppers, items]`` matrix of views to train on: each shopper prefers one family."""
        rng = np.random.default_rng((self.seed, 5))
        shape = (self.items, _SHOPPER_VIEWS)
        viewed = drawn(rng, self.by_popularity, shape, VIEWS_EXPONENT)
        for place, family in enumerate(sorted(set(_FAMILIES))):
            of_family = drawn(rng, self._of_family(family), shape, VIEWS_EXPONENT)
            prefers = np.arange(self.items)[:, None] % len(set(_FAMILIES)) == place
            viewed = np.where(prefers & (rng.random(shape) < _SAME_FAMILY), of_family, viewed)
        ones = np.ones(viewed.size, dtype=np.float32)
        shoppers = np.repeat(np.arange(self.items), _SHOPPER_VIEWS)
        return sp.coo_array((ones, (shoppers, viewed.ravel())), shape=(self.items, self.items)).tocsr()

    def _of_family(self, family: str) -> NDArray[np.int32]:
        places = [place for place, each in enumerate(_FAMILIES) if each == family]
        return self.by_popularity[np.isin(self.by_popularity % len(_FAMILIES), places)]

    def _viewed(self, rng: np.random.Generator, family: str, count: int) -> list[str]:
        """Draw the items of so many views of a family by popularity."""
        rows = drawn(rng, self._of_family(family), count, VIEWS_EXPONENT)
        return [self.item_id(row) for row in rows.tolist()]

    def _lists(self, rng: np.random.Generator) -> Neighbours:
        """Draw each item's neighbours by popularity, four of five from its own family, none twice."""
        items = np.full((self.items, _LISTED), NO_ITEM, dtype=np.int32)
        for family in set(_FAMILIES):
            rows = self._of_family(family)
            for start in range(0, rows.size, 10_000):
                owners = rows[start : start + 10_000]
                shape = (owners.size, 2 * _LISTED)
                same = drawn(rng, rows, shape, LISTS_EXPONENT)
                any_ = drawn(rng, self.by_popularity, shape, LISTS_EXPONENT)
                proposed = np.where(rng.random(shape) < _SAME_FAMILY, same, any_)
                items[owners] = distinct(rng, proposed, owners, _LISTED)
        scores = np.sort(rng.random(items.shape, dtype=np.float32), axis=1)[:, ::-1]
        return Neighbours(items, np.where(items == NO_ITEM, np.float32(0), scores))

    # ---------------------------------------------------------------- visitors

    def visitor_id(self, number: int) -> str:
        """Return a visitor's id, as long as those that the service issues."""
        digest = hashlib.sha256(f"visitor {number}".encode()).digest()[:16]
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def token(self, number: int) -> str:
        """Return the visitor's signed token."""
        return self._tokens.sign(self.visitor_id(number))

    @cached_property
    def _tokens(self) -> VisitorTokens:
        return VisitorTokens((SIGNING_KEY,))

    def visitor_history(self, number: int, now: float) -> list[dict[str, Any]]:
        """Return what a visitor did in the days before ``now`` (Unix seconds), as ``POST /events`` takes it.

        Of 30 events 14 are views, 8 choices of a size, 4 additions to the cart, one an order of what was added first,
        one a list, one a sorting and one an exposure to the three experiments. The size is the same throughout.
        """
        rng = np.random.default_rng((self.seed, 3, number))
        size = SIZES[2 + number % 4]
        dresses, tops = self._viewed(rng, "dresses", self.history), self._viewed(rng, "tops", self.history)
        names = [_HISTORY[place % len(_HISTORY)] for place in range(self.history)]
        events = []
        for place, name in enumerate(names):
            item = (tops if place % 4 == 3 else dresses)[place // 2]
            params: dict[str, Any] = {"currency": "EUR", "items": [_item_of(item, size, name)]}
            if name == "purchase":
                params["transaction_id"] = f"t{number}-{place}"
            elif name == "sort_items":
                params = {"sort_by": "newest"}
            elif name == "decision_shown":
                shown = [{"experiment_id": each, "variation_id": number % 2} for each in EXPERIMENTS]
                params = {"decision_id": f"server-{number}", "experiments": shown}
            at = now - (self.history - place) * 3600.0
            events.append({"name": name, "event_id": f"h{number}-{place}", "timestamp": at, "params": params})
        return events

    # ---------------------------------------------------------------- requests

    def requests(self, count: int, *, stream: int, now: float | None = None) -> list[bytes]:
        """Return so many whole HTTP requests: a known visitor opens a product page.

        Args:
            count: how many.
            stream: in equal streams the same visitors look at the same items; every event is a new one all the same.
            now: Unix seconds of the events, the present by default.
        """
        rng = np.random.default_rng((self.seed, 4, stream))
        at = round(time.time() if now is None else now, 3)
        visitors = rng.integers(0, self.visitors, count).tolist()
        items = self._viewed(rng, "dresses", count)
        prefix = secrets.token_hex(6)
        tokens = {visitor: self.token(visitor) for visitor in set(visitors)}
        return [
            http_request(
                "/personalize", product_page(item, tokens[visitor], f"{prefix}-{number}", at), visitor
            )
            for number, (visitor, item) in enumerate(zip(visitors, items, strict=True))
        ]


_HISTORY: Final = (
    ("view_item",) * 14
    + ("select_size",) * 8
    + ("add_to_cart", "purchase")
    + ("add_to_cart",) * 3
    + ("view_item_list", "sort_items", "decision_shown")
)


def family_of(row: int) -> str:
    """Return what kind of item a row is."""
    return _FAMILIES[row % len(_FAMILIES)]


def sku_id(item_id: str, size: str | None) -> str:
    """Return the SKU of an item's size."""
    return f"{item_id}-{size or 'one'}"


def _item_of(item_id: str, size: str, name: str) -> dict[str, Any]:
    if name in {"view_item", "view_item_list"}:
        return {"item_id": item_id, "price": 59.9}
    return {"item_id": item_id, "item_variant": sku_id(item_id, size), "price": 59.9}
