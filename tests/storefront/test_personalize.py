"""What a page asks, and that its promise settles whatever the service does."""

import socket

import orjson
import pytest
from playwright.sync_api import Page

from tests.storefront.decisions import DECISION_ID, decision
from tests.storefront.fake_kabin import FakeKabin, Reply
from tests.storefront.shopper import Visit, act, decided, fence, let_pass, wait_until

pytestmark = pytest.mark.slow

ASK = """
() => {
  document.documentElement.dataset.answer = "pending";
  window.kabin.personalize({page: {type: "home"}}).then(
    (decision) => { document.documentElement.dataset.answer = JSON.stringify(decision); },
    () => { document.documentElement.dataset.answer = "rejected"; });
}
"""

GARBAGE = {
    "html": Reply(b"<!doctype html><title>Sorry</title>", 200, "text/html"),
    "null": Reply(b"null"),
    "array": Reply(b"[]"),
    "string": Reply(b'"decision"'),
    "empty object": Reply(b"{}"),
    "nothing": Reply(b""),
    "cut off": Reply(orjson.dumps(decision())[:200]),
    "wrong types": Reply.of_json(
        {
            "decision_id": 7,
            "visitor_id": {},
            "size": "M",
            "slots": [],
            "discount_affinity": None,
            "recommendations": {"item_id": "R1"},
            "experiments": "none",
            "events": "all",
            "degraded": "no",
        }
    ),
    "503": Reply.of_json({"type": "about:blank", "title": "Overloaded", "status": 503}, 503),
    "503 with a decision": Reply.of_json(decision(variant="promo"), 503),
    "500 in HTML": Reply(b"<h1>Oops</h1>", 500, "text/html"),
    "429": Reply.of_json({"status": 429}, 429),
    "404": Reply(b"not found", 404, "text/plain"),
}


def answer_of(page: Page) -> str:
    """Return what the promise of ``ASK`` came to so far."""
    answer: str = page.evaluate("document.documentElement.dataset.answer")
    return answer


def assert_default(answer: str) -> None:
    """Check the decision that a page without a service is told."""
    told = orjson.loads(answer)
    assert told["decision_id"] is None
    assert told["degraded"] is True
    assert told["size"]["action"] == "none"
    assert told["slots"]["homepage"]["variant"] == "full_price"
    assert told["recommendations"] == []
    assert (told["experiments"], told["features"]) == ([], {})
    assert told.keys() >= {"visitor_id", "discount_affinity", "events", "model_version"}


def test_a_marked_page_asks_once_and_says_what_it_shows(kabin: FakeKabin, visit: Visit) -> None:
    """Type, item, SKU and category come from the attributes; nothing else is asked."""
    decided(visit())
    (asked,) = kabin.calls("/personalize")
    assert asked.body["page"] == {
        "type": "product",
        "item_id": "K0001",
        "sku": "K0001-blue-s",
        "category": "Women > Tops",
    }
    assert "visitor_id" not in asked.body


def test_the_promise_resolves_with_the_decision_as_it_came(kabin: FakeKabin, visit: Visit) -> None:
    """What is in it is the service's answer, unabridged."""
    kabin.decide(variant="promo")
    page = visit()
    request = {
        "page": {"type": "home"},
        "limit": 3,
        "preview": {"homepage": "promo", "experiments": {"banner": 1}},
        "attributes": {"country": "TR", "visits": 3, "vip": True},
    }
    told = page.evaluate("request => kabin.personalize(request)", request)
    assert told["decision_id"] == DECISION_ID
    assert told["slots"] == {"homepage": {"variant": "promo", "reason": "discount_affinity"}}
    asked = kabin.calls("/personalize")[-1]
    assert asked.body["page"]["type"] == "home"
    assert asked.body["limit"] == 3
    assert {name: asked.body[name] for name in ("preview", "attributes")} == {
        name: request[name] for name in ("preview", "attributes")
    }


def test_a_slow_answer_is_waited_for_300_ms(kabin: FakeKabin, visit: Visit) -> None:
    """At 299 ms the promise is open, at 301 it has the default decision, and the late answer changes nothing."""
    page = visit()
    decided(page)
    kabin.hold("/personalize")
    page.evaluate(ASK)
    fence(page)
    page.clock.run_for(299)
    assert answer_of(page) == "pending"
    page.clock.run_for(2)
    assert_default(answer_of(page))
    before = answer_of(page)
    kabin.release("/personalize")
    assert decided(page, 2)[-1]["late"] is True
    assert answer_of(page) == before


