"""Buying in the demonstration's shop, with Kabin's script and without any."""

import pytest
from playwright.sync_api import Locator, expect

from service.demo.tour import SIZE
from tests.storefront.demo.visitor import SHIRTS, DemoVisitor, Traffic
from tests.storefront.shopper import both_widths

pytestmark = pytest.mark.slow


def buy(visitor: DemoVisitor, size: Locator) -> None:
    """Put what is looked at into the bag, in the size of a radio button, and order it."""
    size.check()
    visitor.press("Add to bag")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Your bag")
    expect(visitor.page.locator(".bag-count")).to_contain_text("1")
    visitor.press("Place the order")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Thank you")


def test_a_purchase_is_counted_once_across_a_reload(visitor: DemoVisitor, traffic: Traffic) -> None:
    """The confirmation page reports it; shown again, it does not, and Kabin knows of one."""
    visitor.look_at(SHIRTS[1])
    buy(visitor, visitor.size(SIZE))
    expect(visitor.told("receipt")).to_contain_text("accepted")
    visitor.page.reload()
    visitor.open("/")
    names = list(traffic.events.values())
    assert [names.count(name) for name in ("add_to_cart", "begin_checkout", "purchase")] == [1, 1, 1]
    (evidence,) = visitor.known()["words"]["evidence"]
    assert (evidence["item_id"], evidence["size"]) == (SHIRTS[1].item_id, SIZE)
    assert evidence["acts"].count("bought") + evidence["acts"].count("ordered") == 1
    assert visitor.known()["visitor"]["cart"] == []


@both_widths
@pytest.mark.parametrize("scripting", [False])
def test_the_shop_can_be_bought_from_without_any_script(visitor: DemoVisitor) -> None:
    """From the home page to the confirmation by links and forms; the panel's buttons work as well."""
    page = visitor.page
    page.goto(visitor.url)
    page.get_by_role("navigation", name="Categories", exact=True).get_by_role("link", name="Women").click()
    page.get_by_role("navigation", name="Filter by type").get_by_role("link", name="Shirts").last.click()
    page.locator(".card a").first.click()
    expect(page.locator("[data-kabin-size-picker]")).to_be_visible()
    buy(visitor, page.get_by_role("radio", disabled=False).first)
    visitor.press("Become a deal seeker")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".bag-count")).to_contain_text("0")
