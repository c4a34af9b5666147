"""The trial of a new model: a candidate that has not seen the newest days, asked about them beside the current model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.recommendations.als import Factorise
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.builder import Recommendations, build_recommendations
from recommender.recommendations.replay import Case
from recommender.recommendations.sessions import Sessions
from recommender.recommendations.tuning import BlendTuning
from recommender.training.comparison import Comparison, CurrentModel, compare
from recommender.training.concentration import Concentration, recommendation_counts
from recommender.training.coverage import covered_in, wanted_share, with_neighbours
from recommender.training.holdout import HeldOut, held_out_since, hold_out
from recommender.training.interest import Interest
from recommender.training.learning_curve import CurvePoint, learning_curve
from recommender.training.settings import TrainingSettings
from recommender.training.stages import Stages
from recommender.training.volumes import day_of

BOOTSTRAP_SEED = 1
"""Of the samples behind the intervals: the same data give the same verdict."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What the held-out days said.

    Attributes:
        since: Unix seconds from which on interactions were held out.
        settings: of the blend, chosen before that; the published model is trained with them.
        tuning: how they were chosen; None when they were given.
        comparison: candidate and current model on the same questions.
        curve: the candidate's quality by share of the data.
        popularity: how much of its recommendations goes to few items.
        wanted: float64 ``[items]``, held-out interactions with each item.
        looked_at_share: share of them with items that the candidate has neighbours for.
        current_looked_at_share: the same of the current model, unless it may have seen them.
        nonfinite_factors: items whose vector is NaN or infinite in the candidate.
    """

    since: float
    settings: BlendSettings
    tuning: BlendTuning | None
    comparison: Comparison
    curve: tuple[CurvePoint, ...]
    popularity: Concentration | None
    wanted: NDArray[np.float64]
    looked_at_share: float | None
    current_looked_at_share: float | None
    nonfinite_factors: int


def hold_trial(
    interest: Interest,
    current: CurrentModel,
    settings: TrainingSettings,
    *,
    factorise: Factorise,
    stages: Stages,
) -> Trial | None:
    """Train a candidate on all but the newest days and test it on them; None where nothing can be held out.

    Args:
        interest: of the whole time.
        current: the model that is live.
        settings: of the training.
        factorise: fits the items' vectors.
        stages: told what is being done.
    """
    since = held_out_since(interest, settings.holdout_days, current.seen_until)
    if since is None:
        return None
    sessions = interest.sessions(before=since)
    candidate = build_recommendations(
        sessions,
        settings=None if settings.tune else settings.blend,
        start=settings.blend,
        factorise=factorise,
        tune_seconds=settings.tune_seconds,
        on_progress=stages.renamed("training", "candidate"),
    )
    stages("comparing", 0, 2)
    current_rows = current.rows_of(interest.item_ids)
    seen = sessions.item_weights() > 0
    candidate_rows = np.where(seen, np.arange(seen.size), -1).astype(np.int32)
    held_out = hold_out(interest, since, seen | (current_rows >= 0))
    comparison = compare(
        held_out,
        candidate.ranker(),
        candidate_rows,
        current,
        current_rows,
        from_day=day_of(since) if interest.rows.timed else None,
        rng=np.random.default_rng(BOOTSTRAP_SEED),
    )
    stages("comparing", 1, 2)
    cases = held_out.cases_in(candidate_rows)
    return Trial(
        since=since,
        settings=candidate.settings,
        tuning=candidate.tuning,
        comparison=comparison,
        curve=_curve(sessions, cases, candidate, comparison, settings, factorise=factorise, stages=stages),
        popularity=_popularity(candidate, cases, sessions),
        wanted=held_out.wanted,
        looked_at_share=wanted_share(held_out.wanted, with_neighbours(candidate.blend)),
        current_looked_at_share=_looked_at_by(current, current_rows, held_out, comparison),
        nonfinite_factors=candidate.nonfinite_factors,
    )


def _curve(
    sessions: Sessions,
    cases: list[Case],
    candidate: Recommendations,
    comparison: Comparison,
    settings: TrainingSettings,
    *,
    factorise: Factorise,
    stages: Stages,
) -> tuple[CurvePoint, ...]:
    if not settings.curve_seconds:
        return ()
    return learning_curve(
        sessions,
        cases,
        candidate.settings,
        comparison.candidate,
        factorise=factorise,
        seconds=settings.curve_seconds,
        on_progress=stages,
    )


def _popularity(candidate: Recommendations, cases: list[Case], sessions: Sessions) -> Concentration | None:
    shown = recommendation_counts(candidate.ranker(), cases, sessions.item_count)
    return Concentration.of(shown, sessions.item_weights())


def _looked_at_by(
    current: CurrentModel, rows: NDArray[np.int32], held_out: HeldOut, comparison: Comparison
) -> float | None:
    """Return the share of the held-out interest in items that the current model has neighbours for."""
    served = current.served
    if served is None or served.source is None or comparison.current is None:
        return None
    return wanted_share(held_out.wanted, covered_in(served.model.neighbours[served.source], rows))
