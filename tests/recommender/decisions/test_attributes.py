"""What conditions of experiments can refer to."""

from recommender.affinity import DiscountAffinity
from recommender.decisions.attributes import Attribute, visitor_attributes
from recommender.decisions.question import Question
from recommender.visitor.state import EMPTY_STATE, CartLine, Viewed, VisitorState
from tests.recommender.decisions.policies import feature, policy_of

AFFINITY = DiscountAffinity("high", 1.4, 0.0, 0.9, 0.0)


def test_the_page_and_the_visitor_are_told() -> None:
    """Enough to aim a test at deal seekers on the homepage, or at who has something in the cart."""
    question = Question("product", item_id="d1", category="Women")
    nobody = visitor_attributes(question, EMPTY_STATE, AFFINITY, {"country": "TR", "vip": True})
    assert nobody == {
        "country": "TR",
        "vip": True,
        "page_type": "product",
        "item_id": "d1",
        "category": "Women",
        "is_known": False,
        "cart_items": 0,
        "discount_affinity": "high",
        "discount_affinity_index": 1.4,
    }
    cart = (CartLine(3, True, 1, 0), CartLine(2, True, 2, 0), CartLine(1, False, 3, 0))
    known = VisitorState(cart=cart, recently_viewed=(Viewed(1, 1),), last_seen=1)
    attributes = visitor_attributes(Question("home"), known, AFFINITY, {})
    assert (attributes["is_known"], attributes["cart_items"]) == (True, 2)
    assert "item_id" not in attributes


def test_what_kabin_knows_goes_before_what_a_page_says() -> None:
    """A page cannot talk itself into an experiment that is aimed by what Kabin knows."""
    given: dict[str, Attribute] = {"discount_affinity": "low", "page_type": "cart", "cart_items": 9.0}
    attributes = visitor_attributes(Question("home"), EMPTY_STATE, AFFINITY, given)
    assert (attributes["discount_affinity"], attributes["page_type"], attributes["cart_items"]) == (
        "high",
        "home",
        0,
    )


def test_conditions_see_the_attributes() -> None:
    """A feature may be rolled out to deal seekers of one country."""
    condition = {"discount_affinity": "high", "country": "TR", "page_type": {"$in": ["home", "category"]}}
    policy = policy_of({"banner": feature("off", {"force": "on", "condition": condition})})
    for country, page_type, expected in (("TR", "home", "on"), ("DE", "home", "off"), ("TR", "cart", "off")):
        question = Question("home" if page_type == "home" else "cart")
        attributes = visitor_attributes(question, EMPTY_STATE, AFFINITY, {"country": country})
        assert policy.assign("visitor", attributes, EMPTY_STATE).features == {"banner": expected}
