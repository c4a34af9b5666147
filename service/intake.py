"""Taking events in: into the log and their visitor's state, in one round trip that also reads the visitor."""

import time
from collections.abc import Sequence

import msgspec

from recommender.affinity import AffinityParameters
from recommender.catalog.catalog import Catalog
from recommender.events import Event
from recommender.visitor.effects import Effects, effects_of
from recommender.visitor.ledger import ledger_of
from recommender.visitor.state import EMPTY_STATE, VisitorState
from service.contract.answers import EventsAnswer
from service.contract.wire import CheckedEvents
from service.exposures import Batch, Exposures
from service.knowledge import Knowledge
from service.metrics.metrics import Metrics
from service.redis_link.log_pressure import EventsRefused
from service.stores.connection import StoreUnavailable
from service.stores.rates import Rate
from service.stores.visitors import RateLimited, VisitorStore


class Remembered(msgspec.Struct, frozen=True):
    """A visitor as a page's answer sees them, and what became of the page's events.

    Attributes:
        state: with the page's events, if they were kept or nothing else is known.
        events: what became of them.
        is_degraded: whether Redis was out of reach.
        redis_seconds: that it took.
    """

    state: VisitorState
    events: EventsAnswer
    is_degraded: bool
    redis_seconds: float


class EventIntake:
    """Applies the events of requests and counts what became of them.

    Args:
        store: for pages, which cannot wait.
        patient_store: the same store for those who bring events and nothing else.
        knowledge: says what events mean.
        metrics: counts events, and calls of the store.
        exposures: knows which are believed.
        rate: how often a browser may ask for its visitor; any number of times if not given. A request whose visitor
            was made up for it does not count: nothing can have been asked before, and nothing need be remembered.
        first_visit_seconds: how long a visitor is kept who has not come back with their id yet, so that a flood of
            requests without one cannot fill the store; its default if not given.
    """

    def __init__(
        self,
        store: VisitorStore,
        patient_store: VisitorStore,
        knowledge: Knowledge,
        metrics: Metrics,
        exposures: Exposures,
        *,
        rate: Rate | None,
        first_visit_seconds: int | None = None,
    ) -> None:
        self._store = store
        self._patient_store = patient_store
        self._knowledge = knowledge
        self._metrics = metrics
        self._exposures = exposures
        self._rate = rate
        self._first_visit_seconds = first_visit_seconds

    async def remember(
        self,
        visitor_id: str | None,
        checked: CheckedEvents,
        catalog: Catalog,
        parameters: AffinityParameters,
        *,
        is_server: bool,
        is_first_visit: bool = False,
        now: float,
    ) -> Remembered:
        """Apply a page's events and return the visitor with them, from memory alone if Redis is out of reach.

        Args:
            visitor_id: ``None`` if nothing may be stored.
            checked: the page's events.
            catalog: says what was viewed or bought.
            parameters: of discount affinity, as of now.
            is_server: whether the shop's server asks; it may as often as it likes.
            is_first_visit: whether the visitor's id was issued by this very request.
            now: Unix seconds.

        Raises:
            RateLimited: the visitor asks too often; nothing was kept.
        """
        batch = self._batch(
            visitor_id, checked.events, catalog, parameters, now=now, is_first_visit=is_first_visit
        )
        if visitor_id is None:
            events = self._counted(checked, kept=0, duplicate=0, unstored=len(batch))
            return Remembered(_in_memory(batch), events, is_degraded=False, redis_seconds=0.0)
        store, are_refused = self._store, False
        rate = None if is_server or is_first_visit else self._rate
        ttl_seconds = self._first_visit_seconds if is_first_visit else None
        started = time.perf_counter()
        try:
            try:
                applied = await store.apply(visitor_id, batch, now=now, ttl_seconds=ttl_seconds, rate=rate)
            except EventsRefused:  # Then the visitor is seen as without them.
                are_refused = True
                applied = await store.apply(visitor_id, (), now=now, rate=rate)
        except RateLimited:
            self._metrics.rate_limited("visitor")
            raise
        except StoreUnavailable:
            seconds = time.perf_counter() - started
            self._metrics.redis(seconds, ok=False)
            events = self._counted(checked, kept=0, duplicate=0, retry=True)
            return Remembered(_in_memory(batch), events, is_degraded=True, redis_seconds=seconds)
        seconds = time.perf_counter() - started
        self._metrics.redis(seconds, ok=True)
        if batch and not are_refused:
            self._exposures.count(batch, applied)
        state, is_new = applied
        kept = sum(is_new)
        events = self._counted(checked, kept=kept, duplicate=len(is_new) - kept, retry=are_refused)
        if not state.is_known:
            state = _in_memory(batch)
        return Remembered(state, events, is_degraded=False, redis_seconds=seconds)

    async def keep(
        self,
        visitor_id: str | None,
        checked: CheckedEvents,
        *,
        is_server: bool,
        is_first_visit: bool = False,
        now: float,
    ) -> EventsAnswer:
        """Put a batch of events into the log and the visitor's state.

        Raises:
            EventsRefused: there is no room for them; none of them was kept.
            RateLimited: the visitor asks too often; none of them was kept.
            StoreUnavailable: they cannot be kept; none of them was, or sending them again does no harm.
        """
        knowledge = self._knowledge
        parameters = knowledge.affinity_parameters(now)
        batch = self._batch(
            visitor_id,
            checked.events,
            knowledge.catalog,
            parameters,
            now=now,
            is_first_visit=is_first_visit,
        )
        if visitor_id is None or not batch:
            return self._counted(checked, kept=0, duplicate=0, unstored=len(batch))
        started = time.perf_counter()
        try:
            rate = None if is_server or is_first_visit else self._rate
            ttl_seconds = self._first_visit_seconds if is_first_visit else None
            applied = await self._patient_store.apply(
                visitor_id, batch, now=now, ttl_seconds=ttl_seconds, rate=rate
            )
        except EventsRefused:
            raise
        except RateLimited:
            self._metrics.rate_limited("visitor")
            raise
        except StoreUnavailable:
            self._metrics.redis(time.perf_counter() - started, ok=False)
            raise
        self._metrics.redis(time.perf_counter() - started, ok=True)
        self._exposures.count(batch, applied)
        return self._counted(checked, kept=applied.accepted, duplicate=applied.duplicate)

    def _batch(
        self,
        visitor_id: str | None,
        events: Sequence[Event],
        catalog: Catalog,
        parameters: AffinityParameters,
        *,
        now: float,
        is_first_visit: bool,
    ) -> list[tuple[Event, Effects]]:
        """Return what events do, exposures as far as they can be believed."""
        if events and visitor_id is not None:
            events = self._exposures.confirmed(events, visitor_id, now=now)
        if is_first_visit:
            events = [msgspec.structs.replace(event, is_first_visit=True) for event in events]
        return [(event, effects_of(event, catalog, parameters)) for event in events]

    def _counted(
        self, checked: CheckedEvents, *, kept: int, duplicate: int, unstored: int = 0, retry: bool = False
    ) -> EventsAnswer:
        ignored, rejected = checked.ignored + unstored, checked.rejected
        if kept or duplicate or ignored or rejected:
            self._metrics.events(accepted=kept, duplicate=duplicate, ignored=ignored, rejected=len(rejected))
        return {
            "accepted": kept,
            "duplicate": duplicate,
            "ignored": ignored,
            "rejected": [{"pointer": error.pointer, "detail": error.detail} for error in rejected]
            if rejected
            else [],
            "retry": retry,
        }


def _in_memory(batch: Batch) -> VisitorState:
    """Return what the request's own events tell of a visitor of whom nothing else may or can be known."""
    return ledger_of(effects for _, effects in batch).state() if batch else EMPTY_STATE
