"""Which page it is, where no attribute says so: from the GA4 events, else from the address."""

from typing import Any

import pytest

from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Visit, decided

pytestmark = pytest.mark.slow

EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "view_item": ("product", {"items": [{"item_id": "K0001"}]}),
    "view_item_list": ("category", {"items": [{"item_id": "K0001"}, {"item_id": "K0002"}]}),
    "view_cart": ("cart", {"items": [{"item_id": "K0001"}]}),
    "begin_checkout": ("checkout", {"items": [{"item_id": "K0001"}]}),
    "purchase": ("order", {"transaction_id": "T1", "items": [{"item_id": "K0001"}]}),
}


def tagged(name: str, params: dict[str, Any]) -> str:
    """Return the script with which a shop tags its page."""
    return (
        f'<script>window.dataLayer = [{{event: "{name}", ecommerce: {params!r}}}];</script>\n<!-- kabin -->'
    )


@pytest.mark.parametrize("name", EVENTS)
def test_a_tagged_page_needs_no_attributes(kabin: FakeKabin, visit: Visit, name: str) -> None:
    """GA4's events say what a page is."""
    page_type, params = EVENTS[name]
    kabin.pages.edit("<!-- kabin -->", tagged(name, params))
    decided(visit("plain.html"))
    asked = kabin.calls("/personalize")[0].body["page"]
    assert asked["type"] == page_type
    assert asked.get("item_id") == ("K0001" if name == "view_item" else None)


def test_attributes_go_before_events(kabin: FakeKabin, visit: Visit) -> None:
    """A home page with a list of items on it is still the home page."""
    kabin.pages.edit("<!-- kabin -->", tagged(*("view_item_list", EVENTS["view_item_list"][1])))
    decided(visit("home.html"))
    assert kabin.calls("/personalize")[0].body["page"]["type"] == "home"


@pytest.mark.parametrize(("path", "page_type"), [("", "home"), ("plain.html", "other")])
def test_an_untagged_page_is_home_at_the_root_and_other_elsewhere(
    kabin: FakeKabin, visit: Visit, path: str, page_type: str
) -> None:
    """Nothing is guessed from other addresses."""
    decided(visit(path))
    assert kabin.calls("/personalize")[0].body["page"] == {"type": page_type}


def test_an_attribute_with_an_unknown_type_does_not_break_the_question(
    kabin: FakeKabin, visit: Visit
) -> None:
    """The service refuses unknown types: they are asked as another page."""
    kabin.pages.edit('data-kabin-page="product"', 'data-kabin-page="lookbook"')
    decided(visit())
    assert kabin.calls("/personalize")[0].body["page"]["type"] == "other"


def test_attributes_may_stand_on_any_element(kabin: FakeKabin, visit: Visit) -> None:
    """A template that does not own ``body`` marks its ``main``."""
    kabin.pages.edit("<main>", '<main data-kabin-page="product" data-kabin-item-id="K0009">')
    decided(visit("plain.html"))
    assert kabin.calls("/personalize")[0].body["page"] == {"type": "product", "item_id": "K0009"}
