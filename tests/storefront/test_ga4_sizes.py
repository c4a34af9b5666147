"""What Kabin adds to the shop's events: the picker's size, and that it was ours."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.storefront.decisions import DECISION_ID, size
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import (
    Picker,
    PickerKind,
    Visit,
    act,
    click_at_once,
    decided,
    every_picker,
    pass_time,
)

pytestmark = pytest.mark.slow


def push(page: Page, name: str, **params: Any) -> None:
    """Tag an event as a tag manager's shop does."""
    entry = json.dumps({"event": name, "ecommerce": params})
    page.evaluate(f"() => {{ window.dataLayer = window.dataLayer || []; dataLayer.push({entry}); }}")


def sent(kabin: FakeKabin, page: Page, name: str) -> dict[str, Any]:
    """Wait for the one event of a name, and return its parameters."""
    pass_time(page, lambda: kabin.events(name))
    (event,) = kabin.events(name)
    params: dict[str, Any] = event["params"]
    return params


def preselected(kabin: FakeKabin, visit: Visit, kind: PickerKind = "select") -> Picker:
    """Open a page on which M is preselected."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = Picker(visit(f"product_{kind}.html"), kind)
    decided(picker.page)
    assert picker.chosen() == "M"
    return picker


@every_picker
def test_an_item_put_into_the_cart_gets_the_picker_s_size(
    kabin: FakeKabin, visit: Visit, kind: PickerKind
) -> None:
    """Many shops' tags lack it; chosen by the shopper, it is full evidence."""
    page = visit(f"product_{kind}.html")
    decided(page)
    Picker(page, kind).choose("L")
    push(page, "add_to_cart", items=[{"item_id": "K0001"}])
    params = sent(kabin, page, "add_to_cart")
    assert params["items"][0]["size"] == "L"
    assert not params.get("preselected")
    assert not params["items"][0].get("preselected")


