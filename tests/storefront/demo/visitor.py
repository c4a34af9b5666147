"""Somebody in the demonstration's shop: how they get about, and what their browser sends."""

import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Locator, Page, Request, Response, expect

from service.demo.shop import DemoItem, product_path, simulate_shop
from service.demo.tour import SIZE

ITEMS: Final = {item.item_id: item for item in simulate_shop(7)}
SHIRTS: Final = [
    item
    for item in ITEMS.values()
    if item.garment.product_type == "Women > Tops > Shirts" and SIZE not in item.sold_out
]
SALE: Final = [item for item in ITEMS.values() if item.sale_price is not None]

PATIENCE_MS: Final = 20_000
HEAR_DECISIONS: Final = """
    window.decisions = [];
    document.addEventListener("kabin:decision", (event) => decisions.push(event.detail));
"""
_POLL_MS: Final = 20
_ANSWER_SECONDS: Final = 4.0


@dataclass(frozen=True)
class DemoVisitor:
    """A tab of somebody's browser, and what they do in it."""

    page: Page
    url: str

    def open(self, path: str) -> dict[str, Any]:
        """Go to a page of the shop; return its decision, one that came in time."""
        self.page.goto(self.url + path)
        return self.decision()

    def look_at(self, item: DemoItem) -> dict[str, Any]:
        """Open an item's page; return its decision."""
        return self.open(product_path(item.item_id))

    def choose(self, size: str) -> None:
        """Choose a size on the page of an item."""
        self.size(size).check()

    def size(self, size: str) -> Locator:
        """Return the radio button of a size."""
        return self.page.get_by_role("radio", name=size, exact=True)

    def press(self, button: str) -> None:
        """Press a button that leads to another page, and be there."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=button, exact=True).click()

    def told(self, name: str) -> Locator:
        """Return a place of the panel."""
        return self.page.locator(f"[data-panel='{name}']")

    def decision(self) -> dict[str, Any]:
        """Return the decision of the page that is open.

        A busy machine may answer later than pages wait; who then reloads the page gets another chance, as here.

        Raises:
            AssertionError: no answer came in time, however often the page was loaded.
        """
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while True:
            decision = self._heard()
            if decision and not decision.get("late") and not decision["degraded"]:
                return decision
            assert time.monotonic() < deadline, f"{self.page.url} gets no decision in time"
            self.page.reload()

    def known(self) -> dict[str, Any]:
        """Return what the panel's server tells of this visitor."""
        answer = self.page.request.get(f"{self.url}/demo/visitor")
        assert answer.ok
        content: dict[str, Any] = answer.json()
        return content

    def variant(self) -> str:
        """Return the homepage's variant in sight."""
        section = self.page.locator("[data-kabin-variant]:visible")
        expect(section).to_have_count(1)
        return section.get_attribute("data-kabin-variant") or ""

    def _heard(self) -> dict[str, Any] | None:
        deadline = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < deadline:
            heard: list[dict[str, Any]] = self.page.evaluate("decisions")
            if heard:
                return heard[0]
            self.page.wait_for_timeout(_POLL_MS)
        return None


class Traffic:
    """The requests of a browser.

    Attributes:
        urls: of all requests over the network.
        events: names of the events that were sent, by their ids.
        missing: paths that are expected not to be there.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.urls: list[str] = []
        self.events: dict[str, str] = {}
        self.missing: set[str] = set()
        self._origin = origin
        self._refused: list[str] = []
        context.on("request", self._note_request)
        context.on("response", self._note_response)

    def check(self) -> None:
        """Assert that everything came from the shop's own origin, and was there."""
        assert self.urls
        foreign = [url for url in self.urls if not url.startswith((f"{self._origin}/", "data:"))]
        assert not foreign, f"requests elsewhere: {foreign}"
        assert not self._refused, f"refused: {self._refused}"

    def _note_request(self, request: Request) -> None:
        self.urls.append(request.url)
        if request.method == "POST" and urlsplit(request.url).path in ("/personalize", "/events"):
            for event in (request.post_data_json or {}).get("events", []):
                self.events[event["event_id"]] = event["name"]

    def _note_response(self, response: Response) -> None:
        # 503: a busy machine's Redis was late; pages carry on and send their events again.
        if (
            response.status >= 400
            and response.status != 503
            and urlsplit(response.url).path not in self.missing
        ):
            self._refused.append(f"{response.status} {response.url}")
