"""The use case behind ``POST /personalize`` and ``POST /events``: keep the events, read the visitor, decide."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from recommender.affinity import AffinityParameters
from recommender.decisions.attributes import Attribute, visitor_attributes
from recommender.decisions.decision import Decision, affinity_of, decide
from recommender.decisions.policy import AssignedExperiment
from recommender.decisions.question import Question
from recommender.events import SECONDS_PER_DAY, Event, EventName
from recommender.identifiers import key_of
from recommender.visitor.effects import Effects, effects_of
from recommender.visitor.ledger import ledger_of
from recommender.visitor.state import EMPTY_STATE, VisitorState
from service.answers import EventsAnswer
from service.exposures import Batch, Exposures
from service.knowledge import Knowledge
from service.log_pressure import EventsRefused
from service.metrics import Metrics
from service.stores.connection import StoreUnavailable
from service.stores.visitors import Applied, VisitorStore
from service.wire import CheckedEvents


class Circumstances(NamedTuple):
    """How a page asks, beside its question.

    Attributes:
        attributes: the page's own, for conditions of experiments.
        forced: variation by experiment, for quality assurance.
        is_preview: whether anything is forced; then nothing of the answer is an exposure, or remembered.
        is_crawler: whether no shopper sits at it; then there are no experiments.
        is_server: whether the shop's server asks.
    """

    attributes: Mapping[str, Attribute] = MappingProxyType({})
    forced: Mapping[str, int] = MappingProxyType({})
    is_preview: bool = False
    is_crawler: bool = False
    is_server: bool = False


ORDINARY: Final = Circumstances()
"""A shopper's browser that says nothing of itself."""


class Answer(NamedTuple):
    """A decision with all that went into it; ``features`` are the values of the shop's own."""

    decision_id: str
    decision: Decision
    experiments: Sequence[AssignedExperiment]
    features: dict[str, Any]
    events: EventsAnswer
    model_version: str | None
    degraded: bool
    redis_seconds: float


class _Remembered(NamedTuple):
    state: VisitorState
    events: EventsAnswer
    degraded: bool
    redis_seconds: float


