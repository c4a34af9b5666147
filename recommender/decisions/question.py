"""What a page asks."""

from typing import Literal

import msgspec

from recommender.homepage import HomepageVariant

PageType = Literal["home", "category", "product", "search", "cart", "checkout", "order", "other"]


class Question(msgspec.Struct, frozen=True):
    """One page's question.

    Attributes:
        page_type: the kind of page.
        item_id: the page's item, by an item's or a SKU's id.
        sku: the SKU being viewed, whose colour a proposed size keeps.
        category: the category page's ``product_type``, or the start of one.
        limit: most items to recommend.
        preview: a homepage variant that quality assurance forces.
        bought: keys of items ordered with this very request.
    """

    page_type: PageType = "other"
    item_id: str | None = None
    sku: str | None = None
    category: str | None = None
    limit: int = 12
    preview: HomepageVariant | None = None
    bought: frozenset[int] = frozenset()
