"""The contract of identifications, on the embedded Valkey, Debian's Redis, a Redis Cluster and the plain model."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec
import pytest

from recommender.events import Event, EventItem, EventName
from recommender.visitor.effects import Effects
from recommender.visitor.ledger import ledger_of
from recommender.visitor.state import EMPTY_STATE, VisitorState
from service.identity.customers import CustomerIds
from service.identity.identification import Identification
from service.stores.connection import Client, StoreUnavailable
from service.stores.erasures import Erasures, RedisErasures, visitor_hash
from service.stores.identifications import Identifications, RedisIdentifications
from service.stores.keys import Keyspace
from service.stores.log import EventLog, place_of
from service.stores.memory import MemoryVisitorStore
from service.stores.memory_erasures import MemoryErasures
from service.stores.memory_identifications import MemoryIdentifications
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore, VisitorStore
from tests.visitor_events import START, effect

pytestmark = pytest.mark.anyio

_customers = CustomerIds("a key of the contract's own")
CARL, DORA = (_customers.visitor_id_of(name) for name in ("carl", "dora"))
STEPS = ("announce", "claim", "adopt", "release", "withdraw")
_numbers = count()

Act = tuple[Event, Effects]


def view(item: str = "i1") -> Act:
    """Return a view of an item, one of its own each time."""
    return effect(Event(EventName.VIEW_ITEM, f"v{next(_numbers)}", START, "browser", (EventItem(item),)))


def order(transaction_id: str, source: Any = "browser") -> Act:
    """Return a report of an order."""
    return effect(
        Event(
            EventName.PURCHASE,
            f"o{next(_numbers)}",
            START,
            source,
            (EventItem("i1-8", discount=1.0),),
            transaction_id=transaction_id,
        )
    )


def told(state: VisitorState) -> VisitorState:
    """Return what events tell of a state: not when the visitor was there."""
    return msgspec.structs.replace(state, homepage=None, last_seen=0, session_started=0)


@dataclass
class Shop:
    """Visitors who can sign in."""

    visitors: VisitorStore
    store: Identifications
    erasures: Erasures

    async def act(self, visitor_id: str, *acts: Act) -> int:
        """Let a visitor do something; return how much of it counted."""
        return (await self.visitors.apply(visitor_id, acts, now=START)).accepted

    async def identify(self, visitor_id: str, customer: str = CARL, *, now: float = START) -> bool:
        """Let a visitor sign in."""
        return await Identification(self.store).identify(visitor_id, customer, now=now)

    async def holds(self, visitor_id: str, *acts: Act) -> bool:
        """Tell whether a state is what these acts make."""
        return told(await self.visitors.read(visitor_id)) == told(ledger_of(done for _, done in acts).state())

    def broken_after(self, step: str) -> "Shop":
        """Return the shop as a process sees it that dies after a step was done."""
        return Shop(self.visitors, _Dying(self.store, step), self.erasures)


class _Dying:
    """Identifications of a process that gets no answer of one step, and does none after it."""

    def __init__(self, store: Identifications, step: str) -> None:
        self._store = store
        self._step = step

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **options: Any) -> Any:
            done = await getattr(self._store, name)(*arguments, **options)
            if name == self._step and not (name == "adopt" and done is not None):
                raise StoreUnavailable("the process died")
            return done

        return call


@pytest.fixture(params=["redis", "memory"])
def shop(request: pytest.FixtureRequest, client: Client, keyspace: Keyspace) -> Shop:
    """A shop that nobody has visited."""
    if request.param == "redis":
        scripts = ClientScripts(client)
        return Shop(
            RedisVisitorStore(scripts, keyspace),
            RedisIdentifications(scripts, keyspace),
            RedisErasures(client, keyspace),
        )
    visitors = MemoryVisitorStore()
    store = MemoryIdentifications(visitors, lambda: START)
    return Shop(visitors, store, MemoryErasures(visitors, identifications=store))


async def test_what_a_visitor_did_becomes_the_customers(shop: Shop) -> None:
    """It joins what the customer has, and the visitor starts afresh."""
    before, theirs = view("i1"), (view("i2"), order("t1"))
    await shop.act(CARL, before)
    await shop.act("anna", *theirs)
    assert await shop.identify("anna")
    assert await shop.holds(CARL, before, *theirs)
    assert await shop.visitors.read("anna") == EMPTY_STATE
    assert await shop.store.merged_visitors(CARL) != {}


async def test_identifying_again_changes_nothing(shop: Shop) -> None:
    """Whoever got no answer asks again; a visitor of whom nothing is held, and a customer, are asked for likewise."""
    acts = (view("i1"), order("t1"))
    await shop.act("anna", *acts)
    assert [await shop.identify(name) for name in ("anna", "anna", "nobody", CARL)] == [
        True,
        False,
        False,
        False,
    ]
    assert await shop.holds(CARL, *acts)


async def test_what_was_counted_before_is_recognised_after(shop: Shop) -> None:
    """Events and orders that the page sends again, under the customer's token now, are repetitions."""
    seen, bought = view("i1"), order("t1")
    await shop.act("anna", seen, bought)
    await shop.identify("anna")
    assert await shop.act(CARL, seen, bought) == 0
    again = view("i1")
    await shop.act(CARL, again, order("t1"))
    assert await shop.holds(CARL, seen, bought, again)


