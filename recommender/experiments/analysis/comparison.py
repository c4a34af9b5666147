"""One metric in every variation, each compared with the control."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.experiments.analysis.adjustment import Adjustment, adjust
from recommender.experiments.analysis.always_valid import always_valid_critical, mixture_variance
from recommender.experiments.analysis.estimates import (
    Estimate,
    estimate_groups,
    influences,
    skewness,
    visitors_for_difference,
    visitors_for_normality,
)
from recommender.experiments.analysis.intervals import Interval, Pair
from recommender.experiments.analysis.metrics import Metric
from recommender.experiments.analysis.plan import MOST_SKEWNESS, AnalysisPlan, Reading
from recommender.experiments.analysis.power import Progress, progress_of
from recommender.experiments.analysis.visitors import ExposedVisitors
from recommender.experiments.analysis.winsorizing import winsorized

Floats = NDArray[np.float64]

_ALIKE: Final = 1e-12
"""Relative standard error under which a difference counts as without noise: nothing varied."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference to the control in both units and for both kinds of reader.

    Attributes:
        absolute: in the unit of the metric, for one look.
        relative: to the control's value (0.03 is 3 %), for one look; None where no bounded interval exists.
        always_absolute: as ``absolute``, holding at every look.
        always_relative: as ``relative``, holding at every look.
        p_value: two-sided, for one look, before any correction for several variations.
    """

    absolute: Interval
    relative: Interval | None
    always_absolute: Interval
    always_relative: Interval | None
    p_value: float

    def decisive(self, reading: Reading) -> Interval:
        """Return the interval that the verdict is read from: relative where there is one."""
        if reading is Reading.PLANNED:
            return self.relative or self.absolute
        return self.always_relative or self.always_absolute

    def as_json(self) -> dict[str, object]:
        """Return the four intervals and the p-value."""
        return {
            "difference": self.absolute.as_json(),
            "relative": self.relative and self.relative.as_json(),
            "always_valid": self.always_absolute.as_json(),
            "always_valid_relative": self.always_relative and self.always_relative.as_json(),
            "p_value": self.p_value,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """One variation against the control.

    Attributes:
        variation: its name.
        difference: what the report reads: adjusted by the pre-period where the metric names covariates and
            there are known visitors. That is settled by the metric's declaration and not by the outcome.
        unadjusted: the same without the pre-period; None if nothing was adjusted.
        variance_kept: variance of the adjusted difference over that of the unadjusted one; None without adjustment.
        progress: power and visitors still needed; None where nothing varies.
        lopsided_below: visitors of both variations from which on the interval can be trusted, None if there are enough.
    """

    variation: str
    difference: Difference
    unadjusted: Difference | None
    variance_kept: float | None
    progress: Progress | None
    lopsided_below: int | None = None

    def as_json(self) -> dict[str, object]:
        """Return the comparison's figures."""
        return {
            "variation": self.variation,
            **self.difference.as_json(),
            "unadjusted": self.unadjusted and self.unadjusted.as_json(),
            "variance_kept": self.variance_kept,
            "progress": self.progress and self.progress.as_json(),
            "lopsided_below_visitors": self.lopsided_below,
        }


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric of one experiment.

    Attributes:
        metric: its declaration.
        values: the plain, unadjusted value of each variation, by code; None where it cannot be computed.
        totals: sum of the numerator in each variation, as it came in: conversions, orders, revenue.
        comparisons: of each other variation with the control; those without two values are left out.
        covariates: columns of the pre-period that were used.
        winsorized_at: the largest outcome that was let through, None if nothing was cut.
        rough_below: visitors a variation needs, by a rule of thumb, before the interval of so skewed an outcome is
            trusted; None if every variation has them.
    """

    metric: Metric
    values: tuple[Estimate | None, ...]
    totals: tuple[float, ...]
    comparisons: tuple[Comparison, ...]
    covariates: tuple[str, ...]
    winsorized_at: float | None
    rough_below: int | None

    def as_json(self) -> dict[str, object]:
        """Return the metric's figures."""
        return {
            "name": self.metric.name,
            "label": self.metric.label,
            "kind": self.metric.kind.value,
            "unit": self.metric.unit.value,
            "better": self.metric.direction.value,
            "values": [value and value.value for value in self.values],
            "totals": list(self.totals),
            "comparisons": [comparison.as_json() for comparison in self.comparisons],
            "covariates": list(self.covariates),
            "winsorized_at": self.winsorized_at,
            "rough_below_visitors": self.rough_below,
        }


