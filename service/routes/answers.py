"""Decisions in the words of the contract."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

import orjson
from orjson import Fragment

from recommender.affinity import DiscountAffinity
from recommender.decisions.decision import HomepageChoice, SizeChoice
from recommender.decisions.policy import AssignedExperiment
from recommender.decisions.shelf import Recommendation
from service.contract.answers import (
    CardAnswer,
    DiscountAffinityAnswer,
    ExperimentAnswer,
    ExposureAnswer,
    PersonalizeAnswer,
    RecommendationAnswer,
    SizeAnswer,
    SlotsAnswer,
    VisitorAnswer,
)
from service.history.visitor_report import VisitorReport
from service.personalization import Answer

_MOST_WRITTEN: Final = 1024
"""Experiments by variation, with and without a recorded exposure; beyond them all are written anew."""


class WrittenExperiments:
    """Experiments as they lie written: a policy hands out the same few objects, and to write three anew takes 3 µs more."""

    def __init__(self) -> None:
        self._written: dict[int, tuple[AssignedExperiment, Fragment]] = {}

    def of(self, experiments: Sequence[AssignedExperiment]) -> list[ExperimentAnswer]:
        """Return the same as :func:`experiment_answers`, for orjson alone."""
        # Found by identity, as their values have no hash; an object that is kept here keeps its identity.
        written = self._written
        return [
            (written.get(id(one)) or self._write(one))[1]  # type: ignore[misc]  # its JSON
            for one in experiments
        ]

    def _write(self, one: AssignedExperiment) -> tuple[AssignedExperiment, Fragment]:
        if len(self._written) >= _MOST_WRITTEN:
            self._written.clear()
        entry = self._written[id(one)] = one, Fragment(orjson.dumps(experiment_answer(one)))
        return entry


def personalize_answer(
    answer: Answer, token: str | None, written: WrittenExperiments, *, now: float
) -> PersonalizeAnswer:
    """Return the body of ``POST /personalize``, for orjson alone.

    Args:
        answer: what to say.
        token: the visitor's, ``None`` where nothing may be stored.
        written: experiments.
        now: Unix seconds.
    """
    decision = answer.decision
    return {
        "decision_id": answer.decision_id,
        "visitor_id": token,
        "size": size_answer(decision.size),
        "slots": slots_answer(decision.homepage),
        "discount_affinity": affinity_answer(decision.affinity),
        "recommendations": written_recommendations(decision.recommendations, now),
        "experiments": written.of(answer.experiments),
        "features": answer.features,
        "events": answer.events,
        "model_version": answer.model_version,
        "degraded": answer.degraded,
    }


def size_answer(size: SizeChoice) -> SizeAnswer:
    """Return the size of the page's item."""
    action, label, size_system, sku_id, confidence, reason, times, of = size
    return {
        "action": action,
        "size": label,
        "size_system": size_system,
        "sku": sku_id,
        "confidence": round(confidence, 4),
        "reason": {"code": reason, "times": times, "of": of},
    }


def slots_answer(homepage: HomepageChoice) -> SlotsAnswer:
    """Return each slot's variant."""
    return {"homepage": {"variant": homepage.variant, "reason": homepage.reason}}


def experiment_answers(experiments: Sequence[AssignedExperiment]) -> list[ExperimentAnswer]:
    """Return the experiments that the visitor takes part in."""
    return [experiment_answer(one) for one in experiments]


def experiment_answer(one: AssignedExperiment) -> ExperimentAnswer:
    """Return an experiment that the visitor takes part in."""
    return {
        "experiment_id": one.experiment_id,
        "variation_id": one.variation_id,
        "variation": one.variation,
        "feature_id": one.feature_id,
        "value": one.value,
        "slot": one.slot,
    }


def affinity_answer(affinity: DiscountAffinity) -> DiscountAffinityAnswer:
    """Return the visitor's discount affinity."""
    return {
        "level": affinity.level,
        "index": round(affinity.index, 4),
        "evidence": round(affinity.evidence, 2),
    }


def recommendation_answers(chosen: Sequence[Recommendation], now: float) -> list[RecommendationAnswer]:
    """Return the recommended items with what a page needs to show them."""
    return [
        {
            "item_id": one.item.item_id,
            "score": round(one.score, 6),
            "source": one.source,
            "in_your_size": one.in_your_size,
            "item": cast("CardAnswer", one.item.card(now)),
        }
        for one in chosen
    ]


def written_recommendations(chosen: Sequence[Recommendation], now: float) -> list[RecommendationAnswer]:
    """Return the same for orjson alone, with each card as it lies written: reading a dozen again takes 10 µs."""
    return [
        {
            "item_id": item.item_id,
            "score": round(score, 6),
            "source": source,
            "in_your_size": in_your_size,
            "item": Fragment(item.card_json(now)),  # type: ignore[typeddict-item]  # its JSON
        }
        for item, score, source, in_your_size in chosen
    ]


def visitor_answer(
    visitor_id: str, report: VisitorReport, merged_visitors: Mapping[str, float]
) -> VisitorAnswer:
    """Return everything held about a visitor, and of a customer who became it until when (Unix seconds)."""
    return {
        "visitor_id": visitor_id,
        "last_seen": report.last_seen,
        "session_started": report.session_started,
        "sizes": report.sizes,
        "evidence": report.evidence,
        "cart": report.cart,
        "recently_viewed": report.recently_viewed,
        "exposures": [cast("ExposureAnswer", shown._asdict()) for shown in report.exposures],
        "discount_affinity": affinity_answer(report.decision.affinity),
        "slots": slots_answer(report.decision.homepage),
        "recommendations": recommendation_answers(report.decision.recommendations, report.at),
        "experiments": experiment_answers(report.experiments),
        "merged_visitors": [
            {"visitor_id": name, "until": until} for name, until in sorted(merged_visitors.items())
        ],
        "model_version": report.model_version,
    }
