"""How well a visitor's first acts foretell the later share of discounted items, on Complete Journey.

The data set is a year of grocery transactions that the package publishing it calls simulated. Every line counts as
one purchase, so the weights of views and carts are not put to a test here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import spearmanr

from recommender.affinity import CERTAINTY, ODDS_FACTOR, WEIGHTS, AffinityKind, AffinityParameters
from recommender.affinity_fit import (
    PREFIXES,
    AffinityHistories,
    PrefixPoints,
    daily_shares,
    fit_strengths,
    prefix_points,
)
from recommender.evaluation.report import ReportTable

MINIMUM_LINES: Final = 200
"""Lines a household needs to be measured."""

LATER_FROM: Final = 100
"""The line from which on a household's lines are what is predicted."""

FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class PrefixFigures:
    """Quality of the index after a number of acts.

    ``high`` and ``low`` count the households put on that level, ``right`` the share of both whose later odds
    really lay beyond 1.5 × and under 1/1.5 × the shop's (None where no household was).
    """

    spearman: float
    mae: float
    mae_constant: float
    high: int
    low: int
    right: float | None


@dataclass(frozen=True, slots=True)
class AffinityReport:
    """Result of :func:`evaluate_affinity`."""

    figures: Mapping[int, PrefixFigures]
    households: int
    n0: tuple[float, ...]
    prior_observations: tuple[float, ...]

    def as_json(self) -> dict[str, object]:
        """Return the figures by number of acts."""
        return {
            str(prefix): {
                "spearman": figures.spearman,
                "mae": figures.mae,
                "mae_constant": figures.mae_constant,
            }
            for prefix, figures in self.figures.items()
        }

    def tables(self) -> tuple[ReportTable, ...]:
        """Return one table, a row per number of acts."""
        rows = tuple(
            (
                str(prefix),
                f"{figures.spearman:.3f}",
                f"{figures.mae:.4f}",
                f"{figures.mae_constant:.4f}",
                f"{figures.high} / {figures.low}",
                "-" if figures.right is None else f"{figures.right:.0%}",
            )
            for prefix, figures in self.figures.items()
        )
        notes = (
            f"Complete Journey, on simulated data: {self.households} households with at least {MINIMUM_LINES} lines.",
            f"Predicted: discounted share of lines {LATER_FROM} onward over their mean daily share.",
            f"Fitted on other households than measured: n0 {_span(self.n0)}, prior {_span(self.prior_observations)}.",
            "Every line is a purchase: the weights of views and carts are not validated by these data.",
        )
        columns = ("acts", "rank correlation", "MAE", "MAE of 1.0", "high / low", "levels right")
        return (ReportTable("Discount affinity, on simulated data", columns, rows, notes),)


def evaluate_affinity(path: Path, *, half_life_days: float = 90.0, seed: int = 1) -> AffinityReport:
    """Measure the index of :mod:`recommender.affinity` after 5, 10, 20, 50 and 100 acts.

    The household's daily expectation is the discounted share of all households' lines of the day. ``n0`` and the
    prior strength come from :func:`fit_strengths`, the function that the nightly training uses, on the
    households of the other folds.

    Args:
        path: ``complete_journey_open.parquet``.
        half_life_days: decay of old acts.
        seed: of the assignment of households to folds.

    Raises:
        FileNotFoundError: no such file.
    """
    defaults = AffinityParameters(half_life_days=half_life_days)
    histories = read_complete_journey(path, defaults)
    households = np.unique(histories.visitor)
    fold_of = np.random.default_rng(seed).permutation(households.size) % FOLDS
    fold = fold_of[np.searchsorted(households, histories.visitor)]
    fitted = [fit_strengths(histories.select(fold != number), defaults) for number in range(FOLDS)]
    figures = {}
    for prefix in PREFIXES:
        points = prefix_points(histories, prefix, half_life_days=half_life_days, later_from=LATER_FROM)
        own_fold = fold_of[np.searchsorted(households, points.visitor)]
        figures[prefix] = _figures(points, own_fold, fitted)
    return AffinityReport(
        figures,
        int(households.size),
        tuple(parameters.n0 for parameters in fitted),
        tuple(parameters.prior_observations for parameters in fitted),
    )


def read_complete_journey(path: Path, parameters: AffinityParameters) -> AffinityHistories:
    """Return the purchases of households with enough lines, discounted if any discount was given on the line."""
    table = pq.read_table(
        path, columns=["household_id", "retail_disc", "coupon_disc", "transaction_timestamp"]
    )
    household = table["household_id"].to_numpy().astype(np.int32)
    seconds = table["transaction_timestamp"].to_numpy().astype("datetime64[s]").astype(np.float64)
    discounted: NDArray[np.bool_] = (table["retail_disc"].to_numpy() > 0) | (
        table["coupon_disc"].to_numpy() > 0
    )
    day = np.floor_divide(seconds, 86_400).astype(np.int64)
    first, shares = daily_shares(day, discounted, prior_acts=0.0)
    keep = np.isin(household, np.flatnonzero(np.bincount(household) >= MINIMUM_LINES))
    weight = np.full(household.size, WEIGHTS[AffinityKind.PURCHASE])
    with_shares = replace(parameters, first_day=first, mu_by_day=shares)
    return AffinityHistories.of(household[keep], seconds[keep], weight[keep], discounted[keep], with_shares)


def _figures(
    points: PrefixPoints, fold: NDArray[np.integer], fitted: list[AffinityParameters]
) -> PrefixFigures:
    """Score the points, each with the parameters fitted without its fold."""
    n0 = np.asarray([parameters.n0 for parameters in fitted])[fold]
    index = (n0 + points.observed) / (n0 + points.expected)
    high = np.zeros(len(points), dtype=bool)
    low = np.zeros(len(points), dtype=bool)
    for number, parameters in enumerate(fitted):
        p_high, p_low = points.level_probabilities(parameters.prior_observations)
        high |= (fold == number) & (p_high >= CERTAINTY)
        low |= (fold == number) & (p_low >= CERTAINTY)
    right = (high & (points.later_odds > ODDS_FACTOR)) | (low & (points.later_odds < 1 / ODDS_FACTOR))
    placed = int(high.sum() + low.sum())
    return PrefixFigures(
        spearman=round(float(spearmanr(index, points.later_index).statistic), 4),
        mae=round(float(np.mean(np.abs(index - points.later_index))), 4),
        mae_constant=round(float(np.mean(np.abs(1.0 - points.later_index))), 4),
        high=int(high.sum()),
        low=int(low.sum()),
        right=round(float(right.sum()) / placed, 4) if placed else None,
    )


def _span(values: tuple[float, ...]) -> str:
    """Return the range of some numbers in words."""
    return f"{min(values):.0f} to {max(values):.0f}"
