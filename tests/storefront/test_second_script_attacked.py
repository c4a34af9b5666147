"""kabin.js while the script that it fetches is on its way, and across origins: nothing is lost, doubled or mistaken."""

import pytest
from playwright.sync_api import Page

from tests.storefront.decisions import decision, recommendation, size
from tests.storefront.fake_kabin import FakeKabin, Reply
from tests.storefront.shop_pages import second_script
from tests.storefront.shopper import Picker, Visit, act, decided, fence, let_pass, pass_time, wait_until
from tests.storefront.single_page_app import go, size_of_its_item
from tests.storefront.tracked_events import idle, numbers, track, with_events

pytestmark = pytest.mark.slow

TAGGED = "<script>window.dataLayer = [{event: 'purchase', ecommerce: {transaction_id: 7, items: [{item_id: 'K0001'}]}}];</script>"
HIDDEN = "Object.defineProperty(Document.prototype, 'hidden', {get: () => true, configurable: true})"


def quiet(page: Page, kabin: FakeKabin) -> None:
    """Let the clock run until nothing waits to be sent."""
    page.evaluate("shop.settled()")
    let_pass(page, 5)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["same site", "other site"])
def test_a_script_of_another_origin_fetches_its_second_from_there(
    kabin: FakeKabin, visit: Visit, host: str
) -> None:
    """The usual set-up: the service has a domain of its own."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    kabin.pages.script_origin = kabin.other_origin(host)
    page = visit()
    wait_until(page, "document.querySelector('.kabin-size-note')")
    assert Picker(page, "select").chosen() == "M"


def test_what_is_tracked_on_a_plain_page_is_brought_to_the_contract(kabin: FakeKabin, visit: Visit) -> None:
    """An order confirmation without tags or pickers may send what the types allow."""
    page = idle(kabin, visit)
    act(
        page,
        "kabin.track('purchase', {transaction_id: 4711, value: 1, items: [{item_id: 12, price: '59.90', x: {}}]})",
    )
    pass_time(page, lambda: kabin.events("purchase"))
    params = kabin.events("purchase")[0]["params"]
    assert params == {"transaction_id": "4711", "items": [{"item_id": "12", "price": 59.9}]}


@pytest.mark.parametrize("name", ["plain.html", "home.html"])
def test_a_tagged_page_is_answered_in_time_without_it(kabin: FakeKabin, visit: Visit, name: str) -> None:
    """The tags would tell which page it is, and do not come: 300 ms stay 300 ms."""
    kabin.pages.edit("<!-- kabin -->", TAGGED + "<!-- kabin -->")
    kabin.pages.edit(' data-kabin-page="home"', "")
    kabin.pages._used.add(' data-kabin-page="home"')
    kabin.hold(second_script())
    page = visit(name, wait_until="domcontentloaded")
    wait_until(page, "!kabin.q")
    act(page, "kabin.personalize().then(told => document.body.title = String(told.decision_id))")
    page.clock.run_for(301)
    wait_until(page, "document.body.title === 'null'")


def test_what_was_asked_for_too_early_is_still_asked(kabin: FakeKabin, visit: Visit) -> None:
    """The promise has settled by then; the answer comes as an event, with what the page wanted of it."""
    kabin.pages.edit("<!-- kabin -->", TAGGED + "<!-- kabin -->")
    kabin.hold(second_script())
    page = visit("plain.html", wait_until="domcontentloaded")
    wait_until(page, "!kabin.q")
    act(page, "kabin.personalize({limit: 3})")
    page.clock.run_for(400)
    kabin.release(second_script())
    pass_time(page, lambda: any(asked.body.get("limit") == 3 for asked in kabin.calls("/personalize")))


def test_a_page_does_not_wait_for_it_endlessly(kabin: FakeKabin, visit: Visit) -> None:
    """After three seconds the page is asked about as far as it is known; when it comes, it still counts."""
    kabin.pages.edit("<!-- kabin -->", TAGGED + "<!-- kabin -->")
    kabin.hold(second_script())
    page = visit("plain.html", wait_until="domcontentloaded")
    wait_until(page, "!kabin.q")
    track(page)
    pass_time(page, lambda: numbers(kabin.events()))
    assert kabin.calls("/personalize")[0].body["page"] == {"type": "other"}
    kabin.release(second_script())
    pass_time(page, lambda: kabin.events("purchase"))
    assert kabin.calls("/personalize")[-1].body["page"] == {"type": "order"}


def test_a_tab_opened_in_the_background_reports_its_product_once(kabin: FakeKabin, visit: Visit) -> None:
    """The shop's own view is the only one, though the tab is out of sight from the start."""
    kabin.hold(second_script())
    page = visit("blank.html")
    page.add_init_script(HIDDEN)
    visit(wait_until="domcontentloaded")
    wait_until(page, "!kabin.q")
    act(page, "kabin.track('view_item', {items: [{item_id: 'K0001', price: '59.90'}]})")
    fence(page)
    kabin.release(second_script())
    quiet(page, kabin)
    assert [event["params"]["items"] for event in kabin.events("view_item")] == [
        [{"item_id": "K0001", "price": 59.9}]
    ]