async def test_an_order_of_both_counts_once(shop: Shop) -> None:
    """The shop's server reported it for the customer, the browser for the visitor: the server's word stands."""
    by_server, by_browser = order("t1", "server"), order("t1")
    await shop.act(CARL, by_server)
    await shop.act("anna", by_browser)
    await shop.identify("anna")
    assert (await shop.visitors.read(CARL)).affinity == ledger_of([by_server[1]]).state().affinity


async def test_a_customer_is_never_merged_into_another(shop: Shop) -> None:
    """Who signs in after another on a shared computer is given their own, and neither gets the other's."""
    acts = view("i1")
    await shop.act(CARL, acts)
    assert not await shop.identify(CARL, DORA)
    assert await shop.visitors.read(DORA) == EMPTY_STATE
    assert await shop.holds(CARL, acts)


async def test_what_a_visitor_does_after_signing_in_may_be_merged_later(shop: Shop) -> None:
    """Their old id starts from empty; what it does then belongs to whom it is identified as then."""
    first, later = view("i1"), view("i2")
    await shop.act("anna", first)
    await shop.identify("anna", CARL)
    await shop.act("anna", later)
    assert await shop.holds("anna", later)
    assert await shop.identify("anna", DORA)
    assert await shop.holds(CARL, first)
    assert await shop.holds(DORA, later)


@pytest.mark.parametrize("customers", [(CARL, CARL, CARL, CARL), (CARL, DORA, CARL, DORA)])
async def test_calls_at_once_move_everything_once(shop: Shop, customers: tuple[str, ...]) -> None:
    """Several workers identify one visitor, as one customer or as two, while both go on with what they do."""
    own = [view("i3") for _ in range(4)]
    expected = _weight_of(own)
    for number in range(5):
        acts = [view("i1"), view("i2"), order(f"t{number}")]
        expected += _weight_of(acts)
        await shop.act(f"anna{number}", *acts)
        calls = [shop.identify(f"anna{number}", customer) for customer in customers]
        await asyncio.gather(*calls, *(shop.act(CARL, act) for act in own))
        states = [await shop.visitors.read(name) for name in (CARL, DORA, f"anna{number}")]
        assert sum(state.affinity.weight for state in states) == pytest.approx(expected)
        assert states[2] == EMPTY_STATE


def _weight_of(acts: Iterable[Act]) -> float:
    return ledger_of(done for _, done in acts).state().affinity.weight


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("finisher", ["the visitor", "the visitor as another", "the customer"])
async def test_whatever_was_broken_off_is_brought_to_its_end(shop: Shop, step: str, finisher: str) -> None:
    """A process dies after any step; the next identification of either side finishes, and nothing counts twice."""
    before, theirs, later = view("i1"), view("i2"), view("i3")
    await shop.act(CARL, before)
    await shop.act("anna", theirs)
    with pytest.raises(StoreUnavailable):
        await shop.broken_after(step).identify("anna")
    await shop.act("anna", later)
    if finisher == "the customer":
        await shop.identify("phone", now=START + 61)
    elif finisher == "the visitor":
        await shop.identify("anna")
    else:
        await shop.identify("anna", DORA)
    taken, left = ([], [theirs, later]) if step == "announce" else ([theirs], [later])
    held: dict[str, list[Act]] = {"anna": [], CARL: [before, *taken], DORA: []}
    held[{"the visitor": CARL, "the visitor as another": DORA, "the customer": "anna"}[finisher]] += left
    for _ in range(2):
        for name, acts in held.items():
            assert await shop.holds(name, *acts)
        assert not await shop.identify("phone", now=START + 130)


