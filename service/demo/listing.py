"""Category pages of the demo shop: what they list, how it is filtered and sorted, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode

from service.demo.assortment import Assortment
from service.demo.shop import DemoItem

Sort = Literal["newest", "price_asc", "price_desc"]

SORTS: Final[Mapping[Sort, str]] = {
    "newest": "Newest",
    "price_asc": "Price, low to high",
    "price_desc": "Price, high to low",
}
PAGE_ITEMS: Final = 24
NEW_DAYS: Final = 30
"""How long an item counts as new."""


@dataclass(frozen=True, slots=True)
class Category:
    """One entry of the shop's menu.

    Attributes:
        slug: in paths.
        title: on the page and in the menu.
        intro: one sentence under the title.
        root: the start of the ``product_type`` of everything in it; ``None`` where it cuts across departments.
        shelf: whether it lists everything, what is new, or what is on sale.
    """

    slug: str
    title: str
    intro: str
    root: str | None = None
    shelf: Literal["all", "new", "sale"] = "all"

    @property
    def path(self) -> str:
        """Where it is listed."""
        return f"/category/{self.slug}"

    def holds(self, item: DemoItem) -> bool:
        """Tell whether an item belongs here."""
        if self.root is not None and _types(item)[0] != self.root:
            return False
        if self.shelf == "new":
            return item.age_days <= NEW_DAYS and item.sale_price is None
        return self.shelf == "all" or item.sale_price is not None

    def facet_of(self, item: DemoItem) -> str:
        """Return the type by which an item is filtered here: its kind, or its department across them."""
        types = _types(item)
        return types[0] if self.root is None else types[-1]


CATEGORIES: Final = (
    Category("new", "New in", "What arrived in the last thirty days, at full price.", shelf="new"),
    Category("women", "Women", "Shirts with room to move, dresses for long evenings, good shoes.", "Women"),
    Category("men", "Men", "Quiet colours, honest cloth, and boots that last.", "Men"),
    Category(
        "accessories", "Accessories", "A bag that carries the day and a scarf to end it.", "Accessories"
    ),
    Category("sale", "Sale", "Last pieces of earlier deliveries, reduced by up to half.", shelf="sale"),
)
"""The menu, in its order."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One type to filter by."""

    slug: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a category, as asked for.

    Attributes:
        category: what is listed.
        facets: the types there are in it.
        facet: the one chosen.
        sort: the order.
        items: of this page.
        total: how many items there are on all pages.
        page: from 1.
        pages: how many there are, at least 1.
        product_type: the feed's category of everything on the page, where it has one.
    """

    category: Category
    facets: tuple[Facet, ...]
    facet: Facet | None
    sort: Sort
    items: tuple[DemoItem, ...]
    total: int
    page: int
    pages: int
    product_type: str | None

    def path(self, *, facet: str | None = None, sort: Sort | None = None, page: int = 1) -> str:
        """Return where this category is listed with another filter (``""`` for none), order or page."""
        chosen = (self.facet.slug if self.facet else "") if facet is None else facet
        order = sort or self.sort
        query: dict[str, str | int] = {}
        if chosen:
            query["type"] = chosen
        if order != "newest":
            query["sort"] = order
        if page > 1:
            query["page"] = page
        return self.category.path + (f"?{urlencode(query)}" if query else "")


def category_of(slug: str) -> Category | None:
    """Return the category of this slug."""
    return next((category for category in CATEGORIES if category.slug == slug), None)


def list_category(assortment: Assortment, category: Category, query: Mapping[str, str]) -> Listing:
    """Return a page of a category; what the query asks for and does not exist is ignored.

    Args:
        assortment: the shop.
        category: what to list.
        query: ``type``, ``sort`` and ``page`` of the address.
    """
    held = [item for item in assortment.newest_first if category.holds(item)]
    facets = _facets(category, held)
    facet = next((one for one in facets if one.slug == query.get("type")), None)
    if facet is not None:
        held = [item for item in held if facet_slug(category.facet_of(item)) == facet.slug]
    sort: Sort = next((name for name in SORTS if name == query.get("sort")), "newest")
    if sort != "newest":
        held.sort(key=lambda item: item.paid_price, reverse=sort == "price_desc")
    pages = max(1, -(-len(held) // PAGE_ITEMS))
    page = min(_whole_number(query.get("page", "")), pages)
    first = (page - 1) * PAGE_ITEMS
    return Listing(
        category,
        facets,
        facet,
        sort,
        tuple(held[first : first + PAGE_ITEMS]),
        len(held),
        page,
        pages,
        _product_type(category, facet, held),
    )


def facet_slug(label: str) -> str:
    """Return how a type is spelt in addresses: ``t-shirts``."""
    return label.lower().replace(" ", "-")


def _facets(category: Category, held: Sequence[DemoItem]) -> tuple[Facet, ...]:
    counts: dict[str, int] = {}
    # In the feed's order, which goes from head to toe.
    for item in sorted(held, key=lambda one: one.item_id):
        label = category.facet_of(item)
        counts[label] = counts.get(label, 0) + 1
    return tuple(Facet(facet_slug(label), label, count) for label, count in counts.items())


def _product_type(category: Category, facet: Facet | None, held: Sequence[DemoItem]) -> str | None:
    if category.root is None:
        return facet.label if facet else None
    return held[0].garment.product_type if facet and held else category.root


def _types(item: DemoItem) -> list[str]:
    return item.garment.product_type.split(" > ")


def _whole_number(text: str) -> int:
    """Return a page number, 1 for what is none; five digits are more pages than any shop has."""
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) <= 5 else 1
