"""Exposed visitors for tests, from a few arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recommender.experiments.analysis.metrics import METRICS
from recommender.experiments.analysis.plan import AnalysisPlan, Phase
from recommender.experiments.analysis.visitors import ExposedVisitors

REVENUE = METRICS["revenue_per_visitor"]
DAY_SECONDS = 86_400.0


def exposed(
    variation: Sequence[int] | np.ndarray,
    *,
    variations: tuple[str, ...] = ("control", "treatment"),
    exposed_at: np.ndarray | None = None,
    propensity: np.ndarray | None = None,
    known: np.ndarray | None = None,
    priors: dict[str, np.ndarray] | None = None,
    **outcomes: np.ndarray,
) -> ExposedVisitors:
    """Return a table in which everybody was exposed at once, with equal chances, and was not known before."""
    codes = np.asarray(variation, dtype=np.int16)
    return ExposedVisitors(
        "homepage",
        variations,
        codes,
        np.zeros(codes.size) if exposed_at is None else exposed_at,
        np.full(codes.size, 1 / len(variations)) if propensity is None else propensity,
        np.zeros(codes.size, dtype=bool) if known is None else known,
        {name: np.asarray(values, dtype=np.float64) for name, values in outcomes.items()},
        priors or {},
    )


def plan(*weights: float, **changes: Any) -> AnalysisPlan:
    """Return a plan that decides by revenue and compares everybody at once."""
    settings: dict[str, Any] = {
        "primary": REVENUE.name,
        "planned_visitors": 10_000,
        "window_seconds": 0.0,
        **changes,
    }
    return AnalysisPlan("control", (Phase(0.0, weights or (1.0, 1.0)),), **settings)


def shoppers(n: int, rng: np.random.Generator, *, lift: float = 0.0, arms: int = 2) -> ExposedVisitors:
    """Return ``n`` visitors of whom one in five orders; the last variation orders ``lift`` more often."""
    codes = rng.integers(0, arms, n)
    habit = rng.normal(size=n)
    known = rng.random(n) < 0.5
    chance = 0.2 * np.exp(0.5 * habit) * np.where(codes == arms - 1, 1 + lift, 1.0)
    orders = rng.poisson(chance).astype(np.float64)
    before = np.where(known, rng.poisson(np.exp(0.5 * habit)), 0.0)
    preselections = rng.poisson(0.5, n).astype(np.float64)
    names = ("control", *(f"variant {number}" for number in range(1, arms - 1)), "treatment")
    return exposed(
        codes,
        variations=names,
        known=known,
        priors={"prior_orders": before, "prior_revenue": before * 50.0},
        converted=(orders > 0).astype(np.float64),
        orders=orders,
        revenue=orders * rng.lognormal(4.0, 0.5, n),
        margin=orders * rng.lognormal(3.0, 0.5, n),
        added_to_cart=(rng.random(n) < 0.3).astype(np.float64),
        preselections=preselections,
        size_changes=rng.binomial(preselections.astype(int), 0.1).astype(np.float64),
        returned_orders=rng.binomial(orders.astype(int), 0.3).astype(np.float64),
        refunds=orders * 10.0,
    )
