"""Intervals of a difference between two variations, for a reader who looks once."""

import math
from dataclasses import dataclass
from typing import Self

from scipy.special import stdtr, stdtrit

from recommender.experiments.analysis.estimates import Estimate


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the ends of its interval, all in the same unit."""

    estimate: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero, no difference, lies outside."""
        return self.low > 0.0 or self.high < 0.0

    def covers(self, value: float) -> bool:
        """Return whether a value lies inside."""
        return self.low <= value <= self.high

    @classmethod
    def around(cls, estimate: float, reach: float) -> Self:
        """Return the interval that reaches as far to both sides."""
        return cls(estimate, estimate - reach, estimate + reach)

    def as_json(self) -> dict[str, float]:
        """Return the three numbers."""
        return {"estimate": self.estimate, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Pair:
    """A variation beside the control, both with their value of one metric."""

    control: Estimate
    variation: Estimate

    @property
    def difference(self) -> float:
        """Variation minus control, in the unit of the metric."""
        return self.variation.value - self.control.value

    @property
    def standard_error(self) -> float:
        """Standard error of the difference."""
        return math.sqrt(self.control.variance + self.variation.variance)

    @property
    def visitors(self) -> int:
        """Visitors of both."""
        return self.control.visitors + self.variation.visitors

    @property
    def degrees(self) -> float:
        """Degrees of freedom by Welch and Satterthwaite (Welch, Biometrika 1947)."""
        both = self.control.variance + self.variation.variance
        parts = sum(
            estimate.variance**2 / (estimate.visitors - 1) for estimate in (self.control, self.variation)
        )
        return both**2 / parts

    def p_value(self) -> float:
        """Return the two-sided probability of a difference at least this big by chance (Welch's t)."""
        return float(2.0 * stdtr(self.degrees, -abs(self.difference) / self.standard_error))

    def critical(self, alpha: float) -> float:
        """Return how many standard errors the interval for one look reaches to each side."""
        return float(stdtrit(self.degrees, 1.0 - alpha / 2.0))

    def absolute(self, critical: float) -> Interval:
        """Return the difference and its interval of ``critical`` standard errors."""
        return Interval.around(self.difference, critical * self.standard_error)

    def relative(self, critical: float) -> Interval | None:
        """Return the difference relative to the control, with Fieller's interval.

        All ratios ρ with |variation − ρ·control| ≤ critical · √(v₁ + ρ²·v₀), less 1 (Fieller, "Some problems in
        interval estimation", JRSS B 1954). Each ρ is tested by a difference, so it keeps whatever guarantee
        ``critical`` gives a difference, the always-valid one included. None where the control's value is not positive
        for certain: then no bounded set of ratios can be excluded.
        """
        base, value = self.control.value, self.variation.value
        g = critical**2 * self.control.variance / base**2 if base > 0 else math.inf
        if g >= 1.0:
            return None
        ratio = value / base
        root = (
            critical
            / base
            * math.sqrt(self.variation.variance * (1.0 - g) + ratio**2 * self.control.variance)
        )
        return Interval(ratio - 1.0, (ratio - root) / (1.0 - g) - 1.0, (ratio + root) / (1.0 - g) - 1.0)