def test_how_long_is_waited_can_be_set(kabin: FakeKabin, visit: Visit) -> None:
    """``data-kabin-timeout-ms`` on the script's element."""
    kabin.pages.attributes["data-kabin-timeout-ms"] = "1000"
    page = visit()
    decided(page)
    kabin.hold("/personalize")
    page.evaluate(ASK)
    page.clock.run_for(999)
    assert answer_of(page) == "pending"
    page.clock.run_for(2)
    assert_default(answer_of(page))


@pytest.mark.parametrize("reply", GARBAGE.values(), ids=GARBAGE)
def test_garbage_becomes_the_default_decision(kabin: FakeKabin, visit: Visit, reply: Reply) -> None:
    """No status, type or shape of an answer makes the promise reject, hang or the page fail."""
    kabin.answer("/personalize", reply)
    kabin.answer("/events", reply)
    page = visit("home.html")
    page.evaluate(ASK)
    act(page, "kabin.track('sort_items', {sort_by: 'price'})")
    let_pass(page, 5)
    assert_default(answer_of(page))


def test_a_service_that_is_down_gives_the_default_decision(kabin: FakeKabin, visit: Visit) -> None:
    """Connections are refused; the page stays usable."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    kabin.pages.attributes["data-kabin-endpoint"] = f"http://127.0.0.1:{port}"
    page = visit("home.html")
    page.evaluate(ASK)
    page.clock.run_for(301)
    wait_until(page, "document.documentElement.dataset.answer !== 'pending'")
    assert_default(answer_of(page))
    assert kabin.received == []


@pytest.mark.parametrize("is_missing", [True, False], ids=["404", "never arrives"])
def test_without_the_script_the_loader_settles_promises(
    kabin: FakeKabin, visit: Visit, is_missing: bool
) -> None:
    """The queue's promise gets the default decision after the timeout, and the other calls do nothing."""
    if is_missing:
        kabin.pages.has_script = False
    else:
        kabin.hold("/kabin.js")
    page = visit("home.html", wait_until="domcontentloaded")
    page.evaluate(ASK)
    act(page, "kabin.track('sort_items', {sort_by: 'price'})")
    act(page, "kabin.consent('granted')")
    page.clock.run_for(299)
    assert answer_of(page) == "pending"
    page.clock.run_for(2)
    assert_default(answer_of(page))
    assert kabin.received == []


def test_calls_made_before_the_script_loads_are_kept(kabin: FakeKabin, visit: Visit) -> None:
    """They run once it is there, and their promises get the real decision."""
    kabin.decide(variant="promo")
    kabin.hold("/kabin.js")
    page = visit("home.html", wait_until="domcontentloaded")
    act(page, "kabin.track('sort_items', {sort_by: 'price_asc'})")
    page.evaluate(ASK)
    kabin.release("/kabin.js")
    wait_until(page, "document.documentElement.dataset.answer !== 'pending'")
    assert orjson.loads(answer_of(page))["decision_id"] == DECISION_ID
    let_pass(page, 3)
    assert [event["params"]["sort_by"] for event in kabin.events("sort_items")] == ["price_asc"]


def test_a_script_that_comes_after_the_timeout_still_takes_the_calls(kabin: FakeKabin, visit: Visit) -> None:
    """What was tracked in the meantime is sent."""
    kabin.hold("/kabin.js")
    page = visit(wait_until="domcontentloaded")
    act(page, "kabin.track('sort_items', {sort_by: 'price_asc'})")
    page.clock.run_for(2000)
    kabin.release("/kabin.js")
    decided(page)
    let_pass(page, 3)
    assert len(kabin.events("sort_items")) == 1


def test_the_script_works_without_the_loader(kabin: FakeKabin, visit: Visit) -> None:
    """A plain script element in the head is enough."""
    kabin.decide(variant="promo")
    kabin.pages.loader = ""
    kabin.pages.is_async = False
    page = visit("home.html")
    assert decided(page)[0]["decision_id"] == DECISION_ID
    assert page.locator("[data-kabin-variant=promo]").is_visible()


def test_loaded_twice_it_does_nothing_the_second_time(kabin: FakeKabin, visit: Visit) -> None:
    """A tag manager that adds it again neither asks nor sends twice."""
    kabin.pages.script_count = 2
    page = visit("gtag.html")
    decided(page)
    let_pass(page, 5)
    assert len(kabin.calls("/personalize")) == 1
    assert len([event for received in kabin.received for event in received.events]) == 1


def test_the_page_hears_of_every_decision(kabin: FakeKabin, visit: Visit) -> None:
    """``kabin:decision`` carries it, and says so where it came too late."""
    (in_time,) = decided(visit())
    assert in_time["decision_id"] == DECISION_ID
    assert not in_time.get("late")
