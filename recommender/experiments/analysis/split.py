"""Did every variation get the visitors it was meant to get? The sample-ratio-mismatch test, which comes first.

A split that is not what was configured means that visitors were lost or counted in one variation more than in
another, and who is lost is hardly ever a random visitor: no difference can be trusted then (Fabijan et al.,
"Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, chdtrc

from recommender.experiments.analysis.plan import AnalysisPlan
from recommender.experiments.analysis.visitors import ExposedVisitors

ALARM: Final = 0.001
"""Below this probability the split is taken as broken: one sound experiment in a thousand is stopped for nothing."""

SUSPICION: Final = 0.01
"""Below this probability the report says that somebody should look."""


ENOUGH: Final = 5.0
"""Expected visitors of a variation from which on χ² is a good approximation (Cochran's rule)."""


class SplitState(StrEnum):
    """What the test says."""

    AS_CONFIGURED = "as_configured"
    SUSPICIOUS = "suspicious"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, eq=False)
class SplitTest:
    """Result of :func:`check_split`.

    Attributes:
        observed: int64 ``[variations]``, exposed visitors.
        expected: float64 ``[variations]``, what the configured weights make of as many.
        statistic: χ² summed over the phases with visitors enough for it.
        degrees: degrees of freedom.
        p_value: probability of a split at least this far off by chance.
    """

    observed: NDArray[np.int64]
    expected: NDArray[np.float64]
    statistic: float
    degrees: int
    p_value: float

    @property
    def state(self) -> SplitState:
        """What it means: stop under 0.001, look under 0.01."""
        if self.p_value < ALARM:
            return SplitState.BROKEN
        return SplitState.SUSPICIOUS if self.p_value < SUSPICION else SplitState.AS_CONFIGURED

    def shares(self) -> str:
        """Return the split and the configured one in words, such as ``50.6 : 49.4 where 50 : 50 was set``."""
        return f"{_proportion(self.observed.astype(np.float64))} where {_proportion(self.expected)} was set"

    def as_json(self) -> dict[str, object]:
        """Return the test's figures."""
        return {
            "state": self.state.value,
            "observed": self.observed.tolist(),
            "expected": [round(value, 1) for value in self.expected.tolist()],
            "chi_squared": self.statistic if np.isfinite(self.statistic) else None,
            "degrees_of_freedom": self.degrees,
            "p_value": self.p_value,
        }


def check_split(visitors: ExposedVisitors, plan: AnalysisPlan) -> SplitTest:
    """Test the visitors of each variation against the configured weights."""
    starts = np.asarray([phase.since for phase in plan.phases])
    # What came before the first phase belongs to it: clocks differ by seconds.
    phase = np.maximum(np.searchsorted(starts, visitors.exposed_at, side="right") - 1, 0)
    variations = len(visitors.variations)
    table = np.bincount(phase * variations + visitors.variation, minlength=starts.size * variations)
    weights = np.asarray([configured.weights for configured in plan.phases], dtype=np.float64)
    return split_test(table.reshape(starts.size, variations), weights)


def split_test(counts: NDArray[np.integer], weights: NDArray[np.float64]) -> SplitTest:
    """Test counts against weights, phase by phase.

    Pearson's χ² with one degree of freedom less than variations; of several phases the statistics and degrees
    are added up, so a change of weights is no mismatch. Anybody in a variation of weight 0 is one for certain.
    Phases of so few visitors that χ² is no approximation are tested together by the exact binomial: a first visitor who
    is held out at 5 : 95 would make p = 0.00001 of one chance in twenty.

    Args:
        counts: ``[phases, variations]``, exposed visitors.
        weights: ``[phases, variations]``, 0 or more, not all 0 in a phase.
    """
    visitors = counts.sum(axis=1, keepdims=True)
    expected = visitors * weights / weights.sum(axis=1, keepdims=True)
    possible = expected > 0
    small = np.any(possible & (expected < ENOUGH), axis=1)
    terms = np.divide((counts - expected) ** 2, expected, out=np.zeros(expected.shape), where=possible)
    is_impossible = bool(np.any(counts[~possible]))
    statistic = float("inf") if is_impossible else float(terms[~small].sum())
    degrees = int(np.maximum(possible[~small].sum(axis=1) - 1, 0).sum())
    found = [float(chdtrc(degrees, statistic))] if degrees else []
    if np.any(small):
        found.append(_exact(counts[small].sum(axis=0), expected[small].sum(axis=0)))
    p_value = 0.0 if is_impossible else min([1.0, *(p * len(found) for p in found)])
    return SplitTest(counts.sum(axis=0).astype(np.int64), expected.sum(axis=0), statistic, degrees, p_value)


def _exact(counts: NDArray[np.integer], expected: NDArray[np.float64]) -> float:
    """Return how probable the oddest of some counts is, for each of them a binomial one with its expected share.

    Counts of phases with unlike weights vary less than that, so the probability is rather too great.
    """
    visitors = int(counts.sum())
    share = expected / visitors
    at_least = np.where(counts > 0, bdtrc(np.maximum(counts - 1.0, 0.0), visitors, share), 1.0)
    tails = np.minimum(bdtr(counts.astype(np.float64), visitors, share), at_least)
    return float(min(1.0, 2.0 * tails.min() * (counts.size if counts.size > 2 else 1)))


def _proportion(counts: NDArray[np.float64]) -> str:
    shares = 100.0 * counts / max(1.0, float(counts.sum()))
    return " : ".join(f"{share:.1f}".removesuffix(".0") for share in shares.tolist())
