"""The contract of erasures, on the embedded Valkey, Debian's Redis, a Redis Cluster and the plain model."""

import asyncio
from dataclasses import dataclass
from itertools import count

import pytest

from recommender.events import Event, EventItem, EventName
from recommender.visitor.state import EMPTY_STATE
from service.stores.connection import Client
from service.stores.erasures import Erased, Erasures, RedisErasures, visitor_hash
from service.stores.keys import Keyspace
from service.stores.log import EventLog
from service.stores.memory import MemoryVisitorStore
from service.stores.memory_erasures import MemoryErasures
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore, VisitorStore
from tests.visitor_events import START, effect

pytestmark = pytest.mark.anyio

ONE_PARTITION = 1
_numbers = count()


@dataclass
class Shop:
    """Visitors who can be erased; all of them share one partition, so neighbours would show what is cut too wide."""

    visitors: VisitorStore
    erasures: Erasures

    async def visit(self, visitor_id: str, events: int = 1) -> None:
        """Let a visitor buy things."""
        batch = [
            effect(
                Event(EventName.PURCHASE, f"e{next(_numbers)}", START, "server", (EventItem("a"),), f"t{i}")
            )
            for i in range(events)
        ]
        applied = await self.visitors.apply(visitor_id, batch, now=START)
        assert applied.accepted == events

    async def knows(self, visitor_id: str) -> bool:
        """Tell whether there is a state."""
        return (await self.visitors.read(visitor_id)) != EMPTY_STATE


@pytest.fixture
def crowded(keyspace: Keyspace) -> Keyspace:
    """One partition for everybody."""
    return Keyspace(keyspace.prefix, partitions=ONE_PARTITION)


@pytest.fixture
def log(client: Client, crowded: Keyspace) -> EventLog:
    """The log of everybody."""
    return EventLog(client, crowded)


@pytest.fixture(params=["redis", "memory"])
def shop(request: pytest.FixtureRequest, client: Client, crowded: Keyspace) -> Shop:
    """A shop that nobody has visited."""
    if request.param == "redis":
        return Shop(RedisVisitorStore(ClientScripts(client), crowded), RedisErasures(client, crowded))
    visitors = MemoryVisitorStore()
    return Shop(visitors, MemoryErasures(visitors))


@pytest.fixture
def redis_shop(client: Client, crowded: Keyspace) -> Shop:
    """A shop in Redis."""
    return Shop(RedisVisitorStore(ClientScripts(client), crowded), RedisErasures(client, crowded))


@pytest.mark.parametrize("visitor_id", ["anna", "b{e}rt ☂"])
async def test_an_erased_visitor_is_unknown_and_recorded_by_a_hash(shop: Shop, visitor_id: str) -> None:
    """Nothing is left but when it was; others keep what they have."""
    await shop.visit(visitor_id, 3)
    await shop.visit("carl")
    erasure = await shop.erasures.erase(visitor_id)
    assert (erasure.events, erasure.was_known) == (3, True)
    assert not await shop.knows(visitor_id)
    assert await shop.knows("carl")
    assert await shop.erasures.all() == {visitor_hash(visitor_id): erasure.at}


async def test_erasing_again_finds_nothing_and_harms_nothing(shop: Shop) -> None:
    """Whoever got no answer asks again; of a stranger the record alone is made, for the archive may know them."""
    await shop.visit("anna")
    first = await shop.erasures.erase("anna")
    second = await shop.erasures.erase("anna")
    assert (second.events, second.was_known) == (0, False)
    assert second.at >= first.at
    stranger = await shop.erasures.erase("stranger")
    assert (stranger.events, stranger.was_known) == (0, False)
    assert set(await shop.erasures.all()) == {visitor_hash("anna"), visitor_hash("stranger")}


async def test_a_new_story_begins_after_an_erasure(shop: Shop) -> None:
    """Also with an order and an event that had been counted before: neither is remembered as a repetition."""
    again = effect(Event(EventName.PURCHASE, "again", START, "server", (EventItem("a"),), "order"))
    await shop.visitors.apply("anna", [again], now=START)
    await shop.erasures.erase("anna")
    assert (await shop.visitors.apply("anna", [again], now=START)).accepted == 1
    assert await shop.knows("anna")