def compare_variations(metric: Metric, visitors: ExposedVisitors, plan: AnalysisPlan) -> MetricResult:
    """Compare every variation with the control by one metric.

    With several variations beside the control each interval is made at 1 − α/(variations − 1), so that all of
    them hold together with ``plan.level`` (Bonferroni); Holm's p-values are sharper but have no intervals to show.

    Args:
        metric: what is compared; its columns must be there.
        visitors: those whose conversion window is closed.
        plan: control, level, planned visitors.
    """
    numerator, cut = visitors.outcomes[metric.numerator], None
    if plan.winsorize_quantile is not None and metric.heavy_tailed:
        numerator, cut = winsorized(numerator, plan.winsorize_quantile)
    denominator = None if metric.denominator is None else visitors.outcomes[metric.denominator]
    weights, groups = visitors.weights(), len(visitors.variations)
    plain = estimate_groups(visitors.variation, groups, numerator, denominator, weights)
    adjusted, adjustment = plain, Adjustment(numerator, (), 0)
    if denominator is None:
        adjustment = adjust(numerator, visitors.known, visitors.priors, metric.covariates)
        if adjustment.covariates:
            adjusted = estimate_groups(visitors.variation, groups, adjustment.values, None, weights)
    control = plan.control_code(visitors.variations)
    skew = skewness(influences(numerator, denominator)) if numerator.size else 0.0
    base = numerator if denominator is None else denominator
    acting = np.bincount(visitors.variation[base != 0], minlength=groups)
    comparisons = []
    for code, name in enumerate(visitors.variations):
        pair, raw = _pair(adjusted, control, code), _pair(plain, control, code)
        if code != control and pair is not None and raw is not None:
            before = raw if adjustment.covariates else None
            fewest = int(min(acting[control], acting[code]))
            lopsided = visitors_for_difference(
                skew, pair.control.visitors, pair.variation.visitors, MOST_SKEWNESS[plan.reading], fewest
            )
            comparisons.append(_compare(name, pair, before, lopsided, _Criticals.of(plan, control, code)))
    least = min((value.visitors for value in plain if value is not None), default=0)
    return MetricResult(
        metric,
        tuple(plain),
        tuple(
            np.bincount(
                visitors.variation, weights=visitors.outcomes[metric.numerator], minlength=groups
            ).tolist()
        ),
        tuple(comparisons),
        adjustment.covariates,
        cut,
        rough if denominator is None and (rough := visitors_for_normality(skew)) > least else None,
    )


@dataclass(frozen=True, slots=True)
class _Criticals:
    """How many standard errors the intervals of one pair reach, and what the plan wants of it."""

    alpha: float
    variance: float
    plan: AnalysisPlan

    @classmethod
    def of(cls, plan: AnalysisPlan, control: int, code: int) -> "_Criticals":
        weights = plan.phases[-1].weights
        share = (weights[control] + weights[code]) / sum(weights)
        alpha = plan.alpha / max(1, len(weights) - 1)
        return cls(alpha, mixture_variance(max(2.0, plan.planned_visitors * share), alpha), plan)

    def always(self, visitors: float) -> float:
        return always_valid_critical(visitors, self.variance, self.alpha)

    def deciding(self, pair: Pair) -> Callable[[float], float]:
        if self.plan.reading is Reading.PLANNED:
            reach = pair.critical(self.alpha)
            return lambda _visitors: reach
        return self.always

    def difference(self, pair: Pair) -> Difference:
        once, always = pair.critical(self.alpha), self.always(pair.visitors)
        return Difference(
            pair.absolute(once),
            pair.relative(once),
            pair.absolute(always),
            pair.relative(always),
            pair.p_value(),
        )


def _compare(
    name: str, pair: Pair, raw: Pair | None, lopsided: int | None, criticals: _Criticals
) -> Comparison:
    plan = criticals.plan
    effect = plan.minimum_effect * pair.control.value
    return Comparison(
        name,
        criticals.difference(pair),
        None if raw is None else criticals.difference(raw),
        None if raw is None else (pair.standard_error / raw.standard_error) ** 2,
        progress_of(pair, effect, criticals.deciding(pair), plan.power),
        lopsided,
    )


def _pair(estimates: list[Estimate | None], control: int, code: int) -> Pair | None:
    """Return two estimates that can be compared: both exist, and something varied."""
    first, second = estimates[control], estimates[code]
    if first is None or second is None:
        return None
    pair = Pair(first, second)
    size = max(abs(first.value), abs(second.value))
    return pair if pair.standard_error > _ALIKE * size else None
