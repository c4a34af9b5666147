"""What was measured: what the gate judges by, and what manifest and report tell."""

import math
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from recommender.events import SECONDS_PER_DAY
from recommender.recommendations.builder import BLEND_NAME
from recommender.recommendations.replay import Hits
from recommender.recommendations.tuning import BlendTuning
from recommender.training.calibration_curve import CalibrationBin
from recommender.training.comparison import Comparison, CurrentModel
from recommender.training.content import Learned, tuning_metrics
from recommender.training.coverage import stocked, stocked_among, wanted_share, with_neighbours
from recommender.training.gate import GateFacts
from recommender.training.material import Material
from recommender.training.report import Coverage, DayVolume
from recommender.training.sizes import held_out_calibration
from recommender.training.trial import Trial
from recommender.training.volumes import daily_volumes, day_of, whole_days

UNLIKE: Final = 0.5
"""Share of the hit rate that was measured for the current model, below which the held-out clicks are unlike others."""

STALE_DAYS: Final = 1.5
"""Age of the newest interaction from which on it is mentioned; a quiet shop may be without any for a night."""


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What is known of a model when all of it has been learned.

    Attributes:
        material: what it was learned from.
        trial: of its candidate; None where nothing could be held out.
        learned: what it holds.
        coverage: of which items it has something to say.
        volumes: by day.
        calibration: said and true probability that a size is right, on held-out purchases.
        metrics: what its manifest says; hit rates in percent.
    """

    material: Material
    trial: Trial | None
    learned: Learned
    coverage: Coverage
    volumes: tuple[DayVolume, ...]
    calibration: tuple[CalibrationBin, ...]
    metrics: dict[str, Any]

    @classmethod
    def of(cls, material: Material, trial: Trial | None, learned: Learned) -> Self:
        """Measure what is measured of the whole."""
        since = None if trial is None else trial.since
        return cls(
            material,
            trial,
            learned,
            _coverage_of(material, trial, learned),
            daily_volumes(material.interactions, since),
            held_out_calibration(material.records, since),
            _metrics_of(material, trial, learned),
        )

    @property
    def comparison(self) -> Comparison | None:
        """The candidate beside the current model."""
        return None if self.trial is None else self.trial.comparison

    @property
    def tuning(self) -> BlendTuning | None:
        """How the blend's settings were chosen; None when they were given."""
        return _tuning(self.trial, self.learned)

    def notes(self, current: CurrentModel, *, created_at: float) -> tuple[str, ...]:
        """Return what whoever runs the training should know of how it went.

        Args:
            current: the model that is live.
            created_at: Unix seconds of this run.
        """
        notes = [] if self.tuning is None else [self.tuning.summary]
        interactions = self.material.interactions
        days = (created_at - interactions.newest) / SECONDS_PER_DAY
        if interactions.timed and days > STALE_DAYS:
            notes.append(
                f"The newest interaction is of {day_of(interactions.newest)}, {days:,.0f} days ago: do events arrive?"
            )
        if _is_unlike_before(self.comparison, current):
            notes.append(
                "Both models find less than half of what the current one found before: the held-out clicks are unlike "
                "the shop's others. Look at what came in, and at which items it names."
            )
        if current.problem is not None:
            notes.append(
                f"The current model cannot be read, so nothing was compared with it: {current.problem}"
            )
        if not self.learned.affinity_metrics["fitted"]:
            notes.append(
                "Discount affinity keeps its default strengths: too few visitors with known discounts."
            )
        if not self.learned.size_metrics["fitted"]:
            notes.append(
                "Sizes keep the documented prior: under 1,000 purchases to learn a calibration from."
            )
        return tuple(notes)

    def facts(self, current: CurrentModel, *, created_at: float) -> GateFacts:
        """Return what the gate judges by.

        Args:
            current: the model that is live.
            created_at: Unix seconds of this run.
        """
        interactions, coverage, trial = self.material.interactions, self.coverage, self.trial
        nonfinite = self.learned.nonfinite
        looked_at = None
        if trial is not None:
            nonfinite["the candidate's ALS vectors"] = trial.nonfinite_factors
            looked_at = wanted_share(trial.wanted, with_neighbours(self.learned.neighbours[BLEND_NAME]))
        seen_until = current.seen_until if interactions.timed else None
        in_stock = coverage.in_stock_items
        return GateFacts(
            comparison=self.comparison,
            nonfinite=nonfinite,
            in_stock_items=in_stock,
            in_stock_share=coverage.with_neighbours / in_stock if in_stock else None,
            current_in_stock_share=_stocked_in(current, self.material) / in_stock
            if in_stock and current.served
            else None,
            looked_at_share=looked_at,
            candidate_looked_at_share=coverage.looked_at_share,
            current_looked_at_share=coverage.current_looked_at_share,
            shared_interactions=int(
                np.count_nonzero(interactions.timestamp <= (math.inf if seen_until is None else seen_until))
            ),
            current_interactions=_learned_from(current),
            whole_days=whole_days(self.volumes, interactions.newest, created_at),
        )


