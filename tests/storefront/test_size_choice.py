"""The shopper's own choice: never overridden, and told to the service as what it is."""

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
    decided,
    every_picker,
    let_pass,
    pass_time,
)

pytestmark = pytest.mark.slow

CHOSEN_BY_THE_PAGE = {
    "select": ('<option value="K0001-blue-s">', '<option value="K0001-blue-s" selected>'),
    "radios": ('value="K0001-blue-s"> S', 'value="K0001-blue-s" checked> S'),
    "buttons": (
        'aria-pressed="false" data-kabin-sku="K0001-blue-s"',
        'aria-pressed="true" data-kabin-sku="K0001-blue-s"',
    ),
}


@both_widths
@every_picker
def test_a_choice_before_the_answer_stays(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """The shopper was quicker than the service."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    kabin.hold("/personalize")
    picker = Picker(visit(f"product_{kind}.html"), kind)
    picker.choose("L")
    assert picker.chosen() == "L"
    kabin.release("/personalize")
    decided(picker.page)
    assert picker.chosen() == "L"
    assert picker.page.locator("[data-kabin-preselected]").count() == 0
    assert picker.note.locator("visible=true").count() == 0


def test_a_choice_taken_back_before_the_answer_is_a_choice(kabin: FakeKabin, visit: Visit) -> None:
    """Who went back to the placeholder wants no size yet."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    kabin.hold("/personalize")
    picker = Picker(visit(), "select")
    picker.choose("L")
    picker.page.keyboard.press("Home")
    assert picker.chosen() == ""
    kabin.release("/personalize")
    decided(picker.page)
    assert picker.chosen() == ""


@both_widths
@every_picker
def test_a_choice_after_the_answer_stays(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """The note goes with the size it speaks of, and later answers change nothing."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit(f"product_{kind}.html")
    decided(page)
    picker = Picker(page, kind)
    picker.choose("L")
    assert picker.chosen() == "L"
    expect(page.get_by_text("Your usual size")).to_be_hidden()
    assert page.locator("[data-kabin-preselected]").count() == 0
    act(page, "kabin.personalize()")
    decided(page, 2)
    assert picker.chosen() == "L"


@every_picker
def test_what_the_page_chose_itself_stays(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """The shop remembers a size, or the address holds one."""
    kabin.pages.edit(*CHOSEN_BY_THE_PAGE[kind])
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit(f"product_{kind}.html")
    decided(page)
    assert Picker(page, kind).chosen() == "S"
    assert page.locator("[data-kabin-preselected]").count() == 0


@pytest.mark.parametrize("attribute", ["aria-checked", "aria-selected"])
def test_buttons_may_say_otherwise_that_they_are_chosen(
    kabin: FakeKabin, visit: Visit, attribute: str
) -> None:
    """A radio group or a list box of the shop's own making."""
    old, _ = CHOSEN_BY_THE_PAGE["buttons"]
    role = "radio" if attribute == "aria-checked" else "option"
    kabin.pages.edit(old, f'role="{role}" {attribute}="true" data-kabin-sku="K0001-blue-s"')
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit("product_buttons.html")
    decided(page)
    assert Picker(page, "buttons").chosen() == ""
    assert page.locator("[data-kabin-preselected]").count() == 0


@pytest.mark.parametrize("kind", ["select", "radios"])
def test_what_the_browser_restores_stays(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """Going back to a page brings the form as the shopper left it."""
    page = visit(f"product_{kind}.html")
    decided(page)
    Picker(page, kind).choose("L")
    page.goto(kabin.url("plain.html"))
    kabin.decide(size=size("M", "K0001-blue-m"))
    page.go_back()
    picker = Picker(page, kind)
    decided(page)
    assert picker.chosen() == "L"


@every_picker
def test_the_choice_is_told(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """As ``select_size`` with the item, the size and the SKU; without a decision where none was made."""
    page = visit(f"product_{kind}.html")
    decided(page)
    Picker(page, kind).choose("L")
    pass_time(page, lambda: kabin.events("select_size"))
    (event,) = kabin.events("select_size")
    (item,) = event["params"]["items"]
    assert item["item_id"] in ("K0001", "K0001-blue-l")
    assert item["size"] == "L"
    assert "decision_id" not in event["params"]
    assert "preselected" not in event["params"]


@every_picker
def test_a_choice_against_ours_names_the_decision(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """So that training learns how often we are wrong."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit(f"product_{kind}.html")
    decided(page)
    Picker(page, kind).choose("L")
    pass_time(page, lambda: kabin.events("select_size"))
    (event,) = kabin.events("select_size")
    assert event["params"]["decision_id"] == DECISION_ID
    assert event["params"]["items"][0]["size"] == "L"


@every_picker
def test_our_own_choice_is_no_evidence(kabin: FakeKabin, visit: Visit, kind: PickerKind) -> None:
    """Neither a preselection nor the events it fires are told as the shopper's choice."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit(f"product_{kind}.html")
    decided(page)
    let_pass(page, 3)
    assert kabin.events("select_size") == []


@pytest.mark.parametrize("kind", ["select", "radios"])
def test_what_the_shops_own_code_sets_is_no_evidence(
    kabin: FakeKabin, visit: Visit, kind: PickerKind
) -> None:
    """Events that no shopper caused are not trusted."""
    page = visit(f"product_{kind}.html")
    decided(page)
    option = "[value='K0001-blue-l']"
    page.evaluate(
        f"""() => {{
            const option = document.querySelector("{option}");
            if (option.matches("option")) option.parentElement.value = option.value; else option.checked = true;
            (option.closest("select") ?? option).dispatchEvent(new Event("change", {{bubbles: true}}));
        }}"""
    )
    let_pass(page, 3)
    assert kabin.events("select_size") == []


def test_a_hints_choice_is_told_with_its_decision(kabin: FakeKabin, visit: Visit) -> None:
    """The shopper chose it, on our advice."""
    kabin.decide(size=size("M", "K0001-blue-m", action="hint"))
    page = visit()
    decided(page)
    Picker(page, "select").note.get_by_role("button").click()
    pass_time(page, lambda: kabin.events("select_size"))
    (event,) = kabin.events("select_size")
    assert event["params"]["items"][0]["size"] == "M"
    assert event["params"]["decision_id"] == DECISION_ID
