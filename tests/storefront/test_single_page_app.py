"""Single-page shops: each route is personalized once, and nothing piles up."""

import pytest
from playwright.sync_api import CDPSession

from tests.storefront.decisions import recommendation
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Picker, Visit, act, decided, fence, let_pass, pass_time, wait_until
from tests.storefront.single_page_app import go, items_asked, opened

pytestmark = pytest.mark.slow


def test_a_route_is_personalized_like_a_page(kabin: FakeKabin, visit: Visit) -> None:
    """Its picker gets the size, and its view is told, once."""
    page = opened(kabin, visit)
    go(page, 1)
    decided(page, 2)
    assert items_asked(kabin) == [None, "K1"]
    assert Picker(page, "select").chosen() == "M"
    pass_time(page, lambda: kabin.events("view_item"))
    let_pass(page, 3)
    assert [event["params"]["items"][0]["item_id"] for event in kabin.events("view_item")] == ["K1"]


def test_fifty_routes_ask_once_each_and_leave_nothing_behind(kabin: FakeKabin, visit: Visit) -> None:
    """No listener and no node of an earlier route is held."""
    page = opened(kabin, visit)
    page.clock.resume()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    for number in range(1, 11):
        go(page, number)
        decided(page, number + 1)
    before = counts(session)
    for number in range(11, 61):
        go(page, number)
        decided(page, number + 1)
    after = counts(session)
    assert items_asked(kabin) == [None, *(f"K{number}" for number in range(1, 61))]
    assert after["JSEventListeners"] - before["JSEventListeners"] <= 5, (before, after)
    assert after["Nodes"] - before["Nodes"] <= 60, (before, after)


def counts(session: CDPSession) -> dict[str, float]:
    """Return the numbers of listeners and nodes that are alive, after collecting garbage."""
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in metrics}


def test_an_answer_for_the_last_route_is_not_applied_to_this_one(kabin: FakeKabin, visit: Visit) -> None:
    """It came too late for its own page."""
    page = opened(kabin, visit)
    kabin.hold("/personalize")
    go(page, 1)
    kabin.wait_for(lambda: len(kabin.calls("/personalize")) == 2)
    go(page, 2)
    kabin.wait_for(lambda: len(kabin.calls("/personalize")) == 3)
    kabin.release("/personalize", 0)
    fence(page)
    assert Picker(page, "select").chosen() == ""
    kabin.release("/personalize")
    wait_until(page, "shop.decisions.at(-1).decision_id === 'decision-K2'")
    assert page.locator("select").input_value() == "K2-m"


def test_answers_that_overtake_each_other_do_not_mix(kabin: FakeKabin, visit: Visit) -> None:
    """The newest route's answer comes first, the older one's changes nothing."""
    page = opened(kabin, visit)
    kabin.hold("/personalize")
    for number in (1, 2):
        go(page, number)
        kabin.wait_for(lambda number=number: len(kabin.calls("/personalize")) == number + 1)  # type: ignore[misc]
    kabin.release("/personalize", 1)
    wait_until(page, "shop.decisions.at(-1).decision_id === 'decision-K2'")
    kabin.release("/personalize")
    fence(page)
    assert page.locator("select").input_value() == "K2-m"


def test_a_content_swap_is_one_change(kabin: FakeKabin, visit: Visit) -> None:
    """Attributes that are set one after the other in one task ask once."""
    page = opened(kabin, visit)
    act(
        page,
        "const route = document.querySelector('#route'); route.dataset.kabinPage = 'category';"
        "route.dataset.kabinPage = 'product'; route.dataset.kabinItemId = 'K7'; route.dataset.kabinItemId = 'K8'",
    )
    decided(page, 2)
    let_pass(page, 3)
    assert items_asked(kabin) == [None, "K8"]


def test_the_same_route_again_is_not_asked_twice(kabin: FakeKabin, visit: Visit) -> None:
    """A framework that draws the page anew changes nothing of what it is."""
    page = opened(kabin, visit)
    go(page, 1)
    decided(page, 2)
    go(page, 1)
    let_pass(page, 3)
    assert items_asked(kabin) == [None, "K1"]
    assert Picker(page, "select").chosen() == "M"


def test_a_route_back_home_shows_its_variant(kabin: FakeKabin, visit: Visit) -> None:
    """A slot that is drawn anew is decided anew, before it is shown."""
    kabin.decide(variant="promo")
    page = visit("home.html")
    decided(page)
    act(page, "globalThis.document.body.dataset.kabinPage = 'category'")
    decided(page, 2)
    act(
        page,
        "const slot = document.querySelector('[data-kabin-slot]'); const fresh = slot.cloneNode(true);"
        "for (const name of fresh.getAttributeNames())"
        " if (name !== 'data-kabin-slot') fresh.removeAttribute(name);"
        "fresh.children[0].hidden = false; fresh.children[1].hidden = true;"
        "slot.replaceWith(fresh); document.body.dataset.kabinPage = 'home'",
    )
    decided(page, 3)
    wait_until(page, "!document.querySelector('[data-kabin-variant=promo]').hidden")
    assert page.locator("[data-kabin-variant=full_price]").is_hidden()


def test_recommendations_follow_the_route(kabin: FakeKabin, visit: Visit) -> None:
    """A slot that stays in the page gets the new item's cards, not both."""
    kabin.decide(recommendations=[recommendation(1), recommendation(2)])
    page = visit("recommendations.html")
    decided(page)
    kabin.decide(recommendations=[recommendation(3)])
    act(page, "document.body.dataset.kabinItemId = 'K0002'")
    decided(page, 2)
    wait_until(page, "document.querySelectorAll('[data-kabin-slot] li').length === 1")
    assert page.locator("[data-kabin-field=title]").all_inner_texts() == ["Linen Shirt 3"]


def test_a_busy_page_is_not_asked_about_again(kabin: FakeKabin, visit: Visit) -> None:
    """A thousand changes of the page that do not concern us cost no request."""
    page = opened(kabin, visit)
    act(
        page,
        "for (let number = 0; number < 1000; number++) {"
        " const line = document.createElement('p'); line.textContent = number;"
        " document.querySelector('#route').append(line); }"
        "history.pushState({}, '', '/somewhere')",
    )
    let_pass(page, 3)
    assert items_asked(kabin) == [None]
