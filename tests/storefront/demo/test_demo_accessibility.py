"""axe-core over every page of the demonstration's shop."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from service.demo.tour import SIZE
from tests.storefront.demo.visitor import SHIRTS, DemoVisitor, Traffic
from tests.storefront.shopper import both_widths, click_at_once

pytestmark = pytest.mark.slow


class Inspection:
    """Looks at a visitor's pages, with the panel open and closed."""

    def __init__(self, visitor: DemoVisitor) -> None:
        self.violations: list[str] = []
        self._page = visitor.page
        self._axe = Axe()

    def look(self, name: str) -> None:
        """Check the page that is open with every rule that axe-core runs by default."""
        for is_open in (False, True):
            self._set_panel(is_open)
            for violation in self._axe.run(self._page).response["violations"]:
                targets = [node["target"] for node in violation["nodes"]]
                self.violations.append(f"{name}, panel {is_open=}: {violation['id']}, {targets}")

    def _set_panel(self, is_open: bool) -> None:
        toggle = self._page.get_by_role("button", name="What Kabin knows and why")
        wanted = str(is_open).lower()
        if toggle.get_attribute("aria-expanded") != wanted:
            click_at_once(toggle)
        expect(toggle).to_have_attribute("aria-expanded", wanted)


@both_widths
def test_no_page_has_a_violation(visitor: DemoVisitor, traffic: Traffic) -> None:
    """Both homepages, category, product with a size preselected, bag, order, no experiment, and what is not there."""
    inspection = Inspection(visitor)
    traffic.missing = {"/no-such-page"}
    visitor.open("/")
    inspection.look("home")
    visitor.press("Become a deal seeker")
    visitor.decision()
    assert visitor.variant() == "promo"
    inspection.look("home of the sale")
    visitor.press("Become a trend seeker")
    visitor.open("/category/women")
    inspection.look("category")
    visitor.look_at(SHIRTS[1])
    expect(visitor.size(SIZE)).to_be_checked()
    inspection.look("product")
    visitor.press("Add to bag")
    inspection.look("bag")
    visitor.press("Place the order")
    inspection.look("order")
    visitor.open("/demo/experiment")
    inspection.look("no experiment")
    visitor.open("/no-such-page")
    inspection.look("not there")
    assert not inspection.violations, "\n".join(inspection.violations)
