"""A shop already tagged for GA4 sends its events without new tags."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.storefront.fake_kabin import NOW, FakeKabin
from tests.storefront.shopper import Visit, act, decided, fence, let_pass, pass_time

pytestmark = pytest.mark.slow

FORMS = {
    "gtag": "gtag('event', {name}, {params})",
    "gtm": "dataLayer.push({{event: {name}, ecommerce: {params}}})",
}
each_form = pytest.mark.parametrize("form", FORMS)

LATER = (
    "view_item_list",
    "select_item",
    "add_to_cart",
    "remove_from_cart",
    "view_cart",
    "begin_checkout",
    "view_promotion",
    "select_promotion",
)

PURCHASE: dict[str, Any] = {
    "transaction_id": "T-1",
    "currency": "EUR",
    "value": 59.9,
    "coupon": "WELCOME",
    "items": [{"item_id": "K0001", "size": "M", "price": 59.9, "quantity": 1}],
}


def tag(page: Page, form: str, name: str, params: dict[str, Any]) -> None:
    """Tag as the shop's own code does."""
    page.evaluate("() => {" + FORMS[form].format(name=json.dumps(name), params=json.dumps(params)) + "}")


def sent(kabin: FakeKabin, page: Page, name: str) -> dict[str, Any]:
    """Wait for the one event of a name, and return its parameters."""
    pass_time(page, lambda: kabin.events(name))
    (event,) = kabin.events(name)
    params: dict[str, Any] = event["params"]
    return params


@each_form
def test_what_was_tagged_before_the_script_came_is_read(kabin: FakeKabin, visit: Visit, form: str) -> None:
    """Whole, once, with an id and a time of its own."""
    page = visit(f"{form}.html")
    decided(page)
    pass_time(page, lambda: kabin.events("view_item"))
    let_pass(page, 5)
    (event,) = kabin.events("view_item")
    assert event["params"]["currency"] == "EUR"
    (item,) = event["params"]["items"]
    assert (item["item_id"], item["price"]) == ("K0001", 59.9)
    assert len(event["event_id"]) >= 16
    assert NOW <= event["timestamp"] <= NOW + 1


@each_form
def test_what_is_tagged_later_is_read(kabin: FakeKabin, visit: Visit, form: str) -> None:
    """Every GA4 event that Kabin knows."""
    page = visit(f"{form}.html")
    decided(page)
    for name in LATER:
        items = [{"item_id": "K0002", "size": "L"}]
        tag(page, form, name, {"currency": "EUR", "promotion_id": "P1", "items": items})
    for name in LATER:
        params = sent(kabin, page, name)
        assert params["currency"] == "EUR"
        assert [(item["item_id"], item["size"]) for item in params["items"]] == [("K0002", "L")]


@each_form
def test_a_purchase_keeps_what_an_order_is_known_by(kabin: FakeKabin, visit: Visit, form: str) -> None:
    """Transaction, coupon and quantities."""
    page = visit(f"{form}.html")
    decided(page)
    tag(page, form, "purchase", PURCHASE)
    params = sent(kabin, page, "purchase")
    assert params["transaction_id"] == "T-1"
    assert params["coupon"] == "WELCOME"
    assert params["items"] == [{"item_id": "K0001", "size": "M", "price": 59.9, "quantity": 1}]


def test_the_shop_s_own_tags_still_work(kabin: FakeKabin, visit: Visit) -> None:
    """``push`` returns what it did, and whoever wraps it too hears everything."""
    kabin.pages.edit(
        "<!-- kabin -->",
        """<script>{
            const heard = [];
            const push = dataLayer.push;
            dataLayer.push = function (...entries) { heard.push(...entries); return push.apply(this, entries); };
            document.addEventListener("heard", () => { document.body.dataset.heard = heard.length; });
        }</script>
        <!-- kabin -->""",
    )
    page = visit("gtm.html")
    decided(page)
    before = page.evaluate("dataLayer.length")
    returned = page.evaluate(
        "dataLayer.push({event: 'a'}, {event: 'add_to_cart', ecommerce: {items: [{item_id: 'K2'}]}})"
    )
    assert returned == page.evaluate("dataLayer.length") == before + 2
    page.evaluate("document.dispatchEvent(new Event('heard'))")
    assert page.evaluate("document.body.dataset.heard") == "2"
    assert sent(kabin, page, "add_to_cart")["items"][0]["item_id"] == "K2"


def test_a_data_layer_that_comes_after_the_script_is_read(kabin: FakeKabin, visit: Visit) -> None:
    """The order of the two does not matter, not even ``dataLayer = dataLayer || []`` after us."""
    page = visit()
    decided(page)
    page.evaluate("() => { window.dataLayer = window.dataLayer || []; }")
    tag(page, "gtm", "add_to_cart", {"items": [{"item_id": "K0002"}]})
    assert sent(kabin, page, "add_to_cart")["items"][0]["item_id"] == "K0002"


def test_a_tag_manager_that_comes_last_is_read(kabin: FakeKabin, visit: Visit) -> None:
    """A deferred script makes the array when kabin.js has long been answered."""
    kabin.pages.edit("<!-- kabin -->", '<!-- kabin --><script defer src="/late_layer.js"></script>')
    kabin.hold("/late_layer.js")
    page = visit("plain.html", wait_until="commit")
    decided(page)
    kabin.release("/late_layer.js")
    page.wait_for_load_state("load")
    assert sent(kabin, page, "view_cart")["items"][0]["item_id"] == "K0003"


