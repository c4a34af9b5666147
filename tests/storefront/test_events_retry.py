"""Events that could not be kept: sent again with pauses, also from the next page, until the service has them."""

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.storefront.decisions import decision, receipt
from tests.storefront.fake_kabin import FakeKabin, Reply
from tests.storefront.shopper import Visit, act, decided, fence, let_pass, pass_time, stored
from tests.storefront.tracked_events import idle, numbers, track, with_events

pytestmark = pytest.mark.slow

KEPT = Reply.of_json(receipt(1) | {"visitor_id": None}, 202)
TRY_AGAIN = {
    "retry": Reply.of_json(receipt(retry=True) | {"visitor_id": None}),
    "503": Reply.of_json({"status": 503}, 503, {"retry-after": "1"}),
    "500": Reply(b"oops", 500, "text/plain"),
    "429": Reply.of_json({"status": 429}, 429),
    "html": Reply(b"<!doctype html><title>Login</title>", 200, "text/html"),
    "null": Reply(b"null"),
    "array": Reply(b"[]"),
    "empty": Reply(b""),
}
NEVER = {status: Reply.of_json({"status": status}, status) for status in (400, 403, 413, 422)}


def ids(kabin: FakeKabin) -> list[list[str]]:
    """Return the ids of the events of each request."""
    return [[event["event_id"] for event in received.events] for received in with_events(kabin)]


def keys(page: Page) -> list[str]:
    """Return the keys of the events that the browser keeps."""
    return [name for name in stored(page) if name.startswith("kabin:e:")]


@pytest.mark.parametrize("reply", TRY_AGAIN.values(), ids=TRY_AGAIN)
def test_what_was_not_taken_is_sent_again(kabin: FakeKabin, visit: Visit, reply: Reply) -> None:
    """The same events with the same ids, so that the service can tell a repetition."""
    page = idle(kabin, visit)
    kabin.answer("/events", reply, KEPT)
    track(page, 2)
    pass_time(page, lambda: len(with_events(kabin)) == 2)
    first, second = ids(kabin)
    assert first == second
    pass_time(page, lambda: not keys(page))
    let_pass(page, 120)
    assert len(with_events(kabin)) == 2


def test_the_pauses_double_up_to_a_minute(kabin: FakeKabin, visit: Visit) -> None:
    """2, 4, 8, 16, 32, then 60 seconds: a service that comes back is not stormed."""
    page = idle(kabin, visit)
    kabin.answer("/events", TRY_AGAIN["503"])
    track(page)
    page.clock.run_for(1_001)
    kabin.wait_for(lambda: len(with_events(kabin)) == 1)
    for count, pause in enumerate((2, 4, 8, 16, 32, 60, 60), start=2):
        fence(page)
        page.clock.run_for(pause * 1000 - 700)
        fence(page)
        assert len(with_events(kabin)) == count - 1, f"earlier than after {pause} s"
        page.clock.run_for(1_400)
        kabin.wait_for(lambda count=count: len(with_events(kabin)) == count, f"request {count}")  # type: ignore[misc]


@pytest.mark.parametrize("reply", NEVER.values(), ids=[str(status) for status in NEVER])
def test_what_would_never_be_taken_is_dropped(kabin: FakeKabin, visit: Visit, reply: Reply) -> None:
    """A caller's mistake does not become right by repetition, and must not block what follows."""
    page = idle(kabin, visit)
    kabin.answer("/events", reply, KEPT)
    track(page)
    pass_time(page, lambda: with_events(kabin))
    pass_time(page, lambda: not keys(page))
    let_pass(page, 120)
    assert len(with_events(kabin)) == 1
    track(page)
    pass_time(page, lambda: len(with_events(kabin)) == 2)
    assert len(ids(kabin)[1]) == 1


def test_the_next_page_sends_what_was_left(kabin: FakeKabin, visit: Visit) -> None:
    """With its first question; the ids are the same."""
    page = idle(kabin, visit)
    kabin.answer("/events", TRY_AGAIN["503"])
    track(page, 3)
    pass_time(page, lambda: with_events(kabin))
    kabin.received.clear()
    page.goto("about:blank")
    left = kabin.events("sort_items")
    page.goto(kabin.url("plain.html"))
    decided(page)
    asked = kabin.calls("/personalize")[0]
    assert numbers(asked.events) == ["n0", "n1", "n2"]
    assert all(event in asked.events for event in left)
    pass_time(page, lambda: not keys(page))


def test_a_question_that_says_retry_keeps_its_events(kabin: FakeKabin, visit: Visit) -> None:
    """Redis was down: the decision came, the events are sent again, and the page is not asked for again."""
    page = idle(kabin, visit)
    kabin.answer(
        "/personalize",
        Reply.of_json(decision(events=receipt(retry=True)) | {"degraded": True, "visitor_id": None}),
    )
    track(page, 2)
    act(page, "kabin.personalize()")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    pass_time(page, lambda: kabin.calls("/events"))
    assert ids(kabin)[0] == ids(kabin)[1]
    pass_time(page, lambda: not keys(page))
    assert len(kabin.calls("/personalize")) == 1


def test_a_question_that_failed_keeps_its_events(kabin: FakeKabin, visit: Visit) -> None:
    """They came with a page whose answer never did."""
    page = idle(kabin, visit)
    kabin.answer("/personalize", Reply(b"", 502))
    track(page, 2)
    act(page, "kabin.personalize()")
    pass_time(page, lambda: kabin.calls("/events"))
    assert ids(kabin)[0] == ids(kabin)[-1]


def test_offline_events_wait_for_the_network(kabin: FakeKabin, visit: Visit, context: BrowserContext) -> None:
    """A train's tunnel loses none."""
    page = idle(kabin, visit)
    context.set_offline(True)
    track(page, 2)
    page.clock.run_for(20_000)
    assert with_events(kabin) == []
    context.set_offline(False)
    pass_time(page, lambda: len(numbers(kabin.events())) == 2)


def test_new_events_go_with_those_that_wait(kabin: FakeKabin, visit: Visit) -> None:
    """In the order in which they happened, in one body; they do not shorten the pause."""
    page = idle(kabin, visit)
    kabin.answer("/events", TRY_AGAIN["503"], KEPT)
    track(page)
    pass_time(page, lambda: with_events(kabin), step_ms=250)
    track(page, 2)
    pass_time(page, lambda: len(with_events(kabin)) == 2)
    assert numbers(with_events(kabin)[1].events) == ["n0", "n0", "n1"]


def test_a_broken_entry_of_the_store_blocks_nothing(kabin: FakeKabin, visit: Visit) -> None:
    """Another script, or an older version, wrote under our keys."""
    page = idle(kabin, visit)
    page.evaluate(
        "() => { for (const [place, junk] of ['{', 'null', '7', '[]', ''].entries())"
        " localStorage.setItem(`kabin:e:${place}`, junk); }"
    )
    page.goto(kabin.url("home.html"))
    decided(page)
    track(page)
    pass_time(page, lambda: "n0" in numbers(kabin.events()))
    kabin.rejected.clear()
