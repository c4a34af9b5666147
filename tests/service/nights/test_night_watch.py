"""Waiting for nights: on time, after downtime, beside other machines, and while things fail. Time is the tests' own."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from itertools import chain, repeat

import pytest

from service.logs import JsonLines
from service.nights.schedule import parse_schedule
from service.nights.watch import ATTEMPTS, NightExit, NightState, NightWatch, retry_seconds
from service.stores.connection import StoreMisconfigured, StoreUnavailable

pytestmark = pytest.mark.anyio

BERLIN = parse_schedule("03:30", "Europe/Berlin")
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def at(text: str) -> float:
    """Return the Unix seconds of a time in Berlin's winter."""
    return datetime.fromisoformat(text + "+01:00").timestamp()


class TimeIsUp(BaseException):
    """The test has seen enough; no handler of the watch may hold it up."""


class World:
    """A clock that sleeping moves, a Redis that remembers nights, and nights that end as they are told to."""

    def __init__(self, now: str, *, until: str, last_begun: str | None = None) -> None:
        self.now = at(now)
        self.until = at(until)
        self.begun_at = self.now if last_begun is None else at(last_begun)
        self.endings: Iterator[NightExit | BaseException] = iter(())
        self.is_away: Callable[[float], BaseException | None] = lambda _: None
        self.holder: Callable[[float], str | None] = lambda _: None
        self.durations_seconds: Iterator[float] = repeat(10 * MINUTE)
        self.notes_nights = True
        self.looks = 0
        self.nights: list[str] = []

    async def state(self, now: float) -> NightState:
        """Tell what Redis would."""
        assert now == self.now
        self.looks += 1
        if (error := self.is_away(self.now)) is not None:
            raise error
        holder = self.holder(self.now)
        return NightState(self.begun_at, holder)

    async def run(self, due: float) -> NightExit:
        """Do a night; it succeeds unless told otherwise."""
        self.nights.append(f"{BERLIN.local(self.now):%d. %H:%M} for {BERLIN.local(due):%d. %H:%M}")
        ending = next(self.endings, NightExit.PUBLISHED)
        began = self.now
        self._pass(next(self.durations_seconds))
        if isinstance(ending, BaseException):
            raise ending
        if ending in (NightExit.PUBLISHED, NightExit.REFUSED) and self.notes_nights:
            self.begun_at = began
        return ending

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds > 0
        self._pass(seconds)

    def _pass(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.until:
            raise TimeIsUp

    async def watch(self, sleep: Callable[[float], Awaitable[None]] | None = None) -> list[str]:
        """Return the nights that were done until time was up: when, and which one."""
        watch = NightWatch(BERLIN, self, clock=lambda: self.now, sleep=sleep or self.sleep)
        with pytest.raises(TimeIsUp):
            await watch.watch()
        return self.nights


async def test_every_night_is_done_once_when_it_is_due() -> None:
    """What was waited for at noon is done at 03:30, each night, whether the gate lets its model pass or not."""
    world = World("2026-11-22T12:00", until="2026-11-25T12:00")
    world.endings = iter([NightExit.PUBLISHED, NightExit.REFUSED])
    assert await world.watch() == [f"{day}. 03:30 for {day}. 03:30" for day in (23, 24, 25)]
    assert world.looks <= 7, "Redis is asked around nights, not all day"


async def test_the_first_night_is_waited_for_and_not_made_up_for() -> None:
    """Whoever starts it in the afternoon for the first time has missed nothing."""
    assert await World("2026-11-22T15:00", until="2026-11-23T03:00").watch() == []


@pytest.mark.parametrize(
    ("last_begun", "missed"), [("2026-11-21T03:30", 1), ("2026-11-21T12:00", 1), ("2026-11-15T03:30", 7)]
)
async def test_missed_nights_are_made_up_for_at_once_by_one(
    last_begun: str, missed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """After downtime a night runs right away; seven missed ones are one, and the next is on time again."""
    caplog.set_level(logging.INFO)
    world = World("2026-11-22T09:00", until="2026-11-23T06:00", last_begun=last_begun)
    assert await world.watch() == ["22. 09:00 for 22. 03:30", "23. 03:30 for 23. 03:30"]
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    (first, _) = [line for line in lines if line["message"] == "night is due"]
    assert (first["due"], first["nights_due"]) == ("2026-11-22T03:30+01:00", missed)


async def test_a_night_done_by_hand_after_it_was_due_counts() -> None:
    """`kabin nightly --now` at four, and the watch that starts at five has nothing to do until the next night."""
    world = World("2026-11-22T05:00", until="2026-11-22T23:00", last_begun="2026-11-22T04:00")
    assert await world.watch() == []


async def test_a_night_that_ends_after_the_next_was_due_leaves_no_gap() -> None:
    """A night of 25 hours is followed by the one that it has missed, not skipped over."""
    world = World("2026-11-22T03:00", until="2026-11-24T12:00")
    world.durations_seconds = chain([25 * HOUR], repeat(HOUR))
    assert await world.watch() == [
        "22. 03:30 for 22. 03:30",
        "23. 04:30 for 23. 03:30",
        "24. 03:30 for 24. 03:30",
    ]


async def test_a_failed_night_is_tried_again_ever_later_and_given_up_until_the_next() -> None:
    """One to sixteen minutes apart; then the machine rests until the next night, which has all its attempts."""
    world = World("2026-11-22T03:00", until="2026-11-23T03:31")
    world.endings = iter([NightExit.FAILED] * 10)
    world.durations_seconds = repeat(0.0)
    tries = [f"22. {time} for 22. 03:30" for time in ("03:30", "03:31", "03:33", "03:37", "03:45", "04:01")]
    assert len(tries) == ATTEMPTS
    assert await world.watch() == [*tries, "23. 03:30 for 23. 03:30"]
    assert retry_seconds(ATTEMPTS) is None


async def test_a_failed_night_that_succeeds_later_is_over() -> None:
    """Whatever was wrong is forgotten with the first success, also what nobody expected to be raised."""
    world = World("2026-11-22T03:00", until="2026-11-23T03:00")
    world.endings = iter([OSError("cannot fork"), NightExit.FAILED, NightExit.PUBLISHED])
    world.durations_seconds = repeat(0.0)
    assert await world.watch() == [f"22. {time} for 22. 03:30" for time in ("03:30", "03:31", "03:33")]


async def test_redis_may_be_away_for_hours(caplog: pytest.LogCaptureFixture) -> None:
    """The night waits for it without an attempt lost, says so once, and begins within half a minute of its return."""
    world = World("2026-11-22T03:00", until="2026-11-22T12:00")
    world.is_away = lambda now: (
        StoreUnavailable("Redis: gone") if at("2026-11-22T03:10") < now < at("2026-11-22T09:00") else None
    )
    assert await world.watch() == ["22. 09:00 for 22. 03:30"]
    assert caplog.text.count("waiting for Redis") == 1


async def test_settings_that_cannot_work_are_said_at_the_start_and_waited_for_later() -> None:
    """Whoever starts the watch learns of them; by night, an operator's slip does not end it for good."""
    wrong = StoreMisconfigured("maxmemory-policy allkeys-lru")
    world = World("2026-11-22T03:00", until="2026-11-22T12:00")
    world.is_away = lambda _: wrong
    with pytest.raises(StoreMisconfigured):
        await NightWatch(BERLIN, world, clock=lambda: world.now, sleep=world.sleep).watch()
    world.is_away = lambda now: wrong if at("2026-11-22T03:10") < now < at("2026-11-22T05:00") else None
    assert await world.watch() == ["22. 05:00 for 22. 03:30"]


async def test_while_another_machine_is_at_it_this_one_stands_by() -> None:
    """Done by the other: nothing is left to do. Should the other die: this one takes over when its lease has ended."""
    world = World("2026-11-22T03:00", until="2026-11-22T12:00")
    world.holder = lambda now: "vega" if at("2026-11-22T03:30") <= now < at("2026-11-22T05:00") else None
    assert await world.watch() == ["22. 05:00 for 22. 03:30"]
    done = World("2026-11-22T03:00", until="2026-11-22T12:00")

    def holder(now: float) -> str | None:
        if now >= at("2026-11-22T05:00"):
            done.begun_at = at("2026-11-22T03:30")
            return None
        return "vega" if now >= at("2026-11-22T03:30") else None

    done.holder = holder
    assert await done.watch() == []


async def test_coming_second_by_a_second_is_no_failed_attempt() -> None:
    """Two machines that wake at the same instant: who finds the lease taken looks again, as long as it takes."""
    world = World("2026-11-22T03:00", until="2026-11-22T12:00")
    world.durations_seconds = repeat(0.0)
    world.endings = iter([NightExit.TAKEN] * (ATTEMPTS + 3))
    nights = await world.watch()
    assert len(nights) == ATTEMPTS + 4
    assert nights[-1] == "22. 03:34 for 22. 03:30"


async def test_a_night_that_redis_could_not_be_told_of_is_not_repeated_here() -> None:
    """The model is out; that Redis died in the same moment does not train it again."""
    world = World("2026-11-22T03:00", until="2026-11-23T12:00")
    world.notes_nights = False
    assert await world.watch() == ["22. 03:30 for 22. 03:30", "23. 03:30 for 23. 03:30"]


async def test_a_clock_that_jumps_neither_loses_nor_doubles_a_night() -> None:
    """Woken from a suspend in the morning, it is late and says so; set back by two hours, it is not done twice."""
    world = World("2026-11-22T03:00", until="2026-11-24T12:00")
    jumps = [(at("2026-11-22T03:10"), 5 * HOUR), (at("2026-11-23T04:00"), -2 * HOUR)]

    async def sleep(seconds: float) -> None:
        await world.sleep(seconds)
        if jumps and world.now >= jumps[0][0]:
            world.now += jumps.pop(0)[1]

    assert await world.watch(sleep) == [
        "22. 08:10 for 22. 03:30",
        "23. 03:30 for 23. 03:30",
        "24. 03:30 for 24. 03:30",
    ]


async def test_a_night_noted_for_the_future_does_not_end_all_nights(caplog: pytest.LogCaptureFixture) -> None:
    """A clock that once said 2030 costs one night too many, not four years without any, nor endless attempts."""
    world = World("2026-11-22T03:00", until="2026-11-22T12:00", last_begun="2030-01-01T00:00")
    assert await world.watch() == ["22. 03:00 for 21. 03:30", "22. 03:30 for 22. 03:30"]
    assert "lies in the future" in caplog.text
    world = World("2026-11-22T03:30", until="2026-11-23T03:00", last_begun="2030-01-01T00:00")
    world.endings = repeat(NightExit.FAILED)
    world.durations_seconds = repeat(0.0)
    assert len(await world.watch()) == ATTEMPTS


async def test_it_ends_when_it_is_cancelled() -> None:
    """SIGTERM cancels it, wherever it waits."""
    world = World("2026-11-22T03:00", until="2026-11-22T04:00")
    forever = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await forever.wait()

    task = asyncio.create_task(NightWatch(BERLIN, world, clock=lambda: world.now, sleep=sleep).watch())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
