"""An invented shop whose true differences are known: few visitors buy, some buy a lot, some were there before.

Orders of a visitor are Poisson with a rate that differs from visitor to visitor (log-normal), order values are
log-normal and higher for those who order more. Known visitors, 30 %, order twice as often, and their orders of a pre-period five
conversion windows long come from the same rate.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from recommender.experiments.analysis.metrics import METRICS, Metric
from recommender.experiments.analysis.plan import AnalysisPlan, Phase
from recommender.experiments.analysis.policies import LoggedDecisions
from recommender.experiments.analysis.visitors import ExposedVisitors

DAYS: Final = 28
DAY_SECONDS: Final = 86_400.0
REVENUE: Final[Metric] = METRICS["revenue_per_visitor"]

_BASE_RATE, _RATE_SPREAD, _VALUE_SPREAD, _ORDER_VALUE, _ORDER_SPREAD = 0.016, 1.2, 0.3, 60.0, 0.6
_KNOWN_SHARE, _KNOWN_RATE, _PRIOR_WINDOWS = 0.3, 2.0, 5.0


@dataclass(frozen=True, slots=True)
class SimulatedShop:
    """A shop with an A/B test of two equal halves over four weeks.

    Attributes:
        visitors: of both variations.
        lift: true relative effect of ``treatment`` on the rate of orders, so on revenue.
    """

    visitors: int = 20_000
    lift: float = 0.0

    @property
    def true_difference(self) -> float:
        """Expected revenue per visitor of ``treatment`` minus that of ``control``."""
        spread = math.exp((_RATE_SPREAD + _VALUE_SPREAD) ** 2 / 2)
        value = _ORDER_VALUE * math.exp(_ORDER_SPREAD**2 / 2)
        known = 1.0 + _KNOWN_SHARE * (_KNOWN_RATE - 1.0)
        return self.lift * _BASE_RATE * spread * value * known

    def plan(self) -> AnalysisPlan:
        """Return the plan that a careful shop would have made."""
        return AnalysisPlan(
            "control",
            (Phase(0.0, (1.0, 1.0)),),
            primary=REVENUE.name,
            planned_visitors=self.visitors,
            window_seconds=0.0,
        )

    def run(self, rng: np.random.Generator) -> ExposedVisitors:
        """Return one run of the experiment."""
        n = self.visitors
        habit = rng.normal(size=n)
        variation = rng.integers(0, 2, n).astype(np.int16)
        known = rng.random(n) < _KNOWN_SHARE
        rate = _BASE_RATE * np.exp(_RATE_SPREAD * habit) * np.where(known, _KNOWN_RATE, 1.0)
        orders = rng.poisson(rate * np.where(variation == 1, 1.0 + self.lift, 1.0))
        before = np.where(known, rng.poisson(rate * _PRIOR_WINDOWS), 0)
        return ExposedVisitors(
            "simulated",
            ("control", "treatment"),
            variation,
            rng.uniform(0.0, DAYS * DAY_SECONDS, n),
            np.full(n, 0.5),
            known,
            {"orders": orders.astype(np.float64), "revenue": _spent(orders, habit, rng)},
            {"prior_orders": before.astype(np.float64), "prior_revenue": _spent(before, habit, rng)},
        )


def _spent(orders: np.ndarray, habit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the value of each visitor's orders."""
    owner = np.repeat(np.arange(orders.size), orders)
    values = _ORDER_VALUE * np.exp(_VALUE_SPREAD * habit[owner] + _ORDER_SPREAD * rng.normal(size=owner.size))
    return np.bincount(owner, weights=values, minlength=orders.size)


ACTIONS: Final = ("full_price", "promo")

_SEGMENT_SHARES: Final = np.array([0.5, 0.3, 0.2])
_BUYING: Final = np.array([[0.06, 0.06], [0.05, 0.06], [0.02, 0.08]])
"""P(order) by segment (low, medium and high discount affinity) and action: promo helps only the last one much."""

_MARGINS: Final = np.array([30.0, 18.0])
"""Mean margin of an order by action."""

_MARGIN_SPREAD: Final = 0.7


def simulated_decisions(visitors: int, rng: np.random.Generator) -> LoggedDecisions:
    """Return homepages shown at random, one to five a visitor, with the margin that came of each."""
    per_visitor = np.minimum(rng.geometric(0.5, visitors), 5)
    visitor = np.repeat(np.arange(visitors), per_visitor)
    segment = rng.choice(3, visitors, p=_SEGMENT_SHARES)[visitor]
    action = rng.integers(0, 2, visitor.size)
    # Some visitors buy more than others of their segment, so their decisions are not independent.
    keen = rng.gamma(2.0, 0.5, visitors)[visitor]
    bought = rng.random(visitor.size) < np.minimum(_BUYING[segment, action] * keen, 1.0)
    margin = _MARGINS[action] * np.exp(_MARGIN_SPREAD * rng.normal(size=visitor.size) - _MARGIN_SPREAD**2 / 2)
    return LoggedDecisions(
        visitor.astype(np.int64),
        action.astype(np.int16),
        np.full(visitor.size, 0.5),
        bought * margin,
        segment.astype(np.int16),
        ACTIONS,
    )


def true_policy_value(choice: tuple[int, int, int]) -> float:
    """Return the expected margin per decision of taking ``choice[segment]``; the cap of P at 1 is out of reach."""
    means = _BUYING * _MARGINS
    return float(sum(_SEGMENT_SHARES[s] * means[s, a] for s, a in enumerate(choice)))
