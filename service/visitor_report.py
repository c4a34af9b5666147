"""Everything held about a visitor, in words: what a shop answers a visitor who asks, or a colleague who wonders."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from recommender.affinity import AffinityParameters
from recommender.catalog.catalog import Catalog
from recommender.decisions.decision import Decision, decide
from recommender.decisions.fit import Fit
from recommender.decisions.question import Question
from recommender.decisions.served import ServedModel
from recommender.departments import name_of
from recommender.sizes.calibration import SizeCalibration
from recommender.sizes.labels import format_size
from recommender.sizes.scales import size_system_of
from recommender.sizes.size import EvidenceKind, SizeEvidence
from recommender.visitor.state import VisitorState, second_of
from service.answers import CartLineAnswer, EvidenceAnswer, PreferredSizeAnswer, ViewedAnswer
from service.knowledge import Knowledge
from service.stores.visitors import VisitorStore

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class VisitorReport(NamedTuple):
    """A visitor's state in words, with what a home page would decide from it now."""

    at: float
    last_seen: int
    session_started: int
    evidence: list[EvidenceAnswer]
    sizes: list[PreferredSizeAnswer]
    cart: list[CartLineAnswer]
    recently_viewed: list[ViewedAnswer]
    decision: Decision
    model_version: str | None


class VisitorReports:
    """Reads visitors without touching them: a look does not count as a visit.

    Args:
        store: of the visitors.
        knowledge: catalog and model in use.
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

    async def of(self, visitor_id: str) -> VisitorReport | None:
        """Return what is held about a visitor, ``None`` if nothing is.

        Raises:
            StoreUnavailable: it cannot be read now.
        """
        state = await self._store.read(visitor_id)
        if not state.is_known:
            return None
        now = self._clock()
        catalog, model = self._knowledge.catalog, self._knowledge.model
        parameters = self._knowledge.affinity_parameters(now)
        is_over = now - state.last_seen > self._session_gap_seconds
        return report_of(state, catalog, model, parameters, now=now, session_is_over=is_over)


def report_of(
    state: VisitorState,
    catalog: Catalog,
    model: ServedModel | None,
    parameters: AffinityParameters,
    *,
    now: float,
    session_is_over: bool,
) -> VisitorReport:
    """Put a visitor's state into words.

    Args:
        state: as the store holds it.
        catalog: names items by their keys.
        model: in use, if any.
        parameters: of discount affinity.
        now: Unix seconds.
        session_is_over: the next page starts a session, which a pinned homepage does not bind.
    """
    next_page = msgspec.structs.replace(state, session_started=second_of(now)) if session_is_over else state
    calibration = SizeCalibration() if model is None else model.calibration
    fit = Fit(state.settled_evidence(), catalog, calibration, today=int(now // 86_400))
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
        decision=decide(Question("home"), next_page, catalog, model, parameters, now=now),
        model_version=None if model is None else model.version,
    )


def _evidence(record: SizeEvidence, catalog: Catalog) -> EvidenceAnswer:
    return {
        "date": (_EPOCH + timedelta(days=record.day)).date().isoformat(),
        "kind": EvidenceKind(record.kind).name.lower(),
        "item_id": _item_id(record.item_key, catalog),
        "department": name_of(record.department),
        "size": format_size(record.size),
        "size_system": size_system_of(record.size.scale),
    }


def _sizes(fit: Fit) -> list[PreferredSizeAnswer]:
    sizes: list[PreferredSizeAnswer] = []
    for department in sorted({record.department for record in fit.evidence}):
        size = fit.preferred(department)
        if size is not None:
            sizes.append(
                {
                    "department": name_of(department),
                    "size": format_size(size),
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