async def test_a_record_is_forgotten_unless_it_was_renewed(shop: Shop) -> None:
    """What compaction has dealt with goes; an erasure that came meanwhile is for the next one."""
    await shop.erasures.erase("anna")
    await shop.erasures.erase("bert")
    done = dict(await shop.erasures.all())
    renewed = await shop.erasures.erase("bert")
    while renewed.at == done[visitor_hash("bert")]:  # The clock counts milliseconds.
        renewed = await shop.erasures.erase("bert")
    await shop.erasures.forget({**done, visitor_hash("nobody"): 1.0})
    assert await shop.erasures.all() == {visitor_hash("bert"): renewed.at}


async def test_erasing_takes_every_log_entry_of_the_visitor_and_no_other(
    redis_shop: Shop, client: Client, crowded: Keyspace, log: EventLog
) -> None:
    """However many there are, and wherever between others'; no key of theirs is left."""
    for _ in range(30):
        await redis_shop.visit("anna", 40)
        await redis_shop.visit("bert")
    assert (await redis_shop.erasures.erase("anna")).events == 1200
    assert [entry.visitor_id for entry in await log.read(0)] == ["bert"] * 30
    assert not await client.exists(*crowded.of_visitor("anna")[:3])


async def test_time_alone_tells_what_was_erased_from_what_came_after(
    redis_shop: Shop, client: Client, crowded: Keyspace, log: EventLog
) -> None:
    """Entries of the same millisecond too: the log moves on to the next one. Its ids go on rising."""
    for _ in range(20):
        await redis_shop.visit("anna")
        (before,) = await log.read(0)
        erasure = await redis_shop.erasures.erase("anna")
        await redis_shop.visit("anna")
        (after,) = await log.read(0)
        erased = Erased(await redis_shop.erasures.all())
        assert erased.covers("anna", before.received_at)
        assert not erased.covers("anna", after.received_at)
        assert erasure.at < after.received_at
        await client.xdel(crowded.log(0), after.log_id)


async def test_an_erasure_is_not_before_the_log_whose_clock_was_ahead(
    redis_shop: Shop, client: Client, crowded: Keyspace, log: EventLog
) -> None:
    """A server's clock that was set back leaves entries of the future; they are erased like others."""
    await client.execute_command("XADD", crowded.log(0), "99999999999999-7", "v", "anna", "e", b"{}")
    erasure = await redis_shop.erasures.erase("anna")
    assert erasure.events == 1
    assert erasure.at == 99_999_999_999.999
    await redis_shop.visit("anna")
    (after,) = await log.read(0)
    assert after.received_at > erasure.at


async def test_events_that_arrive_while_a_visitor_is_erased_are_erased_or_stay_whole(
    redis_shop: Shop, log: EventLog
) -> None:
    """Log and state are cut at one moment: whatever is in the log afterwards is what the state is made of."""
    for _ in range(5):
        visits = [redis_shop.visit("anna") for _ in range(12)]
        visits.insert(6, redis_shop.erasures.erase("anna"))  # type: ignore[arg-type]
        await asyncio.gather(*visits)
        erased = Erased(await redis_shop.erasures.all())
        left = [entry async for page in log.entries(0) for entry in page]
        assert not any(erased.covers("anna", entry.received_at) for entry in left)
        assert await redis_shop.knows("anna") is bool(left)


def test_an_erasure_covers_what_arrived_up_to_it() -> None:
    """Of this visitor alone; of two erasures the later counts."""
    erased = Erased({visitor_hash("anna"): 5.0, visitor_hash("bert"): 5.0})
    assert erased.covers("anna", 5.0)
    assert not erased.covers("anna", 5.001)
    assert not erased.covers("carl", 1.0)
    assert not Erased().covers("anna", 1.0)
    both = erased.with_more({visitor_hash("anna"): 4.0, visitor_hash("bert"): 6.0, visitor_hash("carl"): 1.0})
    assert both.at == {visitor_hash("anna"): 5.0, visitor_hash("bert"): 6.0, visitor_hash("carl"): 1.0}
