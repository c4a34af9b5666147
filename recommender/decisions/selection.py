"""Which items a page recommends: by its type, from the session, filtered before the cut, backed off at the end.

=================== ==================================================================================
page                what its recommendations go with
=================== ==================================================================================
home                follow the slot: newest full-price styles, or what is on sale, those nearest to the session first
product             the page's item first, then what was viewed before it
cart, checkout      what lies in the cart
order               what was just ordered
category            the session, within the category as far as the catalog knows it
search, other       the session
=================== ==================================================================================

Where that runs dry: popular items of the category and department, of the shop, then the newest. A home page
does without popular items, as they may be on sale; one at full price ends there, unless everything is on sale.
"""

from typing import Final

from recommender.catalog.catalog import Catalog
from recommender.catalog.item import Item
from recommender.catalog.orders import category_path, matches, paths_of
from recommender.decisions.fit import Fit
from recommender.decisions.question import Question
from recommender.decisions.served import ServedModel
from recommender.decisions.shelf import Recommendation, Shelf
from recommender.decisions.treatment import RecommendationSource
from recommender.events import SECONDS_PER_DAY
from recommender.homepage import HomepageVariant
from recommender.sizes.size import EvidenceKind
from recommender.visitor.state import VisitorState

JUST_BOUGHT_DAYS: Final = 30
"""Who has bought an item lately does not want to see it again; after that it may be worth replacing."""

SESSION_ITEMS: Final = 10
_PURCHASES: Final = frozenset(
    {EvidenceKind.PURCHASE, EvidenceKind.PURCHASE_UNCONFIRMED, EvidenceKind.PURCHASE_PRESELECTED}
)


def select(
    question: Question,
    item: Item | None,
    state: VisitorState,
    catalog: Catalog,
    model: ServedModel | None,
    *,
    fit: Fit,
    variant: HomepageVariant,
    source: RecommendationSource | None = None,
    now: float,
) -> list[Recommendation]:
    """Return up to ``question.limit`` items for a page, best first.

    Args:
        question: what the page asks.
        item: the page's item, if the catalog knows it.
        state: the visitor's.
        catalog: what can be shown.
        model: what is known of the items, if anything yet.
        fit: of the visitor.
        variant: the homepage's, which a home page follows.
        source: of neighbours; ``None`` as configured.
        now: Unix seconds.
    """
    limit = question.limit
    if limit <= 0 or len(catalog) == 0:
        return []
    viewed = [item_key for _, item_key in state.recently_viewed]
    in_cart = [item_key for _, present, item_key, _ in state.cart if present]
    seeds = _seeds(question, item, state, viewed, in_cart)
    excluded = {*viewed, *in_cart, *question.bought}
    excluded.update(_just_bought(state, today=int(now // SECONDS_PER_DAY)))
    if item is not None:
        excluded.add(item.key)
    category = _category(question.category, catalog, now) if question.page_type == "category" else None
    shelf = Shelf(catalog, model, fit, excluded=excluded, category=category, source=source)
    if question.page_type == "home":
        shelf.add_slot(variant, seeds, limit=limit, now=now)
    else:
        shelf.add_neighbours(seeds, limit=limit)
        if len(shelf.chosen) == limit:  # as on most pages
            return shelf.chosen
        about = question.category or (None if item is None else item.product_type)
        shelf.add_popular(about, None if item is None else item.department, limit=limit)
        shelf.add_popular(None, None, limit=limit)
    if question.page_type != "home" or variant == "promo" or not shelf.chosen:
        shelf.add_newest(limit=limit, now=now)
    return shelf.chosen


def select_similar(
    item: Item, catalog: Catalog, model: ServedModel | None, *, fit: Fit, limit: int, now: float
) -> list[Recommendation]:
    """Return up to ``limit`` items that go with ``item``, whoever asks."""
    if limit <= 0:
        return []
    shelf = Shelf(catalog, model, fit, excluded={item.key}, category=None)
    shelf.add_neighbours([item.key], limit=limit)
    shelf.add_popular(item.product_type, item.department, limit=limit)
    shelf.add_popular(None, None, limit=limit)
    shelf.add_newest(limit=limit, now=now)
    return shelf.chosen


def _category(named: str | None, catalog: Catalog, now: float) -> str | None:
    """Return the levels of a category page that items in stock have, without leading ones such as "Home".

    A page that shows what no ``product_type`` is called ("Summer edit") is a page without a category.
    """
    if not named:
        return None
    newest = catalog.newest(now, limit=1, category=named)
    if not newest:
        return None
    item = catalog.item_at(newest[0])
    paths = paths_of(item.product_type, item.google_product_category)
    levels = category_path(named)
    while levels and not matches(levels, paths):
        levels = levels[1:]
    return " > ".join(levels) or None


def _seeds(
    question: Question, item: Item | None, state: VisitorState, viewed: list[int], in_cart: list[int]
) -> list[int]:
    """Return the keys of the items that recommendations go with, newest first."""
    page_type = question.page_type
    keys: list[int] = []
    if page_type == "product" and item is not None:
        keys = [item.key, *viewed]
    elif page_type in ("cart", "checkout"):
        keys = in_cart
    elif page_type == "order":
        keys = list(question.bought) or _newest_order(state)
    return list(dict.fromkeys(keys or viewed or in_cart))[:SESSION_ITEMS]


def _newest_order(state: VisitorState) -> list[int]:
    bought = [record for record in state.evidence if record.kind in _PURCHASES]
    return [record.item_key for record in bought if record.day == bought[0].day]


def _just_bought(state: VisitorState, *, today: int) -> list[int]:
    first_day = today - JUST_BOUGHT_DAYS
    return [
        item_key for day, kind, item_key, _, _ in state.evidence if day >= first_day and kind in _PURCHASES
    ]
