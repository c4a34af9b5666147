"""How much of the recommendations goes to few items, beside how much of the interest does."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from recommender.recommendations.ranking import Ranker
from recommender.recommendations.replay import LIST_LENGTH, Case

POINTS: Final = 40
"""Steps of a curve, which get wider from the few items that matter to the many that hardly do."""


@dataclass(frozen=True, slots=True)
class Concentration:
    """Two curves: the most recommended items' share of all recommendations, the most wanted ones' of all interest.

    Each curve has its items in its own order, from most to least, as a Lorenz curve from the other end.

    Attributes:
        items: that the model knows.
        recommended: those of them that were recommended to anybody.
        shares: of the items, rising from 0 to 1.
        recommendations: share of the recommendations that this share of the items takes.
        interactions: share of the interactions that this share of the items takes.
        half_of_recommendations: least share of the items that takes half of the recommendations.
        half_of_interactions: least share of the items that takes half of the interactions.
    """

    items: int
    recommended: int
    shares: tuple[float, ...]
    recommendations: tuple[float, ...]
    interactions: tuple[float, ...]
    half_of_recommendations: float
    half_of_interactions: float

    @classmethod
    def of(cls, recommended: NDArray[np.number], interactions: NDArray[np.number]) -> Self | None:
        """Return the curves of two countings of the same items; None where one of them counted nothing.

        Args:
            recommended: ``[items]``, how often each item was recommended.
            interactions: ``[items]``, how much was done with each.

        Raises:
            ValueError: the countings are not of the same items.
        """
        if recommended.shape != interactions.shape:
            raise ValueError(f"{recommended.size} items recommended, {interactions.size} interacted with")
        if not (recommended.sum() > 0 and interactions.sum() > 0):
            return None
        shares = (np.arange(POINTS + 1) / POINTS) ** 2
        shown, wanted = _rising(recommended), _rising(interactions)
        places = np.arange(shown.size) / (shown.size - 1)
        return cls(
            items=recommended.size,
            recommended=int(np.count_nonzero(recommended)),
            shares=tuple(shares.tolist()),
            recommendations=tuple(np.interp(shares, places, shown).tolist()),
            interactions=tuple(np.interp(shares, places, wanted).tolist()),
            half_of_recommendations=float(np.searchsorted(shown, 0.5)) / recommended.size,
            half_of_interactions=float(np.searchsorted(wanted, 0.5)) / recommended.size,
        )


def recommendation_counts(ranker: Ranker, cases: Iterable[Case], item_count: int) -> NDArray[np.int64]:
    """Return how often each item is among the first 20 recommendations of the cases, int64 ``[item_count]``.

    Args:
        ranker: the lookup that serves.
        cases: whose sessions ask; their targets do not matter.
        item_count: item rows of the model.
    """
    counts = np.zeros(item_count, dtype=np.int64)
    for case in cases:
        rows = [ranked.row for ranked in ranker.rank(case.session, limit=LIST_LENGTH)]
        counts[rows] += 1  # a list names an item once
    return counts


def _rising(counts: NDArray[np.number]) -> NDArray[np.float64]:
    """Return the share of all counts that the first 0, 1, … items take, most counted first, ``[items + 1]``."""
    sums = np.cumsum(np.sort(counts.astype(np.float64))[::-1])
    return np.append(0.0, sums / sums[-1])
