"""The visitor's size in a picker: which option, when, and how a shopper learns of it."""

import pytest
from playwright.sync_api import Page, expect

from tests.storefront.decisions import size
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import (
    Picker,
    PickerKind,
    Visit,
    both_widths,
    decided,
    every_picker,
    fence,
    is_visible,
)

pytestmark = pytest.mark.slow


def opened(visit: Visit, kind: PickerKind) -> Picker:
    """Open the product page with this form of the picker, and wait for the decision and what it says."""
    page = visit(f"product_{kind}.html")
    decided(page)
    page.clock.run_for(200)
    return Picker(page, kind)


@both_widths
@every_picker
def test_the_size_is_preselected_and_says_so(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """The option is chosen, marked, and a note names it, for eyes and for screen readers."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = opened(visit, kind)
    assert picker.chosen() == "M"
    marked = picker.page.locator("[data-kabin-preselected]")
    assert marked.count() == 1
    assert "m" in (marked.get_attribute("value") or marked.get_attribute("data-kabin-sku") or "")[-1:]
    status = picker.note.get_by_role("status")
    expect(status).to_have_text("Your usual size: M")
    assert is_visible(status)
    assert is_visible(picker.undo)
    box = picker.note.bounding_box()
    viewport = picker.page.viewport_size
    assert box is not None
    assert viewport is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= viewport["width"]


def test_a_screen_reader_hears_the_note(kabin: FakeKabin, visit: Visit) -> None:
    """It stands in the accessibility tree as a status with a button beside it."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = opened(visit, "select")
    expect(picker.page.locator("form")).to_match_aria_snapshot(
        """
        - combobox "Size":
          - option "M" [selected]
        - status: "Your usual size: M"
        - button "Undo"
        """
    )


def test_the_announcement_comes_into_a_region_that_was_there(kabin: FakeKabin, visit: Visit) -> None:
    """Screen readers announce what changes in a live region, and few announce one that arrives with its text."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    kabin.pages.edit("</main>", '</main><script src="/live_regions.js"></script>')
    picker = opened(visit, "select")
    expect(picker.note.get_by_role("status")).to_have_text("Your usual size: M")
    assert picker.page.evaluate("announced") == ["Your usual size: M"]


@every_picker
def test_the_shops_own_code_follows(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """It is told by the same events as if the shopper had chosen."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = opened(visit, kind)
    assert picker.shop_knows() == "M"
    expect(picker.page.locator("output")).to_have_text("M")
    assert picker.page.evaluate("shop.changes.length") == 1


@every_picker
@pytest.mark.parametrize("action", ["preselect", "hint"])
def test_a_sold_out_size_is_never_chosen(
    kabin: FakeKabin, visit: Visit, kind: PickerKind, action: str
) -> None:
    """Neither by itself nor by a hint's button, whatever the service believes."""
    kabin.decide(size=size("XL", "K0001-blue-xl", action="hint" if action == "hint" else "preselect"))
    picker = opened(visit, kind)
    fence(picker.page)
    assert picker.chosen() == ""
    assert picker.shop_knows() == ""
    assert picker.page.locator("[data-kabin-preselected]").count() == 0
    assert picker.note.locator("button:enabled").count() == 0


@every_picker
def test_an_option_marked_as_sold_out_is_never_chosen(
    kabin: FakeKabin, visit: Visit, kind: PickerKind
) -> None:
    """``data-kabin-sold-out`` is for shops whose sold-out options can still be clicked."""
    for attribute in ('value="K0001-blue-m"', 'data-kabin-sku="K0001-blue-m"'):
        if (attribute.startswith("data")) is (kind == "buttons"):
            kabin.pages.edit(attribute, f"{attribute} data-kabin-sold-out")
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = opened(visit, kind)
    assert picker.chosen() == ""


TWO_COLOURS = """
<option value="K0001-red-m">M</option>
<option value="K0001-blue-m">M</option>
"""


def test_of_two_colours_the_one_being_viewed_is_chosen(kabin: FakeKabin, visit: Visit) -> None:
    """The answer names the SKU, and the SKU decides before the size's name."""
    kabin.pages.edit('<option value="K0001-blue-m">M</option>', TWO_COLOURS)
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = opened(visit, "select")
    assert picker.element.input_value() == "K0001-blue-m"
    assert kabin.calls("/personalize")[0].body["page"]["sku"] == "K0001-blue-s"


def test_a_colour_that_is_not_being_viewed_is_no_substitute(kabin: FakeKabin, visit: Visit) -> None:
    """Where the viewed colour is sold out, the same size of another colour is not chosen."""
    kabin.pages.edit(
        '<option value="K0001-blue-m">M</option>', TWO_COLOURS.replace('blue-m"', 'blue-m" disabled')
    )
    kabin.decide(size=size("M", "K0001-blue-m"))
    assert opened(visit, "select").chosen() == ""


@pytest.mark.parametrize(
    "option",
    [
        '<option value="77" data-kabin-sku="K0001-blue-m">Medium</option>',
        '<option value="77" data-kabin-size="M">Medium</option>',
        '<option value="M">Medium</option>',
        '<option value="77"> M </option>',
        "<option>M</option>",
    ],
    ids=["sku attribute", "size attribute", "value", "text", "text alone"],
)
def test_an_option_is_found_by_what_the_shop_has(kabin: FakeKabin, visit: Visit, option: str) -> None:
    """By SKU where it says one, else by the size."""
    kabin.pages.edit('<option value="K0001-blue-m">M</option>', option)
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = opened(visit, "select")
    assert picker.chosen() in ("M", "Medium")
    expect(picker.note.get_by_role("status")).to_have_text("Your usual size: M")


def test_a_size_that_the_picker_lacks_is_passed_over(kabin: FakeKabin, visit: Visit) -> None:
    """No note, no choice; an M does not match a part of another label."""
    kabin.pages.edit('<option value="K0001-blue-m">M</option>', '<option value="mm">MM</option>')
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = opened(visit, "select")
    assert picker.chosen() == ""
    assert not is_any_visible(picker.page)


def is_any_visible(page: Page) -> bool:
    """Tell whether a shopper sees any note."""
    return any(is_visible(note) for note in page.locator(".kabin-size-note").all())


@every_picker
def test_a_hint_offers_and_does_not_choose(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """Its note is a button; a click on it chooses the size, and the shop's code follows."""
    kabin.decide(size=size("M", "K0001-blue-m", action="hint"))
    picker = opened(visit, kind)
    assert picker.chosen() == ""
    hint = picker.note.get_by_role("button", name="You often choose M")
    expect(hint).to_be_visible()
    hint.click()
    assert picker.chosen() == "M"
    assert picker.shop_knows() == "M"


def test_the_hints_button_works_by_keyboard(kabin: FakeKabin, visit: Visit) -> None:
    """It comes after the picker in the tab order, and Enter chooses."""
    kabin.decide(size=size("M", "K0001-blue-m", action="hint"))
    picker = opened(visit, "select")
    picker.element.focus()
    picker.page.keyboard.press("Tab")
    expect(picker.note.get_by_role("button", name="You often choose M")).to_be_focused()
    picker.page.keyboard.press("Enter")
    assert picker.chosen() == "M"


def test_a_shop_words_the_notes_itself(kabin: FakeKabin, visit: Visit) -> None:
    """Attributes of the picker hold its texts, in the shop's language and as text, not markup."""
    kabin.pages.edit(
        "data-kabin-size-picker",
        'data-kabin-size-picker data-kabin-preselect-text="<b>Deine Größe: {size}</b>" '
        'data-kabin-undo-text="Zurück" data-kabin-hint-text="Oft {size}"',
    )
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = opened(visit, "select")
    expect(picker.note.get_by_role("status")).to_have_text("<b>Deine Größe: M</b>")
    expect(picker.note.get_by_role("button", name="Zurück")).to_be_visible()


def test_the_note_goes_where_the_shop_wants_it(kabin: FakeKabin, visit: Visit) -> None:
    """Into ``data-kabin-size-note`` where the page has one."""
    kabin.pages.edit(
        "<button>Add to cart</button>", "<p>Fits true to size</p><div data-kabin-size-note></div>"
    )
    kabin.decide(size=size("M", "K0001-blue-m"))
    picker = opened(visit, "select")
    expect(picker.page.locator("[data-kabin-size-note]")).to_contain_text("Your usual size: M")
    assert picker.page.get_by_text("Your usual size: M").count() == 1


@every_picker
def test_none_and_nonsense_leave_the_picker_alone(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """No size, no note."""
    kabin.decide()
    picker = opened(visit, kind)
    assert picker.chosen() == ""
    assert not is_any_visible(picker.page)
