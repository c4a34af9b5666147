"""Everything held about a visitor, in words: what a shop answers a visitor who asks, or a colleague who wonders."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

import msgspec

from recommender.affinity import AffinityParameters
from recommender.catalog.catalog import Catalog
from recommender.decisions.attributes import visitor_attributes
from recommender.decisions.decision import Decision, affinity_of, decide
from recommender.decisions.fit import Fit
from recommender.decisions.policy import AssignedExperiment, ExperimentName, Policy
from recommender.decisions.question import Question
from recommender.decisions.served import ServedModel
from recommender.departments import name_of
from recommender.events import SECONDS_PER_DAY
from recommender.sizes.calibration import SizeCalibration
from recommender.sizes.labels import format_size
from recommender.sizes.scales import size_system_of
from recommender.sizes.size import EvidenceKind, SizeEvidence
from recommender.visitor.state import Exposure, VisitorState, second_of
from service.contract.answers import CartLineAnswer, EvidenceAnswer, PreferredSizeAnswer, ViewedAnswer
from service.knowledge import Knowledge
from service.stores.visitors import VisitorStore

_HOME = Question("home")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Held = TypeVar("_Held")


class HeldExposure(NamedTuple):
    """A variation that a visitor was shown, at ``at`` (Unix seconds); nameless once its experiment is over."""

    experiment_id: str | None
    variation_id: int
    variation: str | None
    at: int


class VisitorReport(NamedTuple):
    """A visitor's state in words, with what a home page would decide from it now.

    ``experiments`` are those that the visitor would take part in now, ``exposures`` what they have been shown.
    """

    at: float
    last_seen: int
    session_started: int
    evidence: list[EvidenceAnswer]
    sizes: list[PreferredSizeAnswer]
    cart: list[CartLineAnswer]
    recently_viewed: list[ViewedAnswer]
    exposures: list[HeldExposure]
    decision: Decision
    experiments: tuple[AssignedExperiment, ...]
    model_version: str | None


class VisitorReports:
    """Reads visitors without touching them: a look does not count as a visit.

    Args:
        store: of the visitors.
        knowledge: catalog, model and policy in use.
        clock: Unix seconds now.
        session_gap_seconds: silence after which the visitor's next page would start a session.
    """

    def __init__(
        self,
        store: VisitorStore,
        knowledge: Knowledge,
        clock: Callable[[], float],
        *,
        session_gap_seconds: int,
    ) -> None:
        self._store = store
        self._knowledge = knowledge
        self._clock = clock
        self._session_gap_seconds = session_gap_seconds

    async def of(self, visitor_id: str, *, has_events: bool = False) -> VisitorReport | None:
        """Return what is held about a visitor, ``None`` if nothing is.

        Args:
            visitor_id: whose.
            has_events: whether there are events of theirs; then one whose state has gone is told of, too.

        Raises:
            StoreUnavailable: it cannot be read now.
        """
        state = await self._store.read(visitor_id)
        if not (state.is_known or has_events):
            return None
        now = self._clock()
        is_over = now - state.last_seen > self._session_gap_seconds
        return report_of(
            visitor_id,
            state,
            self._knowledge.catalog,
            self._knowledge.model,
            parameters=self._knowledge.affinity_parameters(now),
            policy=self._knowledge.policy,
            now=now,
            session_is_over=is_over,
        )


def report_of(
    visitor_id: str,
    state: VisitorState,
    catalog: Catalog,
    model: ServedModel | None,
    *,
    parameters: AffinityParameters,
    policy: Policy,
    now: float,
    session_is_over: bool,
) -> VisitorReport:
    """Put a visitor's state into words.

    Args:
        visitor_id: whose.
        state: as the store holds it.
        catalog: names items by their keys.
        model: in use, if any.
        parameters: of discount affinity.
        policy: names experiments by their keys, and says which the visitor takes part in.
        now: Unix seconds.
        session_is_over: the next page starts a session, which a pinned homepage does not bind.
    """
    next_page = msgspec.structs.replace(state, session_started=second_of(now)) if session_is_over else state
    calibration = SizeCalibration() if model is None else model.calibration
    today = int(now // SECONDS_PER_DAY)
    fit = Fit(state.settled_evidence(), calibration, today=today)
    affinity = affinity_of(next_page, parameters, today)
    attributes = visitor_attributes(_HOME, next_page, affinity, {})
    assigned = policy.assign(visitor_id, attributes, next_page)
    return VisitorReport(
        at=now,
        last_seen=state.last_seen,
        session_started=state.session_started,
        evidence=[_evidence(record, catalog) for record in state.evidence],
        sizes=_sizes(fit),
        cart=[
            {
                "item_id": _item_id(line.item_key, catalog),
                "sku": _sku_id(line.item_key, line.sku_key, catalog),
                "at": line.at,
            }
            for line in state.cart_lines
        ],
        recently_viewed=[
            {"item_id": _item_id(viewed.item_key, catalog), "at": viewed.at}
            for viewed in state.recently_viewed
        ],
        exposures=[
            _exposure(policy.experiment_of_key(shown.experiment_key), shown) for shown in state.exposures
        ],
        decision=decide(_HOME, next_page, affinity, catalog, model, assigned.treatment, now=now),
        experiments=assigned.experiments,
        model_version=None if model is None else model.version,
    )


def _exposure(name: ExperimentName | None, shown: Exposure) -> HeldExposure:
    number = shown.variation
    if name is None:
        return HeldExposure(None, number, None, shown.second)
    variation = name.variations[number] if number < len(name.variations) else None
    return HeldExposure(name.experiment_id, number, variation, shown.second)


def _evidence(record: SizeEvidence, catalog: Catalog) -> EvidenceAnswer:
    return {
        "date": (_EPOCH + timedelta(days=record.day)).date().isoformat(),
        "kind": _in_words(lambda code: EvidenceKind(code).name.lower(), record.kind),
        "item_id": _item_id(record.item_key, catalog),
        "department": _in_words(name_of, record.department),
        "size": _in_words(format_size, record.size),
        "size_system": size_system_of(record.size.scale),
    }


def _in_words(describe: Callable[[_Held], str], held: _Held) -> str:
    """Return what is held in words; what only a newer Kabin can have written is told as it is."""
    try:
        return describe(held)
    except (ValueError, LookupError):
        return f"unknown: {held}"


def _sizes(fit: Fit) -> list[PreferredSizeAnswer]:
    sizes: list[PreferredSizeAnswer] = []
    for department in sorted({record.department for record in fit.evidence}):
        size = fit.preferred(department)
        if size is not None:
            sizes.append(
                {
                    "department": _in_words(name_of, department),
                    "size": _in_words(format_size, size),
                    "size_system": size_system_of(size.scale),
                }
            )
    return sizes


def _item_id(key: int, catalog: Catalog) -> str | None:
    item = catalog.item_of_key(key)
    return None if item is None else item.item_id


def _sku_id(item_key: int, sku_key: int, catalog: Catalog) -> str | None:
    item = catalog.item_of_key(item_key)
    sku = None if item is None or not sku_key else item.sku_of_key(sku_key)
    return None if sku is None else sku.sku_id
