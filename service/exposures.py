"""Exposures to experiments: which ones a decision leads to, which reports of them are believed, and counting them."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from recommender.decisions.decision import Decision
from recommender.decisions.policy import AssignedExperiment, Policy
from recommender.decisions.question import PageType
from recommender.events import Event, EventName, ExperimentShown
from recommender.visitor.effects import Effects, effects_of
from service.knowledge import Knowledge
from service.metrics.metrics import Metrics
from service.stores.connection import StoreUnavailable
from service.stores.visitors import Applied, VisitorStore
from service.tickets import MAX_VARIATION, ExposureTickets, Ticket, plain_decision_id

_TELLING_CHARACTERS: Final = 16
"""At its end, by which no two tickets are alike: the signature."""

SLOW_CLOCK_SECONDS: Final = 300
"""By how much a browser's clock may be behind ours and still tell when a page was seen: by that same clock the page's
next events follow it.
"""

Batch = Sequence[tuple[Event, Effects]]
"""Events with what they do to their visitor's state."""


class Exposures:
    """Sees to it that each exposure is logged once per visitor and experiment, and none that did not happen.

    Args:
        tickets: vouch for the exposures that pages report.
        store: takes those of servers' pages.
        knowledge: names experiments.
        metrics: counts exposures.
        at: ``decision`` records the exposures of answers to servers at once; they then need no report.
    """

    def __init__(
        self,
        tickets: ExposureTickets,
        store: VisitorStore,
        knowledge: Knowledge,
        metrics: Metrics,
        *,
        at: Literal["page", "decision"] = "page",
    ) -> None:
        self._tickets = tickets
        self._store = store
        self._knowledge = knowledge
        self._metrics = metrics
        self._at = at

    def confirmed(self, events: Sequence[Event], visitor_id: str, *, now: float) -> Sequence[Event]:
        """Return a visitor's events with the exposures that they prove, as :meth:`confirm` has it.

        What two slots of one page prove alike, such as that somebody is held out, the first one does.
        """
        for event in events:
            if event.experiments or event.name is EventName.DECISION_SHOWN:
                break
        else:
            return events
        told: set[tuple[str, int]] = set()
        result = []
        for event in events:
            one = self.confirm(event, visitor_id, now=now)
            if one is not event and one.experiments:
                fresh = [
                    shown
                    for shown in one.experiments
                    if (shown.experiment_id, shown.bucket_version) not in told
                ]
                told |= {(shown.experiment_id, shown.bucket_version) for shown in fresh}
                one = msgspec.structs.replace(one, experiments=tuple(fresh))
            result.append(one)
        return result

    def confirm(self, event: Event, visitor_id: str, *, now: float) -> Event:
        """Return an event with the exposures that it proves, and with no others.

        A ``decision_shown`` with a ticket proves those of its slot, and those of no particular slot; one that
        names no slot speaks for the whole decision. It cannot have happened long before the decision, and a second
        one is a repetition, whatever id it has. Without a ticket, a browser's own list is not believed; that of the
        shop's server is.

        Args:
            event: any event, also one that has to do with no decision.
            visitor_id: whose it is.
            now: Unix seconds.
        """
        ticket: Ticket | None = None
        if event.name is EventName.DECISION_SHOWN and event.decision_id is not None:
            ticket = self._tickets.read(event.decision_id, visitor_id, now=now)
        if ticket is not None and event.decision_id is not None:
            issued_at = float(ticket.issued_at)
            is_plausible = event.timestamp >= issued_at - SLOW_CLOCK_SECONDS
            return msgspec.structs.replace(
                event,
                event_id=f"shown-{event.decision_id[-_TELLING_CHARACTERS:]}-{event.slot or ''}",
                timestamp=event.timestamp if is_plausible else issued_at,
                experiments=tuple(_shown(ticket, event.slot, self._knowledge.policy)),
                discount_affinity=ticket.discount_affinity,
                personalized_homepage=ticket.personalized_homepage,
            )
        if event.experiments and event.source == "browser":
            return msgspec.structs.replace(event, experiments=())
        return event

    def identify(
        self,
        visitor_id: str | None,
        page_type: PageType,
        experiments: Sequence[AssignedExperiment],
        decision: Decision,
        *,
        is_server: bool,
        now: float,
    ) -> tuple[str, Event | None]:
        """Return an id for a decision: a ticket if a report of it is to tell exposures.

        Exposures that nobody will report come with it as an event, to be kept by :meth:`record`.

        Args:
            visitor_id: whom it is for; ``None`` if nothing may be stored, and so nothing be exposed.
            page_type: of the page that asks.
            experiments: that the visitor takes part in, and of which this answer may be an exposure.
            decision: with their treatment.
            is_server: whether the shop's server asks.
            now: Unix seconds.
        """
        if visitor_id is None or not experiments:
            return plain_decision_id(), None
        is_shown_now = is_server and self._at == "decision"
        shows_homepage = page_type == "home" or not is_shown_now
        due = due_exposures(experiments, decision, shows_homepage=shows_homepage)
        if due and not is_shown_now:
            ticket = self._tickets.issue(
                visitor_id,
                due,
                discount_affinity=decision.affinity.level,
                personalized_homepage=decision.homepage.personalized,
                now=now,
            )
            return ticket, None
        decision_id = plain_decision_id()
        return decision_id, _report(decision_id, due, decision, now) if due else None

    def count(self, batch: Batch, applied: Applied) -> None:
        """Count the exposures of events that are in the log now."""
        for (event, _), is_new in zip(batch, applied.is_new, strict=True):
            if is_new and event.experiments:
                for shown in event.experiments:
                    self._metrics.exposure(shown.experiment_id)

    async def record(self, visitor_id: str, event: Event) -> None:
        """Keep the exposures of an answer to a server; if they cannot be kept, nothing happens."""
        now = event.timestamp
        parameters = self._knowledge.affinity_parameters(now)
        batch = [(event, effects_of(event, self._knowledge.catalog, parameters))]
        try:
            self.count(batch, await self._store.apply(visitor_id, batch, now=now))
        except StoreUnavailable:
            # The visitor's next page tries again; this one need not fail for it.
            return


