"""What an experiment is judged by: each metric is declared once, here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class MetricKind(StrEnum):
    """How a metric is made from visitors' outcomes."""

    PROPORTION = "proportion"
    """Share of visitors whose outcome is 1; outcomes are 0 or 1."""

    MEAN = "mean"
    """Sum of the outcome over all exposed visitors, divided by their number."""

    RATIO = "ratio"
    """Sum of one outcome divided by the sum of another: visitors, not the single events, are independent."""


class Unit(StrEnum):
    """What a metric's value is counted in."""

    SHARE = "share"
    COUNT = "count"
    MONEY = "money"


class Direction(StrEnum):
    """Which way is better for the shop."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Metric:
    """Declaration of one metric.

    Attributes:
        name: key in JSON and on the command line.
        label: words for people, lower case, without an article.
        kind: how it is computed.
        unit: what its value is counted in.
        direction: which way is better.
        numerator: outcome column that is summed.
        denominator: outcome column that it is divided by; None for proportions and means, which are per visitor.
        covariates: columns known before the exposure that explain part of its noise (CUPED).
        heavy_tailed: whether winsorization, where it is asked for, applies to the numerator.
    """

    name: str
    label: str
    kind: MetricKind
    unit: Unit
    direction: Direction
    numerator: str
    denominator: str | None = None
    covariates: tuple[str, ...] = ()
    heavy_tailed: bool = False

    def __post_init__(self) -> None:
        if (self.denominator is not None) != (self.kind is MetricKind.RATIO):
            raise ValueError(f"metric {self.name}: a ratio has a denominator, and nothing else has one")
        if self.denominator is not None and self.covariates:
            raise ValueError(f"metric {self.name}: covariates adjust proportions and means only")

    @property
    def needs(self) -> tuple[str, ...]:
        """Outcome columns without which the metric cannot be computed."""
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)

    def verb(self, *, rises: bool) -> str:
        """Return the word for a change of this metric: money is gained and lost, the rest is raised and lowered."""
        if self.unit is Unit.MONEY and self.direction is Direction.UP:
            return "gains" if rises else "loses"
        return "raises" if rises else "lowers"


def _declared(*metrics: Metric) -> Mapping[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS: Final = _declared(
    Metric(
        "conversion", "conversion", MetricKind.PROPORTION, Unit.SHARE, Direction.UP, "converted",
        covariates=("prior_orders",),
    ),
    Metric(
        "orders_per_visitor", "orders per visitor", MetricKind.MEAN, Unit.COUNT, Direction.UP, "orders",
        covariates=("prior_orders",),
    ),
    Metric(
        "revenue_per_visitor", "revenue per visitor", MetricKind.MEAN, Unit.MONEY, Direction.UP, "revenue",
        covariates=("prior_revenue", "prior_orders"), heavy_tailed=True,
    ),
    Metric(
        "margin_per_visitor", "margin per visitor", MetricKind.MEAN, Unit.MONEY, Direction.UP, "margin",
        covariates=("prior_revenue", "prior_orders"), heavy_tailed=True,
    ),
    Metric(
        "add_to_cart", "add to cart", MetricKind.PROPORTION, Unit.SHARE, Direction.UP, "added_to_cart",
        covariates=("prior_orders",),
    ),
    Metric(
        "size_changed", "size changed after preselect", MetricKind.RATIO, Unit.SHARE, Direction.DOWN,
        "size_changes", "preselections",
    ),
    Metric(
        "refunds_per_visitor", "refunds per visitor", MetricKind.MEAN, Unit.MONEY, Direction.DOWN, "refunds",
        covariates=("prior_revenue", "prior_orders"), heavy_tailed=True,
    ),
    Metric(
        "return_rate", "return rate", MetricKind.RATIO, Unit.SHARE, Direction.DOWN, "returned_orders", "orders",
    ),
)  # fmt: skip
"""The metrics of a report, in its order."""
