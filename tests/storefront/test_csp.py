"""A strict content security policy, under which every page of these tests runs; here it is looked at by itself."""

import re

import pytest

from tests.storefront.decisions import recommendation, size
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shop_pages import BUILT, NONCE
from tests.storefront.shopper import Picker, Visit, decided, let_pass
from tests.storefront.watch import Watch

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "forbidden",
    [
        "document.createElement('p').innerHTML = '<p>markup</p>'",
        "document.createElement('script').src = '/spa.js'",
        "eval('1')",
    ],
)
def test_the_policy_is_in_force(kabin: FakeKabin, visit: Visit, watch: Watch, forbidden: str) -> None:
    """What it forbids fails on these pages, so the other tests prove something."""
    kabin.pages.edit(
        "<!-- kabin -->",
        f"<!-- kabin --><script>try {{ {forbidden}; }} catch {{ document.documentElement.lang = 'xx'; }}</script>",
    )
    page = visit("plain.html")
    assert page.locator("html").get_attribute("lang") == "xx"
    kabin.wait_for(lambda: kabin.violations)
    kabin.violations.clear()
    assert watch.errors
    watch.errors.clear()


def test_all_of_it_works_with_a_nonce_and_trusted_types(kabin: FakeKabin, visit: Visit) -> None:
    """Slot, picker, note and cards, without a violation, an inline style or markup from strings."""
    kabin.decide(
        variant="promo",
        size=size("M", "K0001-blue-m"),
        recommendations=[recommendation(1), recommendation(2)],
    )
    page = visit("home.html")
    decided(page)
    visit("recommendations.html")
    decided(page)
    visit("product_radios.html")
    decided(page)
    page.clock.run_for(200)
    assert Picker(page, "radios").chosen() == "M"
    assert page.locator("[style]").count() == 0
    assert page.locator("style").count() == 0
    let_pass(page, 3)
    assert kabin.violations == []


def test_the_loader_takes_the_pages_nonce() -> None:
    """The snippet that a developer pastes has a nonce on its inline script, and loads the script without blocking."""
    snippet = (BUILT / "loader.html").read_text()
    inline, external = re.findall(r"<script\b[^>]*>", snippet)
    assert "nonce=" in inline
    assert "async" in external
    assert "kabin.js" in external
    assert NONCE not in snippet


def test_neither_script_makes_code_from_strings() -> None:
    """No eval and no markup: what a policy would forbid does not even occur."""
    for name in ("kabin.js", "loader.html"):
        code = (BUILT / name).read_text()
        assert not re.search(
            r"\beval\b|new Function|\binnerHTML\b|\bouterHTML\b|insertAdjacentHTML|document\.write", code
        )