async def test_a_transfer_is_adopted_once_however_late(shop: Shop) -> None:
    """A process that was stopped for a while, transfer in hand, goes on after others did its work and went further."""
    await shop.act("anna", view("i1"))
    slow = await shop.store.claim("anna", CARL)
    assert slow is not None
    await shop.identify("anna")
    await shop.act("anna", view("i2"))
    await shop.identify("anna")
    held = told(await shop.visitors.read(CARL))
    await Identification(shop.store).finish(slow)
    assert told(await shop.visitors.read(CARL)) == held


@pytest.mark.parametrize("step", [None, "claim", "adopt"])
async def test_erasing_a_customer_reaches_what_visitors_did_before(shop: Shop, step: str | None) -> None:
    """Also where their transfer was broken off; what the visitor does afterwards, and everybody else's, stays."""
    later = view("i2")
    for name in ("anna", "phone"):
        await shop.act(name, view("i1"))
    await shop.identify("phone")
    with suppress(StoreUnavailable):
        await (shop if step is None else shop.broken_after(step)).identify("anna")
    await shop.act("anna", later)
    await shop.act("bert", later)
    await shop.erasures.erase(CARL)
    assert set(await shop.erasures.all()) == {visitor_hash(name) for name in (CARL, "anna", "phone")}
    assert await shop.visitors.read(CARL) == EMPTY_STATE
    assert await shop.store.merged_visitors(CARL) == {}
    assert not await shop.identify("nobody", now=START + 61)
    assert await shop.visitors.read(CARL) == EMPTY_STATE
    assert await shop.holds("anna", later)
    assert await shop.holds("bert", later)


async def test_what_was_on_its_way_to_an_erased_customer_is_gone(shop: Shop) -> None:
    """A process that was stopped, transfer in hand, cannot bring back what has been erased meanwhile; a new one arrives."""
    later = view("i2")
    await shop.act("anna", view("i1"))
    await shop.store.announce(CARL, "anna", now=START)
    slow = await shop.store.claim("anna", CARL)
    assert slow is not None
    await shop.erasures.erase(CARL)
    await Identification(shop.store).finish(slow)
    assert await shop.visitors.read(CARL) == EMPTY_STATE
    assert await shop.store.merged_visitors(CARL) == {}
    await shop.act("anna", later)
    await shop.identify("anna")
    assert await shop.holds(CARL, later)


async def test_erasing_a_customer_deletes_log_entries_of_merged_visitors(
    client: Client, keyspace: Keyspace
) -> None:
    """Up to the moment when they were recognised, and the entries that say so."""
    scripts, crowded = ClientScripts(client), Keyspace(keyspace.prefix, partitions=1)
    visitors, store = RedisVisitorStore(scripts, crowded), RedisIdentifications(scripts, crowded)
    before, after = [view() for _ in range(3)], view()
    await visitors.apply("anna", before, now=START)
    await Identification(store).identify("anna", CARL, now=START)
    await visitors.apply("anna", [after], now=START)
    await visitors.apply(CARL, [view()], now=START)
    assert (await RedisErasures(client, crowded).erase(CARL)).events == 3 + 1 + 1 + 1
    (left,) = await EventLog(client, crowded).read(0)
    assert left.event().event_id == after[0].event_id


async def test_a_customer_token_is_its_first_users(shop: Shop) -> None:
    """Who used it may use it again, anybody else may not; every customer has tokens of their own."""
    use = shop.store.use_token
    assert await use(CARL, "jti", "anna", life_seconds=60.0)
    assert await use(CARL, "jti", "anna", life_seconds=60.0)
    assert not await use(CARL, "jti", "mallory", life_seconds=60.0)
    assert await use(DORA, "jti", "mallory", life_seconds=60.0)


async def test_time_alone_tells_what_became_the_customers(client: Client, keyspace: Keyspace) -> None:
    """Entries of the same millisecond too: the visitor's log moves on to the next one, also twice within one."""
    crowded = Keyspace(keyspace.prefix, partitions=1)
    scripts = ClientScripts(client)
    visitors, store = RedisVisitorStore(scripts, crowded), RedisIdentifications(scripts, crowded)
    moments: list[int] = []
    for _ in range(20):
        await visitors.apply("anna", [view()], now=START)
        transfer = await store.claim("anna", CARL)
        assert transfer is not None
        await store.release(transfer)
        moments.append(transfer.at_ms)
    entries = [
        (place_of(entry.log_id)[0], entry.visitor_id) for entry in await EventLog(client, crowded).read(0)
    ]
    assert [name for _, name in entries] == ["anna"] * 40
    for number, moment in enumerate(moments):
        assert entries[2 * number][0] <= entries[2 * number + 1][0] == moment
    assert all(after > before for (before, _), (after, _) in zip(entries[1::2], entries[2::2], strict=False))
