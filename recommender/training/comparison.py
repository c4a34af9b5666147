"""The candidate and the current model, replayed on the same held-out cases."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.decisions.served import ServedModel
from recommender.evaluation.intervals import paired_interval
from recommender.identifiers import key_of
from recommender.model import Model, ModelError, load_model, read_pointer
from recommender.recommendations.ranking import Ranker
from recommender.recommendations.replay import MISSED, Hits, reciprocal_ranks, target_ranks
from recommender.training.holdout import HeldOut

SERVED_SOURCE = "blend"
"""Which lists are served, and so compared."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What both models would have recommended on the held-out days, to the same visitors.

    Attributes:
        cases: questions that both were asked: clicks on items new to their session.
        from_day: ISO date (UTC) of the first case; None without real times.
        candidate: hits of the candidate, which has seen none of the held-out days.
        current: hits of the current model; None if there is none, or none that could be compared.
        current_version: of the current model; None if there is none, or the pointer to it is damaged.
        current_problem: why the current model cannot be read, in words; None if it can, or there is none.
        hit_rate_difference: paired 95 % interval of candidate minus current, of HR@20; None without ``current``.
        mrr_difference: the same of MRR@20.
    """

    cases: int
    from_day: str | None
    candidate: Hits
    current: Hits | None
    current_version: str | None
    hit_rate_difference: tuple[float, float] | None
    mrr_difference: tuple[float, float] | None
    current_problem: str | None = None


class CurrentModel(NamedTuple):
    """What is live while a new model is trained.

    Attributes:
        version: that is published; None before the first, or where nobody can tell.
        served: the model as workers hold it; None where it cannot be read.
        problem: why it cannot be, in words.
    """

    version: str | None
    served: ServedModel | None
    problem: str | None

    @property
    def model(self) -> Model | None:
        """The model, None without one that can be read."""
        return None if self.served is None else self.served.model

    @property
    def seen_until(self) -> float | None:
        """Unix seconds of the newest interaction that it has learned from; None without real times."""
        return None if self.model is None else self.model.newest_event or None

    def rows_of(self, item_ids: list[str]) -> NDArray[np.int32]:
        """Return its row of each item, int32 ``[items]``, -1 for those that it does not know."""
        if self.model is None:
            return np.full(len(item_ids), -1, dtype=np.int32)
        return np.array(self.model.rows_of_keys([key_of(item_id) for item_id in item_ids]), dtype=np.int32)


def open_model(path: Path) -> ServedModel:
    """Load a version just as workers do.

    Raises:
        ModelError: they could not use it.
    """
    return ServedModel(load_model(path), source=SERVED_SOURCE)


def open_current(models_dir: Path) -> CurrentModel:
    """Return the model that is live; never fails, since a damaged one is what a new one is to replace."""
    pointer = read_pointer(models_dir)
    if pointer.version is None:
        return CurrentModel(None, None, pointer.problem)
    try:
        return CurrentModel(pointer.version, open_model(models_dir / pointer.version), None)
    except ModelError as error:
        return CurrentModel(pointer.version, None, str(error))


def compare(
    held_out: HeldOut,
    candidate: Ranker,
    candidate_rows: NDArray[np.int32],
    current: CurrentModel,
    current_rows: NDArray[np.int32],
    *,
    from_day: str | None,
    rng: np.random.Generator,
) -> Comparison:
    """Ask both models the same questions, each by its own serving lookup.

    Args:
        held_out: the questions.
        candidate: the new model's lookup, learned without the held-out time.
        candidate_rows: int32 ``[items]``, its row of each item, -1 for those that it does not know.
        current: the model that is live; compared unless it may have seen the answers.
        current_rows: int32 ``[items]``, likewise.
        from_day: ISO date that ``held_out`` begins on; None without real times.
        rng: draws the bootstrap samples.
    """
    ranks = target_ranks(candidate, held_out.cases_in(candidate_rows))
    hits = Hits.of(ranks)
    served = current.served
    # Without times nobody knows what the current model has seen.
    has_seen = from_day is None or (current.seen_until or 0.0) >= held_out.since
    if served is None or served.ranker is None or has_seen or not held_out.cases:
        return Comparison(
            len(held_out.cases), from_day, hits, None, current.version, None, None, current.problem
        )
    others = target_ranks(served.ranker, held_out.cases_in(current_rows))
    found = (ranks != MISSED).astype(np.float64) - (others != MISSED)
    higher = reciprocal_ranks(ranks) - reciprocal_ranks(others)
    return Comparison(
        cases=len(held_out.cases),
        from_day=from_day,
        candidate=hits,
        current=Hits.of(others),
        current_version=current.version,
        hit_rate_difference=paired_interval(found, held_out.clusters, rng),
        mrr_difference=paired_interval(higher, held_out.clusters, rng),
    )
