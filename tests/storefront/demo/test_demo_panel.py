"""The panel "What Kabin knows and why" in a browser: it follows what happens, and goes out of the way."""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from service.demo.tour import SIZE
from tests.storefront.demo.visitor import SHIRTS, DemoVisitor, Traffic

pytestmark = pytest.mark.slow

WATCH_SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => shifts.push(...list.getEntries().filter((one) => !one.hadRecentInput)))
        .observe({type: "layout-shift", buffered: true});
"""
LARGEST_SHIFT = 0.001
"""A hundredth of the 0.1 that Web Vitals call good."""


def assert_open(page: Page, is_open: bool) -> None:
    """Check what is seen and what is said of the panel."""
    toggle = page.get_by_role("button", name="What Kabin knows and why")
    expect(toggle).to_have_attribute("aria-expanded", str(is_open).lower())
    expect(page.locator("#panel-body")).to_be_visible(visible=is_open)


def test_the_panel_follows_what_the_visitor_does(visitor: DemoVisitor) -> None:
    """A size that is chosen is on the panel a moment later, without another page; what was answered is there, too."""
    visitor.look_at(SHIRTS[1])
    expect(visitor.told("timing")).to_contain_text("in Kabin")
    expect(visitor.told("evidence").get_by_role("listitem")).to_have_count(0)
    expect(visitor.told("viewed")).to_contain_text(SHIRTS[1].title)
    visitor.choose(SIZE)
    evidence = visitor.told("evidence").get_by_role("listitem")
    expect(evidence).to_have_count(1)
    expect(evidence).to_contain_text(f"{SIZE}{SHIRTS[1].title}chose")
    expect(visitor.told("receipt")).to_contain_text("accepted")


def retell(page: Page, path: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Let a change be made to what the service answers at a path."""

    def answer(route: Route) -> None:
        response = route.fetch()
        content = response.json()
        change(content)
        route.fulfill(response=response, json=content)

    page.route(f"**{path}*", answer)


def take_part(answer: dict[str, Any]) -> None:
    """Put the visitor into experiments."""
    answer["experiments"] = [
        {"experiment_id": "kabin-holdout", "variation": "personalized", "slot": None},
        {"experiment_id": "promo-page", "variation": "promo", "slot": "homepage"},
        {"experiment_id": "sizes", "variation": "off", "slot": "size"},
        {"experiment_id": "kabin-random", "variation": "full_price", "slot": "homepage"},
    ]
    answer["slots"]["homepage"] = {"variant": "promo", "reason": "experiment"}
    answer["size"] |= {"action": "none", "size": "M", "reason": {"code": "experiment", "times": 3, "of": 3}}


def test_the_panel_says_in_which_experiments_the_visitor_is(visitor: DemoVisitor) -> None:
    """Experiment, variation and whether it was seen, in words; Kabin's own by what they do, the usual case not at all."""

    def see_page(told: dict[str, Any]) -> None:
        if told["words"]:
            told["words"]["seen"] = ["promo-page"]

    retell(visitor.page, "/personalize", take_part)
    retell(visitor.page, "/demo/visitor", see_page)
    visitor.look_at(SHIRTS[1])
    expect(visitor.told("experiments")).to_have_text(
        "Experiment promo-page: promo (page seen). Experiment sizes: off (size not seen yet). "
        "Homepage drawn at random: full price (page not seen yet)."
    )
    expect(visitor.told("homepage")).to_have_text("The sale, by an experiment.")
    expect(visitor.told("size")).to_contain_text(
        "Withheld: an experiment leaves this visitor without, though M"
    )


def test_the_panel_says_what_is_switched_off(visitor: DemoVisitor) -> None:
    """A size and recommendations that nobody gets are no lack of knowledge."""

    def switch_off(answer: dict[str, Any]) -> None:
        answer["recommendations"] = []
        answer["size"] |= {
            "action": "none",
            "size": None,
            "reason": {"code": "switched_off", "times": 0, "of": 0},
        }

    def tell_switches(told: dict[str, Any]) -> None:
        if told["words"]:
            told["words"]["switched_off"] = ["recommendations", "size"]

    retell(visitor.page, "/personalize", switch_off)
    retell(visitor.page, "/demo/visitor", tell_switches)
    visitor.look_at(SHIRTS[1])
    expect(visitor.told("size")).to_have_text("None: sizes are switched off for everybody.")
    expect(visitor.told("sources")).to_have_text("None: recommendations are switched off for everybody.")
    expect(visitor.told("experiments")).to_have_text("This visitor is in none.")


def test_a_closed_drawer_stays_closed_and_escape_closes_it(visitor: DemoVisitor) -> None:
    """On a wide screen it is open until closed, by its button or by Escape, and remembered either way."""
    page = visitor.page
    toggle = page.get_by_role("button", name="What Kabin knows and why")
    visitor.open("/cart")
    assert_open(page, True)
    toggle.click()
    assert_open(page, False)
    page.reload()
    assert_open(page, False)
    toggle.press("Enter")
    assert_open(page, True)
    page.reload()
    assert_open(page, True)
    page.locator("#panel-body").press("Escape")
    assert_open(page, False)
    expect(toggle).to_be_focused()


@pytest.mark.parametrize("device", ["phone"])
def test_a_sheet_covers_a_phone_only_while_it_is_wanted(visitor: DemoVisitor) -> None:
    """It is closed on every page until it is opened."""
    page = visitor.page
    toggle = page.get_by_role("button", name="What Kabin knows and why")
    visitor.open("/cart")
    assert_open(page, False)
    toggle.tap()
    assert_open(page, True)
    page.keyboard.press("Escape")
    assert_open(page, False)
    toggle.tap()
    page.reload()
    assert_open(page, False)


@pytest.mark.parametrize("is_open", [True, False])
def test_what_comes_into_the_panel_moves_nothing(visitor: DemoVisitor, is_open: bool) -> None:
    """The page and the panel keep their places, also where a drawer stays closed."""
    page = visitor.page
    page.add_init_script(WATCH_SHIFTS)
    visitor.look_at(SHIRTS[1])
    if not is_open:
        page.get_by_role("button", name="What Kabin knows and why").click()
        visitor.look_at(SHIRTS[2])
    expect(visitor.told("receipt")).to_contain_text("accepted")
    expect(visitor.told("viewed")).to_contain_text(SHIRTS[1].title)
    # Two frames: what has changed has been laid out, and been told.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shift = page.evaluate("shifts.reduce((sum, one) => sum + one.value, 0)")
    assert shift <= LARGEST_SHIFT


def test_every_page_needs_nothing_but_the_shops_own_origin(visitor: DemoVisitor, traffic: Traffic) -> None:
    """Pages, drawings, styles, scripts, the panel's answers: no request goes anywhere else."""
    traffic.missing = {"/no-such-page"}
    for path in ("/", "/category/sale", f"/product/{SHIRTS[1].item_id}", "/cart", "/no-such-page"):
        visitor.open(path)
    traffic.check()
    assert {PurePosixPath(urlsplit(url).path).suffix for url in traffic.urls} >= {".css", ".svg", ".js"}
