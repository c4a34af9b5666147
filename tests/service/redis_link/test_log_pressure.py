"""When events are refused, and when they are taken again."""

import asyncio
from collections.abc import Sequence

import pytest

from recommender.events import Event, EventItem, EventName
from recommender.visitor.state import EMPTY_STATE
from service.metrics.metrics import Metrics
from service.redis_link.log_pressure import EventsRefused, GuardedStore, Limits, Pressure, PressureWatch
from service.stores.connection import StoreUnavailable
from service.stores.memory import MemoryVisitorStore
from tests.visitor_events import START, effect

pytestmark = pytest.mark.anyio

LIMITS = Limits(log_events=1000, memory_percent=80)


def _refusals(levels: Sequence[int]) -> list[bool]:
    pressure, refused = Pressure(LIMITS), []
    for level in levels:
        pressure = pressure.with_log(level)
        refused.append(pressure.is_refusing)
    return refused


def test_events_are_refused_from_the_limit_on_until_well_below_it() -> None:
    """What begins at the limit ends 5 % below it, so workers do not flap; the way up to the limit is free."""
    levels = [0, 951, 999, 1000, 999, 950, 949, 951, 999, 5000, 950, 0]
    refused = [False, False, False, True, True, True, False, False, False, True, True, False]
    assert _refusals(levels) == refused


def test_memory_is_judged_alike_and_apart() -> None:
    """A log that hovers below its limit is not full because memory once was."""
    pressure = Pressure(LIMITS).with_log(980).with_memory(80.0)
    assert (pressure.log_is_full, pressure.memory_is_full) == (False, True)
    assert pressure.with_memory(76.0).is_refusing
    assert not pressure.with_memory(75.9).is_refusing
    assert not pressure.with_memory(None).is_refusing


def test_without_limits_nothing_is_ever_refused() -> None:
    """A limit of 0 is none."""
    pressure = Pressure(Limits()).with_log(10**12).with_memory(100.0)
    assert not pressure.is_refusing
    assert pressure.details == ()


def test_operators_are_warned_before_anything_is_refused() -> None:
    """From four fifths of a limit on, with the figure, the limit and its setting; at the limit, with what happens."""
    assert Pressure(LIMITS).with_log(799).with_memory(63.9).details == ()
    log, memory = Pressure(LIMITS).with_log(800).with_memory(64.0).details
    assert "holds 800 of the 1,000 events that KABIN_LOG_LIMIT_EVENTS allows" in log
    assert "`kabin archive`" in log
    assert "64.0 % of its maxmemory, and KABIN_MEMORY_LIMIT_PERCENT allows 80" in memory
    refusal, _ = Pressure(LIMITS).with_log(1000).details
    assert "events are refused until there is room" in refusal


class Load:
    """A store whose load tests set, and which can be away."""

    def __init__(self) -> None:
        self.events = 0
        self.percent: float | None = None
        self.is_down = False
        self.looks = 0

    async def log_events(self) -> int:
        """Return the set number."""
        return self.events

    async def memory_percent(self) -> float | None:
        """Return the set share, unless away."""
        self.looks += 1
        if self.is_down:
            raise StoreUnavailable("Redis: away in a test")
        return self.percent


async def test_what_was_last_known_stands_while_redis_is_away() -> None:
    """A failing look changes nothing, and the watch goes on looking."""
    load = Load()
    watch = PressureWatch(load, LIMITS, Metrics())
    load.events = 2000
    await watch.look()
    load.is_down = True
    with pytest.raises(StoreUnavailable):
        await watch.look()
    assert watch.pressure.is_refusing
    looking = asyncio.create_task(watch.run())
    async with asyncio.timeout(20):
        while load.looks < 3:  # noqa: ASYNC110 - the watch tells nobody that it looks
            await asyncio.sleep(0)
    assert not looking.done()
    looking.cancel()


async def test_a_look_sets_the_gauges() -> None:
    """What operators alert on is what the decision is made from."""
    load, metrics = Load(), Metrics()
    watch = PressureWatch(load, LIMITS, metrics)
    load.events, load.percent = 1234, 42.5
    await watch.look()
    text = metrics.exposition("")[0].decode()
    assert "kabin_log_events 1234.0" in text
    assert "kabin_redis_memory_ratio 0.425" in text
    assert "kabin_events_refusing 1.0" in text


async def test_the_log_need_not_be_counted_at_every_look() -> None:
    """Memory is a single question; the log's length is one of every partition."""
    load = Load()
    watch = PressureWatch(load, LIMITS, Metrics())
    load.events = 2000
    await watch.look(at_log=False)
    assert watch.pressure.log_events is None
    assert not watch.pressure.is_refusing


async def test_a_guarded_store_refuses_events_and_nothing_else() -> None:
    """Who is known is still read, marked as seen and given a homepage; with room again events come through."""
    store = MemoryVisitorStore()
    pressure = Pressure(LIMITS)
    metrics = Metrics()
    guarded = GuardedStore(store, lambda: pressure, metrics)
    one, two = (
        effect(Event(EventName.VIEW_ITEM, name, START, "browser", (EventItem("a"),))) for name in ("e1", "e2")
    )
    assert (await guarded.apply("anna", [one], now=START)).accepted == 1
    pressure = pressure.with_log(2000)
    with pytest.raises(EventsRefused):
        await guarded.apply("anna", [two], now=START)
    assert (await guarded.apply("anna", (), now=START + 100)).state.last_seen == START + 100
    assert await guarded.pin_homepage("anna", "promo", at=START)
    assert (await guarded.read("anna")) != EMPTY_STATE
    assert len(store.logged("anna")) == 1
    assert 'kabin_events_total{outcome="refused"} 1.0' in metrics.exposition("")[0].decode()
    pressure = pressure.with_log(0)
    assert (await guarded.apply("anna", [two], now=START)).accepted == 1


@pytest.mark.parametrize("crowded", [Pressure(LIMITS).with_log(900), Pressure(LIMITS).with_memory(70.0)])
async def test_strangers_are_refused_before_others(crowded: Pressure) -> None:
    """A flood of visitors who never come back uses up the first part of a limit, and customers have the rest."""
    guarded = GuardedStore(MemoryVisitorStore(), lambda: crowded, Metrics())
    event = effect(Event(EventName.VIEW_ITEM, "e1", START, "browser", (EventItem("a"),)))
    assert not crowded.is_refusing
    with pytest.raises(EventsRefused):
        await guarded.apply("stranger", [event], now=START, ttl_seconds=3600)
    assert (await guarded.apply("stranger", (), now=START, ttl_seconds=3600)).state == EMPTY_STATE
    assert (await guarded.apply("anna", [event], now=START)).accepted == 1
