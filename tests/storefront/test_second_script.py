"""The script that kabin.js fetches for pickers, recommendations and tags: late, missing, or not needed at all."""

import pytest
from playwright.sync_api import BrowserContext

from tests.storefront.decisions import DECISION_ID, size
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shop_pages import second_script
from tests.storefront.shopper import Picker, Visit, act, decided, let_pass, pass_time, wait_until
from tests.storefront.single_page_app import go, opened

pytestmark = pytest.mark.slow


@pytest.fixture
def fetched(context: BrowserContext) -> list[str]:
    """Addresses of all requests of the browser."""
    addresses: list[str] = []
    context.on("request", lambda request: addresses.append(request.url))
    return addresses


@pytest.mark.parametrize("is_missing", [True, False], ids=["404", "never arrives"])
def test_without_it_pages_are_answered_all_the_same(kabin: FakeKabin, visit: Visit, is_missing: bool) -> None:
    """The promise has the decision, what is tracked is sent, and the picker is the shop's own."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    if is_missing:
        kabin.pages.has_second_script = False
    else:
        kabin.hold(second_script())
    page = visit("gtag.html", wait_until="domcontentloaded")
    wait_until(page, "shop.decisions.length > 0")
    assert page.evaluate("kabin.personalize().then(told => told.decision_id)") == DECISION_ID
    act(page, "kabin.track('sort_items', {sort_by: 'price'})")
    pass_time(page, lambda: kabin.events("sort_items"))
    assert Picker(page, "select").chosen() == ""


def test_what_happens_before_it_comes_is_not_lost(kabin: FakeKabin, visit: Visit) -> None:
    """The shopper's choice is neither overridden nor forgotten, and tags are read."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    kabin.hold(second_script())
    page = visit("gtm.html", wait_until="domcontentloaded")
    wait_until(page, "shop.decisions.length > 0")
    picker = Picker(page, "select")
    picker.choose("L")
    act(page, "dataLayer.push({event: 'add_to_cart', ecommerce: {items: [{item_id: 'K0001'}]}})")
    kabin.release(second_script())
    decided(page)
    assert picker.chosen() == "L"
    pass_time(page, lambda: kabin.events("select_size") and kabin.events("add_to_cart"))
    assert kabin.events("select_size")[0]["params"]["items"][0]["size"] == "L"
    assert kabin.events("add_to_cart")[0]["params"]["items"][0]["item_id"] == "K0001"


def test_what_was_tracked_is_not_lost_when_the_page_is_left_before(kabin: FakeKabin, visit: Visit) -> None:
    """A shopper who leaves at once has still done what they did; the next page sends it at the latest."""
    kabin.hold(second_script())
    page = visit(wait_until="domcontentloaded")
    wait_until(page, "shop.decisions.length > 0")
    act(page, "kabin.track('add_to_cart', {items: [{item_id: 'K0001', size: 'L'}]})")
    page.goto(kabin.url("plain.html"))
    wait_until(page, "shop.decisions.length > 0")
    pass_time(page, lambda: kabin.events("add_to_cart"))


@pytest.mark.parametrize("name", ["plain.html", "home.html"])
def test_pages_without_anything_for_it_do_not_fetch_it(
    kabin: FakeKabin, visit: Visit, fetched: list[str], name: str
) -> None:
    """Most of a homepage's visitors need only the first."""
    page = visit(name)
    wait_until(page, "shop.decisions.length > 0")
    let_pass(page, 5)
    assert any(address.endswith("/kabin.js") for address in fetched)
    assert not any(address.endswith(second_script()) for address in fetched)


def test_it_is_fetched_once_for_all_routes(kabin: FakeKabin, visit: Visit, fetched: list[str]) -> None:
    """A single-page shop loads it when the first route needs it."""
    page = opened(kabin, visit)
    for number in (1, 2, 3):
        go(page, number)
        decided(page, number + 1)
    assert sum(address.endswith(second_script()) for address in fetched) == 1