@every_picker
def test_a_size_that_was_ours_says_so(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """It is weak evidence: marked, with the decision."""
    picker = preselected(kabin, visit, kind)
    push(picker.page, "add_to_cart", items=[{"item_id": "K0001"}])
    params = sent(kabin, picker.page, "add_to_cart")
    assert params["items"][0]["size"] == "M"
    assert params["preselected"] is True
    assert params["decision_id"] == DECISION_ID


def test_the_item_may_be_tagged_with_its_size_or_sku(kabin: FakeKabin, visit: Visit) -> None:
    """The page's own SKU is the page's item, and a size that agrees with ours is ours."""
    picker = preselected(kabin, visit)
    push(picker.page, "add_to_cart", items=[{"item_id": "K0001", "size": "M"}])
    params = sent(kabin, picker.page, "add_to_cart")
    assert params["items"][0]["size"] == "M"
    assert params["preselected"] is True


def test_a_size_that_the_shop_says_is_not_changed(kabin: FakeKabin, visit: Visit) -> None:
    """A quick-add of another size is what was put into the cart, and not ours."""
    picker = preselected(kabin, visit)
    push(picker.page, "add_to_cart", items=[{"item_id": "K0001", "size": "S"}])
    params = sent(kabin, picker.page, "add_to_cart")
    assert params["items"][0]["size"] == "S"
    assert not params.get("preselected")


def test_other_items_get_no_size(kabin: FakeKabin, visit: Visit) -> None:
    """A cross-sell's button on this page puts another item into the cart."""
    picker = preselected(kabin, visit)
    push(picker.page, "add_to_cart", items=[{"item_id": "K0777"}])
    params = sent(kabin, picker.page, "add_to_cart")
    assert "size" not in params["items"][0]
    assert not params.get("preselected")


@pytest.mark.parametrize("act", ["chooses another", "undoes", "undoes and chooses the same"])
def test_a_size_that_was_touched_is_the_shopper_s(kabin: FakeKabin, visit: Visit, act: str) -> None:
    """Then it is a choice, or none."""
    picker = preselected(kabin, visit)
    if act == "chooses another":
        picker.choose("L")
    else:
        click_at_once(picker.undo)
    if act == "undoes and chooses the same":
        picker.choose("M")
    push(picker.page, "add_to_cart", items=[{"item_id": "K0001"}])
    params = sent(kabin, picker.page, "add_to_cart")
    expected = {"chooses another": "L", "undoes": None, "undoes and chooses the same": "M"}[act]
    assert params["items"][0].get("size") == expected
    assert not params.get("preselected")


def test_a_click_on_a_sold_out_size_changes_nothing(kabin: FakeKabin, visit: Visit) -> None:
    """The shop ignores it, so the size in the picker is still ours."""
    picker = preselected(kabin, visit, "buttons")
    picker.option("XL").click(force=True)
    assert picker.chosen() == "M"
    assert picker.page.locator("[data-kabin-preselected]").count() == 1
    push(picker.page, "add_to_cart", items=[{"item_id": "K0001"}])
    assert sent(kabin, picker.page, "add_to_cart")["preselected"] is True


def test_the_purchase_on_a_later_page_says_so_too(kabin: FakeKabin, visit: Visit) -> None:
    """Item by item: what was ours, and what was not."""
    picker = preselected(kabin, visit)
    push(picker.page, "add_to_cart", items=[{"item_id": "K0001"}])
    sent(kabin, picker.page, "add_to_cart")
    page = visit("order.html")
    decided(page)
    items = [{"item_id": "K0001", "size": "M"}, {"item_id": "K0002", "size": "L"}]
    push(page, "purchase", transaction_id="T-1", items=items)
    params = sent(kabin, page, "purchase")
    ours, theirs = params["items"]
    assert ours["preselected"] is True
    assert not theirs.get("preselected")
    assert not params.get("preselected")


def test_a_purchase_in_another_size_is_not_ours(kabin: FakeKabin, visit: Visit) -> None:
    """The shopper changed the size in the cart."""
    picker = preselected(kabin, visit)
    push(picker.page, "add_to_cart", items=[{"item_id": "K0001"}])
    sent(kabin, picker.page, "add_to_cart")
    page = visit("order.html")
    decided(page)
    push(page, "purchase", transaction_id="T-1", items=[{"item_id": "K0001", "size": "S"}])
    assert not sent(kabin, page, "purchase")["items"][0].get("preselected")


def test_a_purchase_of_what_the_shopper_chose_is_full_evidence(kabin: FakeKabin, visit: Visit) -> None:
    """Nothing of it was ours."""
    page = visit()
    decided(page)
    Picker(page, "select").choose("L")
    push(page, "add_to_cart", items=[{"item_id": "K0001"}])
    sent(kabin, page, "add_to_cart")
    visit("order.html")
    decided(page)
    push(page, "purchase", transaction_id="T-1", items=[{"item_id": "K0001", "size": "L"}])
    assert not sent(kabin, page, "purchase")["items"][0].get("preselected")


def test_at_most_twenty_preselected_items_are_remembered(kabin: FakeKabin, visit: Visit) -> None:
    """What is kept in the browser stays small."""
    picker = preselected(kabin, visit)
    page = picker.page
    for number in range(23):
        kabin.pages.edit('data-kabin-item-id="K0001"', f'data-kabin-item-id="K{number:04}"')
        visit()
        decided(page)
        push(page, "add_to_cart", items=[{"item_id": f"K{number:04}"}])
    visit("order.html")
    decided(page)
    items = [{"item_id": f"K{number:04}", "size": "M"} for number in range(23)]
    push(page, "purchase", transaction_id="T-1", items=items)
    marked = [item for item in sent(kabin, page, "purchase")["items"] if item.get("preselected")]
    assert [item["item_id"] for item in marked] == [f"K{number:04}" for number in range(3, 23)]


def test_kabin_track_is_marked_alike(kabin: FakeKabin, visit: Visit) -> None:
    """A shop without a data layer calls ``kabin.track``, with GA4's own parameters."""
    picker = preselected(kabin, visit)
    act(
        picker.page,
        "kabin.track('add_to_cart', {currency: 'EUR', items: [{item_id: 'K0001', price: '59.90'}]})",
    )
    params = sent(kabin, picker.page, "add_to_cart")
    assert params["items"][0]["size"] == "M"
    assert params["items"][0]["price"] == 59.9
    assert params["preselected"] is True
