"""Signing in: who is asked for, and whose events are sent before, meanwhile and afterwards."""

import json

import pytest
from playwright.sync_api import BrowserContext

from tests.storefront.customers import (
    AWAY,
    CUSTOMER,
    IDENTIFIED,
    customer_token,
    identified,
    identify,
    of_us,
    senders,
    sign_out,
    signed_in,
)
from tests.storefront.decisions import CUSTOMER_TOKEN, FRESH_TOKEN, VISITOR_TOKEN, recommendation
from tests.storefront.fake_kabin import FakeKabin, Reply
from tests.storefront.shopper import Visit, act, decided, fence, let_pass, pass_time, stored, wait_until
from tests.storefront.tracked_events import idle, numbers, track, with_events

pytestmark = pytest.mark.slow

REFUSED = Reply.of_json({"status": 401}, 401)
GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true, configurable: true})"


def test_who_is_signed_in_gets_the_first_decision_already(kabin: FakeKabin, visit: Visit) -> None:
    """Said in the head, before the script is there; each customer is told of once a day, with nothing readable kept."""
    signed_in(kabin)
    page = visit("home.html")
    decided(page)
    assert senders(kabin) == [("/identify", None), ("/personalize", "c.cookie-2.signature")]
    assert identified(kabin) == [{"customer_token": customer_token()}]
    assert CUSTOMER not in json.dumps(stored(page))
    for _ in range(2):
        kabin.received.clear()
        visit("home.html")
        decided(page)
        let_pass(page, 5)
        assert {cookie for _, cookie in senders(kabin)} == {"c.cookie-2.signature"}
        assert not kabin.calls("/identify")
    page.clock.run_for(86_400_000)
    visit("home.html")
    kabin.wait_for(lambda: kabin.calls("/identify"))


def test_signing_in_on_a_page_asks_about_it_again(kabin: FakeKabin, visit: Visit) -> None:
    """What waits is sent for who did it, what is under way is waited for, and then cards are the customer's."""
    kabin.decide(recommendations=[recommendation(1)])
    page = visit("recommendations.html")
    decided(page)
    let_pass(page, 3)
    kabin.received.clear()
    kabin.decide(recommendations=[recommendation(2)])
    kabin.hold("/personalize")
    act(page, "kabin.personalize({page: {type: 'product', item_id: 'K0001'}, limit: 3})")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    track(page, 60)
    identify(page)
    fence(page)
    assert not kabin.calls("/identify")
    kabin.release("/personalize")
    wait_until(page, "document.querySelector('[data-kabin-field=title]').textContent === 'Linen Shirt 2'")
    kabin.wait_for(lambda: len(kabin.calls("/personalize")) == 2)
    former, customer = "cookie-1.signature", "c.cookie-2.signature"
    assert senders(kabin) == [
        ("/personalize", former),
        ("/events", former),
        ("/events", former),
        ("/identify", former),
        ("/personalize", customer),
    ]
    assert len(numbers(kabin.events())) == 60
    assert not kabin.calls("/personalize")[1].events


def test_across_origins_the_token_is_the_customers_from_then_on(kabin: FakeKabin, visit: Visit) -> None:
    """In bodies and in the browser; after signing out it is a new visitor's."""
    kabin.pages.script_origin = kabin.other_origin("localhost")
    page = idle(kabin, visit)
    track(page)
    identify(page)
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    wait_until(page, f"localStorage['kabin:v'] === '{CUSTOMER_TOKEN}'")
    track(page)
    sign_out(page)
    kabin.wait_for(lambda: len(kabin.calls("/personalize")) == 2)
    assert [(asked.call, asked.body.get("visitor_id")) for asked in kabin.received] == [
        ("/events", VISITOR_TOKEN),
        ("/identify", VISITOR_TOKEN),
        ("/personalize", CUSTOMER_TOKEN),
        ("/events", CUSTOMER_TOKEN),
        ("/identify", None),
        ("/personalize", FRESH_TOKEN),
    ]
    assert identified(kabin)[1] == {"sign_out": True}
    wait_until(page, "Object.keys(localStorage).join() === 'kabin:v'")
    assert of_us(page) == {"kabin:v": FRESH_TOKEN}


