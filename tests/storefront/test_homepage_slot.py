"""The homepage's variant: hidden for at most 300 ms, and never swapped once it was shown."""

import pytest
from playwright.sync_api import Locator, Page

from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Visit, act, both_widths, decided, fence, is_visible, let_pass, wait_until

pytestmark = pytest.mark.slow

OTHERS = ("header h1", "footer p")
PROMO_IS_WRITTEN = {
    'data-kabin-variant="full_price">': 'data-kabin-variant="full_price" hidden>',
    'data-kabin-variant="promo" hidden>': 'data-kabin-variant="promo">',
}


def variant(page: Page, name: str) -> Locator:
    """Return the child of the slot that holds a variant."""
    return page.locator(f"[data-kabin-variant={name}]")


def assert_shown(page: Page, name: str) -> None:
    """Check that a shopper sees this variant, and no other."""
    for other in ("full_price", "promo"):
        assert is_visible(variant(page, other)) is (other == name), other


def assert_only_slot_is_hidden(page: Page) -> None:
    """Check that nothing of the slot can be seen, that it keeps its place, and that the rest can be seen."""
    assert not is_visible(variant(page, "full_price"))
    assert not is_visible(variant(page, "promo"))
    for other in OTHERS:
        assert is_visible(page.locator(other)), other
    box = page.locator("[data-kabin-slot=homepage]").bounding_box()
    assert box is not None
    assert box["height"] > 20, "the rest of the page would jump"


@both_widths
@pytest.mark.parametrize("name", ["promo", "full_price"])
@pytest.mark.parametrize("written", ["promo", "full_price"])
def test_the_decided_variant_is_shown(kabin: FakeKabin, visit: Visit, name: str, written: str) -> None:
    """Whichever of them the page was written with."""
    if written == "promo":
        for old, new in PROMO_IS_WRITTEN.items():
            kabin.pages.edit(old, new)
    kabin.decide(variant=name)
    page = visit("home.html")
    decided(page)
    assert_shown(page, name)


@both_widths
def test_the_slot_alone_is_hidden_until_the_answer(kabin: FakeKabin, visit: Visit) -> None:
    """The rest of the page is there from the start, and the slot at once with the answer."""
    kabin.decide(variant="promo")
    kabin.hold("/personalize")
    page = visit("home.html")
    assert_only_slot_is_hidden(page)
    page.clock.run_for(150)
    assert_only_slot_is_hidden(page)
    kabin.release("/personalize")
    decided(page)
    assert_shown(page, "promo")


@both_widths
def test_a_slow_service_hides_the_slot_for_300_ms_at_most(kabin: FakeKabin, visit: Visit) -> None:
    """At 299 ms hidden, at 301 the default; the late answer does not swap it."""
    kabin.decide(variant="promo")
    kabin.hold("/personalize")
    page = visit("home.html")
    page.clock.run_for(299)
    assert_only_slot_is_hidden(page)
    page.clock.run_for(2)
    assert_shown(page, "full_price")
    kabin.release("/personalize")
    assert decided(page)[0]["late"] is True
    let_pass(page, 5)
    assert_shown(page, "full_price")


@both_widths
@pytest.mark.parametrize("is_missing", [True, False], ids=["404", "never arrives"])
def test_without_the_script_the_slot_is_hidden_for_300_ms_at_most(
    kabin: FakeKabin, visit: Visit, is_missing: bool
) -> None:
    """The loader shows it again by itself."""
    if is_missing:
        kabin.pages.has_script = False
    else:
        kabin.hold("/kabin.js")
    page = visit("home.html", wait_until="domcontentloaded")
    page.clock.run_for(299)
    assert_only_slot_is_hidden(page)
    page.clock.run_for(2)
    assert_shown(page, "full_price")


@both_widths
def test_a_script_that_comes_late_does_not_hide_what_is_shown(kabin: FakeKabin, visit: Visit) -> None:
    """The slot was shown at 300 ms: no answer swaps it, and the page does not flicker."""
    kabin.decide(variant="promo")
    kabin.hold("/kabin.js")
    page = visit("home.html", wait_until="domcontentloaded")
    page.clock.run_for(301)
    assert_shown(page, "full_price")
    kabin.release("/kabin.js")
    page.wait_for_load_state("load")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    fence(page)
    wait_until(page, "shop.decisions.length > 0")
    assert_shown(page, "full_price")


def test_the_300_ms_count_from_the_loader_not_from_the_script(kabin: FakeKabin, visit: Visit) -> None:
    """A script that arrives after 200 ms has 100 left."""
    kabin.hold("/kabin.js")
    kabin.hold("/personalize")
    page = visit("home.html", wait_until="domcontentloaded")
    page.clock.run_for(200)
    kabin.release("/kabin.js")
    page.wait_for_load_state("load")
    page.clock.run_for(99)
    assert_only_slot_is_hidden(page)
    page.clock.run_for(2)
    assert_shown(page, "full_price")


def test_a_service_that_answers_garbage_leaves_the_default(kabin: FakeKabin, visit: Visit) -> None:
    """A variant that the page does not have is none."""
    kabin.decide(variant="spring")
    page = visit("home.html")
    page.clock.run_for(301)
    fence(page)
    assert_shown(page, "full_price")


def test_the_pages_own_default_is_what_the_default_decision_names(kabin: FakeKabin, visit: Visit) -> None:
    """A shop whose page is written with promo keeps it when the service is down."""
    for old, new in PROMO_IS_WRITTEN.items():
        kabin.pages.edit(old, new)
    kabin.hold("/personalize")
    page = visit("home.html")
    act(
        page,
        "kabin.personalize().then(told => { document.documentElement.dataset.told = told.slots.homepage.variant; })",
    )
    page.clock.run_for(301)
    assert_shown(page, "promo")
    assert page.evaluate("document.documentElement.dataset.told") == "promo"


def test_a_page_without_a_slot_is_left_alone(kabin: FakeKabin, visit: Visit) -> None:
    """Nothing of it is hidden, not for a moment."""
    kabin.hold("/kabin.js")
    page = visit("plain.html", wait_until="domcontentloaded")
    assert is_visible(page.locator("h1"))
    assert page.evaluate("getComputedStyle(document.body).opacity") == "1"
