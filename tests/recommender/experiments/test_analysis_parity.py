"""Our formulas give the numbers of tea-tasting, statsmodels and scipy, which a shop need not install."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from recommender.experiments.analysis.comparison import compare_variations
from recommender.experiments.analysis.intervals import Interval, Pair
from recommender.experiments.analysis.metrics import METRICS, Metric, MetricKind
from recommender.experiments.analysis.power import progress_of
from recommender.experiments.analysis.split import split_test
from recommender.experiments.analysis.visitors import ExposedVisitors
from tests.recommender.experiments.exposed import REVENUE, plan, shoppers


@pytest.fixture(scope="module")
def tea() -> Iterator[Any]:
    """Import tea-tasting, a development dependency."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("tea_tasting")


@pytest.fixture(scope="module")
def weightstats() -> Iterator[Any]:
    """Import statsmodels' tests of means, a development dependency."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("statsmodels.stats.weightstats")


@pytest.fixture(scope="module")
def visitors() -> ExposedVisitors:
    """Return visitors of whom every one was known before, so that plain CUPED applies."""
    drawn = shoppers(4000, np.random.default_rng(7), lift=0.1)
    habit = np.random.default_rng(8).normal(size=4000)
    prior = drawn.outcomes["revenue"] * 0.5 + 20.0 * habit + 100.0
    return ExposedVisitors(
        drawn.experiment,
        drawn.variations,
        drawn.variation,
        drawn.exposed_at,
        drawn.propensity,
        np.ones(4000, dtype=bool),
        drawn.outcomes,
        {"prior_revenue": prior},
    )


def analyzed_by_tea(tea: Any, visitors: ExposedVisitors, metric: Any) -> Any:
    """Return tea-tasting's result of one metric."""
    columns = {**visitors.outcomes, **visitors.priors, "variant": visitors.variation.astype(np.int64)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tea.Experiment(one=metric).analyze(pa.table(columns))["one"]


def assert_same(ours: Interval, theirs: Any) -> None:
    """Compare an absolute difference with tea-tasting's."""
    assert ours.estimate == pytest.approx(theirs.effect_size, rel=1e-9)
    assert ours.low == pytest.approx(theirs.effect_size_ci_lower, rel=1e-9)
    assert ours.high == pytest.approx(theirs.effect_size_ci_upper, rel=1e-9)


@pytest.mark.parametrize(
    "name", ["conversion", "orders_per_visitor", "revenue_per_visitor", "margin_per_visitor"]
)
def test_differences_of_means_and_proportions_are_tea_tastings(
    tea: Any, visitors: ExposedVisitors, name: str
) -> None:
    """Welch's interval and p-value, without covariates."""
    metric = METRICS[name]
    bare = Metric(name, metric.label, metric.kind, metric.unit, metric.direction, metric.numerator)
    theirs = analyzed_by_tea(tea, visitors, tea.Mean(metric.numerator, equal_var=False, use_t=True))
    (ours,) = compare_variations(bare, visitors, plan()).comparisons
    assert_same(ours.difference.absolute, theirs)
    assert ours.difference.p_value == pytest.approx(theirs.pvalue, rel=1e-6)
    # tea-tasting takes the logarithm of the ratio, we Fieller's set: they meet where the control is well measured.
    assert ours.difference.relative is not None
    assert ours.difference.relative.estimate == pytest.approx(theirs.rel_effect_size, rel=1e-9)
    assert ours.difference.relative.low == pytest.approx(theirs.rel_effect_size_ci_lower, abs=0.004)
    assert ours.difference.relative.high == pytest.approx(theirs.rel_effect_size_ci_upper, abs=0.004)


@pytest.mark.parametrize("name", ["size_changed", "return_rate"])
def test_differences_of_ratios_are_tea_tastings(tea: Any, visitors: ExposedVisitors, name: str) -> None:
    """The delta method, with visitors as the independent units."""
    metric = METRICS[name]
    assert metric.kind is MetricKind.RATIO
    theirs = analyzed_by_tea(
        tea, visitors, tea.RatioOfMeans(metric.numerator, metric.denominator, equal_var=False, use_t=True)
    )
    (ours,) = compare_variations(metric, visitors, plan()).comparisons
    assert_same(ours.difference.absolute, theirs)
    assert ours.difference.p_value == pytest.approx(theirs.pvalue, rel=1e-6)


def test_adjusted_differences_are_tea_tastings(tea: Any, visitors: ExposedVisitors) -> None:
    """CUPED with one covariate that everybody has."""
    theirs = analyzed_by_tea(
        tea, visitors, tea.Mean("revenue", covariate="prior_revenue", equal_var=False, use_t=True)
    )
    result = compare_variations(REVENUE, visitors, plan())
    (ours,) = result.comparisons
    assert result.covariates == ("prior_revenue",)
    assert_same(ours.difference.absolute, theirs)
    assert ours.variance_kept is not None
    assert ours.variance_kept < 0.9


def test_welch_is_statsmodels(weightstats: Any, visitors: ExposedVisitors) -> None:
    """Degrees of freedom, p-value and interval."""
    revenue, arm = visitors.outcomes["revenue"], visitors.variation
    bare = Metric("revenue", "revenue", REVENUE.kind, REVENUE.unit, REVENUE.direction, "revenue")
    (ours,) = compare_variations(bare, visitors, plan()).comparisons
    described = [weightstats.DescrStatsW(revenue[arm == code]) for code in (1, 0)]
    compared = weightstats.CompareMeans(*described)
    low, high = compared.tconfint_diff(usevar="unequal")
    assert (ours.difference.absolute.low, ours.difference.absolute.high) == pytest.approx(
        (low, high), rel=1e-9
    )
    assert ours.difference.p_value == pytest.approx(compared.ttest_ind(usevar="unequal")[1], rel=1e-9)


def test_power_and_sample_size_are_statsmodels(weightstats: Any, visitors: ExposedVisitors) -> None:
    """The normal test's power, and the visitors at which it is reached."""
    power = pytest.importorskip("statsmodels.stats.power").NormalIndPower()
    (result,) = compare_variations(REVENUE, visitors, plan()).comparisons
    estimates = compare_variations(
        Metric("revenue", "revenue", REVENUE.kind, REVENUE.unit, REVENUE.direction, "revenue"),
        visitors,
        plan(),
    ).values
    control, treatment = estimates
    assert control is not None
    assert treatment is not None
    pair = Pair(control, treatment)
    critical = float(stats.norm.ppf(0.975))
    effect = 0.05 * control.value
    progress = progress_of(pair, effect, lambda _visitors: critical, 0.8)
    assert progress is not None
    # Both variations' noise as one standard deviation, so that shares of visitors need not be equal.
    n0, n1 = control.visitors, treatment.visitors
    deviation = pair.standard_error / np.sqrt(1 / n0 + 1 / n1)
    asked = {"effect_size": effect / deviation, "alpha": 0.05, "ratio": n1 / n0}
    assert progress.power == pytest.approx(power.solve_power(nobs1=n0, power=None, **asked), rel=1e-9)
    needed = power.solve_power(nobs1=None, power=0.8, **asked) * (1 + n1 / n0)
    assert progress.needed == pytest.approx(needed, rel=1e-3)
    assert result.progress is not None


def test_the_split_test_is_chi_squared_of_scipy() -> None:
    """Pearson's statistic against unequal weights."""
    counts, weights = np.array([[4_870, 2_630, 2_500]]), np.array([[0.5, 0.25, 0.25]])
    ours = split_test(counts, weights)
    theirs = stats.chisquare(counts[0], counts.sum() * weights[0])
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    assert ours.degrees == 2
