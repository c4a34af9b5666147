"""What conditions of experiments can refer to: the page, the visitor, and what the page itself says."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from recommender.affinity import DiscountAffinity
from recommender.decisions.question import Question
from recommender.visitor.state import VisitorState

Attribute = str | float | bool | None
"""A value that a page may give; ``None`` says nothing."""

NO_ATTRIBUTES: Final[Mapping[str, Any]] = MappingProxyType({})
"""For a policy that does not read them: working them out takes 4 µs within a request."""


def visitor_attributes(
    question: Question, state: VisitorState, affinity: DiscountAffinity, given: Mapping[str, Attribute]
) -> dict[str, Any]:
    """Return a visitor's attributes; what Kabin knows goes before what the page says under the same name.

    ========================= ====================================================================================
    ``page_type``             the kind of page
    ``category``              of a category page
    ``item_id``               of a page with an item, as the page calls it
    ``is_known``              whether anything of interest is remembered: views, sizes, a cart or discounts
    ``cart_items``            lines in the cart
    ``discount_affinity``     ``high``, ``medium`` or ``low``
    ``discount_affinity_index``  observed over expected, 1 on average
    ========================= ====================================================================================

    Args:
        question: what the page asks.
        state: what is known of the visitor, with the request's own events.
        affinity: the visitor's, as of today.
        given: attributes of the page's own.
    """
    lines = 0
    for line in state.cart:
        lines += line.present
    attributes: dict[str, Any] = {
        **given,
        "page_type": question.page_type,
        "is_known": bool(lines or state.recently_viewed or state.evidence or affinity.evidence > 0.0),
        "cart_items": lines,
        "discount_affinity": affinity.level,
        "discount_affinity_index": affinity.index,
    }
    if question.category is not None:
        attributes["category"] = question.category
    if question.item_id is not None:
        attributes["item_id"] = question.item_id
    return attributes
