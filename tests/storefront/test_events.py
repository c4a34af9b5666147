"""How events travel: whole, once, in batches, and though the page is being left."""

import pytest
from playwright.sync_api import BrowserContext

from tests.storefront.fake_kabin import NOW, FakeKabin
from tests.storefront.shopper import Visit, act, decided, fence, let_pass, pass_time, stored
from tests.storefront.tracked_events import idle, numbers, track, well_formed, with_events

pytestmark = pytest.mark.slow


def test_events_wait_for_a_second_of_quiet(kabin: FakeKabin, visit: Visit) -> None:
    """And go in one body."""
    page = idle(kabin, visit)
    track(page)
    page.clock.run_for(900)
    track(page)
    page.clock.run_for(900)
    fence(page)
    assert with_events(kabin) == []
    page.clock.run_for(200)
    kabin.wait_for(lambda: with_events(kabin))
    (batch,) = with_events(kabin)
    assert batch.call == "/events"
    assert len(batch.events) == 2


def test_each_event_has_an_id_and_a_time(kabin: FakeKabin, visit: Visit) -> None:
    """Unix seconds, and an id of its own."""
    page = idle(kabin, visit)
    track(page, 20)
    pass_time(page, lambda: len(kabin.events()) == 20)
    assert all(NOW <= event["timestamp"] <= NOW + 60 for event in kabin.events())
    assert len({event["event_id"] for event in kabin.events()}) == 20
    assert all(16 <= len(event["event_id"]) <= 64 for event in kabin.events())


def test_ids_do_without_random_uuid(kabin: FakeKabin, visit: Visit, context: BrowserContext) -> None:
    """Pages over plain HTTP have no ``crypto.randomUUID``."""
    context.add_init_script("delete Crypto.prototype.randomUUID")
    page = idle(kabin, visit)
    track(page, 50)
    pass_time(page, lambda: len(kabin.events()) == 50)


def test_the_next_question_carries_them(kabin: FakeKabin, visit: Visit) -> None:
    """So that the decision knows of them, and no second request is needed."""
    page = idle(kabin, visit)
    track(page, 3)
    act(page, "kabin.personalize()")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    assert numbers(kabin.calls("/personalize")[0].events) == ["n0", "n1", "n2"]
    let_pass(page, 5)
    assert kabin.calls("/events") == []


def test_what_was_acknowledged_is_forgotten(kabin: FakeKabin, visit: Visit) -> None:
    """It is neither sent again nor kept in the browser."""
    page = idle(kabin, visit)
    track(page, 3)
    pass_time(page, lambda: with_events(kabin))
    fence(page)
    pass_time(page, lambda: not any(name.startswith("kabin:e:") for name in stored(page)))
    let_pass(page, 120)
    assert len(with_events(kabin)) == 1


def test_a_body_has_at_most_32_kb_in_bytes(kabin: FakeKabin, visit: Visit) -> None:
    """Bytes, not characters: names are not all Latin."""
    page = idle(kabin, visit)
    items = [{"item_id": "尺" * 40} for _ in range(20)]
    track(page, 30, items=items)
    pass_time(page, lambda: len(kabin.events()) == 30)
    assert len(with_events(kabin)) > 1
    assert max(received.body_bytes for received in with_events(kabin)) <= 32 * 1024


def test_an_event_too_large_for_any_body_blocks_no_other(kabin: FakeKabin, visit: Visit) -> None:
    """It is cut or dropped; those around it arrive."""
    page = idle(kabin, visit)
    track(page)
    act(page, "kabin.track('view_item_list', {items: Array(200).fill({item_id: '尺'.repeat(100)})})")
    track(page)
    pass_time(page, lambda: len(numbers(kabin.events())) == 2)
    assert max(received.body_bytes for received in with_events(kabin)) <= 32 * 1024


def test_at_most_200_are_kept(kabin: FakeKabin, visit: Visit) -> None:
    """The oldest go; a shop whose service is down for days does not fill the browser."""
    page = idle(kabin, visit)
    kabin.hold("/events")
    track(page, 200)
    page.clock.run_for(100)
    act(
        page,
        "for (let number = 200; number < 250; number++) kabin.track('sort_items', {sort_by: `n${number}`})",
    )
    page.clock.run_for(1500)
    assert sum(name.startswith("kabin:e:") for name in stored(page)) <= 200
    kabin.release("/events")
    pass_time(page, lambda: {f"n{number}" for number in range(200, 250)} <= set(numbers(kabin.events())))


def test_nothing_is_sent_beside_the_first_question(kabin: FakeKabin, visit: Visit) -> None:
    """Its answer brings the identity; a second request before it would make a second visitor."""
    kabin.hold("/personalize")
    page = visit("plain.html")
    kabin.wait_for(lambda: kabin.calls("/personalize"))
    track(page, 3)
    let_pass(page, 2)
    assert kabin.calls("/events") == []
    kabin.release("/personalize")
    pass_time(page, lambda: len(numbers(kabin.events())) == 3)


def test_the_page_hears_what_became_of_its_events(kabin: FakeKabin, visit: Visit) -> None:
    """``kabin:events`` carries the receipt."""
    page = idle(kabin, visit)
    page.evaluate("() => { shop.receipts.length = 0; }")
    track(page, 2)
    pass_time(page, lambda: page.evaluate("shop.receipts.length"))
    (told,) = page.evaluate("shop.receipts")
    assert (told["accepted"], told["retry"]) == (2, False)


def test_two_tabs_lose_and_repeat_nothing(kabin: FakeKabin, visit: Visit, context: BrowserContext) -> None:
    """They share one store; each event is under a key of its own."""
    first = idle(kabin, visit)
    second = context.new_page()
    second.goto(kabin.url("plain.html"))
    decided(second)
    for page in (first, second, first, second):
        track(page, 5)
    for page in (first, second):
        page.clock.run_for(1500)
    kabin.wait_for(lambda: len(kabin.events("sort_items")) == 20)


WRONG = [
    "",
    "7",
    "null, null",
    "'sort_items'",
    "'sort_items', 7",
    "'sort_items', []",
    "'x'.repeat(5000), {}",
    "{}, {}",
]


def test_a_wrong_call_harms_nothing(kabin: FakeKabin, visit: Visit) -> None:
    """A mistake in the shop's code neither throws nor blocks what follows."""
    page = idle(kabin, visit)
    for arguments in WRONG:
        act(page, f"kabin.track({arguments})")
    track(page)
    pass_time(page, lambda: "n0" in [event["params"].get("sort_by") for event in well_formed(kabin)])
    kabin.rejected.clear()


NO_STORAGE = {
    "blocked": "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})",
    "full": "for (let size = 2 ** 22; size >= 1; size /= 2)"
    " for (;;) try { localStorage['full' + size] = (localStorage['full' + size] ?? '') + 'x'.repeat(size); }"
    " catch { break; }",
}


@pytest.mark.parametrize("script", NO_STORAGE.values(), ids=NO_STORAGE)
def test_without_storage_events_are_sent_all_the_same(
    kabin: FakeKabin, visit: Visit, context: BrowserContext, script: str
) -> None:
    """A browser that blocks or has filled localStorage loses nothing while the page is open, and repeats nothing."""
    context.add_init_script(f"{{ {script} }}")
    page = idle(kabin, visit)
    track(page, 3)
    pass_time(page, lambda: numbers(kabin.events()) == ["n0", "n1", "n2"])
    let_pass(page, 120)
    assert len(with_events(kabin)) == 1