def test_the_array_may_have_another_name(kabin: FakeKabin, visit: Visit) -> None:
    """``data-kabin-datalayer`` says it."""
    kabin.pages.attributes["data-kabin-datalayer"] = "shopLayer"
    kabin.pages.edit("<!-- kabin -->", "<script>window.shopLayer = [];</script><!-- kabin -->")
    page = visit("product_select.html")
    decided(page)
    page.evaluate(
        "() => { shopLayer.push({event: 'add_to_cart', ecommerce: {items: [{item_id: 'K0002'}]}}); }"
    )
    assert sent(kabin, page, "add_to_cart")["items"][0]["item_id"] == "K0002"


COERCED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"item_id": 1234}, {"item_id": "1234"}),
    ({"item_id": "K2", "price": "59.90"}, {"item_id": "K2", "price": 59.9}),
    ({"item_id": "K2", "quantity": "2"}, {"item_id": "K2", "quantity": 2}),
    ({"item_id": "K2", "price": "on request"}, {"item_id": "K2"}),
    ({"item_id": "K2", "price": None, "size": None, "coupon": None}, {"item_id": "K2"}),
    ({"item_id": "K2", "price": -5, "quantity": 0, "discount": "NaN"}, {"item_id": "K2"}),
    ({"item_id": "K2", "size": 38, "item_variant": 7}, {"item_id": "K2", "size": "38", "item_variant": "7"}),
    ({"item_id": "K2", "item_name": "x", "item_brand": "y", "index": 3, "custom": {}}, {"item_id": "K2"}),
    ({"item_id": "K2", "quantity": 1.5}, {"item_id": "K2"}),
]


def test_values_are_brought_to_the_contract(kabin: FakeKabin, visit: Visit) -> None:
    """Numbers from strings, ids to strings; what cannot be is left out, so that no event is refused for it."""
    page = visit("gtm.html")
    decided(page)
    for tagged, _ in COERCED:
        tag(page, "gtm", "add_to_cart", {"currency": "EUR", "items": [tagged]})
    pass_time(page, lambda: len(kabin.events("add_to_cart")) == len(COERCED))
    came = [{"quantity": 1} | event["params"]["items"][0] for event in kabin.events("add_to_cart")]
    for tagged, item in COERCED:
        assert {"quantity": 1} | item in came, tagged


JUNK = [
    "null",
    "7",
    "'event'",
    "[]",
    "{event: 7}",
    "{event: 'purchase'}",
    "{event: 'add_to_cart', ecommerce: null}",
    "{event: 'add_to_cart', ecommerce: {items: 'K1'}}",
    "{event: 'add_to_cart', ecommerce: {items: [null, 7, {}, {item_id: ''}]}}",
    "{event: 'purchase', ecommerce: {transaction_id: null, items: [{item_id: 'K1'}]}}",
    "{event: 'add_to_cart', ecommerce: {currency: 'Euro', items: [{item_id: 'x'.repeat(500)}]}}",
    "(function () { return arguments; })('event')",
    "(function () { return arguments; })('consent', 'default', {})",
    "{get event() { throw new Error('no') }}",
]


def test_what_is_no_ecommerce_event_harms_nothing(kabin: FakeKabin, visit: Visit) -> None:
    """At most the service rejects that one event; the next one is sent."""
    page = visit("gtm.html")
    decided(page)
    for place, junk in enumerate(JUNK):
        act(page, f"dataLayer.push({junk})")
        tag(page, "gtm", "view_cart", {"items": [{"item_id": f"K{place}"}]})
    expected = {f"K{place}" for place in range(len(JUNK))}
    pass_time(
        page,
        lambda: {event["params"]["items"][0]["item_id"] for event in kabin.events("view_cart")} == expected,
    )
    assert len(kabin.rejected) <= len(JUNK)
    kabin.rejected.clear()


def test_a_list_of_a_thousand_items_is_cut(kabin: FakeKabin, visit: Visit) -> None:
    """The service takes 200 an event."""
    page = visit("gtm.html")
    decided(page)
    tag(page, "gtm", "view_item_list", {"items": [{"item_id": f"K{number}"} for number in range(1000)]})
    assert len(sent(kabin, page, "view_item_list")["items"]) == 200


def test_a_product_page_that_nobody_tagged_tells_its_view(kabin: FakeKabin, visit: Visit) -> None:
    """Once; where the shop tags it itself, the shop's event is the only one."""
    page = visit()
    decided(page)
    params = sent(kabin, page, "view_item")
    assert params["items"][0]["item_id"] in ("K0001", "K0001-blue-s")
    let_pass(page, 5)
    assert len(kabin.events("view_item")) == 1
    decided(visit("gtag.html"))
    let_pass(page, 5)
    assert len(kabin.events("view_item")) == 2


def test_other_pages_tell_no_view(kabin: FakeKabin, visit: Visit) -> None:
    """A home page views no item."""
    page = visit("home.html")
    decided(page)
    let_pass(page, 3)
    fence(page)
    assert kabin.events("view_item") == []


def test_a_page_that_its_own_tag_made_known_is_viewed_once(kabin: FakeKabin, visit: Visit) -> None:
    """The tag is the view: none of ours is added to it."""
    kabin.pages.edit(
        "<!-- kabin -->",
        '<script>window.dataLayer = [{event: "view_item", ecommerce: {items: [{item_id: "K0001"}]}}];</script><!-- kabin -->',
    )
    page = visit("plain.html")
    decided(page)
    pass_time(page, lambda: kabin.events("view_item"))
    let_pass(page, 5)
    assert len(kabin.events("view_item")) == 1
