"""Taking a preselection back: one tap or key, and it does not come again."""

import pytest
from playwright.sync_api import expect

from tests.storefront.decisions import DECISION_ID, size
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import (
    Picker,
    PickerKind,
    Visit,
    act,
    both_widths,
    click_at_once,
    decided,
    every_picker,
    let_pass,
    pass_time,
)

pytestmark = pytest.mark.slow


def preselected(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> Picker:
    """Open a page on which M is preselected."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = Picker(visit(f"product_{kind}.html"), kind)
    decided(picker.page)
    assert picker.chosen() == "M"
    return picker


@both_widths
@every_picker
def test_one_tap_undoes_it(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """The picker is as it was, the note and its mark are gone, and the shop's code follows."""
    picker = preselected(kabin, visit, kind)
    click_at_once(picker.undo)
    assert picker.chosen() == ""
    assert picker.shop_knows() == ""
    expect(picker.page.get_by_text("Your usual size")).to_be_hidden()
    assert picker.page.locator("[data-kabin-preselected]").count() == 0


@every_picker
def test_it_can_be_undone_by_keyboard(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """The button comes after the picker, and the focus goes back into the picker."""
    picker = preselected(kabin, visit, kind)
    last_stop = {"select": picker.element, "radios": picker.option("M"), "buttons": picker.option("XL")}
    last_stop[kind].focus()
    picker.page.keyboard.press("Tab")
    expect(picker.undo).to_be_focused()
    picker.page.keyboard.press("Enter")
    assert picker.chosen() == ""
    assert picker.page.evaluate("!!document.activeElement.closest('[data-kabin-size-picker]')")


@every_picker
def test_it_does_not_come_again(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """Not with the next answer, nor the one after it, on this page."""
    picker = preselected(kabin, visit, kind)
    click_at_once(picker.undo)
    for count in (2, 3):
        act(picker.page, "kabin.personalize()")
        decided(picker.page, count)
        assert picker.chosen() == ""
        expect(picker.page.get_by_text("Your usual size")).to_be_hidden()


@every_picker
def test_it_is_told(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """As ``deselect_size`` with the decision; it is no choice of a size."""
    picker = preselected(kabin, visit, kind)
    click_at_once(picker.undo)
    pass_time(picker.page, lambda: kabin.events("deselect_size"))
    (event,) = kabin.events("deselect_size")
    assert event["params"]["decision_id"] == DECISION_ID
    assert event["params"]["items"][0]["size"] == "M"
    let_pass(picker.page, 3)
    assert kabin.events("select_size") == []


@every_picker
def test_after_it_the_shopper_chooses_freely(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """The same size again is their own choice then."""
    picker = preselected(kabin, visit, kind)
    click_at_once(picker.undo)
    picker.choose("M")
    assert picker.chosen() == "M"
    assert picker.page.locator("[data-kabin-preselected]").count() == 0
    pass_time(picker.page, lambda: kabin.events("select_size"))
    assert kabin.events("select_size")[0]["params"]["items"][0]["size"] == "M"


def test_the_next_page_preselects_again(kabin: FakeKabin, visit: Visit) -> None:
    """Undoing it here says nothing of other items."""
    picker = preselected(kabin, visit, "select")
    click_at_once(picker.undo)
    visit()
    decided(picker.page)
    assert picker.chosen() == "M"
