"""Size pickers of single-page shops: drawn late, marked late, and in another colour."""

import pytest

from tests.storefront.decisions import size
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Picker, Visit, act, decided, fence, wait_until
from tests.storefront.single_page_app import go, opened, size_of_its_item

pytestmark = pytest.mark.slow


def test_a_picker_that_comes_after_the_answer_gets_the_size(kabin: FakeKabin, visit: Visit) -> None:
    """A framework draws when its own data have come."""
    page = opened(kabin, visit)
    act(
        page,
        "Object.assign(document.querySelector('#route').dataset, {kabinPage: 'product', kabinItemId: 'K3'})",
    )
    decided(page, 2)
    act(
        page,
        "const label = document.createElement('label'); label.textContent = 'Size';"
        "const select = document.createElement('select'); select.dataset.kabinSizePicker = '';"
        "for (const size of ['', 'M']) select.append(new Option(size || 'Choose', size && 'K3-m'));"
        "label.append(select); document.querySelector('#route').append(label)",
    )
    wait_until(page, "document.querySelector('select').value === 'K3-m'")


def test_a_picker_that_is_marked_after_the_answer_gets_the_size(kabin: FakeKabin, visit: Visit) -> None:
    """A framework sets attributes of what the server drew."""
    kabin.answer("/personalize", size_of_its_item)
    kabin.pages.edit(" data-kabin-size-picker", " data-late")
    kabin.pages.edit("K0001-blue-m", "K0001-m")
    page = visit()
    decided(page)
    act(page, "document.querySelector('select').dataset.kabinSizePicker = ''")
    wait_until(page, "document.querySelector('select').value === 'K0001-m'")


CHANGE_COLOUR = """
document.body.dataset.kabinSku = "K0001-red-s";
for (const option of document.querySelector("select").options)
    option.replaceWith(new Option(option.text, option.value.replace("blue", "red")))
"""


def test_another_colour_gets_its_own_sku(kabin: FakeKabin, visit: Visit) -> None:
    """The same item in another colour is asked about anew, and its picker holds other SKUs."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit()
    decided(page)
    kabin.decide(size=size("M", "K0001-red-m"))
    act(page, CHANGE_COLOUR)
    decided(page, 2)
    wait_until(page, "document.querySelector('select').value === 'K0001-red-m'")
    assert kabin.calls("/personalize")[-1].body["page"]["sku"] == "K0001-red-s"
    assert page.locator("[data-kabin-preselected]").count() == 1
    assert page.locator(".kabin-size-note").count() == 1


def test_another_colour_does_not_bring_back_what_was_undone(kabin: FakeKabin, visit: Visit) -> None:
    """It is the same item, and the shopper has said no."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit()
    decided(page)
    Picker(page, "select").undo.click()
    kabin.decide(size=size("M", "K0001-red-m"))
    act(page, CHANGE_COLOUR)
    decided(page, 2)
    fence(page)
    assert Picker(page, "select").chosen() == ""


def test_an_undone_size_counts_for_its_route_only(kabin: FakeKabin, visit: Visit) -> None:
    """The next item is another question."""
    page = opened(kabin, visit)
    go(page, 1)
    decided(page, 2)
    picker = Picker(page, "select")
    picker.undo.click()
    assert picker.chosen() == ""
    go(page, 2)
    decided(page, 3)
    wait_until(page, "document.querySelector('select').value === 'K2-m'")
