"""What one visitor did before and after the first exposure to an experiment."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import msgspec

from recommender.events import SECONDS_PER_DAY, Event, EventName, ExperimentShown
from recommender.experiments.outcomes.orders import Order, orders_of
from recommender.experiments.outcomes.preselections import count_preselections
from recommender.experiments.outcomes.prices import Prices
from recommender.homepage import HomepageVariant

PRIOR_SECONDS: Final = 90.0 * SECONDS_PER_DAY
"""How far orders before the exposure are looked back at: what CUPED explains noise by."""

SESSION_GAP_SECONDS: Final = 1800.0

OUTCOMES: Final = (
    "converted",
    "orders",
    "revenue",
    "margin",
    "added_to_cart",
    "preselections",
    "size_changes",
    "refunds",
    "returned_orders",
)
PRIORS: Final = ("prior_orders", "prior_revenue")

AffinityLevel = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True)
class OutcomeRules:
    """How events become outcomes.

    Attributes:
        experiment_id: whose exposures are looked for.
        now: Unix seconds; what happened later is not looked at.
        window_seconds: outcomes count from just after the exposure up to and including so much later.
        session_gap_seconds: silence after which a visitor's next event begins another session.
    """

    experiment_id: str
    now: float
    window_seconds: float
    session_gap_seconds: float = SESSION_GAP_SECONDS


class FirstExposure(NamedTuple):
    """When the experiment's newest bucket version was first shown to a visitor, and what the log says of it.

    ``variation`` is "" and ``propensity`` None where the log does not say; ``is_only`` is false for a visitor
    who was shown another variation too.
    """

    at: float
    variation_id: int
    variation: str
    propensity: float | None
    bucket_version: int
    discount_affinity: AffinityLevel | None
    personalized_homepage: HomepageVariant | None
    is_only: bool


@dataclass(frozen=True, slots=True)
class VisitorOutcome:
    """One row of the table.

    Attributes:
        exposure: the first one.
        known: whether the visitor had been there in an earlier session than that of the exposure.
        outcomes: values of :data:`OUTCOMES`, after the exposure and within the window; refunds of these orders
            whenever they came. Money is in the prices' currency.
        priors: values of :data:`PRIORS`, of the 90 days up to the exposure.
        orders: the orders within the window.
    """

    exposure: FirstExposure
    known: bool
    outcomes: tuple[float, ...]
    priors: tuple[float, ...]
    orders: tuple[Order, ...]


def outcome_of(events: Iterable[Event], rules: OutcomeRules, prices: Prices) -> VisitorOutcome | None:
    """Return what became of a visitor, ``None`` if the experiment was never shown.

    Neither the order of the events nor their repetition matters: an event counts once by its ``event_id``.

    Args:
        events: of one visitor.
        rules: experiment, window, moment.
        prices: what lines of orders cost.
    """
    story = distinct_events(events, until=rules.now)
    exposure = first_exposure(story, rules.experiment_id)
    if exposure is None:
        return None
    start, end = exposure.at, exposure.at + rules.window_seconds
    orders = orders_of(story, prices)
    counted = tuple(order for order in orders if start < order.at <= end)
    before = [order for order in orders if start - PRIOR_SECONDS < order.at <= start]
    within = [event for event in story if start < event.timestamp <= end]
    preselections, size_changes = count_preselections(_of_sizes(within, story, start), prices)
    outcomes = (
        bool(counted),
        len(counted),
        sum(order.revenue for order in counted),
        sum(order.margin for order in counted),
        any(event.name is EventName.ADD_TO_CART for event in within),
        preselections,
        size_changes,
        sum(order.refunded for order in counted),
        sum(order.is_returned for order in counted),
    )
    priors = (len(before), sum(order.revenue for order in before))
    return VisitorOutcome(
        exposure,
        _is_known(story, start, rules.session_gap_seconds),
        tuple(map(float, outcomes)),
        tuple(map(float, priors)),
        counted,
    )


def distinct_events(events: Iterable[Event], *, until: float) -> list[Event]:
    """Return each event once, oldest first; of two with one id the earlier (then the smaller as JSON)."""
    found: dict[str, Event] = {}
    for event in events:
        if event.timestamp > until:
            continue
        known = found.setdefault(event.event_id, event)
        if known is not event and known != event and _order_of(event) < _order_of(known):
            found[event.event_id] = event
    return sorted(found.values(), key=lambda event: (event.timestamp, event.event_id))


def first_exposure(story: Iterable[Event], experiment_id: str) -> FirstExposure | None:
    """Return the first exposure to the newest bucket version that a visitor was shown.

    A higher bucket version starts the experiment afresh (everybody is assigned anew), so what was shown under a
    lower one is another experiment.

    Args:
        story: distinct events, oldest first.
        experiment_id: the experiment's.
    """
    shown = [
        (one.bucket_version, event, one)
        for event in story
        if event.name is EventName.DECISION_SHOWN
        for one in event.experiments
        if one.experiment_id == experiment_id
    ]
    newest = max((version for version, _, _ in shown), default=0)
    valid = [(event, one) for version, event, one in shown if version == newest]
    if not valid:
        return None
    event, first = valid[0]
    propensity = first.propensity
    return FirstExposure(
        event.timestamp,
        first.variation_id,
        first.variation,
        propensity if propensity is not None and 0 < propensity <= 1 else None,
        newest,
        event.discount_affinity,
        event.personalized_homepage,
        all(_is_same(one, first) for _, one in valid),
    )


def _is_same(one: ExperimentShown, other: ExperimentShown) -> bool:
    """Tell whether two exposures are to the same variation: by name, since ids change when variations are added."""
    if one.variation and other.variation:
        return one.variation == other.variation
    return one.variation_id == other.variation_id


def _of_sizes(within: list[Event], story: list[Event], start: float) -> Iterator[Event]:
    """Yield the events of size choices: those of the window, and a size shown in the moment of the exposure.

    The exposure to an experiment on sizes is itself the ``decision_shown`` of a size.
    """
    for event in story:
        if event.timestamp > start:
            break
        if event.timestamp == start and event.name is EventName.DECISION_SHOWN:
            yield event
    yield from within


def _is_known(story: list[Event], start: float, gap_seconds: float) -> bool:
    """Tell whether there is an event in an earlier session than the one of the exposure."""
    times = [event.timestamp for event in story if event.timestamp <= start]
    return any(later - earlier > gap_seconds for earlier, later in pairwise(times))


def _order_of(event: Event) -> tuple[float, bytes]:
    return event.timestamp, msgspec.json.encode(event)
