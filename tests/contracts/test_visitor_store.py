"""The contract of the visitors' store, on the embedded Valkey, Debian's Redis and a Redis Cluster."""

import asyncio
import random
from collections.abc import Sequence
from itertools import count

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.affinity import NO_EVIDENCE
from recommender.events import Event, EventItem, EventName
from recommender.identifiers import fingerprint
from recommender.visitor.codec import encode_ring, encode_state
from recommender.visitor.effects import Effects, OnceContribution
from recommender.visitor.ledger import ledger_of
from recommender.visitor.state import EMPTY_STATE, HomepagePin
from service.stores.connection import Client, Script, connected
from service.stores.keys import Keyspace
from service.stores.log import EventLog
from service.stores.memory import MemoryVisitorStore
from service.stores.script_runners import ClientScripts
from service.stores.visitors import Lifetimes, RedisVisitorStore
from tests.visitor_events import PARAMETERS, START, effect, events

pytestmark = pytest.mark.anyio

TIMEOUT_SECONDS = 20.0
_prefixes = count()


def _views(number: int) -> list[Event]:
    return [
        Event(EventName.VIEW_ITEM, f"e{i}", START + i, "browser", (EventItem(f"i{i % 8}"),))
        for i in range(number)
    ]


Step = tuple[str, list[Event], int]
"""Visitor, events of one request, seconds since the request before."""


def steps() -> st.SearchStrategy[list[Step]]:
    """Requests of two visitors, interleaved, with late and repeated events and breaks between sessions."""
    requests = st.tuples(
        st.sampled_from(["anna", "b{e}rt ☂"]),
        st.lists(events(), max_size=6),
        st.sampled_from([0, 5, 70, 1800, 1801, 90_000]),
    )
    return st.lists(requests, max_size=12).flatmap(_with_repetitions)


def _with_repetitions(requests: list[Step]) -> st.SearchStrategy[list[Step]]:
    if not requests:
        return st.just(requests)
    again = st.lists(st.sampled_from(requests), max_size=4)
    return again.flatmap(lambda repeated: st.permutations(requests + repeated).map(list))


@given(steps())
@settings(max_examples=60)
def test_the_store_does_what_the_plain_model_does(redis_url: str, requests: list[Step]) -> None:
    """Whatever is sent in whatever order: replies, states, their bytes and the log are the plain model's."""

    async def run() -> None:
        keyspace = Keyspace(f"model-{next(_prefixes)}")
        async with connected(redis_url, timeout_seconds=TIMEOUT_SECONDS) as client:
            store, model = RedisVisitorStore(ClientScripts(client), keyspace), MemoryVisitorStore()
            now = START
            for visitor_id, happened, pause in requests:
                now += pause
                batch = [effect(event) for event in happened]
                assert await store.apply(visitor_id, batch, now=now) == await model.apply(
                    visitor_id, batch, now=now
                )
            for visitor_id in {visitor_id for visitor_id, _, _ in requests}:
                stored = await client.execute_command("GET", keyspace.of_visitor(visitor_id).state)
                state = await model.read(visitor_id)
                assert (stored or b"") == (encode_state(state) if state.is_known else b"")
                logged = await EventLog(client, keyspace).read(keyspace.partition_of(visitor_id))
                mine = tuple(entry.event() for entry in logged if entry.visitor_id == visitor_id)
                assert mine == model.logged(visitor_id)

    asyncio.run(run())


@given(
    st.lists(events(), max_size=30, unique_by=lambda event: event.event_id), st.randoms(use_true_random=False)
)
@settings(max_examples=40)
def test_order_and_lateness_do_not_change_the_stored_state(
    redis_url: str, happened: list[Event], rng: random.Random
) -> None:
    """The same events in another order, cut into requests differently, leave the same bytes."""

    async def stored(client: Client, order: Sequence[Event]) -> bytes:
        store = RedisVisitorStore(ClientScripts(client), keyspace := Keyspace(f"order-{next(_prefixes)}"))
        remaining = list(order)
        while remaining:
            size = rng.randint(1, len(remaining))
            batch, remaining = remaining[:size], remaining[size:]
            await store.apply("anna", [effect(event) for event in batch], now=START)
        found: bytes = await client.execute_command("GET", keyspace.of_visitor("anna").state)
        return found

    async def run() -> None:
        async with connected(redis_url, timeout_seconds=TIMEOUT_SECONDS) as client:
            shuffled = rng.sample(happened, len(happened))
            assert await stored(client, happened) == await stored(client, shuffled)

    asyncio.run(run())


async def test_a_body_of_fifty_events_sent_twice_counts_once(store: RedisVisitorStore) -> None:
    """The second sending is recognised whole, and changes nothing."""
    batch = [effect(event) for event in _views(50)]
    first = await store.apply("anna", batch, now=START + 60)
    second = await store.apply("anna", batch, now=START + 61)
    assert (first.accepted, first.duplicate) == (50, 0)
    assert (second.accepted, second.duplicate) == (0, 50)
    assert second.state == first.state


