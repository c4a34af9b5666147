"""Discount affinity: does this visitor choose discounted items more often than the shop's mix explains?

Every act adds its weight to what was *observed* (the item was discounted) and to what was *expected*
(the discounted share of the shop's views on that day). During a sale both grow, so a visitor who merely
came on Black Friday does not look promo-prone.

Sums live on an absolute scale: a contribution of day ``d`` is multiplied by ``2 ** ((d - epoch) / half_life)``
when it enters, and the total is divided by the same factor of *today* when it is read. Nothing is ever
rescaled in place, so contributions may arrive in any order and be taken back by subtraction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from math import exp2, isfinite
from typing import Final, Literal, NamedTuple, Self
from zlib import crc32

import msgspec
from scipy.special.cython_special import betainc

AFFINITY_EPOCH_DAY: Final = 20_089
"""2025-01-01, day 0 of the absolute scale. With a half-life of 90 days a double overflows 252 years later."""

MINIMUM_EVIDENCE: Final = 5.0
"""Effective observations below which every visitor is ``medium``."""

ODDS_FACTOR: Final = 1.5
"""How far from the shop's odds a visitor must be to count as different."""

CERTAINTY: Final = 0.8
"""Posterior probability that a level other than ``medium`` asks for."""

MU_BOUNDS: Final = (0.02, 0.98)
"""An expected share outside of these says nothing about a visitor: everything, or nothing, is on sale."""

Level = Literal["high", "medium", "low"]


class AffinityKind(IntEnum):
    """What a visitor did; see :data:`WEIGHTS` for how much it says."""

    VIEW = 1
    CART = 2
    PURCHASE = 3
    COUPON = 4
    SALE_PAGE = 5
    SORT_BY_PRICE = 6


WEIGHTS: Final[Mapping[AffinityKind, float]] = {
    AffinityKind.VIEW: 1.0,
    AffinityKind.CART: 3.0,
    AffinityKind.PURCHASE: 10.0,
    AffinityKind.COUPON: 10.0,
    AffinityKind.SALE_PAGE: 1.0,
    AffinityKind.SORT_BY_PRICE: 0.5,
}
"""Weight of one act. A coupon, a visit to a sale page and sorting by price count as discounted."""


class AffinitySums(NamedTuple):
    """A visitor's evidence on the absolute scale: four sums that only ever add (or are taken back).

    With ``s`` the scale of each contribution's day: ``observed`` is Σ s·w·y, ``expected`` Σ s·w·μ,
    ``weight`` Σ s·w and ``weight_squared`` Σ s·w².
    """

    observed: float
    expected: float
    weight: float
    weight_squared: float

    def plus(self, other: Self) -> "AffinitySums":
        """Return both visitors' or both acts' evidence together."""
        return AffinitySums(
            self.observed + other.observed,
            self.expected + other.expected,
            self.weight + other.weight,
            self.weight_squared + other.weight_squared,
        )

    def minus(self, other: Self) -> "AffinitySums":
        """Return this evidence with a contribution that it contains taken back."""
        return AffinitySums(
            self.observed - other.observed,
            self.expected - other.expected,
            self.weight - other.weight,
            self.weight_squared - other.weight_squared,
        )


