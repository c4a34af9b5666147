"""Back-pressure: events are refused, and so kept by whoever sends them, before the event log fills Redis.

The log leaves Redis by the archiver. Where that falls behind, or memory runs out for another reason, every worker
notices by itself within seconds and stops taking events until there is room again. Pages are answered all the same.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Final, NamedTuple

from recommender.events import Event
from recommender.homepage import HomepageVariant
from recommender.visitor.effects import Effects
from recommender.visitor.state import VisitorState
from service.metrics.metrics import Metrics
from service.redis_link.data_loss import LossWatch
from service.stores.connection import StoreUnavailable
from service.stores.load import StoreLoad
from service.stores.rates import Rate
from service.stores.visitors import Applied, VisitorStore

WARNING_SHARE: Final = 0.8
"""Of a limit: from here on operators are warned."""
RELIEF_SHARE: Final = 0.95
"""Of a limit: what is refused is taken again below it, so that workers do not flap around the limit."""

_MEMORY_SECONDS: Final = 1.0
_MEMORY_LOOKS_A_LOG_LOOK: Final = 10
"""2,000 events/s add 20,000 to the log between two looks, 0.4 % of the default limit."""


class EventsRefused(StoreUnavailable):
    """There is no room for events now; nothing was written."""


class Limits(NamedTuple):
    """How full Redis may become.

    Attributes:
        log_events: events that may wait in the log; 0 for any number.
        memory_percent: of the memory that Redis may use; 0 for all of it.
    """

    log_events: int = 0
    memory_percent: float = 0.0


class Pressure(NamedTuple):
    """How full Redis is, as far as it is known, and whether events are refused for it."""

    limits: Limits
    log_events: int | None = None
    memory_percent: float | None = None
    log_is_full: bool = False
    memory_is_full: bool = False

    def with_log(self, events: int) -> "Pressure":
        """Return the pressure with so many events in the log."""
        limit = self.limits.log_events
        return self._replace(
            log_events=events, log_is_full=_is_full(events, limit, was_full=self.log_is_full)
        )

    def with_memory(self, percent: float | None) -> "Pressure":
        """Return the pressure with so much of the memory used; ``None`` if it has no limit."""
        is_full = percent is not None and _is_full(
            percent, self.limits.memory_percent, was_full=self.memory_is_full
        )
        return self._replace(memory_percent=percent, memory_is_full=is_full)

    @property
    def is_refusing(self) -> bool:
        """Whether events are refused."""
        return self.log_is_full or self.memory_is_full

    @property
    def is_near(self) -> bool:
        """Whether events are refused, or soon will be: then there is no room for strangers."""
        limits, events, percent = self.limits, self.log_events, self.memory_percent
        return (
            self.is_refusing
            or (events is not None and _is_near(events, limits.log_events, self.log_is_full))
            or (percent is not None and _is_near(percent, limits.memory_percent, self.memory_is_full))
        )

    @property
    def details(self) -> tuple[str, ...]:
        """What is the matter, for operators: why events are refused, or soon will be."""
        limits, found = self.limits, []
        if self.log_events is not None and _is_near(self.log_events, limits.log_events, self.log_is_full):
            found.append(
                f"the log holds {self.log_events:,} of the {limits.log_events:,} events that KABIN_LOG_LIMIT_EVENTS "
                "allows: the archive has fallen behind, see whether `kabin archive` runs"
            )
        if self.memory_percent is not None and _is_near(
            self.memory_percent, limits.memory_percent, self.memory_is_full
        ):
            found.append(
                f"Redis uses {self.memory_percent:.1f} % of its maxmemory, and KABIN_MEMORY_LIMIT_PERCENT allows "
                f"{limits.memory_percent:g}: give it more, or see whether `kabin archive` runs"
            )
        if self.is_refusing:
            found.insert(
                0, "events are refused until there is room, pages are answered without keeping theirs"
            )
        return tuple(found)


NO_PRESSURE: Final = Pressure(Limits())
"""Of a store without limits."""


def _is_full(used: float, limit: float, *, was_full: bool) -> bool:
    return bool(limit) and used >= limit * (RELIEF_SHARE if was_full else 1.0)


def _is_near(used: float, limit: float, is_full: bool) -> bool:
    return is_full or (bool(limit) and used >= limit * WARNING_SHARE)


class PressureWatch:
    """Looks at Redis every second, and at the whole log every ten.

    Args:
        load: of the Redis that keeps the events.
        limits: beyond which they are refused.
        metrics: gauges of both.
        losses: looks first whether there is still what was put there.

    Attributes:
        pressure: as of the last look.
    """

    def __init__(
        self, load: StoreLoad, limits: Limits, metrics: Metrics, losses: LossWatch | None = None
    ) -> None:
        self._load = load
        self._metrics = metrics
        self._losses = losses
        self.pressure = Pressure(limits)

    async def run(self) -> None:
        """Look until cancelled."""
        for number in count():
            # While Redis is away, what was last known stands: events fail by themselves.
            with suppress(StoreUnavailable):
                is_unknown = self.pressure.log_events is None
                await self.look(at_log=is_unknown or number % _MEMORY_LOOKS_A_LOG_LOOK == 0)
            await asyncio.sleep(_MEMORY_SECONDS)

    async def look(self, *, at_log: bool = True) -> None:
        """Look once.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        if self._losses is not None:
            await self._losses.look()
        self.pressure = self.pressure.with_memory(await self._load.memory_percent())
        if at_log:
            log_events = await self._load.log_events()
            self.pressure = self.pressure.with_log(log_events)
            if self._losses is not None:
                self._losses.note_log(log_events)
        self._metrics.state.pressure(
            self.pressure.log_events, self.pressure.memory_percent, is_refusing=self.pressure.is_refusing
        )


class GuardedStore:
    """A visitors' store that takes no events while there is no room for them.

    What grows nothing goes through: reading, and marking a visitor as seen. Strangers, who are kept for a short time, are
    refused before room runs out for those who have come back: so a flood of them shuts out no customer. Its methods hand
    out the store's own coroutines, so that a request pays for no layer.

    Args:
        store: behind it.
        pressure: as it is now.
        metrics: counts what is refused.
    """

    def __init__(self, store: VisitorStore, pressure: Callable[[], Pressure], metrics: Metrics) -> None:
        self._store = store
        self._pressure = pressure
        self._metrics = metrics

    def apply(
        self,
        visitor_id: str,
        batch: Sequence[tuple[Event, Effects]],
        *,
        now: float,
        ttl_seconds: int | None = None,
        rate: Rate | None = None,
    ) -> Coroutine[Any, Any, Applied]:
        """See :meth:`service.stores.visitors.VisitorStore.apply`.

        Raises:
            EventsRefused: there is no room for the batch.
        """
        if batch:
            pressure = self._pressure()
            if pressure.is_near if ttl_seconds is not None else pressure.is_refusing:
                self._metrics.events(refused=len(batch))
                raise EventsRefused("the event log has no room for more events now")
        return self._store.apply(visitor_id, batch, now=now, ttl_seconds=ttl_seconds, rate=rate)

    def read(self, visitor_id: str) -> Coroutine[Any, Any, VisitorState]:
        """See :meth:`service.stores.visitors.VisitorStore.read`."""
        return self._store.read(visitor_id)

    def pin_homepage(
        self, visitor_id: str, variant: HomepageVariant, *, at: float
    ) -> Coroutine[Any, Any, bool]:
        """See :meth:`service.stores.visitors.VisitorStore.pin_homepage`."""
        return self._store.pin_homepage(visitor_id, variant, at=at)
