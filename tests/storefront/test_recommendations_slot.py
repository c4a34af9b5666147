"""Recommendations, filled into the shop's own template."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.storefront.decisions import DECISION_ID, recommendation
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Visit, act, both_widths, decided, is_visible, let_pass, pass_time

pytestmark = pytest.mark.slow

SLOT = "[data-kabin-slot=recommendations]"
CARD = f"{SLOT} li"


def opened(kabin: FakeKabin, visit: Visit, *recommendations: Any) -> Page:
    """Open a page with a slot that gets these recommendations."""
    kabin.decide(recommendations=recommendations)
    page = visit("recommendations.html")
    decided(page)
    return page


@both_widths
def test_the_template_is_filled_once_for_each(kabin: FakeKabin, visit: Visit) -> None:
    """In the order of the answer, with link, image, title and what the shop's styles need."""
    page = opened(kabin, visit, *(recommendation(number) for number in (1, 2, 3)))
    assert is_visible(page.locator(SLOT))
    cards = page.locator(CARD)
    expect(cards).to_have_count(3)
    for place, number in enumerate((1, 2, 3)):
        card = cards.nth(place)
        expect(card.locator("[data-kabin-field=title]")).to_have_text(f"Linen Shirt {number}")
        expect(card.get_by_role("link")).to_have_attribute("href", f"/product_select.html?item={number}")
        expect(card.locator("img")).to_have_attribute("src", "/garment.svg")
        expect(card).to_have_attribute("data-kabin-item-id", f"R{number}")
        expect(card).to_have_attribute("data-kabin-source", "covisit")
        assert (card.get_attribute("data-kabin-in-your-size") is not None) is (number % 2 == 1)
    expect(page.get_by_role("link", name="Linen Shirt 1")).to_be_visible()


def test_as_many_are_asked_for_as_the_slot_holds(kabin: FakeKabin, visit: Visit) -> None:
    """``data-kabin-limit`` is the question's limit; more that came all the same are left out."""
    # A script that comes before the slot has been parsed asks without its limit.
    kabin.hold("/kabin.js")
    kabin.decide(recommendations=[recommendation(number) for number in range(1, 13)])
    page = visit("recommendations.html", wait_until="domcontentloaded")
    kabin.release("/kabin.js")
    decided(page)
    assert kabin.calls("/personalize")[0].body["limit"] == 8
    expect(page.locator(CARD)).to_have_count(8)


def test_an_empty_slot_stays_hidden(kabin: FakeKabin, visit: Visit) -> None:
    """A heading over nothing is worse than nothing."""
    page = opened(kabin, visit)
    assert not is_visible(page.locator(SLOT))


def test_prices_are_written_as_the_page_s_language_writes_them(kabin: FakeKabin, visit: Visit) -> None:
    """By ``<html lang>``, in the item's currency; the sale price only where there is one."""
    kabin.pages.edit('<html lang="en">', '<html lang="de">')
    page = opened(kabin, visit, recommendation(1, price=1059.9, sale_price=37.0), recommendation(2))
    prices = [
        text.replace("\xa0", " ") for text in page.locator("[data-kabin-field=price]").all_inner_texts()
    ]
    assert prices == ["1.059,90 €", "59,90 €"]
    on_sale, regular = page.locator("[data-kabin-field=sale_price]").all() + [None] * (
        2 - page.locator("[data-kabin-field=sale_price]").count()
    )
    assert on_sale is not None
    assert on_sale.inner_text().replace("\xa0", " ") == "37,00 €"
    assert regular is None or regular.inner_text() == ""


@pytest.mark.parametrize("lang", ["", "not a language", "en_GB"])
def test_an_odd_language_does_not_break_the_prices(kabin: FakeKabin, visit: Visit, lang: str) -> None:
    """The visitor's own language serves then."""
    kabin.pages.edit('<html lang="en">', f'<html lang="{lang}">')
    page = opened(kabin, visit, recommendation(1))
    expect(page.locator("[data-kabin-field=price]")).to_contain_text("59.90")


