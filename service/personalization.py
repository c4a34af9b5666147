"""The use case behind ``POST /personalize`` and ``POST /events``: keep the events, read the visitor, decide."""

import secrets
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from recommender.affinity import AffinityParameters
from recommender.decisions.decision import Decision, decide
from recommender.decisions.question import Question
from recommender.events import Event, EventName
from recommender.identifiers import key_of
from recommender.visitor.effects import Effects, effects_of
from recommender.visitor.ledger import ledger_of
from recommender.visitor.state import EMPTY_STATE, VisitorState
from service.answers import EventsAnswer
from service.knowledge import Knowledge
from service.metrics import Metrics
from service.stores.connection import StoreUnavailable
from service.stores.visitors import VisitorStore
from service.wire import CheckedEvents


class Answer(NamedTuple):
    """A decision with all that went into it."""

    decision_id: str
    decision: Decision
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
        self, store: VisitorStore, patient_store: VisitorStore, knowledge: Knowledge, metrics: Metrics
    ) -> None:
        """Take the collaborators.

        Args:
            store: for pages, which cannot wait.
            patient_store: the same store for those who bring events and nothing else.
            knowledge: catalog and model.
            metrics: counts events and decisions.
        """
        self._store = store
        self._patient_store = patient_store
        self._knowledge = knowledge
        self._metrics = metrics

    async def answer(
        self, visitor_id: str | None, question: Question, checked: CheckedEvents, *, now: float
    ) -> Answer:
        """Apply a page's events and decide what it shows.

        With Redis out of reach the events and the answer are worked out in memory: degraded, but an answer.

        Args:
            visitor_id: ``None`` if nothing may be stored; then the request's own events are all that is known.
            question: what the page asks.
            checked: the request's events.
            now: Unix seconds.
        """
        catalog = self._knowledge.catalog
        model = self._knowledge.model
        parameters = self._knowledge.affinity_parameters(now)
        batch = self._effects(checked.events, parameters)
        remembered = await self._remember(visitor_id, batch, checked, now)
        bought = self._bought(checked.events)
        if bought:
            question = _with_bought(question, bought)
        decision = decide(question, remembered.state, catalog, model, parameters, now=now)
        if visitor_id is not None and decision.homepage.pin and remembered.state.is_known:
            await self._pin(visitor_id, decision, now)
        self._count(decision, remembered)
        return Answer(
            secrets.token_urlsafe(16),
            decision,
            remembered.events,
            None if model is None else model.version,
            remembered.degraded,
            remembered.redis_seconds,
        )

    async def keep(self, visitor_id: str | None, checked: CheckedEvents, *, now: float) -> EventsAnswer:
        """Put a batch of events into the log and the visitor's state.

        Raises:
            StoreUnavailable: they cannot be kept; none of them was, or sending them again does no harm.
        """
        batch = self._effects(checked.events, self._knowledge.affinity_parameters(now))
        if visitor_id is None or not batch:
            return self._counted(checked, kept=0, duplicate=0, unstored=len(batch))
        started = time.perf_counter()
        try:
            applied = await self._patient_store.apply(visitor_id, batch, now=now)
        except StoreUnavailable:
            self._metrics.redis(time.perf_counter() - started, ok=False)
            raise
        self._metrics.redis(time.perf_counter() - started, ok=True)
        return self._counted(checked, kept=applied.accepted, duplicate=applied.duplicate)

    async def _remember(
        self,
        visitor_id: str | None,
        batch: Sequence[tuple[Event, Effects]],
        checked: CheckedEvents,
        now: float,
    ) -> _Remembered:
        if visitor_id is None:
            events = self._counted(checked, kept=0, duplicate=0, unstored=len(batch))
            return _Remembered(_in_memory(batch), events, degraded=False, redis_seconds=0.0)
        started = time.perf_counter()
        try:
            applied = await self._store.apply(visitor_id, batch, now=now)
        except StoreUnavailable:
            seconds = time.perf_counter() - started
            self._metrics.redis(seconds, ok=False)
            events = self._counted(checked, kept=0, duplicate=0, retry=True)
            return _Remembered(_in_memory(batch), events, degraded=True, redis_seconds=seconds)
        seconds = time.perf_counter() - started
        self._metrics.redis(seconds, ok=True)
        events = self._counted(checked, kept=applied.accepted, duplicate=applied.duplicate)
        return _Remembered(applied.state, events, degraded=False, redis_seconds=seconds)

    def _effects(
        self, events: Sequence[Event], parameters: AffinityParameters
    ) -> list[tuple[Event, Effects]]:
        catalog = self._knowledge.catalog
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


def _in_memory(batch: Sequence[tuple[Event, Effects]]) -> VisitorState:
    """Return what the request's own events tell of a visitor of whom nothing else may or can be known."""
    return ledger_of(effects for _, effects in batch).state() if batch else EMPTY_STATE


def _with_bought(question: Question, bought: frozenset[int]) -> Question:
    return Question(
        question.page_type,
        question.item_id,
        question.sku,
        question.category,
        question.limit,
        question.preview,
        bought,
    )
