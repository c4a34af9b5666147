"""How far an experiment is: the power reached, and the visitors still to come."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from scipy.special import ndtr, ndtri

from recommender.experiments.analysis.intervals import Pair

MOST_VISITORS: Final = 10_000_000_000
"""More than there are people: what would need more cannot be measured, and is not counted further."""

_ROUNDS: Final = 100


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known about the smallest effect that matters.

    Attributes:
        effect: that effect, in the unit of the metric.
        power: probability of seeing it with the visitors so far, by the interval that decides.
        needed: visitors of both variations together at which the wanted power is reached, at most :data:`MOST_VISITORS`.
        missing_per_variation: visitors that each variation still needs; 0 if there are enough.
    """

    effect: float
    power: float
    needed: int
    missing_per_variation: int

    def as_json(self) -> dict[str, float]:
        """Return the figures."""
        return {
            "minimum_effect": self.effect,
            "power": self.power,
            "visitors_needed": self.needed,
            "missing_per_variation": self.missing_per_variation,
        }


def progress_of(
    pair: Pair, effect: float, critical: Callable[[float], float], wanted_power: float
) -> Progress | None:
    """Return how far a comparison is, None where neither effect nor noise says anything.

    Power is Φ(δ/s − c) + Φ(−δ/s − c), as in any two-sided test of a normal mean; the visitors needed solve
    δ = (c(n) + z) · s(n) with the shares and variances seen so far. An always-valid c(n) changes with n and refers to one
    look at n: whoever looks every day has at least this power by then.

    Args:
        pair: the comparison so far.
        effect: smallest difference that matters, in the unit of the metric; its sign is of no matter.
        critical: standard errors that the interval reaches to each side, by visitors of both variations.
        wanted_power: 0 to 1.
    """
    error = pair.standard_error
    if effect == 0.0 or error == 0.0:
        return None
    reach, effect = critical(pair.visitors), abs(effect)
    power = float(ndtr(effect / error - reach) + ndtr(-effect / error - reach))
    needed = _needed(error**2 * pair.visitors, effect, critical, float(ndtri(wanted_power)), pair.visitors)
    needed = min(needed, float(MOST_VISITORS))
    larger = max(pair.control.visitors, pair.variation.visitors) / pair.visitors
    missing = math.ceil(max(0.0, needed - pair.visitors) * larger)
    return Progress(effect, power, math.ceil(needed), missing)


def _needed(
    noise: float, effect: float, critical: Callable[[float], float], beyond: float, start: float
) -> float:
    """Solve n = noise · ((c(n) + z) / δ)² by iteration; c grows like √log n, so it settles quickly."""
    needed = start
    for _ in range(_ROUNDS):
        before, needed = needed, max(2.0, noise * ((critical(needed) + beyond) / effect) ** 2)
        if abs(needed - before) <= 1e-9 * needed:
            break
    return needed