LINKS = [
    "javascript:alert(1)",
    " JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "blob:x",
]


def test_only_web_addresses_become_links(kabin: FakeKabin, visit: Visit) -> None:
    """A feed with a script in its links does not run it, nor do images load from one."""
    odd = [recommendation(number, link=link, image_link=link) for number, link in enumerate(LINKS, start=2)]
    page = opened(kabin, visit, *odd, recommendation(1))
    hrefs: list[str] = page.locator(f"{SLOT} a").evaluate_all("links => links.map(link => link.href)")
    sources: list[str] = page.locator(f"{SLOT} img").evaluate_all("images => images.map(image => image.src)")
    assert all(address == "" or address.startswith("http") for address in [*hrefs, *sources])
    expect(page.get_by_role("link", name="Linen Shirt 1")).to_be_visible()


def test_titles_are_text(kabin: FakeKabin, visit: Visit) -> None:
    """Markup in a feed is shown as it is written."""
    page = opened(kabin, visit, recommendation(1, title="<img src=x onerror=alert(1)> Shirt"))
    expect(page.locator("[data-kabin-field=title]")).to_have_text("<img src=x onerror=alert(1)> Shirt")


def test_a_card_without_an_image_shows_none(kabin: FakeKabin, visit: Visit) -> None:
    """No broken picture, and no request for the page itself."""
    page = opened(kabin, visit, recommendation(1, image_link=None))
    expect(page.locator(CARD)).to_have_count(1)
    assert page.locator(f"{SLOT} img[src]").count() == 0


def test_a_broken_recommendation_harms_no_other(kabin: FakeKabin, visit: Visit) -> None:
    """Its neighbours are shown."""
    broken: list[Any] = [None, 7, {}, {"item_id": "R9"}, {"item_id": "R9", "item": None}]
    page = opened(kabin, visit, recommendation(1), *broken, recommendation(2))
    titles = page.locator("[data-kabin-field=title]").all_inner_texts()
    assert "Linen Shirt 1" in titles
    assert "Linen Shirt 2" in titles


def test_an_empty_slot_is_filled_late(kabin: FakeKabin, visit: Visit) -> None:
    """Nothing that was shown is swapped by it."""
    kabin.decide(recommendations=[recommendation(1)])
    kabin.hold("/personalize")
    page = visit("recommendations.html")
    page.clock.run_for(400)
    assert not is_visible(page.locator(SLOT))
    kabin.release("/personalize")
    decided(page)
    expect(page.locator(CARD)).to_have_count(1)


def test_a_filled_slot_is_not_swapped_by_a_later_answer(kabin: FakeKabin, visit: Visit) -> None:
    """The shopper's hand is on its way to a card."""
    page = opened(kabin, visit, recommendation(1))
    kabin.decide(recommendations=[recommendation(2)])
    act(page, "kabin.personalize()")
    decided(page, 2)
    expect(page.locator("[data-kabin-field=title]")).to_have_text(["Linen Shirt 1"])


def test_a_click_on_a_card_is_told(kabin: FakeKabin, visit: Visit) -> None:
    """As ``select_item`` with the item, the decision and the slot, though the page is being left."""
    page = opened(kabin, visit, recommendation(1), recommendation(2))
    page.get_by_role("link", name="Linen Shirt 2").click()
    page.wait_for_url("**item=2")
    pass_time(page, lambda: kabin.events("select_item"))
    (event,) = kabin.events("select_item")
    assert event["params"]["decision_id"] == DECISION_ID
    assert event["params"]["slot"] == "recommendations"
    assert [item["item_id"] for item in event["params"]["items"]] == ["R2"]


def test_a_click_beside_the_link_is_none(kabin: FakeKabin, visit: Visit) -> None:
    """Only what leads to the item counts."""
    page = opened(kabin, visit, recommendation(1))
    page.get_by_role("heading", name="Goes well with it").click()
    let_pass(page, 3)
    assert kabin.events("select_item") == []