async def test_concurrent_sendings_of_one_body_count_once(store: RedisVisitorStore) -> None:
    """Eight requests with the same events at the same time are applied once."""
    batch = [effect(event) for event in _views(10)]
    replies = await asyncio.gather(*(store.apply("anna", batch, now=START) for _ in range(8)))
    assert sorted(reply.accepted for reply in replies) == [0] * 7 + [10]


async def test_repetitions_are_recognised_for_512_events(
    store: RedisVisitorStore, client: Client, keyspace: Keyspace
) -> None:
    """An event is recognised after 511 others, also when each counted something once a day."""
    happened = [
        Event(EventName.VIEW_ITEM, f"e{i}", START + 86_400 * (i % 90), "browser", (EventItem(f"i{i % 8}"),))
        for i in range(700)
    ]
    for start in range(0, 700, 50):
        await store.apply("anna", [effect(event) for event in happened[start : start + 50]], now=START)
    assert (await store.apply("anna", [effect(event) for event in happened[-512:]], now=START)).accepted == 0
    ring = await client.execute_command("GET", keyspace.of_visitor("anna").ring)
    assert len(ring) < 8192 + 100 * 8
    assert ring.endswith(encode_ring(ledger_of(effect(event)[1] for event in happened).ring()))


async def test_events_that_list_many_items_are_recognised_too(
    store: RedisVisitorStore, client: Client, keyspace: Keyspace
) -> None:
    """However much 512 events counted once a day, the first of them is recognised after the last."""
    version = PARAMETERS.sums_version
    batch = []
    for number in range(512):
        prints = [fingerprint("once", str(number), str(k)) | 1 for k in range(40)]
        once = tuple(OnceContribution(print_, NO_EVIDENCE) for print_ in prints)
        event = Event(EventName.VIEW_ITEM, f"e{number}", START, "browser")
        effects = Effects(fingerprint("event", str(number)) & ~1, affinity=once, affinity_version=version)
        batch.append((event, effects))
    for start in range(0, 512, 32):
        assert (await store.apply("anna", batch[start : start + 32], now=START)).accepted == 32
    for start in range(0, 512, 128):
        assert (await store.apply("anna", batch[start : start + 128], now=START)).accepted == 0
    assert len(await client.execute_command("GET", keyspace.of_visitor("anna").ring)) <= 65_536


async def test_a_repetition_after_a_day_is_still_a_repetition(store: RedisVisitorStore) -> None:
    """A once-a-day view stays counted once when it comes again with another event id."""
    first, *_ = _views(1)
    again = msgspec.structs.replace(first, event_id="another", timestamp=START + 3600)
    before = (await store.apply("anna", [effect(first)], now=START)).state
    after = await store.apply("anna", [effect(again)], now=START + 86_000)
    assert after.accepted == 1
    assert after.state.affinity == before.affinity


async def test_reading_creates_nothing(store: RedisVisitorStore, client: Client, keyspace: Keyspace) -> None:
    """Reading, pinning, or a request without events leaves no trace of an unknown visitor."""
    assert await store.read("nobody") == EMPTY_STATE
    assert (await store.apply("nobody", [], now=START)).state == EMPTY_STATE
    assert await store.pin_homepage("nobody", "promo", at=START) is False
    for key in keyspace.of_visitor("nobody"):
        assert await client.execute_command("EXISTS", key) == 0


async def test_a_request_without_events_marks_a_known_visitor_as_seen(store: RedisVisitorStore) -> None:
    """After half an hour of silence a page view without events starts a session; the log stays as it is."""
    batch = [effect(event) for event in _views(1)]
    await store.apply("anna", batch, now=START)
    soon = (await store.apply("anna", [], now=START + 1800)).state
    assert (soon.last_seen, soon.session_started) == (START + 1800, START)
    late = (await store.apply("anna", [], now=START + 1800 + 1801)).state
    assert late.session_started == late.last_seen == START + 3601
    assert await store.read("anna") == late


async def test_a_pin_is_kept_through_events(store: RedisVisitorStore) -> None:
    """The later of two pins stands, and events leave it alone."""
    await store.apply("anna", [effect(event) for event in _views(2)], now=START)
    assert await store.pin_homepage("anna", "promo", at=START + 5) is True
    assert await store.pin_homepage("anna", "full_price", at=START + 2) is True
    state = (await store.apply("anna", [effect(event) for event in _views(3)], now=START + 9)).state
    assert state.homepage == HomepagePin(int(START) + 5, "promo")
    assert state.homepage_of_session == "promo"


