"""What the demonstration promises its visitors: a size, a homepage and recommendations that follow from what they do."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from service.demo.personas import PERSONAS
from service.demo.shop import DemoItem
from service.demo.tour import SALE_VIEWS, SIZE
from tests.storefront.demo.visitor import ITEMS, SALE, SHIRTS, DemoVisitor
from tests.storefront.shopper import both_widths

pytestmark = pytest.mark.slow


def note(page: Page) -> Locator:
    """Return what kabin.js writes beside the size picker."""
    return page.locator(".kabin-size-note")


def recommended(page: Page) -> list[tuple[DemoItem, bool]]:
    """Return the items of the cards in sight, and whether each says that it is in the visitor's size."""
    cards = page.locator("[data-kabin-slot='recommendations'] [data-kabin-item-id]")
    expect(cards.first).to_be_visible()
    return [
        (ITEMS[card.get_attribute("data-kabin-item-id") or ""], "In your size" in badge(card))
        for card in cards.all()
    ]


def badge(card: Locator) -> str:
    """Return what stands on a card's picture."""
    content: str = card.locator(".picture").evaluate("one => getComputedStyle(one, '::after').content")
    return content


@both_widths
def test_two_choices_give_a_hint_and_three_preselect(visitor: DemoVisitor) -> None:
    """M chosen on two shirts is hinted at on the third; chosen there, too, it is preselected on the fourth, until undone."""
    page = visitor.page
    for shirt in SHIRTS[:2]:
        visitor.look_at(shirt)
        expect(note(page)).to_have_count(0)
        visitor.choose(SIZE)
    visitor.look_at(SHIRTS[2])
    hint = note(page).get_by_role("button", name=f"You often choose {SIZE}")
    expect(visitor.size(SIZE)).not_to_be_checked()
    hint.click()
    expect(visitor.size(SIZE)).to_be_checked()
    visitor.look_at(SHIRTS[3])
    expect(visitor.size(SIZE)).to_be_checked()
    expect(note(page).get_by_role("status")).to_have_text(f"Your usual size: {SIZE}")
    note(page).get_by_role("button", name="Undo").click()
    expect(visitor.size(SIZE)).not_to_be_checked()
    expect(note(page)).to_have_count(0)


def test_browsing_the_sale_turns_the_homepage_to_it(visitor: DemoVisitor) -> None:
    """After as many items of the sale as the demonstration says; the panel says why."""
    visitor.open("/")
    assert visitor.variant() == "full_price"
    for item in SALE[:SALE_VIEWS]:
        visitor.look_at(item)
    visitor.open("/")
    assert visitor.variant() == "promo"
    expect(visitor.told("homepage")).to_have_text("The sale, because this visitor responds to discounts.")


def test_the_next_visit_brings_the_homepage_that_this_one_kept_back(visitor: DemoVisitor) -> None:
    """Who is shown full price keeps it for the visit; the button "Next visit" lets a day pass, and the sale comes."""
    visitor.look_at(SHIRTS[1])
    visitor.open("/")
    for item in SALE[: SALE_VIEWS + 4]:
        visitor.look_at(item)
    visitor.open("/")
    assert visitor.variant() == "full_price"
    expect(visitor.told("homepage")).to_contain_text("because this visit began with it")
    visitor.press("Next visit")
    visitor.decision()
    assert visitor.variant() == "promo"


def test_the_buttons_turn_the_visitor_into_somebody_else(visitor: DemoVisitor) -> None:
    """A trend seeker sees full price, a deal seeker the sale, each for a reason; nobody known sees what everybody sees."""
    visitor.open("/")
    for button, variant, reason, level in (
        ("Become a deal seeker", "promo", "responds to discounts", "High"),
        ("Become a trend seeker", "full_price", "does not wait for discounts", "Low"),
        ("Start afresh", "full_price", "as for everybody|by default", "Medium"),
    ):
        visitor.press(button)
        visitor.decision()
        assert visitor.variant() == variant
        alternatives = "|".join(f"(?:{one})" for one in reason.split("|"))
        expect(visitor.told("homepage")).to_have_text(re.compile(alternatives))
        expect(visitor.told("level")).to_contain_text(level)


def test_recommendations_are_in_stock_and_in_the_visitors_size(visitor: DemoVisitor) -> None:
    """For somebody new each can be had in some size; for somebody known in theirs, and the card says so."""
    visitor.look_at(SHIRTS[4])
    for item, is_said_to_fit in recommended(visitor.page):
        assert set(item.garment.sizes) - item.sold_out
        assert not is_said_to_fit
    visitor.press("Become a trend seeker")
    visitor.decision()
    trend = PERSONAS["trend"]
    fitting = 0
    for item, is_said_to_fit in recommended(visitor.page):
        size = trend.sizes.get(item.garment.family) if item.garment.gender == trend.gender else None
        assert is_said_to_fit is (size is not None)
        assert size not in item.sold_out
        fitting += is_said_to_fit
    assert fitting
    told = re.search(r"(\d+) in your size", visitor.told("sources").inner_text())
    # The panel speaks of the answer, of which a slot shows the first few.
    assert told is not None
    assert int(told[1]) >= fitting
