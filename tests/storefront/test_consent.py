"""Nothing is stored or sent before consent, where the page says that consent is needed; GPC is honoured."""

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.storefront.decisions import recommendation, size
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Picker, Visit, act, decided, fence, let_pass, pass_time, stored

pytestmark = pytest.mark.slow

GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true, configurable: true})"


def left_nothing(page: Page) -> bool:
    """Tell whether the browser holds nothing at all for this site."""
    return not stored(page) and not page.context.cookies() and not page.evaluate("sessionStorage.length")


@pytest.fixture
def requests(context: BrowserContext) -> list[str]:
    """Addresses that the browser asks for, fences and pages included."""
    addresses: list[str] = []

    def note(request: Request) -> None:
        addresses.append(request.url)

    context.on("request", note)
    return addresses


@pytest.fixture
def needs_consent(kabin: FakeKabin) -> None:
    """The page's script element says that consent is needed."""
    kabin.pages.attributes["data-kabin-consent"] = "required"


@pytest.mark.usefixtures("needs_consent")
@pytest.mark.parametrize("name", ["home.html", "gtag.html", "recommendations.html", "product_buttons.html"])
def test_before_consent_nothing_is_stored_or_sent(
    kabin: FakeKabin, visit: Visit, requests: list[str], name: str
) -> None:
    """Whatever the shopper does, and when they leave."""
    page = visit(name)
    act(page, "kabin.track('add_to_cart', {items: [{item_id: 'K0001', size: 'M'}]})")
    page.mouse.wheel(0, 200)
    if name == "product_buttons.html":
        Picker(page, "buttons").choose("L")
    let_pass(page, 120)
    assert left_nothing(page)
    visit("plain.html")
    let_pass(page, 120)
    assert left_nothing(page)
    assert kabin.received == []
    assert not [address for address in requests if "/personalize" in address or "/events" in address]


@pytest.mark.usefixtures("needs_consent")
def test_before_consent_the_page_is_shown_as_it_is(kabin: FakeKabin, visit: Visit) -> None:
    """The promise gets the default decision at once, and the slot its default: there is nothing to wait for."""
    page = visit("home.html")
    told = page.evaluate("kabin.personalize()")
    assert told["decision_id"] is None
    assert told["degraded"] is True
    expect(page.locator("[data-kabin-variant=full_price]")).to_be_visible()
    expect(page.locator("[data-kabin-variant=promo]")).to_be_hidden()


@pytest.mark.usefixtures("needs_consent")
def test_with_consent_the_page_is_personalized(kabin: FakeKabin, visit: Visit) -> None:
    """What happened on this page before goes along, and a picker left alone gets the size."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit("gtag.html")
    act(page, "kabin.track('sort_items', {sort_by: 'price'})")
    let_pass(page, 10)
    act(page, "kabin.consent('granted')")
    decided(page)
    assert kabin.calls("/personalize")[0].body["page"]["item_id"] == "K0001"
    assert Picker(page, "select").chosen() == "M"
    pass_time(page, lambda: len(kabin.events()) >= 2)
    assert {event["name"] for event in kabin.events()} >= {"view_item", "sort_items"}
    assert len(kabin.events("view_item")) == 1


@pytest.mark.usefixtures("needs_consent")
def test_with_consent_what_is_shown_is_not_swapped(kabin: FakeKabin, visit: Visit) -> None:
    """The homepage was seen; an empty recommendations slot is filled."""
    kabin.decide(variant="promo", recommendations=[recommendation(1)])
    page = visit("home.html")
    page.clock.run_for(2_000)
    act(page, "kabin.consent('granted')")
    decided(page)
    let_pass(page, 5)
    expect(page.locator("[data-kabin-variant=full_price]")).to_be_visible()
    expect(page.locator("[data-kabin-variant=promo]")).to_be_hidden()
    assert [event for event in kabin.events("decision_shown") if event["params"]["slot"] == "homepage"] == []


@pytest.mark.usefixtures("needs_consent")
def test_no_other_answer_is_consent(kabin: FakeKabin, visit: Visit) -> None:
    """Only ``granted`` grants."""
    page = visit("gtag.html")
    for answer in ("", "true", "'yes'", "null", "{}", "'denied'"):
        act(page, f"kabin.consent({answer})")
        let_pass(page, 10)
    assert kabin.received == []
    assert left_nothing(page)


@pytest.mark.usefixtures("needs_consent")
def test_consent_given_before_the_script_came_counts(kabin: FakeKabin, visit: Visit) -> None:
    """The banner's code may run first: its call is kept like any other."""
    kabin.hold("/kabin.js")
    page = visit(wait_until="domcontentloaded")
    act(page, "kabin.consent('granted')")
    kabin.release("/kabin.js")
    decided(page)
    assert len(kabin.calls("/personalize")) == 1