NO_EVIDENCE: Final = AffinitySums(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class AffinityParameters:
    """What training publishes about discounts.

    Attributes:
        n0: strength of the pull towards 1 in the index, in units of expected weight. The best value depends on
            what visitors do: near 30 where all acts weigh 1, near 300 where all are purchases; hence the refit.
        half_life_days: age at which an act counts half.
        prior_observations: strength of the levels' Beta prior around the shop's share, in observations.
            Fitted on Complete Journey it is near 50 (visitors there differ little); the default of 10, for a
            shop without a model yet, makes five discounted choices out of five ``high`` at a share of 0.3, and
            four out of five ``medium``.
        first_day: day (since 1970-01-01 UTC) of the first entry of ``mu_by_day``.
        mu_by_day: the shop's discounted share of views, one entry a day without gaps.
        default_mu: the share where ``mu_by_day`` is empty.
    """

    n0: float = 80.0
    half_life_days: float = 90.0
    prior_observations: float = 10.0
    first_day: int = 0
    mu_by_day: tuple[float, ...] = ()
    default_mu: float = 0.3

    def mu_at(self, day: int) -> float:
        """Return the discounted share of ``day``; the first and last known value hold beyond the table."""
        if not self.mu_by_day:
            return self.default_mu
        return self.mu_by_day[min(max(day - self.first_day, 0), len(self.mu_by_day) - 1)]

    @cached_property
    def sums_version(self) -> int:
        """A number that changes when stored sums no longer mean the same and have to be rebuilt.

        The half-life and the weights are baked into :class:`AffinitySums`; ``n0`` and ``mu_by_day`` are not.
        """
        meaning = f"{AFFINITY_EPOCH_DAY} {self.half_life_days!r} {sorted(WEIGHTS.items())!r}"
        return crc32(meaning.encode())

    def scale_of(self, day: int) -> float:
        """Return the factor between an act's weight on ``day`` and the absolute scale."""
        return exp2((day - AFFINITY_EPOCH_DAY) / self.half_life_days)

    def __post_init__(self) -> None:
        """Refuse values under which a decision would be meaningless.

        Raises:
            ValueError: a strength or half-life that is not a positive number, or a share outside 0 to 1.
        """
        for name in ("n0", "half_life_days", "prior_observations"):
            value = getattr(self, name)
            if not (value > 0 and isfinite(value)):
                raise ValueError(f"affinity parameter {name} must be a positive number, not {value!r}")
        if not all(0 <= share <= 1 for share in (self.default_mu, *self.mu_by_day)):
            raise ValueError("affinity parameters mu_by_day and default_mu must be shares between 0 and 1")

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> Self:
        """Return the parameters that :meth:`as_dict` wrote; absent ones take their default.

        Raises:
            ValueError: a value of the wrong type or out of its range.
        """
        try:
            return msgspec.convert(plain, cls)
        except msgspec.ValidationError as error:
            raise ValueError(f"affinity parameters: {error}") from error

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON-ready values for a model's manifest."""
        return {
            "n0": self.n0,
            "half_life_days": self.half_life_days,
            "prior_observations": self.prior_observations,
            "first_day": self.first_day,
            "mu_by_day": list(self.mu_by_day),
            "default_mu": self.default_mu,
        }


Tail = tuple[float, float, float]
"""Arguments of the regularised incomplete beta function: two shapes and where to cut."""


class DiscountAffinity(msgspec.Struct, frozen=True):
    """One visitor's affinity as of a day.

    Attributes:
        level: how the visitor differs from the shop's mix, as far as that is certain.
        index: observed over expected, pulled towards 1.
        evidence: the effective number of observations left today.
        high: ``p_high``, or what it is worked out from when somebody asks: that takes 5 µs within a request, and few pages ask.
        low: likewise ``p_low``.
    """

    level: Level
    index: float
    evidence: float
    high: float | Tail
    low: float | Tail

    @property
    def p_high(self) -> float:
        """Posterior probability that the visitor's odds of choosing a discounted item are over 1.5 × the shop's."""
        return _probability(self.high)

    @property
    def p_low(self) -> float:
        """Posterior probability that they are under 1/1.5 × the shop's."""
        return _probability(self.low)


def _probability(tail: float | Tail) -> float:
    # scipy's function of plain numbers; the one for arrays gives the same bits in four times the time.
    return float(betainc(*tail)) if isinstance(tail, tuple) else tail


def contribution(
    kind: AffinityKind, *, discounted: bool, day: int, mu: float, parameters: AffinityParameters
) -> AffinitySums:
    """Return what one act adds to a visitor's sums.

    Args:
        kind: what the visitor did. Coupons, sale pages and sorting by price count as discounted by nature.
        discounted: whether the item was on sale (for views, carts and purchases).
        day: whole days from 1970-01-01 UTC to the act.
        mu: the shop's discounted share on that day, usually ``parameters.mu_at(day)``.
        parameters: for the half-life.
    """
    scale = parameters.scale_of(day)
    weight = WEIGHTS[kind]
    scaled = scale * weight
    chosen = discounted or kind >= AffinityKind.COUPON
    low, high = MU_BOUNDS
    expected = scaled * min(max(mu, low), high)
    return AffinitySums(scaled if chosen else 0.0, expected, scaled, scaled * weight)


def affinity_index(sums: AffinitySums, parameters: AffinityParameters, today: int) -> float:
    """Return observed over expected as of ``today``, both with ``n0`` added: 1.0 without evidence."""
    return _index(sums, parameters.n0, parameters.scale_of(today))


def effective_observations(sums: AffinitySums, parameters: AffinityParameters, today: int) -> float:
    """Return (Σw)²/Σw² with weights decayed to ``today``: one purchase is one observation, and fades with age."""
    return _observations(sums, parameters.scale_of(today))


def _index(sums: AffinitySums, n0: float, scale: float) -> float:
    return (n0 + max(sums.observed, 0.0) / scale) / (n0 + max(sums.expected, 0.0) / scale)


def _observations(sums: AffinitySums, scale: float) -> float:
    if sums.weight <= 0.0 or sums.weight_squared <= 0.0:
        return 0.0
    return sums.weight * (sums.weight / sums.weight_squared) / scale


def decide_affinity(sums: AffinitySums, parameters: AffinityParameters, today: int) -> DiscountAffinity:
    """Decide how a visitor's odds of choosing discounted items compare with the shop's.

    The visitor's share gets a Beta posterior: the prior has the mean that the shop's mix on the visitor's days
    would explain and a strength of ``prior_observations``; the data count as ``evidence`` observations. Odds are
    compared, not shares, because a share over 0.67 could never be exceeded 1.5 times.

    Args:
        sums: the visitor's evidence.
        parameters: as published by the model, or the defaults.
        today: whole days from 1970-01-01 UTC to the decision.
    """
    scale = parameters.scale_of(today)
    evidence = _observations(sums, scale)
    index = _index(sums, parameters.n0, scale)
    if evidence <= 0.0:
        return DiscountAffinity("medium", index, 0.0, 0.0, 0.0)
    observed, expected, weight, _ = sums
    lowest, highest = MU_BOUNDS
    mu = min(max(expected / weight, lowest), highest)
    share = min(max(observed / weight, 0.0), 1.0)
    prior = parameters.prior_observations
    chosen = prior * mu + evidence * share
    declined = prior * (1.0 - mu) + evidence * (1.0 - share)
    odds = mu / (1.0 - mu)
    high: Tail = (declined, chosen, 1.0 / (1.0 + ODDS_FACTOR * odds))
    low: Tail = (chosen, declined, odds / (ODDS_FACTOR + odds))
    level: Level = "medium"
    if evidence >= MINIMUM_EVIDENCE:
        if _may_be_certain(high) and _probability(high) >= CERTAINTY:
            level = "high"
        elif _may_be_certain(low) and _probability(low) >= CERTAINTY:
            level = "low"
    return DiscountAffinity(level, index, evidence, high, low)


def _may_be_certain(tail: Tail) -> bool:
    """Tell whether two inequalities leave room for a probability of ``CERTAINTY`` below the cut.

    Grünbaum's: of a distribution with a log-concave density, such as a beta with both shapes over 1, at most
    1 − 1/e = 0.63 lies below its mean. Cantelli's: of any distribution at most ``v / (v + d²)`` lies further than ``d``
    below its mean, with ``v`` its variance. That spares nearly every page both incomplete beta functions, 5 µs each
    in the middle of a request.
    """
    shape, other, cut = tail
    strength = shape + other
    below = shape / strength - cut
    if below < 0.0:
        return True
    if shape >= 1.0 and other >= 1.0:
        return False
    variance = shape * other / (strength * strength * (strength + 1.0))
    return variance >= CERTAINTY * (variance + below * below)
