"""The report's page as a browser draws it: nothing cut off, nothing on top of each other, no barrier for anybody."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from recommender.training.render.page import training_page
from recommender.training.report import DayVolume, PastModel
from tests.recommender.training.reports import CREATED_AT, full_report
from tests.recommender.training.test_training_page import STATES

pytestmark = pytest.mark.slow

SCREENS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": {"width": 1200, "height": 900}},
    "dark": {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}

MISPLACED: Final = """() => [...document.querySelectorAll('svg.plot')].flatMap(plot => {
  const {width, height} = plot.viewBox.baseVal;
  const texts = [...plot.querySelectorAll('text')].map(text => ({words: text.textContent, box: text.getBBox()}));
  const outside = texts.filter(({box}) =>
    box.x < -1 || box.y < -1 || box.x + box.width > width + 1 || box.y + box.height > height + 1);
  const over = texts.flatMap((one, at) => texts.slice(at + 1)
    .filter(({box}) => one.box.x < box.x + box.width && box.x < one.box.x + one.box.width
      && one.box.y + 3 < box.y + box.height && box.y + 3 < one.box.y + one.box.height)
    .map(other => `${one.words} | ${other.words}`));
  return [...outside.map(({words}) => words), ...over].map(words => `${plot.querySelector('title').textContent}: ${words}`);
})"""
"""Texts of plots that leave the drawing or touch each other (3 units of a line's height may be shared)."""


def long_life() -> Any:
    """Return a report with much in it: a quarter of days, forty models, many stages, large figures."""
    days = [
        DayVolume(f"2025-{8 + day // 28:02}-{1 + day % 28:02}", 8_123_456, 900_000, day > 80)
        for day in range(84)
    ]
    models = [
        PastModel(f"v{number}", CREATED_AT - 86_400 * (40 - number), 0.5 + 0.001 * (number % 7), 0.25)
        for number in range(40)
    ]
    stages = {f"tuning: a setting with a long name {number}": 300.0 + number for number in range(12)}
    return full_report(volumes=tuple(days), history=tuple(models), stage_seconds=stages, seconds=4_000.0)


REPORTS: Final = {**STATES, "long life": long_life()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for this file; Playwright's event loop ends with it."""
    binary = Path("/usr/lib/chromium/chromium")
    path = str(binary) if binary.is_file() else shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "Chromium is absent: apt-get install chromium"
        if os.environ.get("KABIN_REQUIRE_BROWSER"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


@pytest.mark.parametrize("screen", SCREENS)
def test_every_state_is_drawn_whole(browser: Browser, screen: str) -> None:
    """Words of plots stay inside and apart; the page itself never scrolls sideways."""
    with browser.new_context(**SCREENS[screen]) as context:
        page = context.new_page()
        for name, report in REPORTS.items():
            page.set_content(training_page(report))
            assert page.evaluate(MISPLACED) == [], name
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@pytest.mark.parametrize(("name", "screen"), [("published", "phone"), ("refused", "dark")])
def test_the_page_has_no_accessibility_violation(browser: Browser, name: str, screen: str) -> None:
    """By every rule that axe-core runs by default, contrast included."""
    with browser.new_context(**SCREENS[screen], bypass_csp=True) as context:
        page = context.new_page()
        page.set_content(training_page(REPORTS[name]))
        violations = Axe().run(page).response["violations"]
        assert not violations, [(one["id"], one["nodes"][0]["html"]) for one in violations]


def test_the_browser_is_kept_from_loading_and_running_anything(browser: Browser) -> None:
    """Even a script that found its way into the page would not run."""
    with browser.new_context() as context:
        page = context.new_page()
        report = replace(full_report(), notes=("here",))
        page.set_content(training_page(report).replace("here", "<script>window.ran = 1</script>"))
        assert page.evaluate("window.ran === undefined")


def test_printed_everything_is_there(browser: Browser) -> None:
    """What is folded on the screen is not on paper."""
    with browser.new_context(viewport={"width": 720, "height": 1000}) as context:
        page = context.new_page()
        page.set_content(training_page(full_report()))
        folded = page.locator("details table").first
        assert not folded.is_visible()
        page.emulate_media(media="print")
        assert folded.is_visible()
