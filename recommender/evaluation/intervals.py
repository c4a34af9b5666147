"""How sure a difference between two recommenders is: paired bootstrap over sessions."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.recommendations.replay import Case

BOOTSTRAP_ROUNDS: Final = 1000


def paired_interval(
    differences: NDArray[np.float64],
    clusters: NDArray[np.int64],
    rng: np.random.Generator,
    rounds: int = BOOTSTRAP_ROUNDS,
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean difference.

    Sessions are drawn, not cases: clicks of one session are no independent evidence.

    Args:
        differences: float64 ``[cases]``, one system minus the other on the same case.
        clusters: int64 ``[cases]``, session of each case, numbered from 0.
        rng: draws the samples.
        rounds: samples.
    """
    sums = np.bincount(clusters, weights=differences)
    sizes = np.bincount(clusters).astype(np.float64)
    means = np.empty(rounds)
    for sample in range(rounds):
        drawn = rng.integers(0, sums.size, sums.size)
        means[sample] = sums[drawn].sum() / sizes[drawn].sum()
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def session_clusters(cases: Sequence[Case]) -> NDArray[np.int64]:
    """Number the sessions that neighbouring cases are cut from: one's prefix begins the other's."""
    numbers = np.zeros(len(cases), dtype=np.int64)
    current = 0
    for index in range(1, len(cases)):
        before, after = cases[index - 1].session, cases[index].session
        shorter = min(len(before), len(after))
        if before[:shorter] != after[:shorter] or len(before) == len(after):
            current += 1
        numbers[index] = current
    return numbers