def test_a_choice_on_the_last_route_is_none_on_this_one(kabin: FakeKabin, visit: Visit) -> None:
    """The script arrives after the route changed: the size that was chosen belongs to the item before."""
    kabin.answer("/personalize", size_of_its_item)
    kabin.hold(second_script())
    page = visit("spa.html", wait_until="domcontentloaded")
    wait_until(page, "shop.decisions.length > 0")
    go(page, 1)
    wait_until(page, "shop.decisions.length > 1")
    Picker(page, "select").choose("L")
    go(page, 2)
    wait_until(page, "shop.decisions.length > 2")
    kabin.release(second_script())
    quiet(page, kabin)
    assert Picker(page, "select").chosen() == "M"
    assert not [
        event for event in kabin.events("select_size") if event["params"]["items"][0]["item_id"] == "K2"
    ]


@pytest.mark.parametrize("kind", ["radios", "buttons"])
def test_a_choice_before_it_came_is_never_overridden(kabin: FakeKabin, visit: Visit, kind: str) -> None:
    """Not even in a picker that does not show what is chosen, nor long after the page gave up waiting."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    kabin.pages.edit(' aria-pressed="false"', "")
    kabin.pages._used.add(' aria-pressed="false"')
    kabin.hold(second_script())
    page = visit(f"product_{kind}.html", wait_until="domcontentloaded")
    wait_until(page, "shop.decisions.length > 0")
    page.clock.run_for(10_000)
    picker = Picker(page, kind)  # type: ignore[arg-type]
    picker.choose("L")
    page.evaluate(
        "document.querySelectorAll('[aria-pressed]').forEach(one => one.removeAttribute('aria-pressed'))"
    )
    kabin.release(second_script())
    pass_time(page, lambda: kabin.events("select_size"))
    assert picker.shop_knows() == "L"
    assert page.locator("[data-kabin-preselected]").count() == 0
    assert [event["params"]["items"][0]["size"] for event in kabin.events("select_size")] == ["L"]


def test_what_is_tracked_is_copied_at_once(kabin: FakeKabin, visit: Visit) -> None:
    """A shop may empty its cart in the next line."""
    page = idle(kabin, visit)
    act(page, "const items = [{item_id: 'K0001'}]; kabin.track('add_to_cart', {items}); items.length = 0")
    pass_time(page, lambda: kabin.events("add_to_cart"))
    assert kabin.events("add_to_cart")[0]["params"]["items"] == [{"item_id": "K0001"}]


def test_what_was_tracked_before_a_denial_is_forgotten(kabin: FakeKabin, visit: Visit) -> None:
    """Also while it waits for the second script, and also if the visitor changes their mind."""
    kabin.hold(second_script())
    page = visit(wait_until="domcontentloaded")
    wait_until(page, "shop.decisions.length > 0")
    track(page)
    act(page, "kabin.consent('denied'); kabin.consent('granted')")
    kabin.release(second_script())
    quiet(page, kabin)
    assert numbers(kabin.events()) == []


def test_a_wrong_question_loses_no_event(kabin: FakeKabin, visit: Visit) -> None:
    """The page's mistake is refused with the whole body; its events go by themselves."""
    kabin.answer("/personalize", Reply.of_json({"status": 422}, 422), Reply.of_json(decision()))
    page = visit("plain.html")
    wait_until(page, "!kabin.q")
    fence(page)
    kabin.received.clear()
    kabin.answer("/personalize", Reply.of_json({"status": 422}, 422))
    track(page)
    page.evaluate("shop.settled()")
    act(page, "kabin.personalize({page: {type: 'cart'}})")
    pass_time(page, lambda: kabin.calls("/events"))
    assert numbers(kabin.calls("/events")[0].events) == ["n0"]


