"""Replaying sessions click by click: would the next item have been among those recommended?"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recommender.recommendations.ranking import Ranker
from recommender.recommendations.sessions import Sessions

LIST_LENGTH = 20
"""Recommendations looked at, as in HR@20 and MRR@20."""

MISSED = -1
"""Stands for the rank of a target that was not among the recommendations."""


class Case(NamedTuple):
    """One question of a replay: the item rows of a session so far, and the item clicked next."""

    session: list[int]
    target: int

    @property
    def is_novel(self) -> bool:
        """Whether the target is new to the session."""
        return self.target not in self.session


@dataclass(frozen=True, slots=True)
class Hits:
    """How often and how high the targets were found.

    Attributes:
        hit_rate: share of targets among the first 20 recommendations (HR@20).
        mrr: mean of 1 / rank of the targets, 0 where missed (MRR@20).
        cases: questions asked.
    """

    hit_rate: float
    mrr: float
    cases: int

    @classmethod
    def of(cls, ranks: NDArray[np.int32]) -> Self:
        """Count hits in 0-based ranks, ``MISSED`` where the target was not recommended."""
        if ranks.size == 0:
            return cls(0.0, 0.0, 0)
        return cls(float(np.mean(ranks != MISSED)), float(reciprocal_ranks(ranks).mean()), int(ranks.size))

    @property
    def quality(self) -> float:
        """Geometric mean of the two, by which settings are compared: relative gains count alike."""
        return float(np.sqrt(self.hit_rate * self.mrr))


def reciprocal_ranks(ranks: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return 1 / (rank + 1) of each 0-based rank and 0 where missed, float64."""
    return np.where(ranks == MISSED, 0.0, 1.0 / (ranks.astype(np.float64) + 1.0 + (ranks == MISSED)))


def standard_errors_ahead(ranks: NDArray[np.int32], base: NDArray[np.int32]) -> float:
    """Return by how many standard errors some ranks beat others of the same cases.

    What is averaged is the first-order change of the logarithm of ``Hits.quality``.
    """
    of_base = Hits.of(base)
    if of_base.quality == 0:
        return np.inf if Hits.of(ranks).quality > 0 else 0.0
    gains = ((ranks != MISSED) * 1.0 - (base != MISSED)) / of_base.hit_rate
    gains += (reciprocal_ranks(ranks) - reciprocal_ranks(base)) / of_base.mrr
    error = float(gains.std()) / np.sqrt(gains.size)
    return float(gains.mean()) / error if error else 0.0


def next_item_cases(
    sessions: Sessions, known: NDArray[np.bool_] | None = None, *, most: int | None = None
) -> list[Case]:
    """Return one case for every click of a session after its first.

    Args:
        sessions: the sessions to replay.
        known: bool ``[items]``, items seen in training; clicks on others are dropped, as published splits do.
        most: cases returned at most, evenly spaced; None returns all, which costs memory with the square of a
            session's length.
    """
    sequences = sessions.sequences()
    if known is not None:
        sequences = [[row for row in sequence if known[row]] for sequence in sequences]
    ends = np.cumsum([max(len(sequence) - 1, 0) for sequence in sequences])
    count = int(ends[-1]) if ends.size else 0
    wanted = _evenly_spaced(count, count if most is None else most)
    owners = np.searchsorted(ends, wanted, side="right")
    cases = []
    for number, owner in zip(wanted.tolist(), owners.tolist(), strict=True):
        sequence = sequences[owner]
        position = number - int(ends[owner]) + len(sequence)
        cases.append(Case(sequence[:position], sequence[position]))
    return cases


def _evenly_spaced(count: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` of the numbers below ``count``, from the first to the last."""
    return np.linspace(0, max(count - 1, 0), min(count, most)).astype(np.int64)


def target_ranks(ranker: Ranker, cases: Iterable[Case], shown: set[int] | None = None) -> NDArray[np.int32]:
    """Return the 0-based rank of each case's target by the serving path, ``MISSED`` where absent.

    Args:
        ranker: the lookup to replay.
        cases: the questions.
        shown: collects the rows recommended to anybody, when given.
    """
    ranks = []
    for case in cases:
        rows = [ranked.row for ranked in ranker.rank(case.session, limit=LIST_LENGTH)]
        ranks.append(rows.index(case.target) if case.target in rows else MISSED)
        if shown is not None:
            shown.update(rows)
    return np.array(ranks, dtype=np.int32)
