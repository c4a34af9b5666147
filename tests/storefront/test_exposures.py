"""``decision_shown``: once, when a shopper really saw what was decided."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.storefront.decisions import DECISION_ID, recommendation, size
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Visit, both_widths, decided, let_pass, pass_time, wait_until

pytestmark = pytest.mark.slow

TALL = "<div data-tall></div>"
EXPERIMENT: dict[str, Any] = {
    "experiment_id": "homepage-1",
    "variation_id": 1,
    "variation": "promo",
    "feature_id": "kabin-homepage",
    "value": "promo",
    "slot": "homepage",
}


def shown(kabin: FakeKabin, slot: str) -> list[dict[str, Any]]:
    """Return the parameters of the exposures of a slot."""
    events = kabin.events("decision_shown")
    return [event["params"] for event in events if event["params"]["slot"] == slot]


def below_the_fold(kabin: FakeKabin, element: str) -> None:
    """Put an element of the page far below what the window shows."""
    lines = "<p>And another line of text.</p>" * 200
    kabin.pages.edit(element, f"{lines}{element}")


OBSERVE = """
() => new Promise((resolve) => new IntersectionObserver((_, observer) => {
  observer.disconnect();
  resolve();
}).observe(document.body))
"""


def settle(page: Page) -> None:
    """Let observers see what there is, which they all do in the same frames, and what is sent then arrive."""
    for _ in range(3):
        page.evaluate(OBSERVE)
    let_pass(page, 3)


@both_widths
def test_a_homepage_that_was_seen_is_told_once(kabin: FakeKabin, visit: Visit) -> None:
    """With the decision and the slot: the service knows from its own id what they are part of."""
    kabin.decide(variant="promo", experiments=[EXPERIMENT])
    page = visit("home.html")
    decided(page)
    pass_time(page, lambda: shown(kabin, "homepage"))
    (params,) = shown(kabin, "homepage")
    assert params == {"decision_id": DECISION_ID, "slot": "homepage"}
    settle(page)
    assert len(shown(kabin, "homepage")) == 1


@both_widths
def test_recommendations_count_when_they_are_scrolled_into_view(kabin: FakeKabin, visit: Visit) -> None:
    """Not before, and once however often."""
    below_the_fold(kabin, '<section data-kabin-slot="recommendations"')
    kabin.decide(recommendations=[recommendation(1)])
    page = visit("recommendations.html")
    decided(page)
    settle(page)
    assert shown(kabin, "recommendations") == []
    for _ in range(2):
        page.locator("[data-kabin-slot=recommendations]").scroll_into_view_if_needed()
        pass_time(page, lambda: shown(kabin, "recommendations"))
        page.evaluate("scrollTo(0, 0)")
    settle(page)
    assert len(shown(kabin, "recommendations")) == 1


def test_a_size_counts_when_its_picker_is_seen(kabin: FakeKabin, visit: Visit) -> None:
    """A preselection nobody scrolled to was not shown."""
    below_the_fold(kabin, '<form action="/plain.html">')
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit()
    decided(page)
    settle(page)
    assert shown(kabin, "size") == []
    page.locator("form").scroll_into_view_if_needed()
    pass_time(page, lambda: shown(kabin, "size"))
    told = shown(kabin, "size")[0]
    assert told["decision_id"] == DECISION_ID
    assert told["preselected"] is True
    assert told["items"] == [{"item_id": "K0001", "size": "M"}]


def test_a_hint_counts_too(kabin: FakeKabin, visit: Visit) -> None:
    """Its picker was seen with a note."""
    kabin.decide(size=size("M", "K0001-blue-m", action="hint"))
    page = visit()
    decided(page)
    pass_time(page, lambda: shown(kabin, "size"))


@pytest.mark.parametrize("name", ["home.html", "product_select.html", "recommendations.html"])
def test_a_default_decision_is_never_an_exposure(kabin: FakeKabin, visit: Visit, name: str) -> None:
    """Nothing was decided."""
    kabin.hold("/personalize")
    page = visit(name)
    page.clock.run_for(301)
    settle(page)
    page.goto("about:blank")
    kabin.release("/personalize")
    page.goto(kabin.url("plain.html"))
    decided(page)
    settle(page)
    assert kabin.events("decision_shown") == []


def test_a_variant_that_came_too_late_is_no_exposure(kabin: FakeKabin, visit: Visit) -> None:
    """The shopper saw the default."""
    kabin.decide(variant="promo", experiments=[EXPERIMENT])
    kabin.hold("/personalize")
    page = visit("home.html")
    page.clock.run_for(301)
    kabin.release("/personalize")
    decided(page)
    settle(page)
    assert shown(kabin, "homepage") == []


def test_a_size_that_was_not_preselected_is_no_exposure(kabin: FakeKabin, visit: Visit) -> None:
    """The shopper had chosen before."""
    kabin.pages.edit('<option value="K0001-blue-s">', '<option value="K0001-blue-s" selected>')
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit()
    decided(page)
    settle(page)
    assert shown(kabin, "size") == []


def test_an_empty_recommendations_slot_is_no_exposure(kabin: FakeKabin, visit: Visit) -> None:
    """There was nothing to see."""
    kabin.decide()
    page = visit("recommendations.html")
    decided(page)
    settle(page)
    assert shown(kabin, "recommendations") == []


def test_a_preview_is_no_exposure(kabin: FakeKabin, visit: Visit) -> None:
    """Quality assurance forced it; the experiment must not count it."""
    kabin.decide(variant="promo", reason="preview")
    page = visit("home.html")
    decided(page)
    settle(page)
    assert shown(kabin, "homepage") == []


def test_each_decision_counts_by_itself(kabin: FakeKabin, visit: Visit) -> None:
    """The next page's answer is another decision."""
    kabin.decide(variant="promo")
    page = visit("home.html")
    decided(page)
    pass_time(page, lambda: shown(kabin, "homepage"))
    kabin.decide(variant="promo", decision_id="decision-2")
    visit("home.html")
    wait_until(page, "shop.decisions.length > 0")
    pass_time(page, lambda: len(shown(kabin, "homepage")) == 2)
    assert [params["decision_id"] for params in shown(kabin, "homepage")] == [DECISION_ID, "decision-2"]
