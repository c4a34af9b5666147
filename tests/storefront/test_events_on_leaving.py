"""Events of a page that is being left: sent at once, within what a browser and the service take."""

import pytest
from playwright.sync_api import BrowserContext

from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Visit
from tests.storefront.tracked_events import idle, numbers, track, with_events

pytestmark = pytest.mark.slow

HIDE = """
() => {
  Object.defineProperty(document, "visibilityState", {value: "hidden", configurable: true});
  Object.defineProperty(document, "hidden", {value: true, configurable: true});
  document.dispatchEvent(new Event("visibilitychange", {bubbles: true}));
}
"""


@pytest.mark.parametrize("how", ["navigates", "closes the tab", "hides it"])
def test_leaving_sends_at_once(kabin: FakeKabin, visit: Visit, how: str) -> None:
    """Without waiting for quiet: phones may never show the page again."""
    page = idle(kabin, visit)
    track(page, 3)
    if how == "navigates":
        page.goto("about:blank")
    elif how == "closes the tab":
        with page.expect_event("close"):
            page.close(run_before_unload=True)
    else:
        page.evaluate(HIDE)
    kabin.wait_for(lambda: len(kabin.events()) == 3)
    assert numbers(kabin.events()) == ["n0", "n1", "n2"]


def test_leaving_sends_from_browsers_without_keepalive(
    kabin: FakeKabin, visit: Visit, context: BrowserContext
) -> None:
    """By ``sendBeacon``, with the same body."""
    context.add_init_script("delete Request.prototype.keepalive")
    page = idle(kabin, visit)
    track(page, 3)
    page.goto("about:blank")
    kabin.wait_for(lambda: numbers(kabin.events()) == ["n0", "n1", "n2"])


def test_leaving_with_a_great_many_sends_them_in_bodies_of_fifty(kabin: FakeKabin, visit: Visit) -> None:
    """The service refuses more; none is lost."""
    page = idle(kabin, visit)
    track(page, 120)
    page.goto("about:blank")
    kabin.wait_for(lambda: len(kabin.events()) == 120)
    assert max(len(received.events) for received in with_events(kabin)) <= 50
