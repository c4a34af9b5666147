"""The value of a metric in each variation, and how far it may be off: one formula for proportions, means and ratios.

A ratio of sums R = Σωx / Σωy is, for many visitors, a mean of the independent terms ω(x − R·y) over Σωy: the delta
method for ratio metrics (Deng, Knoblich and Lu, "Applying the delta method in metric analytics", KDD 2018).
With y = 1 and ω = 1 it is the plain mean and its variance s²/n; with ω = 1/propensity it is Hájek's estimator.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UNLIKE: Final = 1.5
"""How many times as large an arm is from which on the two are of unlike size."""

ENOUGH_ACTING: Final = 20
"""Visitors who did anything that an arm's noise can be measured from."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value among some visitors.

    Attributes:
        value: the estimate.
        variance: of the estimate itself, so the square of its standard error.
        visitors: independent visitors behind it.
    """

    value: float
    variance: float
    visitors: int


def estimate_groups(
    group: NDArray[np.integer],
    groups: int,
    numerator: Floats,
    denominator: Floats | None = None,
    weight: Floats | None = None,
) -> list[Estimate | None]:
    """Return the value of a metric in each group of visitors, None for groups it cannot be computed for.

    Args:
        group: ``[visitors]``, codes from 0.
        groups: number of groups.
        numerator: ``[visitors]``.
        denominator: ``[visitors]``, or None for a mean over visitors.
        weight: ``[visitors]``, or None where every visitor counts the same.
    """
    count = np.bincount(group, minlength=groups)
    base = np.ones(group.size) if denominator is None else denominator
    if weight is not None:
        numerator, base = numerator * weight, base * weight
    total = np.bincount(group, weights=numerator, minlength=groups)
    below = np.bincount(group, weights=base, minlength=groups)
    possible = (count >= 2) & (below > 0)
    value = np.divide(total, below, out=np.zeros(groups), where=possible)
    rest = np.bincount(group, weights=(numerator - value[group] * base) ** 2, minlength=groups)
    return [
        Estimate(float(value[code]), float(rest[code] * n / (n - 1) / below[code] ** 2), int(n))
        if possible[code]
        else None
        for code, n in enumerate(count.tolist())
    ]


def influences(numerator: Floats, denominator: Floats | None) -> Floats:
    """Return what each visitor adds to a metric over all groups, but for a factor: x itself, of a ratio x − R·y."""
    if denominator is None:
        return numerator
    below = float(denominator.sum())
    return numerator - (float(numerator.sum()) / below if below > 0 else 0.0) * denominator


def skewness(values: Floats) -> float:
    """Return the third standardized moment, 0.0 where nothing varies."""
    centered = values - values.mean()
    squares = centered * centered  # powers of arrays are ten times slower
    spread = float(squares.mean())
    return float(squares @ centered) / values.size / spread**1.5 if spread > 0 else 0.0


def visitors_for_difference(skew: float, first: int, second: int, most: float, acting: int) -> int | None:
    """Return the visitors of two variations together from which on their difference is symmetric enough, None if it is.

    The difference of two means of n and m visitors has the skewness γ · |1/n² − 1/m²| / (1/n + 1/m)^1.5 (the sum of third
    central moments over the variance to the power of 1.5): nothing in arms of equal size, almost that of the small
    arm's mean in a 5 : 95 split. It falls with the square root of the visitors. And where one arm is much smaller, its noise
    must be measured from enough who did anything: of three orders that nobody returned it would be none.

    Args:
        skew: γ of one visitor's outcome.
        first: visitors of one variation.
        second: of the other.
        most: skewness that is let pass.
        acting: visitors whose outcome is not 0, in the variation that has fewer of them.
    """
    own = abs(skew * (1 / first**2 - 1 / second**2)) / (1 / first + 1 / second) ** 1.5
    times = (own / most) ** 2
    if max(first, second) > UNLIKE * min(first, second):
        times = max(times, ENOUGH_ACTING / max(acting, 1))
    return None if times <= 1.0 else int(np.ceil((first + second) * times))


def visitors_for_normality(skew: float) -> int:
    """Return the visitors a variation needs before the interval of a so skewed mean can be trusted.

    355 · skewness²: Kohavi et al., "Seven rules of thumb for web site experimenters", KDD 2014, rule 7. It speaks of
    one mean; differences between variations of like size need far fewer, so it is worth a note and no stop.
    """
    return int(np.ceil(355.0 * skew**2))