class Personalization:
    """Answers pages and keeps events; the only place where the store, the catalog and the model meet."""

    def __init__(
        self,
        store: VisitorStore,
        patient_store: VisitorStore,
        knowledge: Knowledge,
        metrics: Metrics,
        exposures: Exposures,
    ) -> None:
        """Take the collaborators.

        Args:
            store: for pages, which cannot wait.
            patient_store: the same store for those who bring events and nothing else.
            knowledge: catalog, model and policy.
            metrics: counts events and decisions.
            exposures: to experiments; knows which are believed.
        """
        self._store = store
        self._patient_store = patient_store
        self._knowledge = knowledge
        self._metrics = metrics
        self._exposures = exposures

    async def answer(
        self,
        visitor_id: str | None,
        question: Question,
        checked: CheckedEvents,
        circumstances: Circumstances = ORDINARY,
        *,
        now: float,
    ) -> Answer:
        """Apply a page's events and decide what it shows.

        With Redis out of reach the events and the answer are worked out in memory: degraded, but an answer. Events
        that there is no room for are to be sent again; the answer comes from what is known without them.

        Args:
            visitor_id: ``None`` if nothing may be stored; then the request's own events are all that is known.
            question: what the page asks.
            checked: the request's events.
            circumstances: how it asks.
            now: Unix seconds.
        """
        knowledge = self._knowledge
        model, parameters = knowledge.model, knowledge.affinity_parameters(now)
        batch = self._batch(visitor_id, checked.events, parameters, now)
        remembered = await self._remember(visitor_id, batch, checked, now)
        state = remembered.state
        bought = self._bought(checked.events)
        if bought:
            question = replace(question, bought=bought)
        affinity = affinity_of(state, parameters, int(now // SECONDS_PER_DAY))
        assigned = knowledge.policy.assign(
            visitor_id,
            visitor_attributes(question, state, affinity, circumstances.attributes),
            state,
            forced=circumstances.forced,
            counted=not circumstances.is_crawler,
        )
        decision = decide(question, state, affinity, knowledge.catalog, model, assigned.treatment, now=now)
        may_pin = decision.homepage.pin and state.is_known and not circumstances.is_preview
        if visitor_id is not None and may_pin:
            await self._pin(visitor_id, decision, now)
        self._count(decision, remembered)
        experiments = () if remembered.degraded else assigned.experiments
        at_stake = () if circumstances.is_preview else experiments
        decision_id = await self._exposures.identify(
            visitor_id, question.page_type, at_stake, decision, is_server=circumstances.is_server, now=now
        )
        return Answer(
            decision_id,
            decision,
            experiments,
            assigned.features,
            remembered.events,
            None if model is None else model.version,
            remembered.degraded,
            remembered.redis_seconds,
        )

    async def keep(self, visitor_id: str | None, checked: CheckedEvents, *, now: float) -> EventsAnswer:
        """Put a batch of events into the log and the visitor's state.

        Raises:
            EventsRefused: there is no room for them; none of them was kept.
            StoreUnavailable: they cannot be kept; none of them was, or sending them again does no harm.
        """
        batch = self._batch(visitor_id, checked.events, self._knowledge.affinity_parameters(now), now)
        if visitor_id is None or not batch:
            return self._counted(checked, kept=0, duplicate=0, unstored=len(batch))
        started = time.perf_counter()
        try:
            applied = await self._patient_store.apply(visitor_id, batch, now=now)
        except EventsRefused:
            raise
        except StoreUnavailable:
            self._metrics.redis(time.perf_counter() - started, ok=False)
            raise
        self._metrics.redis(time.perf_counter() - started, ok=True)
        self._exposures.count(batch, applied)
        return self._counted(checked, kept=applied.accepted, duplicate=applied.duplicate)

    async def _remember(
        self, visitor_id: str | None, batch: Batch, checked: CheckedEvents, now: float
    ) -> _Remembered:
        if visitor_id is None:
            events = self._counted(checked, kept=0, duplicate=0, unstored=len(batch))
            return _Remembered(_in_memory(batch), events, degraded=False, redis_seconds=0.0)
        started = time.perf_counter()
        try:
            applied, are_refused = await self._apply(visitor_id, batch, now)
        except StoreUnavailable:
            seconds = time.perf_counter() - started
            self._metrics.redis(seconds, ok=False)
            events = self._counted(checked, kept=0, duplicate=0, retry=True)
            return _Remembered(_in_memory(batch), events, degraded=True, redis_seconds=seconds)
        seconds = time.perf_counter() - started
        self._metrics.redis(seconds, ok=True)
        if not are_refused:
            self._exposures.count(batch, applied)
        events = self._counted(checked, kept=applied.accepted, duplicate=applied.duplicate, retry=are_refused)
        state = applied.state if applied.state.is_known else _in_memory(batch)
        return _Remembered(state, events, degraded=False, redis_seconds=seconds)

    async def _apply(self, visitor_id: str, batch: Batch, now: float) -> tuple[Applied, bool]:
        """Apply a page's events; where there is no room for them, see the visitor as without them, and say so."""
        try:
            return await self._store.apply(visitor_id, batch, now=now), False
        except EventsRefused:
            return await self._store.apply(visitor_id, (), now=now), True

    def _batch(
        self,
        visitor_id: str | None,
        events: Sequence[Event],
        parameters: AffinityParameters,
        now: float,
    ) -> list[tuple[Event, Effects]]:
        """Return what events do, exposures as far as they can be believed."""
        catalog = self._knowledge.catalog
        if visitor_id is not None:
            events = self._exposures.confirmed(events, visitor_id, now=now)
        return [(event, effects_of(event, catalog, parameters)) for event in events]

    def _bought(self, events: Sequence[Event]) -> frozenset[int]:
        keys: set[int] = set()
        for event in events:
            if event.name is EventName.PURCHASE:
                for entry in event.items:
                    resolved = self._knowledge.catalog.resolve(entry.item_id)
                    keys.add(key_of(entry.item_id) if resolved is None else resolved.item.key)
        return frozenset(keys)

    async def _pin(self, visitor_id: str, decision: Decision, now: float) -> None:
        try:
            await self._store.pin_homepage(visitor_id, decision.homepage.variant, at=now)
        except StoreUnavailable:
            # The next page of the session decides anew, from the same evidence.
            return

    def _counted(
        self, checked: CheckedEvents, *, kept: int, duplicate: int, unstored: int = 0, retry: bool = False
    ) -> EventsAnswer:
        ignored = checked.ignored + unstored
        self._metrics.events(
            accepted=kept, duplicate=duplicate, ignored=ignored, rejected=len(checked.rejected)
        )
        return {
            "accepted": kept,
            "duplicate": duplicate,
            "ignored": ignored,
            "rejected": [{"pointer": error.pointer, "detail": error.detail} for error in checked.rejected],
            "retry": retry,
        }

    def _count(self, decision: Decision, remembered: _Remembered) -> None:
        metrics = self._metrics
        metrics.decision("size", decision.size.action)
        metrics.decision("homepage", decision.homepage.variant)
        metrics.recommendations(Counter(chosen.source for chosen in decision.recommendations))
        if remembered.degraded:
            metrics.degraded()


def _in_memory(batch: Batch) -> VisitorState:
    """Return what the request's own events tell of a visitor of whom nothing else may or can be known."""
    return ledger_of(effects for _, effects in batch).state() if batch else EMPTY_STATE
