"""Signing out: nothing of the customer is left in the browser, and nobody is asked for in their name."""

import pytest

from tests.storefront.customers import AWAY, SIGNED_OUT, of_us, senders, sign_out, signed_in
from tests.storefront.fake_kabin import FakeKabin
from tests.storefront.shopper import Visit, act, decided, let_pass, pass_time, wait_until
from tests.storefront.tracked_events import idle, track, with_events

pytestmark = pytest.mark.slow


def test_after_signing_out_nothing_of_the_customer_is_left(kabin: FakeKabin, visit: Visit) -> None:
    """What waits goes first, with the customer's cookie; the shop's own entries stay, and what follows is another's."""
    signed_in(kabin)
    page = visit("product_select.html")
    decided(page)
    let_pass(page, 3)
    act(page, "localStorage.setItem('shop', 'cart'); localStorage.setItem('kabin:p:K0001', 'M')")
    kabin.received.clear()
    track(page, 2)
    act(page, "kabin.signOut(); kabin.track('sort_items', {sort_by: 'nobody'})")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    assert senders(kabin) == [
        ("/events", "c.cookie-2.signature"),
        ("/identify", "c.cookie-2.signature"),
        ("/personalize", "cookie-3.signature"),
    ]
    assert len(kabin.received[0].events) == 2
    wait_until(page, "Object.keys(localStorage).join() === 'shop'")
    track(page)
    pass_time(page, lambda: len(kabin.calls("/events")) == 2)
    assert senders(kabin)[-1] == ("/events", "cookie-3.signature")


def test_a_sign_out_that_cannot_be_done_leaves_and_asks_nothing(kabin: FakeKabin, visit: Visit) -> None:
    """The service is away and the page is left: events are dropped, nobody is asked for, and a later page makes up for it."""
    signed_in(kabin)
    page = visit("home.html")
    decided(page)
    let_pass(page, 3)
    kabin.pages.edit("<!-- kabin -->", "<!-- kabin -->")
    kabin.received.clear()
    kabin.answer("/events", AWAY)
    kabin.answer("/identify", AWAY)
    track(page, 2)
    sign_out(page)
    kabin.wait_for(lambda: kabin.calls("/identify"))
    wait_until(page, "Object.keys(localStorage).join() === 'kabin:o'")
    track(page)
    visit("home.html")
    decided_by_default = page.evaluate("kabin.personalize()")
    assert decided_by_default["decision_id"] is None
    pass_time(page, lambda: len(kabin.calls("/identify")) >= 4)
    assert not kabin.calls("/personalize")
    assert of_us(page).keys() == {"kabin:o"}
    kabin.answer("/identify", SIGNED_OUT)
    pass_time(page, lambda: kabin.calls("/personalize"))
    assert senders(kabin)[-1] == ("/personalize", "cookie-3.signature")
    assert len(with_events(kabin)) == 1
    assert of_us(page) == {}


def test_without_the_second_script_a_sign_out_stays_due(kabin: FakeKabin, visit: Visit) -> None:
    """Rather than be the former visitor, a page is nobody's."""
    page = idle(kabin, visit)
    kabin.pages.has_second_script = False
    visit("plain.html")
    decided(page)
    kabin.received.clear()
    sign_out(page)
    track(page)
    act(page, "kabin.personalize()")
    let_pass(page, 10)
    assert kabin.received == []
    kabin.pages.has_second_script = True
    visit("plain.html")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    assert [call for call, _ in senders(kabin)] == ["/identify", "/personalize"]