def test_a_question_that_hangs_does_not_hold_up_the_others_for_good(kabin: FakeKabin, visit: Visit) -> None:
    """It is given up, and what waits for the visitor's identity goes out."""
    page = visit("blank.html")
    page.add_init_script(
        "AbortSignal.timeout = (ms) => { const one = new AbortController();"
        " setTimeout(() => one.abort(), ms); return one.signal; }"
    )
    kabin.hold("/personalize")
    visit("plain.html")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    track(page)
    pass_time(page, lambda: kabin.calls("/events"))
    assert numbers(kabin.calls("/events")[0].events) == ["n0"]


def test_events_of_one_millisecond_stay_in_order(kabin: FakeKabin, visit: Visit) -> None:
    """The clock stands still, and ninety events are told apart by their ids."""
    page = idle(kabin, visit)
    track(page, 90)
    pass_time(page, lambda: len(numbers(kabin.events())) == 90)
    sent = [event["params"]["sort_by"] for body in with_events(kabin) for event in body.events]
    assert sent == [f"n{number}" for number in range(90)]


@pytest.mark.parametrize("name", ["constructor", "toString", "__proto__", "hasOwnProperty"])
def test_names_of_the_language_are_no_events(kabin: FakeKabin, visit: Visit, name: str) -> None:
    """A custom event of a tag manager may be called anything; the page stays what it is."""
    page = visit("order.html")
    decided(page)
    act(page, f"dataLayer.push({{event: '{name}', items: [{{item_id: 'K0001'}}]}}); kabin.track('{name}')")
    track(page)
    pass_time(page, lambda: numbers(kabin.events()))
    let_pass(page, 5)
    assert [asked.body["page"] for asked in kabin.calls("/personalize")] == [{"type": "other"}]


def test_a_picker_that_forgets_its_choice_does_not_hang_the_page(kabin: FakeKabin, visit: Visit) -> None:
    """A framework draws the picker anew on each change, without the choice: after a few times it is let be."""
    kabin.decide(size=size("M", "K0001-blue-m"))
    page = visit("blank.html")
    page.add_init_script(
        "document.addEventListener('change', () => { const form = document.querySelector('form');"
        " if (++document.documentElement.tabIndex > 200) return;"
        " const fresh = form.cloneNode(true); fresh.querySelector('select').selectedIndex = 0; form.replaceWith(fresh); })"
    )
    visit()
    decided(page)
    fence(page)
    assert page.evaluate("document.documentElement.tabIndex") < 20


def test_a_click_on_a_card_counts_while_the_page_is_asked_about_again(kabin: FakeKabin, visit: Visit) -> None:
    """The cards are those of the decision before, and the click is told with its id."""
    kabin.decide(recommendations=[recommendation(1, link="#one")])
    page = visit("recommendations.html")
    decided(page)
    card = page.locator("[data-kabin-source] a")
    card.wait_for()
    kabin.hold("/personalize")
    act(
        page,
        "kabin.personalize({page: {type: 'product', item_id: 'K0001', sku: 'K0001-red-m', category: 'Women > Tops'}})",
    )
    fence(page)
    card.click()
    pass_time(page, lambda: kabin.events("select_item"))
    assert kabin.events("select_item")[0]["params"]["decision_id"] == "decision-1"


def test_a_busy_page_stays_fast(kabin: FakeKabin, visit: Visit) -> None:
    """Ten thousand separate changes of a page with two thousand elements look at it a bounded number of times."""
    page = visit("gtag.html")
    decided(page)
    looks = page.evaluate(
        """async () => {
            let looks = 0;
            const look = Document.prototype.querySelectorAll;
            Document.prototype.querySelectorAll = function (...selector) { looks++; return look.apply(this, selector); };
            for (let number = 0; number < 1000; number++) {
                document.body.append("x");
                await null;
            }
            Document.prototype.querySelectorAll = look;
            return looks;
        }"""
    )
    assert looks <= 6000
