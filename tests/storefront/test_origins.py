"""Identity: the cookie where shop and service share an origin, the signed token where they do not."""

import pytest
from playwright.sync_api import BrowserContext

from tests.storefront.decisions import VISITOR_TOKEN
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Visit, act, decided, let_pass, pass_time, stored

pytestmark = pytest.mark.slow


def test_on_one_origin_only_the_cookie_identifies(kabin: FakeKabin, visit: Visit) -> None:
    """No token in reach of scripts, none in bodies."""
    page = visit("home.html")
    decided(page)
    let_pass(page, 3)
    visit("home.html")
    decided(page)
    first, second = kabin.calls("/personalize")
    assert first.cookie is None
    assert second.cookie == "kabin=cookie-1.signature"
    assert "visitor_id" not in second.body
    assert not any(VISITOR_TOKEN in value for value in stored(page).values())
    assert "kabin:v" not in stored(page)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["same site", "other site"])
def test_across_origins_the_token_is_kept_and_sent(kabin: FakeKabin, visit: Visit, host: str) -> None:
    """Browsers drop other sites' cookies; the token that the service signed takes their place."""
    kabin.pages.script_origin = kabin.other_origin(host)
    page = visit("home.html")
    decided(page)
    assert stored(page)["kabin:v"] == VISITOR_TOKEN
    act(page, "kabin.track('sort_items', {sort_by: 'price'})")
    pass_time(page, lambda: kabin.calls("/events"))
    visit("home.html")
    decided(page)
    first, second = kabin.calls("/personalize")
    assert "visitor_id" not in first.body
    assert second.body["visitor_id"] == VISITOR_TOKEN
    assert kabin.calls("/events")[0].body["visitor_id"] == VISITOR_TOKEN
    assert second.cookie == ("kabin=cookie-1.signature" if host == "127.0.0.1" else None)


def test_across_origins_no_preflight_is_needed(
    kabin: FakeKabin, visit: Visit, context: BrowserContext
) -> None:
    """Bodies are plain text for the browser: one round trip, not two."""
    methods: list[str] = []
    context.on("request", lambda request: methods.append(request.method))
    kabin.pages.script_origin = kabin.other_origin("localhost")
    page = visit("home.html")
    decided(page)
    assert kabin.calls("/personalize")[0].headers["content-type"].startswith("text/plain")
    assert "OPTIONS" not in methods


def test_the_endpoint_can_be_named(kabin: FakeKabin, visit: Visit) -> None:
    """A shop that serves the script from its own CDN says where the service is."""
    kabin.pages.attributes["data-kabin-endpoint"] = kabin.other_origin("localhost")
    page = visit("home.html")
    decided(page)
    assert kabin.calls("/personalize")[0].headers["host"].startswith("localhost")


def test_a_rotated_token_replaces_the_old_one(kabin: FakeKabin, visit: Visit) -> None:
    """The service signs anew when keys rotate, or for a token it cannot read."""
    kabin.pages.script_origin = kabin.other_origin("localhost")
    page = visit("home.html")
    decided(page)
    act(page, "localStorage.setItem('kabin:v', 'older.signature')")
    visit("home.html")
    decided(page)
    assert kabin.calls("/personalize")[1].body["visitor_id"] == "older.signature"
    assert stored(page)["kabin:v"] == VISITOR_TOKEN
