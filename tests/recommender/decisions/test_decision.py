"""The decision of a page: size, homepage and recommendations together, on a small shop."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.affinity import AffinityParameters
from recommender.catalog.catalog import Catalog
from recommender.decisions.decision import affinity_of, decide
from recommender.decisions.question import Question
from recommender.decisions.served import ServedModel
from recommender.identifiers import key_of
from recommender.model import ModelError
from recommender.visitor.state import HomepagePin, VisitorState
from tests.recommender.decisions.shop import (
    DAY,
    ITEMS,
    NOW,
    PARAMETERS,
    ask,
    catalog_of,
    model_of,
    row,
    shown,
    visitor,
)


def test_an_empty_shop_without_a_model_has_nothing_to_say_and_says_so() -> None:
    """A fresh installation answers: no size, the default homepage, no recommendations."""
    decision = ask(Question("product", item_id="d1"), catalog=Catalog.empty())
    assert (decision.size.action, decision.size.reason) == ("none", "unknown_item")
    assert (decision.homepage.variant, decision.homepage.reason) == ("full_price", "default")
    assert decision.recommendations == []


def test_three_unanimous_choices_preselect_the_size_and_its_sku_in_the_colour_viewed() -> None:
    """The product page gets a size in the shop's spelling, and the SKU to choose."""
    rows = [row(number, size) for number in range(ITEMS) for size in ("8", "10", "12")]
    rows.append(row(5, "10", id="d5-10-blue", color="blue"))
    catalog = catalog_of(rows)
    state = visitor(catalog, ("add_to_cart", "d1-10"), ("add_to_cart", "d2-10"), ("purchase", "d3-10"))
    size = ask(Question("product", item_id="d5"), state, catalog=catalog).size
    assert (size.action, size.size, size.size_system, size.sku_id) == ("preselect", "10", "US", "d5-10")
    assert (size.times, size.of) == (3, 3)
    viewed = ask(Question("product", item_id="d5", sku="d5-10-blue"), state, catalog=catalog).size
    assert viewed.sku_id == "d5-10-blue"


def test_a_size_sold_out_in_the_colour_viewed_is_not_preselected_in_another() -> None:
    """Who looks at the red dress gets no blue one; without a colour viewed any will do."""
    rows = [row(number, size) for number in range(ITEMS) for size in ("8", "10", "12")]
    rows += [row(5, "10", availability=0), row(5, "10", id="d5-10-blue", color="blue")]
    catalog = catalog_of(rows)
    state = visitor(catalog, *[("add_to_cart", f"d{number}-10") for number in (1, 2, 3)])
    red = ask(Question("product", item_id="d5", sku="d5-8"), state, catalog=catalog).size
    assert (red.action, red.size, red.sku_id, red.reason) == ("hint", "10", None, "sold_out")
    any_colour = ask(Question("product", item_id="d5"), state, catalog=catalog).size
    assert (any_colour.action, any_colour.sku_id) == ("preselect", "d5-10-blue")


def test_a_page_without_an_item_has_no_size() -> None:
    """The reason tells a missing item from an unknown one."""
    assert ask(Question("home")).size.reason == "no_item"
    assert ask(Question("product", item_id="nothing")).size.reason == "unknown_item"
    assert ask(Question("product", sku="nothing")).size.reason == "unknown_item"


def test_a_homepage_at_full_price_shows_the_newest_items_that_are_not_on_sale() -> None:
    """Margin is not given away to somebody we know nothing of."""
    decision = ask(Question("home", limit=5))
    assert shown(decision) == ["d1", "d2", "d4", "d5", "d7"]
    assert {one.source for one in decision.recommendations} == {"newest"}


def test_a_homepage_at_full_price_is_not_filled_up_with_what_is_on_sale() -> None:
    """It is rather short; only a shop in which everything is on sale shows that."""
    full_price = [number for number in range(ITEMS) if number % 3]
    assert shown(ask(Question("home", limit=ITEMS))) == [f"d{number}" for number in full_price]
    sale = catalog_of([row(number, "10") for number in (0, 3)])
    assert shown(ask(Question("home", limit=ITEMS), catalog=sale)) == ["d0", "d3"]
    promo = ask(Question("home", limit=ITEMS, preview="promo"))
    assert len(shown(promo)) == ITEMS


def test_a_promo_homepage_shows_what_is_on_sale() -> None:
    """The list follows the slot, also in a preview, which is never pinned."""
    decision = ask(Question("home", limit=3, preview="promo"))
    assert decision.homepage == ("promo", "preview", False, "full_price")
    assert shown(decision) == ["d0", "d3", "d6"]
    assert {one.source for one in decision.recommendations} == {"on_sale"}


def test_a_homepage_lists_what_goes_with_the_session_first() -> None:
    """The newest styles stay the newest styles; their order is the visitor's."""
    catalog = catalog_of()
    state = visitor(catalog, ("view_item", "d1"))
    decision = ask(Question("home", limit=4), state, catalog=catalog, model=model_of({1: [8, 3, 5]}))
    assert shown(decision) == ["d8", "d5", "d2", "d4"]
    assert [one.score > 0 for one in decision.recommendations] == [True, True, False, False]


