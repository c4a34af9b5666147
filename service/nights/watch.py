"""Waits for nights: wakes at the due time, makes up for missed nights, and tries failed ones again."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from service.logs import fields
from service.nights.night import MOST_AHEAD_SECONDS, reason_of
from service.nights.schedule import DailySchedule
from service.stores.connection import StoreUnavailable

LONGEST_SLEEP_SECONDS: Final = 30.0
"""The wall clock is looked at this often: machines are suspended and their clocks are set while they wait."""
TAKEN_SECONDS: Final = 30.0
"""Between two looks at a night that another machine is at; should that one die, its lease ends."""
FIRST_RETRY_SECONDS: Final = 60.0
ATTEMPTS: Final = 6
"""Of one night, over half an hour and what they take themselves (1, 2, 4, 8 and 16 minutes apart)."""

_log = logging.getLogger(__name__)


class NightExit(IntEnum):
    """How one night ended, as an exit code."""

    PUBLISHED = 0
    FAILED = 1
    REFUSED = 3
    TAKEN = 4


class NightState(NamedTuple):
    """What is known of nights.

    Attributes:
        begun_at: Unix seconds: when the last completed night began, or waiting did if there was none.
        holder: who is at a night now; None if nobody is.
    """

    begun_at: float
    holder: str | None


class NightRunner(Protocol):
    """Looks at nights and does one."""

    async def state(self, now: float) -> NightState:
        """Return what is known of nights at ``now``.

        Raises:
            StoreUnavailable: nobody can tell.
        """
        ...

    async def run(self, due: float) -> NightExit:
        """Do the night that was due then, unless another machine has."""
        ...


def retry_seconds(attempts: int) -> float | None:
    """Return how long to wait after a night has failed ``attempts`` times; None to give it up."""
    if attempts >= ATTEMPTS:
        return None
    wait: float = FIRST_RETRY_SECONDS * 2 ** (attempts - 1)
    return wait


class NightWatch:
    """Keeps to a schedule until its task is cancelled.

    A night is due when one has been due since the last completed one began; however many were missed, one makes up
    for them, since it trains on everything. A Redis that is away is waited for, and costs a night no attempt.

    Args:
        schedule: when nights are due.
        runner: does them.
        clock: Unix seconds; may be set back and forth.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        schedule: DailySchedule,
        runner: NightRunner,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._schedule = schedule
        self._runner = runner
        self._clock = clock
        self._sleep = sleep
        self._settled_at = -math.inf
        self._attempts = 0
        self._has_looked = False
        self._said: tuple[object, ...] = ()

    async def watch(self) -> None:
        """Do one night after the other.

        Raises:
            Exception: the first look at Redis found what waiting does not mend, such as wrong settings.
        """
        while True:
            state = await self._state()
            now = self._clock()
            due = self._schedule.latest(now)
            begun_at = self._begun_at(state, due, now)
            if begun_at >= due:
                self._attempts = 0
                await self._sleep_until(self._schedule.following(now))
            elif state.holder is not None:
                self._say_once(logging.INFO, "another process is at it", holder=state.holder)
                await self._sleep(TAKEN_SECONDS)
            else:
                await self._attend(due, begun_at, now)

    async def _state(self) -> NightState:
        """Return what is known of nights, as soon as Redis tells it."""
        while True:
            # Settings that cannot work are for whoever has just started this; by night, nobody is there to read of them.
            waited_for = Exception if self._has_looked else StoreUnavailable
            try:
                state = await self._runner.state(self._clock())
            except waited_for as error:
                self._say_once(logging.WARNING, "waiting for Redis", reason=reason_of(error))
                await self._sleep(LONGEST_SLEEP_SECONDS)
            else:
                self._has_looked = True
                return state

    def _begun_at(self, state: NightState, due: float, now: float) -> float:
        """Return when the last night began; right before the due one where that would be in the future."""
        begun_at = state.begun_at
        if begun_at > now + MOST_AHEAD_SECONDS:
            self._say_once(logging.WARNING, "the last night lies in the future", begun=self._local(begun_at))
            begun_at = due - 1.0
        return max(begun_at, self._settled_at) if self._settled_at <= now + MOST_AHEAD_SECONDS else begun_at

    async def _sleep_until(self, instant: float) -> None:
        self._say_once(logging.INFO, "waiting", until=self._local(instant))
        while (left := instant - self._clock()) > 0:
            await self._sleep(min(left, LONGEST_SLEEP_SECONDS))

    async def _attend(self, due: float, begun_at: float, now: float) -> None:
        """Have the night done that was due; where it fails, wait for the next attempt."""
        self._attempts += 1
        missed = self._schedule.missed(begun_at, now)
        _log.info(
            "night is due", extra=fields(due=self._local(due), nights_due=missed, attempt=self._attempts)
        )
        ended = await self._run(due)
        if ended is NightExit.TAKEN:
            self._attempts -= 1
            await self._sleep(TAKEN_SECONDS)
        elif ended is NightExit.FAILED:
            await self._failed()
        else:
            # Also where the night could not be noted in Redis.
            self._settled_at = now

    async def _run(self, due: float) -> NightExit:
        self._said = ()
        try:
            return await self._runner.run(due)
        except Exception:  # noqa: BLE001 - a watch that ended would end all further nights, unnoticed
            _log.exception("the night could not be run")
            return NightExit.FAILED

    async def _failed(self) -> None:
        wait = retry_seconds(self._attempts)
        if wait is None:
            _log.error("night given up until the next", extra=fields(attempts=self._attempts))
            self._settled_at = self._clock()
            return
        _log.warning("night failed, trying again", extra=fields(attempts=self._attempts, wait_seconds=wait))
        await self._sleep(min(wait, self._schedule.following(self._clock()) - self._clock()))

    def _say_once(self, level: int, message: str, **values: object) -> None:
        """Log what holds for hours only when it begins."""
        said = (message, tuple(values.items()))
        if said != self._said:
            self._said = said
            _log.log(level, message, extra=fields(**values))

    def _local(self, instant: float) -> str:
        return self._schedule.local(instant).isoformat(timespec="minutes")