def _coverage_of(material: Material, trial: Trial | None, learned: Learned) -> Coverage:
    covered = np.flatnonzero(with_neighbours(learned.neighbours[BLEND_NAME]))
    catalog, item_ids = material.catalog, material.interest.item_ids
    return Coverage(
        catalog_items=None if catalog is None else len(catalog),
        in_stock_items=None if catalog is None else stocked(catalog),
        with_neighbours=covered.size
        if catalog is None
        else stocked_among(catalog, (item_ids[row] for row in covered.tolist())),
        looked_at_share=None if trial is None else trial.looked_at_share,
        current_looked_at_share=None if trial is None else trial.current_looked_at_share,
    )


def _is_unlike_before(comparison: Comparison | None, current: CurrentModel) -> bool:
    """Tell whether the current model finds under half of what its own held-out days let it find."""
    if comparison is None or comparison.current is None or current.served is None:
        return False
    before = current.served.model.metrics.get("held_out")
    recorded = before.get("hr@20", 0.0) if isinstance(before, dict) else 0.0
    best = max(comparison.current.hit_rate, comparison.candidate.hit_rate)
    return 100 * best < UNLIKE * recorded


def _tuning(trial: Trial | None, learned: Learned) -> BlendTuning | None:
    return learned.recommendations.tuning if trial is None else trial.tuning


def _metrics_of(material: Material, trial: Trial | None, learned: Learned) -> dict[str, Any]:
    interest = material.interest
    return {
        "interactions": len(material.interactions),
        "visitors": int(np.unique(interest.rows.visitor).size),
        "items": len(interest.item_ids),
        "sessions": learned.session_count,
        "session_gap_seconds": interest.gap_seconds if math.isfinite(interest.gap_seconds) else None,
        "bots": {"visitors": material.bots.visitors, "interactions": material.bots.interactions},
        "coverage": {name: round(lists.coverage, 4) for name, lists in learned.neighbours.items()},
        "nearest": learned.recommendations.nearest.as_json(),
        "blend": tuning_metrics(_tuning(trial, learned)),
        "held_out": _held_out_metrics(None if trial is None else trial.comparison),
        "affinity": learned.affinity_metrics,
        "sizes": learned.size_metrics,
    }


def _held_out_metrics(comparison: Comparison | None) -> dict[str, Any]:
    if comparison is None or comparison.cases == 0:
        return {"cases": 0}
    metrics: dict[str, Any] = {
        "cases": comparison.cases,
        "from_day": comparison.from_day,
        **_percent(comparison.candidate),
    }
    if comparison.current is not None:
        metrics["current"] = {"version": comparison.current_version, **_percent(comparison.current)}
    return metrics


def _percent(hits: Hits) -> dict[str, float]:
    return {"hr@20": round(100 * hits.hit_rate, 2), "mrr@20": round(100 * hits.mrr, 2)}


def _learned_from(current: CurrentModel) -> int | None:
    """Return how many interactions the current model learned from, None where its manifest does not say."""
    count = None if current.served is None else current.served.model.metrics.get("interactions")
    return count if isinstance(count, int) else None


def _stocked_in(current: CurrentModel, material: Material) -> int:
    """Return how many items in stock the current model has neighbours for."""
    served = current.served
    if material.catalog is None or served is None or served.source is None:
        return 0
    covered = np.flatnonzero(with_neighbours(served.model.neighbours[served.source]))
    return stocked_among(material.catalog, map(served.model.item_id, covered.tolist()))
