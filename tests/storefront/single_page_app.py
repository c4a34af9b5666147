"""The single-page test shop: its routes, and a service that knows a size for each of its items."""

from playwright.sync_api import Page

from tests.storefront.decisions import decision, size
from tests.storefront.fake_kabin import FakeKabin, Received, Reply
from tests.storefront.shopper import Visit, act, decided


def size_of_its_item(received: Received) -> Reply:
    """Preselect M of whichever item is asked about, and say its id in the decision's."""
    item_id = received.body["page"].get("item_id", "none")
    sized = size("M", f"{item_id}-m")
    return Reply.of_json(decision(size=sized, decision_id=f"decision-{item_id}"))


def go(page: Page, number: int) -> None:
    """Go to another route."""
    act(page, f"app.go({number})")


def items_asked(kabin: FakeKabin) -> list[str | None]:
    """Return the items that were asked about."""
    return [asked.body["page"].get("item_id") for asked in kabin.calls("/personalize")]


def opened(kabin: FakeKabin, visit: Visit) -> Page:
    """Open the app, whose items all get their own size."""
    kabin.answer("/personalize", size_of_its_item)
    page = visit("spa.html")
    decided(page)
    return page
