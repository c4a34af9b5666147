"""axe-core over what kabin.js puts into pages."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.storefront.decisions import recommendation, size
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import PickerKind, Visit, both_widths, decided, every_picker

pytestmark = pytest.mark.slow


def assert_no_violation(page: Page) -> None:
    """Check a page with every rule that axe-core runs by default."""
    page.clock.resume()
    violations = Axe().run(page).response["violations"]
    assert not violations, [
        (violation["id"], violation["help"], violation["nodes"]) for violation in violations
    ]


@both_widths
@every_picker
def test_a_preselected_picker_has_no_violation(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """With its note and undo button."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit(f"product_{kind}.html")
    decided(page)
    page.clock.run_for(200)
    assert page.locator(".kabin-size-note").count() == 1
    assert_no_violation(page)


@every_picker
def test_a_hinted_picker_has_no_violation(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """With the hint's button."""
    kabin.decide(size=size("M", "K0001-blue-m", action="hint"))
    page = visit(f"product_{kind}.html")
    decided(page)
    page.clock.run_for(200)
    assert page.locator(".kabin-size-note").count() == 1
    assert_no_violation(page)


@both_widths
def test_slots_have_no_violation(kabin: FakeKabin, visit: Visit) -> None:
    """The homepage's variant, and recommended cards."""
    kabin.decide(
        variant="promo", recommendations=[recommendation(number, sale_price=29.9) for number in (1, 2, 3)]
    )
    for name in ("home.html", "recommendations.html"):
        page = visit(name)
        decided(page)
        assert_no_violation(page)
