"""What a shopper, and time, do to a page; and what the page shows of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Locator, Page

Visit = Callable[..., Page]
"""Opens a page of the test shop; see the fixture ``visit``."""
PickerKind = Literal["select", "radios", "buttons"]

both_widths = pytest.mark.parametrize("device", ["desktop", "phone"])
every_picker = pytest.mark.parametrize("kind", ["select", "radios", "buttons"])

_WAIT_SECONDS: Final = 8.0
_POLL_MS: Final = 10


def wait_until(page: Page, expression: str) -> None:
    """Poll a JavaScript expression until it is true, whatever the page's clock says.

    Raises:
        AssertionError: it did not become true in time.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"did not become true: {expression}"
        page.wait_for_timeout(_POLL_MS)


def act(page: Page, statement: str) -> None:
    """Run a statement of the shop's code; a promise that it makes is not waited for."""
    page.evaluate(f"() => {{ {statement}; }}")


def decided(page: Page, count: int = 1) -> list[dict[str, Any]]:
    """Wait until the page was told ``count`` decisions and could act on them, and return them."""
    # A page that has only just begun has no script yet.
    wait_until(page, f"typeof shop === 'object' && shop.decisions.length >= {count}")
    page.evaluate("shop.settled()")
    decisions: list[dict[str, Any]] = page.evaluate("shop.decisions")
    return decisions


def pass_time(page: Page, happened: Callable[[], object], *, step_ms: int = 1000) -> None:
    """Let the page's clock run, second by second, until ``happened`` is true.

    Raises:
        AssertionError: it did not become true in time.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "the page's clock ran, and nothing happened"
        page.clock.run_for(step_ms)
        page.wait_for_timeout(_POLL_MS)


def fence(page: Page) -> None:
    """Wait until a request of the page was answered: what it sent before has been received by then."""
    page.evaluate("fetch('/garment.svg').then(() => 0)")


def let_pass(page: Page, seconds: int) -> None:
    """Let the page's clock run for so long, and what it sends meanwhile arrive."""
    fence(page)
    page.clock.run_for(seconds * 1000)
    fence(page)


def stored(page: Page) -> dict[str, str]:
    """Return what the page's origin keeps in localStorage."""
    entries: dict[str, str] = page.evaluate("({...localStorage})")
    return entries


def is_visible(locator: Locator) -> bool:
    """Tell whether a shopper can see an element: laid out, neither transparent nor hidden by a style."""
    seen: bool = locator.evaluate(
        "element => element.checkVisibility({opacityProperty: true, visibilityProperty: true})"
    )
    return seen


def click_at_once(locator: Locator) -> None:
    """Click or tap, as the device does."""
    if locator.page.evaluate("navigator.maxTouchPoints > 0"):
        locator.tap()
    else:
        locator.click()


@dataclass(frozen=True)
class Picker:
    """The size picker of one of the pages ``product_<kind>.html``."""

    page: Page
    kind: PickerKind

    @property
    def element(self) -> Locator:
        """The element marked as the picker."""
        return self.page.locator("[data-kabin-size-picker]")

    @property
    def note(self) -> Locator:
        """What kabin.js writes beside the picker."""
        return self.page.locator(".kabin-size-note")

    @property
    def undo(self) -> Locator:
        """The button that takes a preselection back."""
        return self.note.get_by_role("button", name="Undo", exact=True)

    def option(self, size: str) -> Locator:
        """Return the option, radio or button of a size."""
        if self.kind == "buttons":
            return self.element.get_by_role("button", name=size, exact=True)
        return self.element.locator(f"[value='K0001-blue-{size.lower()}']")

    def choose(self, size: str) -> None:
        """Choose a size with events that the browser trusts; of a select by keyboard (one-letter sizes)."""
        if self.kind == "select":
            self.element.focus()
            self.page.keyboard.press(size)
        elif self.kind == "radios":
            click_at_once(self.element.get_by_text(size, exact=True))
        else:
            click_at_once(self.option(size))

    def chosen(self) -> str:
        """Return the size that the picker shows as chosen, empty for none."""
        scripts = {
            "select": "picker => picker.value && picker.selectedOptions[0].text.trim()",
            "radios": "picker => picker.querySelector(':checked')?.parentElement.textContent.trim() ?? ''",
            "buttons": "picker => picker.querySelector('[aria-pressed=true]')?.textContent.trim() ?? ''",
        }
        size: str = self.element.evaluate(scripts[self.kind])
        return size

    def shop_knows(self) -> str:
        """Return the size that the shop's own code has heard of, empty for none."""
        size: str = self.page.evaluate("shop.size")
        return size