def test_a_customer_who_cannot_be_identified_now_is_later(kabin: FakeKabin, visit: Visit) -> None:
    """With pauses that double; meanwhile pages are decided for who they were."""
    page = idle(kabin, visit)
    kabin.answer("/identify", AWAY, Reply(b"<h1>Login</h1>", 200, "text/html"), AWAY, IDENTIFIED)
    identify(page)
    kabin.wait_for(lambda: kabin.calls("/identify"))
    act(page, "kabin.personalize()")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    for count, pause in enumerate((2, 4, 8), start=2):
        fence(page)
        page.clock.run_for(pause * 1000 - 500)
        fence(page)
        assert len(kabin.calls("/identify")) == count - 1, f"earlier than after {pause} s"
        page.clock.run_for(1000)
        kabin.wait_for(lambda count=count: len(kabin.calls("/identify")) == count)  # type: ignore[misc]
    kabin.wait_for(lambda: len(kabin.calls("/personalize")) == 2)
    assert senders(kabin)[1] == ("/personalize", "cookie-1.signature")
    assert senders(kabin)[-1] == ("/personalize", "c.cookie-2.signature")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_not_sent_again(kabin: FakeKabin, visit: Visit, status: int) -> None:
    """Forged, expired or another's: the visitor stays who they are, and the page goes on."""
    page = idle(kabin, visit)
    kabin.answer("/identify", Reply.of_json({"status": status}, status))
    identify(page)
    kabin.wait_for(lambda: kabin.calls("/identify"))
    track(page)
    pass_time(page, lambda: with_events(kabin))
    let_pass(page, 120)
    assert len(kabin.calls("/identify")) == 1
    assert of_us(page) == {}


def test_another_customer_on_the_same_computer_is_told_of(kabin: FakeKabin, visit: Visit) -> None:
    """The first one has not signed out; what they did goes as theirs."""
    signed_in(kabin)
    page = visit("home.html")
    decided(page)
    kabin.received.clear()
    track(page)
    identify(page, "jack@example.com")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    assert [call for call, _ in senders(kabin)] == ["/events", "/identify", "/personalize"]
    assert identified(kabin) == [{"customer_token": customer_token("jack@example.com")}]


@pytest.mark.parametrize("objects", [True, False])
def test_without_consent_nobody_is_told_of(
    kabin: FakeKabin, visit: Visit, context: BrowserContext, objects: bool
) -> None:
    """Before it is given, and for good where Global Privacy Control objects; given later, it is made up for."""
    if objects:
        context.add_init_script(GPC)
    else:
        kabin.pages.attributes["data-kabin-consent"] = "required"
    signed_in(kabin)
    page = visit("home.html")
    let_pass(page, 10)
    assert not kabin.calls("/identify")
    assert of_us(page) == {}
    act(page, "kabin.consent('granted')")
    if objects:
        sign_out(page)
        let_pass(page, 120)
        assert not kabin.calls("/identify")
        assert of_us(page) == {}
    else:
        pass_time(page, lambda: kabin.calls("/identify"))
        kabin.wait_for(lambda: ("/personalize", "c.cookie-2.signature") in senders(kabin))
        act(page, "kabin.consent('denied')")
        assert of_us(page) == {}


def test_an_answer_from_before_does_not_bring_the_former_visitor_back(
    kabin: FakeKabin, visit: Visit, context: BrowserContext
) -> None:
    """Another tab's question is answered when this tab's visitor has signed in: the token stays the customer's."""
    kabin.pages.script_origin = kabin.other_origin("localhost")
    page = idle(kabin, visit)
    other = context.new_page()
    other.goto(kabin.url("plain.html"))
    decided(other)
    kabin.received.clear()
    kabin.hold("/personalize")
    act(other, "kabin.personalize()")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    identify(page)
    wait_until(page, f"localStorage['kabin:v'] === '{CUSTOMER_TOKEN}'")
    kabin.release("/personalize", 0)
    wait_until(other, "shop.decisions.length === 2")
    assert of_us(page)["kabin:v"] == CUSTOMER_TOKEN
    track(other)
    pass_time(other, lambda: kabin.calls("/events"))
    assert kabin.calls("/events")[0].body["visitor_id"] == CUSTOMER_TOKEN


def test_nonsense_identifies_nobody(kabin: FakeKabin, visit: Visit) -> None:
    """A shop's template without a value, and other things that are no token, harm nothing."""
    page = idle(kabin, visit)
    for nonsense in ("", "''", "null", "undefined"):
        act(page, f"kabin.identify({nonsense})")
    let_pass(page, 5)
    assert kabin.received == []
    kabin.answer("/identify", REFUSED)
    for number, nonsense in enumerate(("'x'", "'a.b.c'", "'a.e30.c'"), start=1):
        act(page, f"kabin.identify({nonsense})")
        kabin.wait_for(lambda number=number: len(kabin.calls("/identify")) == number)  # type: ignore[misc]
    track(page)
    pass_time(page, lambda: kabin.events("sort_items"))
