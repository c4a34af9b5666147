"""Whether a size that is right with 80 % by the calibration's word is right in 80 % of the later purchases."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, pi, sqrt
from typing import Final

from recommender.sizes.calibration import SizeCalibration
from recommender.sizes.choices import choices_of
from recommender.sizes.ladder import Ladder
from recommender.sizes.outcomes import cases_of
from recommender.sizes.size import SizeEvidence
from recommender.sizes.vote import vote

BINS: Final = 10
"""Equal parts of the probabilities from 0 to 1."""

_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Purchases before which much the same probability would have been said.

    Attributes:
        predicted: mean probability that the vote's size is the one bought, in [0, 1].
        observed: how often it was.
        outcomes: purchases.
    """

    predicted: float
    observed: float
    outcomes: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of what was observed (Wilson, JASA 1927), which holds for few purchases too."""
        count, share = self.outcomes, self.observed
        centre = share + _Z**2 / (2 * count)
        reach = _Z * sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
        return (centre - reach) / (1 + _Z**2 / count), (centre + reach) / (1 + _Z**2 / count)


def calibration_curve(
    histories: Iterable[Sequence[SizeEvidence]],
    ladder_of: Callable[[int], Ladder | None],
    calibration: SizeCalibration,
    *,
    from_day: int,
) -> tuple[CalibrationBin, ...]:
    """Compare what a calibration would have said before each held-out purchase with what was bought.

    Args:
        histories: each visitor's evidence in time order, of all days; later evidence never speaks for an earlier
            purchase.
        ladder_of: the ladder by item key, None for an item without one.
        calibration: learned from purchases before ``from_day`` only.
        from_day: first held-out day, whole days since 1970-01-01 UTC.

    Returns:
        The bins that hold a purchase, by rising probability.
    """
    said = [0.0] * BINS
    right, outcomes = [0] * BINS, [0] * BINS
    for history in histories:
        if len(history) < 2 or history[-1].day < from_day:
            continue
        for case in cases_of(history, ladder_of):
            day = case.purchase.day
            if day < from_day:
                continue
            counted = vote(choices_of(case.evidence, case.purchase.department, day), case.ladder)
            if counted is None:
                continue
            probability = calibration.probability(counted, case.ladder, day)
            if not isfinite(probability):
                continue  # a calibration that is no number is for the gate to refuse
            place = min(int(probability * BINS), BINS - 1)
            said[place] += probability
            right[place] += counted.best == case.row
            outcomes[place] += 1
    return tuple(
        CalibrationBin(said[place] / count, right[place] / count, count)
        for place, count in enumerate(outcomes)
        if count
    )


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Return the mean distance between said and true probability, weighted by purchases (ECE); 0.0 without any.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    total = sum(one.outcomes for one in bins)
    return sum(abs(one.predicted - one.observed) * one.outcomes for one in bins) / total if total else 0.0


def error_by_chance(bins: Sequence[CalibrationBin]) -> float:
    """Return the :func:`calibration_error` to be expected of a calibration that is exactly right; 0.0 without bins.

    Of a normal deviation the mean distance is ``√(2/π)`` times its standard error, here ``√(p (1 − p) / n)``.
    """
    total = sum(one.outcomes for one in bins)
    errors = (sqrt(one.predicted * (1 - one.predicted) * one.outcomes) for one in bins)
    return sqrt(2 / pi) * sum(errors) / total if total else 0.0
