"""The use case behind ``POST /personalize`` and ``POST /events``: keep the events, read the visitor, decide."""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from recommender.catalog.catalog import Catalog
from recommender.decisions.attributes import NO_ATTRIBUTES, Attribute, visitor_attributes
from recommender.decisions.decision import Decision, affinity_of, decide
from recommender.decisions.policy import AssignedExperiment
from recommender.decisions.question import Question
from recommender.events import SECONDS_PER_DAY, Event, EventName
from recommender.identifiers import key_of
from service.contract.answers import EventsAnswer
from service.contract.wire import CheckedEvents
from service.exposures import Exposures
from service.intake import EventIntake
from service.knowledge import Knowledge
from service.metrics.metrics import Metrics
from service.stores.connection import StoreUnavailable
from service.stores.rates import Rate
from service.stores.visitors import VisitorStore


class Circumstances(msgspec.Struct, frozen=True):
    """How a page asks, beside its question.

    Attributes:
        attributes: the page's own, for conditions of experiments.
        forced: variation by experiment, for quality assurance.
        is_preview: whether anything is forced; then nothing of the answer is an exposure, or remembered.
        is_shopper: whether somebody sits at it; otherwise there are no experiments.
        is_server: whether the shop's server asks.
        is_first_visit: whether the visitor's id was issued by this very request.
    """

    attributes: Mapping[str, Attribute] = MappingProxyType({})
    forced: Mapping[str, int] = MappingProxyType({})
    is_preview: bool = False
    is_shopper: bool = True
    is_server: bool = False
    is_first_visit: bool = False


ORDINARY: Final = Circumstances()
"""A shopper's browser that says nothing of itself."""


class Answer(msgspec.Struct, frozen=True):
    """A decision with all that went into it; ``features`` are the values of the shop's own."""

    decision_id: str
    decision: Decision
    experiments: Sequence[AssignedExperiment]
    features: dict[str, Any]
    events: EventsAnswer
    model_version: str | None
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
        *,
        follow_up_store: VisitorStore | None = None,
        rate: Rate | None = None,
        first_visit_seconds: int | None = None,
    ) -> None:
        """Take the collaborators.

        Args:
            store: for pages, which cannot wait.
            patient_store: the same store for those who bring events and nothing else.
            knowledge: catalog, model and policy.
            metrics: counts events and decisions.
            exposures: to experiments; knows which are believed.
            follow_up_store: the same store for what comes after the first call; ``store`` if not given.
            rate: how often a browser may ask for its visitor; any number of times if not given.
            first_visit_seconds: how long a visitor is kept who has not come back with their id yet; the store's
                default if not given.
        """
        self._follow_up_store = follow_up_store or store
        self._knowledge = knowledge
        self._metrics = metrics
        self._exposures = exposures
        self._intake = EventIntake(
            store,
            patient_store,
            knowledge,
            metrics,
            exposures,
            rate=rate,
            first_visit_seconds=first_visit_seconds,
        )

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

        Raises:
            RateLimited: the visitor asks too often; nothing was kept.
        """
        knowledge = self._knowledge
        model, catalog = knowledge.model, knowledge.catalog
        parameters = knowledge.affinity_parameters(now) if model is None else model.affinity
        remembered = await self._intake.remember(
            visitor_id,
            checked,
            catalog,
            parameters,
            is_server=circumstances.is_server,
            is_first_visit=circumstances.is_first_visit,
            now=now,
        )
        state, is_degraded = remembered.state, remembered.is_degraded
        bought = _bought(checked.events, catalog)
        if bought:
            question = msgspec.structs.replace(question, bought=bought)
        affinity = affinity_of(state, parameters, int(now // SECONDS_PER_DAY))
        assigned = knowledge.policy.assign(
            visitor_id,
            visitor_attributes(question, state, affinity, circumstances.attributes)
            if knowledge.policy.reads_attributes
            else NO_ATTRIBUTES,
            state,
            forced=circumstances.forced,
            counted=circumstances.is_shopper,
        )
        decision = decide(question, state, affinity, catalog, model, assigned.treatment, now=now)
        self._metrics.page(
            decision.size.action,
            decision.homepage.variant,
            [chosen.source for chosen in decision.recommendations],
        )
        if is_degraded:
            self._metrics.degraded()
        experiments = () if is_degraded else assigned.experiments
        at_stake = () if circumstances.is_preview else experiments
        decision_id, exposures = self._exposures.identify(
            visitor_id, question.page_type, at_stake, decision, is_server=circumstances.is_server, now=now
        )
        may_pin = (
            decision.homepage.pin and state.is_known and not is_degraded and not circumstances.is_preview
        )
        if visitor_id is not None and (may_pin or exposures is not None):
            await self._follow_up(visitor_id, decision if may_pin else None, exposures, now)
        return Answer(
            decision_id,
            decision,
            experiments,
            assigned.features,
            remembered.events,
            None if model is None else model.version,
            is_degraded,
            remembered.redis_seconds,
        )

    async def keep(
        self,
        visitor_id: str | None,
        checked: CheckedEvents,
        *,
        is_server: bool = False,
        is_first_visit: bool = False,
        now: float,
    ) -> EventsAnswer:
        """Put a batch of events into the log and the visitor's state; see :meth:`EventIntake.keep`."""
        return await self._intake.keep(
            visitor_id, checked, is_server=is_server, is_first_visit=is_first_visit, now=now
        )

    async def _follow_up(
        self, visitor_id: str, pinned: Decision | None, exposures: Event | None, now: float
    ) -> None:
        """Keep what a decision leads to; both at once, as together they may take what is left of the page's budget."""
        if pinned is None:
            if exposures is not None:
                await self._exposures.record(visitor_id, exposures)
        elif exposures is None:
            await self._pin(visitor_id, pinned, now)
        else:
            await asyncio.gather(
                self._pin(visitor_id, pinned, now), self._exposures.record(visitor_id, exposures)
            )

    async def _pin(self, visitor_id: str, decision: Decision, now: float) -> None:
        try:
            await self._follow_up_store.pin_homepage(visitor_id, decision.homepage.variant, at=now)
        except StoreUnavailable:
            # The next page of the session decides anew, from the same evidence.
            return


def _bought(events: Sequence[Event], catalog: Catalog) -> frozenset[int]:
    keys: set[int] = set()
    for event in events:
        if event.name is EventName.PURCHASE:
            for entry in event.items:
                resolved = catalog.resolve(entry.item_id)
                keys.add(key_of(entry.item_id) if resolved is None else resolved.item.key)
    return frozenset(keys)