def test_a_visitor_who_buys_on_sale_gets_the_promo_homepage_and_it_is_pinned() -> None:
    """Level high leads to promo; only a home page pins what it shows."""
    catalog = catalog_of()
    acts = [("purchase", f"d{number}-10") for number in (0, 3, 6, 9)] * 4
    state = visitor(catalog, *acts)
    assert ask(Question("home"), state, catalog=catalog).homepage == (
        "promo", "discount_affinity", True, "promo",
    )  # fmt: skip
    assert ask(Question("cart"), state, catalog=catalog).homepage.pin is False


def test_a_pinned_variant_stands_for_its_session() -> None:
    """Nothing the visitor does meanwhile turns the page around."""
    catalog = catalog_of()
    state = visitor(catalog, *[("purchase", f"d{number}-10") for number in (0, 3, 6, 9)] * 4)
    pinned = VisitorState(
        affinity=state.affinity,
        affinity_version=state.affinity_version,
        homepage=HomepagePin(int(NOW) - 60, "full_price"),
        last_seen=int(NOW),
        session_started=int(NOW) - 3600,
    )
    assert ask(Question("home"), pinned, catalog=catalog).homepage.variant == "full_price"


def test_sums_of_another_half_life_are_not_read() -> None:
    """Until a rebuild, evidence on another scale counts as none."""
    catalog = catalog_of()
    state = visitor(catalog, *[("purchase", f"d{number}-10") for number in (0, 3, 6, 9)] * 4)
    other = AffinityParameters(half_life_days=30)
    assert affinity_of(state, other, int(NOW // DAY)).evidence == 0


def test_a_product_page_shows_what_goes_with_its_item_and_never_the_item_itself() -> None:
    """The page's item counts before what was viewed earlier."""
    catalog = catalog_of()
    state = visitor(catalog, ("view_item", "d2"))
    model = model_of({5: [5, 2, 7, 8], 2: [9, 10]})
    decision = ask(Question("product", item_id="d5", limit=4), state, catalog=catalog, model=model)
    assert shown(decision) == ["d7", "d8", "d9", "d10"]
    assert {one.source for one in decision.recommendations} == {"covisit"}


def test_a_cart_is_complemented_and_what_lies_in_it_is_left_out() -> None:
    """Neighbours come from the cart, not from what was viewed last."""
    catalog = catalog_of()
    state = visitor(catalog, ("add_to_cart", "d1-10"), ("view_item", "d2"))
    model = model_of({1: [3, 2, 4], 2: [11]})
    assert shown(ask(Question("cart", limit=2), state, catalog=catalog, model=model)) == ["d3", "d4"]


def test_an_order_is_complemented_from_the_very_request_that_reports_it() -> None:
    """The thank-you page goes with what was just bought, and does not offer it again."""
    question = Question("order", limit=2, bought=frozenset({key_of("d4")}))
    assert shown(ask(question, model=model_of({4: [4, 6, 7]}))) == ["d6", "d7"]


def test_what_was_just_bought_is_left_out_everywhere() -> None:
    """Also weeks after the order; not for ever."""
    catalog = catalog_of()
    state = visitor(catalog, ("purchase", "d7-10"))
    model = model_of({5: [7, 8]})
    question = Question("product", item_id="d5", limit=1)
    assert shown(ask(question, state, catalog=catalog, model=model)) == ["d8"]
    affinity = affinity_of(state, PARAMETERS, int(NOW // DAY) + 31)
    later = decide(question, state, affinity, catalog, model, now=NOW + 31 * DAY)
    assert shown(later) == ["d7"]


def test_filters_come_before_the_cut() -> None:
    """What is sold out, or not in the visitor's size, makes room for what is left of the list."""
    rows = [row(number, size) for number in range(ITEMS) for size in ("8", "10", "12")]
    rows += [row(7, size, availability=0) for size in ("8", "10", "12")]
    rows += [row(8, "10", availability=0)]
    catalog = catalog_of(rows)
    state = visitor(catalog, *[("add_to_cart", f"d{number}-10") for number in (1, 2, 3)])
    model = model_of({5: [7, 8, 9, 10]})
    decision = ask(Question("product", item_id="d5", limit=2), state, catalog=catalog, model=model)
    assert shown(decision) == ["d9", "d10"]
    assert all(one.in_your_size for one in decision.recommendations)
    unsure = ask(Question("product", item_id="d5", limit=2), catalog=catalog, model=model)
    assert shown(unsure) == ["d8", "d9"]
    assert not any(one.in_your_size for one in unsure.recommendations)


def test_a_category_page_stays_in_its_category() -> None:
    """Neighbours of the session, then what is popular there, then the newest of it."""
    catalog = catalog_of()
    state = visitor(catalog, ("view_item", "d1"))
    decision = ask(
        Question("category", category="women / gowns", limit=9),
        state,
        catalog=catalog,
        model=model_of({1: [2, 9]}, popular=[3, 10]),
    )
    assert shown(decision) == ["d9", "d10", "d8", "d11"]
    assert [one.source for one in decision.recommendations] == ["covisit", "popular", "newest", "newest"]


def test_a_category_page_may_name_levels_that_the_feed_does_not_have() -> None:
    """A breadcrumb's "Home" is skipped; a category of the shop's own making is none, and leaves no slot empty."""
    breadcrumb = ask(Question("category", category="Home > Women > Gowns", limit=ITEMS))
    assert shown(breadcrumb) == ["d8", "d9", "d10", "d11"]
    assert len(shown(ask(Question("category", category="Summer edit", limit=ITEMS)))) == ITEMS


def test_a_list_that_runs_dry_is_filled_from_the_category_then_the_shop_then_the_newest() -> None:
    """A slot is not left half empty while there is something to show; each item says where it came from."""
    decision = ask(
        Question("product", item_id="d9", limit=6), model=model_of({9: [ITEMS, 8]}, popular=[10, 2])
    )
    assert [(one.item.item_id, one.source) for one in decision.recommendations] == [
        ("d8", "covisit"),
        ("d11", "popular"),
        ("d10", "popular"),
        ("d2", "popular"),
        ("d0", "newest"),
        ("d1", "newest"),
    ]


def test_an_unknown_item_gets_popular_items() -> None:
    """A page may show a new style before the feed does."""
    decision = ask(Question("product", item_id="new", limit=2), model=model_of({}, popular=[4, 6]))
    assert shown(decision) == ["d4", "d6"]


def test_a_limit_of_nothing_recommends_nothing() -> None:
    """A page that only wants the size says so."""
    assert ask(Question("product", item_id="d1", limit=0)).recommendations == []


ACTS = st.tuples(
    st.sampled_from(["view_item", "add_to_cart", "purchase", "select_size", "remove_from_cart"]),
    st.tuples(st.integers(0, ITEMS + 1), st.sampled_from(["", "-8", "-10", "-12"])).map(
        lambda pair: f"d{pair[0]}{pair[1]}"
    ),
)
PAGES = ["home", "category", "product", "search", "cart", "checkout", "order", "other"]


@given(
    st.lists(ACTS, max_size=12),
    st.builds(
        Question,
        page_type=st.sampled_from(PAGES),
        item_id=st.sampled_from([None, "d1", "d3-10", "gone", "d99"]),
        category=st.sampled_from([None, "Women", "Women > Gowns", "Men", ""]),
        limit=st.integers(0, 20),
    ),
    st.booleans(),
)
def test_no_answer_repeats_an_item_or_shows_one_that_cannot_be_bought(
    acts: list[tuple[str, str]], question: Question, trained: bool
) -> None:
    """Whatever a visitor did and wherever they are."""
    rows = [
        row(number, size, availability=number % 5 != 4)
        for number in range(ITEMS)
        for size in ("8", "10", "12")
    ]
    catalog = catalog_of(rows)
    model = model_of(
        {number: [(number + step) % (ITEMS + 1) for step in range(1, 6)] for number in range(ITEMS)}
    )
    state = visitor(catalog, *acts)
    items = [
        one.item
        for one in ask(question, state, catalog=catalog, model=model if trained else None).recommendations
    ]
    assert len(items) <= question.limit
    assert len({item.item_id for item in items}) == len(items)
    assert all(catalog.in_stock(catalog.row(item.item_id)) for item in items)
    assert question.item_id not in {item.item_id for item in items}


def test_the_same_question_has_the_same_answer() -> None:
    """A decision is a function: nothing it is given changes, nothing else has a say."""
    catalog = catalog_of()
    state = visitor(catalog, ("view_item", "d2"), ("add_to_cart", "d1-10"))
    model = model_of({2: [4, 5], 1: [6]}, popular=[7])
    question = Question("product", item_id="d2", limit=8)
    first = ask(question, state, catalog=catalog, model=model)
    assert ask(question, state, catalog=catalog, model=model) == first


@pytest.mark.parametrize("source", ["als", "covisit", "blend"])
def test_a_source_that_the_model_lacks_is_replaced_by_one_it_has(source: str) -> None:
    """A setting cannot empty the slots."""
    model = model_of({5: [7]}).model
    assert ServedModel(model, source=source).source == "blend"


@pytest.mark.parametrize("blend", [{"last": None}, {"last": "x"}, {"decay": [0.5, 0.5]}])
def test_a_model_whose_blend_cannot_be_read_is_a_model_error(blend: dict[str, Any]) -> None:
    """Whoever takes it over keeps the last good one, at the start of a service too."""
    with pytest.raises(ModelError, match="20251121T000000Z-000"):
        ServedModel(replace(model_of({5: [7]}).model, blend=blend), source="blend")
