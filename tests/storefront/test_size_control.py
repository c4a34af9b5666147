"""The control group of the size: nothing happens to the page, and it is counted where a size would have been shown."""

from typing import Any

import pytest
from playwright.sync_api import Page

from service.contract.answers import SizeAnswer
from tests.storefront.decisions import DECISION_ID, SILENT, size, withheld
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Picker, PickerKind, Visit, decided, every_picker, let_pass, pass_time
from tests.storefront.test_exposures import below_the_fold, settle, shown

pytestmark = pytest.mark.slow

DRAWN_ANEW = """
() => {
  const picker = document.querySelector("[data-kabin-size-picker]");
  picker.replaceWith(picker.cloneNode(true));
}
"""

WITH_ITS_CHOICE = """
() => {
  const picker = document.querySelector("[data-kabin-size-picker]");
  const copy = picker.cloneNode(true);
  copy.selectedIndex = picker.selectedIndex;
  picker.replaceWith(copy);
}
"""


def markup(page: Page) -> Any:
    """Return the page's main part as it is now."""
    return page.evaluate("document.querySelector('main').innerHTML")


@every_picker
def test_the_page_stays_as_it_is(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """Not an attribute differs from that of a visitor whose size is unknown; and what would have helped is told."""
    kabin.decide(size=SILENT)
    page = visit(f"product_{kind}.html")
    decided(page)
    usual = markup(page)
    kabin.decide(size=withheld("M", "K0001-blue-m"))
    visit(f"product_{kind}.html")
    decided(page)
    pass_time(page, lambda: shown(kabin, "size"))
    assert shown(kabin, "size") == [{"decision_id": DECISION_ID, "slot": "size"}]
    assert markup(page) == usual
    assert (Picker(page, kind).chosen(), page.evaluate("shop.changes")) == ("", [])


def test_it_counts_once_when_the_picker_is_seen(kabin: FakeKabin, visit: Visit) -> None:
    """Not before, and not again when the shop draws its picker anew or the shopper comes back to it."""
    below_the_fold(kabin, '<form action="/plain.html">')
    kabin.decide(size=withheld("M", "K0001-blue-m"))
    page = visit()
    decided(page)
    settle(page)
    assert shown(kabin, "size") == []
    page.evaluate(DRAWN_ANEW)
    settle(page)
    for _ in range(2):
        page.locator("form").scroll_into_view_if_needed()
        pass_time(page, lambda: shown(kabin, "size"))
        page.evaluate("scrollTo(0, 0)")
        page.evaluate(DRAWN_ANEW)
    settle(page)
    assert len(shown(kabin, "size")) == 1


@pytest.mark.parametrize(
    "decision",
    [
        size("M", "K0001-blue-m"),
        size("M", "K0001-blue-m", action="hint"),
        withheld("M", "K0001-blue-m"),
    ],
    ids=["preselected", "hinted", "withheld"],
)
def test_both_arms_count_by_the_same(kabin: FakeKabin, visit: Visit, decision: SizeAnswer) -> None:
    """The picker that is seen, also drawn anew with our choice in it, and wherever the note has its place."""
    below_the_fold(kabin, '<form action="/plain.html">')
    below_the_fold(kabin, "<button>Add to cart</button>")
    kabin.pages.edit("<button>", "<div data-kabin-size-note></div><button>")
    kabin.decide(size=decision)
    page = visit()
    decided(page)
    settle(page)
    page.evaluate(WITH_ITS_CHOICE)
    settle(page)
    assert shown(kabin, "size") == []
    page.locator("select").scroll_into_view_if_needed()
    pass_time(page, lambda: shown(kabin, "size"))
    assert len(shown(kabin, "size")) == 1


@pytest.mark.parametrize(
    ("option", "instead"),
    [
        ('<option value="K0001-blue-s">', '<option value="K0001-blue-s" selected>'),
        ('<option value="K0001-blue-m">', '<option value="K0001-blue-m" disabled>'),
        ('<option value="K0001-blue-m">M</option>', ""),
    ],
    ids=["chosen already", "sold out", "not offered"],
)
def test_it_does_not_count_where_no_size_would_have_been_shown(
    kabin: FakeKabin, visit: Visit, option: str, instead: str
) -> None:
    """The other group is not shown one there either."""
    kabin.pages.edit(option, instead)
    kabin.decide(size=withheld("M", "K0001-blue-m"))
    page = visit()
    decided(page)
    settle(page)
    assert shown(kabin, "size") == []


def test_what_the_shopper_chooses_is_their_own(kabin: FakeKabin, visit: Visit) -> None:
    """It is told with the decision, so that a report can compare, and put into the cart as no choice of ours."""
    kabin.decide(size=withheld("M", "K0001-blue-m"))
    page = visit()
    decided(page)
    Picker(page, "select").choose("L")
    page.evaluate("kabin.track('add_to_cart', {items: [{item_id: 'K0001'}]})")
    pass_time(page, lambda: kabin.events("add_to_cart"))
    let_pass(page, 2)
    (selected,) = kabin.events("select_size")
    assert selected["params"]["decision_id"] == DECISION_ID
    (added,) = kabin.events("add_to_cart")
    assert added["params"] == {"items": [{"item_id": "K0001", "size": "L"}]}