def due_exposures(
    experiments: Iterable[AssignedExperiment], decision: Decision, *, shows_homepage: bool
) -> list[AssignedExperiment]:
    """Return the experiments whose exposure is to be recorded once this decision is shown.

    Those that make, or in another variation would have made, a difference to what is shown: whoever is never
    offered a size in either arm only dilutes what a size does (Deng and Hu, "Diluted Treatment Effect Estimation
    for Trigger Analysis in Online Controlled Experiments", WSDM 2015). And only those not recorded already.

    Args:
        experiments: that the visitor takes part in.
        decision: with their treatment; an arm without sizes still says which one it held back.
        shows_homepage: whether the page has the homepage slot.
    """
    due = [one for one in experiments if not one.is_recorded and one.variation_id <= MAX_VARIATION]
    if not due:
        return due
    shows_size = decision.size.would_show
    shows_items = bool(decision.recommendations)
    is_shown: dict[str | None, bool] = {
        "homepage": shows_homepage,
        "size": shows_size,
        "recommendations": shows_items,
        None: shows_homepage or shows_size or shows_items,
    }
    return [one for one in due if is_shown.get(one.slot, True)]


def _report(
    decision_id: str, experiments: Iterable[AssignedExperiment], decision: Decision, now: float
) -> Event:
    """Return the report that a page would send of a decision, for all of its slots at once."""
    return Event(
        name=EventName.DECISION_SHOWN,
        event_id=f"shown-{decision_id}",
        timestamp=now,
        source="server",
        decision_id=decision_id,
        experiments=tuple(
            ExperimentShown(
                one.experiment_id, one.variation_id, one.variation, one.propensity, one.bucket_version
            )
            for one in experiments
        ),
        discount_affinity=decision.affinity.level,
        personalized_homepage=decision.homepage.personalized,
    )


def _shown(ticket: Ticket, slot: str | None, policy: Policy) -> Iterable[ExperimentShown]:
    """Yield a ticket's exposures of a slot; what has left the policy since the decision is left out."""
    for exposure in ticket.exposures:
        named = policy.experiment_of_key(exposure.experiment_key)
        number = exposure.variation_id
        if named is None or number >= len(named.variations):
            continue
        if slot is None or named.slot is None or named.slot == slot:
            yield ExperimentShown(
                named.experiment_id,
                number,
                named.variations[number],
                exposure.propensity,
                named.bucket_version,
            )