@pytest.mark.usefixtures("needs_consent")
def test_granted_twice_is_granted_once(kabin: FakeKabin, visit: Visit) -> None:
    """Banners repeat themselves on every page."""
    page = visit()
    act(page, "kabin.consent('granted'); kabin.consent('granted')")
    decided(page)
    let_pass(page, 5)
    assert len(kabin.calls("/personalize")) == 1
    assert len(kabin.events("view_item")) == 1


@pytest.mark.parametrize("is_required", [True, False])
def test_denied_clears_what_was_kept(kabin: FakeKabin, visit: Visit, is_required: bool) -> None:
    """Ours goes, from the browser and from memory; the shop's own entries stay."""
    if is_required:
        kabin.pages.attributes["data-kabin-consent"] = "required"
    kabin.hold("/events")
    page = visit()
    act(page, "kabin.consent('granted')")
    decided(page)
    let_pass(page, 3)
    act(page, "localStorage.setItem('shop', 'cart')")
    act(page, "kabin.track('sort_items', {sort_by: 'price'})")
    assert any(name.startswith("kabin") for name in stored(page))
    act(page, "kabin.consent('denied')")
    assert stored(page) == {"shop": "cart"}
    kabin.release("/events")
    fence(page)
    count = len(kabin.received)
    act(page, "kabin.track('sort_items', {sort_by: 'name'}); kabin.personalize()")
    let_pass(page, 120)
    assert len(kabin.received) == count
    assert stored(page) == {"shop": "cart"}


@pytest.mark.usefixtures("needs_consent")
def test_an_answer_that_comes_after_the_denial_stores_nothing(kabin: FakeKabin, visit: Visit) -> None:
    """The question was asked with consent, and its answer arrives without."""
    kabin.hold("/personalize")
    page = visit("plain.html")
    act(page, "kabin.consent('granted')")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    act(page, "kabin.consent('denied')")
    kabin.release("/personalize")
    let_pass(page, 60)
    assert stored(page) == {}
    assert kabin.calls("/events") == []


@pytest.mark.parametrize("consent", ["", "required"])
def test_global_privacy_control_is_honoured(
    kabin: FakeKabin, visit: Visit, context: BrowserContext, consent: str
) -> None:
    """The page is answered from the request alone: no cookie goes out, no event, nothing is stored."""
    context.add_init_script(GPC)
    context.set_extra_http_headers({"Sec-GPC": "1"})
    context.add_cookies([{"name": "kabin", "value": "older.signature", "url": kabin.url("")}])
    if consent:
        kabin.pages.attributes["data-kabin-consent"] = consent
    page = visit("gtag.html")
    act(page, "kabin.consent('granted')")
    decided(page)
    Picker(page, "select").choose("L")
    act(page, "kabin.track('sort_items', {sort_by: 'price'})")
    let_pass(page, 120)
    page.goto(kabin.url("home.html"))
    act(page, "kabin.consent('granted')")
    decided(page)
    let_pass(page, 60)
    assert stored(page) == {}
    assert kabin.events() == []
    assert kabin.calls("/events") == []
    for asked in kabin.calls("/personalize"):
        assert asked.body["consent"] == {"storage": False}
        assert asked.cookie is None
        assert asked.headers["sec-gpc"] == "1"
    assert [cookie["value"] for cookie in context.cookies()] == ["older.signature"]


def test_without_the_word_required_consent_is_not_asked_for(kabin: FakeKabin, visit: Visit) -> None:
    """A shop that needs none starts at once."""
    decided(visit())
    assert len(kabin.calls("/personalize")) == 1
    assert kabin.calls("/personalize")[0].body.get("consent", {}).get("storage") is not False