async def test_lifetimes(client: Client, keyspace: Keyspace) -> None:
    """State, ring and orders expire, each in its time or with a visitor who is kept for less; the log never does."""
    store = RedisVisitorStore(
        ClientScripts(client), keyspace, Lifetimes(state_seconds=5000, ring_seconds=600, orders_seconds=900)
    )
    keys = keyspace.of_visitor("anna")
    order = Event(EventName.PURCHASE, "o", START, "server", (EventItem("i1-8"),), transaction_id="t")

    async def seconds() -> list[int]:
        return [round(await client.execute_command("PTTL", key) / 1000, -1) for key in keys]

    await store.apply("anna", [effect(order)], now=START)
    assert await seconds() == [5000, 600, 900, 0]
    await store.apply("anna", [effect(event) for event in _views(1)], now=START, ttl_seconds=100)
    assert await seconds() == [100, 100, 900, 0]
    await store.apply("anna", [], now=START + 4000)
    await store.pin_homepage("anna", "promo", at=START + 4000)
    assert await seconds() == [100, 100, 900, 0]


@pytest.mark.parametrize("visitor_id", ["{x}", "a b\r\nFLUSHALL", "☂" * 128, "a" * 128, "", "~x", "v:*"])
async def test_any_text_is_a_visitor_id(store: RedisVisitorStore, client: Client, visitor_id: str) -> None:
    """Ids of imports may be any text; each is a visitor of its own, and the log tells it as it is."""
    batch = [effect(event) for event in _views(2)]
    assert (await store.apply(visitor_id, batch, now=START)).accepted == 2
    assert (await store.apply(visitor_id + "x", batch, now=START)).accepted == 2
    assert len((await store.read(visitor_id)).recently_viewed) == 2
    partition = store._keyspace.partition_of(visitor_id)
    logged = await EventLog(client, store._keyspace).read(partition)
    assert visitor_id in {entry.visitor_id for entry in logged}


async def test_prefixes_are_worlds_of_their_own(client: Client, keyspace: Keyspace) -> None:
    """Two shops on one Redis do not see each other's visitors."""
    batch = [effect(event) for event in _views(2)]
    await RedisVisitorStore(ClientScripts(client), keyspace).apply("anna", batch, now=START)
    other = RedisVisitorStore(ClientScripts(client), Keyspace(keyspace.prefix + "-b"))
    assert await other.read("anna") == EMPTY_STATE
    assert (await other.apply("anna", batch, now=START)).accepted == 2


async def test_a_server_that_lost_its_scripts_gets_them_again(
    store: RedisVisitorStore, client: Client
) -> None:
    """After SCRIPT FLUSH (a restart, a failover) the next request works as if nothing had happened."""
    batch = [effect(event) for event in _views(1)]
    await store.apply("anna", batch, now=START)
    await client.script_flush()
    assert (await store.apply("anna", batch, now=START)).duplicate == 1
    assert isinstance(store._apply, Script)


async def test_a_new_half_life_starts_the_sums_afresh(store: RedisVisitorStore) -> None:
    """Sums of another version are replaced, not mixed, until a rebuild recomputes them."""
    first, second = (effect(event) for event in _views(2))
    before = (await store.apply("anna", [first], now=START)).state
    event, effects = second
    other = msgspec.structs.replace(effects, affinity_version=before.affinity_version + 1)
    after = (await store.apply("anna", [(event, other)], now=START)).state
    assert after.affinity_version == before.affinity_version + 1
    assert after.affinity == effects.affinity[0].sums


async def test_a_fingerprint_across_two_others_is_no_repetition(store: RedisVisitorStore) -> None:
    """Bytes that only look like a fingerprint, half of one and half of the next, are not taken for it."""
    event, effects = effect(_views(1)[0])
    prints = [0x1122334455667788, 0x99AABBCCDDEEFF00, 0x5566778899AABBCC]
    for print_ in prints:
        other = msgspec.structs.replace(effects, fingerprint=print_, affinity=())
        assert (await store.apply("anna", [(event, other)], now=START)).accepted == 1


async def test_what_is_older_than_a_full_section_is_left_out(store: RedisVisitorStore) -> None:
    """Eight views are kept; one from before all of them changes nothing, one from after takes the oldest one's place."""
    happened = [
        Event(EventName.VIEW_ITEM, f"v{i}", START + i, "browser", (EventItem(f"unknown-{i}"),))
        for i in range(10)
    ]
    full = (await store.apply("anna", [effect(event) for event in happened[1:9]], now=START)).state
    older = (await store.apply("anna", [effect(happened[0])], now=START)).state
    newer = (await store.apply("anna", [effect(happened[9])], now=START)).state
    assert older.recently_viewed == full.recently_viewed
    assert newer.recently_viewed[1:] == full.recently_viewed[:7]


async def test_an_order_takes_what_came_into_the_cart_at_its_moment(store: RedisVisitorStore) -> None:
    """A line of the same hundredth of a second is bought; one of the next lies in the cart."""
    cart, order, later = (
        Event(name, name.value + str(at), at, "browser", (EventItem("i1-8"),))
        for name, at in (
            (EventName.ADD_TO_CART, START),
            (EventName.PURCHASE, START),
            (EventName.ADD_TO_CART, START + 0.01),
        )
    )
    assert (await store.apply("anna", [effect(cart), effect(order)], now=START)).state.cart == ()
    assert len((await store.apply("anna", [effect(later)], now=START)).state.cart) == 1
