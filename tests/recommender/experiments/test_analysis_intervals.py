"""Estimates and intervals: for one look, relative, and at every look."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.experiments.analysis.always_valid import always_valid_critical, mixture_variance
from recommender.experiments.analysis.comparison import compare_variations
from recommender.experiments.analysis.estimates import (
    Estimate,
    estimate_groups,
    skewness,
    visitors_for_normality,
)
from recommender.experiments.analysis.intervals import Pair
from recommender.experiments.analysis.plan import AnalysisPlan, Phase
from tests.recommender.experiments.exposed import REVENUE, exposed, plan, shoppers


def test_a_mean_has_its_sample_variance() -> None:
    """One formula serves all kinds of metrics; for means it is s²/n."""
    values = np.array([1.0, 2.0, 6.0, 5.0, 5.0])
    first, second, third = estimate_groups(np.array([0, 0, 0, 1, 1]), 3, values)
    assert first == Estimate(3.0, pytest.approx(np.var([1, 2, 6], ddof=1) / 3), 3)  # type: ignore[arg-type]
    assert second == Estimate(5.0, 0.0, 2)
    assert third is None


def test_a_ratio_without_denominator_is_not_computed() -> None:
    """No preselected size at all: there is no share of changed ones."""
    (ratio,) = estimate_groups(np.zeros(3, dtype=int), 1, np.ones(3), np.zeros(3))
    assert ratio is None


@given(
    base=st.floats(1, 100),
    ratio=st.floats(0.2, 3),
    errors=st.tuples(st.floats(0.01, 0.15), st.floats(0.01, 0.3)),
    critical=st.floats(1.0, 5.0),
)
def test_fiellers_ends_are_the_ratios_just_not_excluded(
    base: float, ratio: float, errors: tuple[float, float], critical: float
) -> None:
    """At both ends the difference variation − ρ·control is exactly ``critical`` standard errors from zero."""
    pair = Pair(
        Estimate(base, (errors[0] * base) ** 2, 50), Estimate(base * ratio, (errors[1] * base) ** 2, 50)
    )
    interval = pair.relative(critical)
    assert interval is not None
    assert interval.low < interval.estimate < interval.high
    for end in (interval.low, interval.high):
        rho = 1 + end
        error = math.sqrt(pair.variation.variance + rho**2 * pair.control.variance)
        assert abs(pair.variation.value - rho * base) / error == pytest.approx(critical, rel=1e-6)


def test_a_relative_interval_needs_a_control_that_is_surely_positive() -> None:
    """A control of 1 ± 1 allows any ratio, so none is given; nor for a control that loses money."""
    assert Pair(Estimate(1.0, 1.0, 50), Estimate(2.0, 0.1, 50)).relative(1.96) is None
    assert Pair(Estimate(-3.0, 0.01, 50), Estimate(2.0, 0.1, 50)).relative(1.96) is None


def test_the_relative_and_the_absolute_interval_agree_on_zero() -> None:
    """ρ = 1 is excluded exactly if the difference 0 is."""
    for gap in np.linspace(-6, 6, 41):
        pair = Pair(Estimate(50.0, 1.0, 500), Estimate(50.0 + gap, 2.0, 500))
        relative = pair.relative(2.5)
        assert relative is not None
        assert relative.excludes_zero == pair.absolute(2.5).excludes_zero


@pytest.mark.parametrize("planned", [500, 40_000, 3_000_000])
@pytest.mark.parametrize("alpha", [0.05, 0.0125])
def test_the_always_valid_interval_is_narrowest_when_the_planned_visitors_have_come(
    planned: int, alpha: float
) -> None:
    """No other tuning is more than a thousandth narrower there."""
    chosen = always_valid_critical(planned, mixture_variance(planned, alpha), alpha)
    others = [
        always_valid_critical(planned, mixture_variance(planned * f, alpha), alpha)
        for f in np.geomspace(0.05, 20, 200)
    ]
    assert chosen <= 1.001 * min(others)


def test_the_price_of_peeking_is_what_the_plan_says() -> None:
    """55 % wider at the planned end; ten times off costs 7 % or 24 % more."""
    at_end = always_valid_critical(1_000, mixture_variance(1_000, 0.05), 0.05)
    assert at_end / 1.96 == pytest.approx(1.55, abs=0.01)
    assert always_valid_critical(10_000, mixture_variance(1_000, 0.05), 0.05) / at_end == pytest.approx(
        1.07, abs=0.01
    )
    assert always_valid_critical(100, mixture_variance(1_000, 0.05), 0.05) / at_end == pytest.approx(
        1.24, abs=0.01
    )


def test_a_change_of_weights_does_not_compare_early_with_late() -> None:
    """Half of the visitors come before a change from 90 : 10 to 50 : 50, and late ones spend thrice as much."""
    rng = np.random.default_rng(5)
    n = 20_000
    late = np.arange(n) >= n // 2
    chance = np.where(late, 0.5, 0.1)
    codes = (rng.random(n) < chance).astype(int)
    visitors = exposed(
        codes,
        exposed_at=late * 1000.0,
        propensity=np.where(codes == 1, chance, 1 - chance),
        revenue=rng.exponential(np.where(late, 30.0, 10.0)),
    )
    changed = AnalysisPlan(
        "control", (Phase(0.0, (0.9, 0.1)), Phase(500.0, (0.5, 0.5))), REVENUE.name, window_seconds=0.0
    )
    (comparison,) = compare_variations(REVENUE, visitors, changed).comparisons
    assert comparison.difference.absolute.covers(0.0)
    naive = visitors.outcomes["revenue"][codes == 1].mean() - visitors.outcomes["revenue"][codes == 0].mean()
    assert naive > comparison.difference.absolute.high


def test_several_variations_share_the_error() -> None:
    """With three variations beside the control each interval is at 1 − α/3 (Bonferroni)."""
    visitors = shoppers(8_000, np.random.default_rng(2), arms=4)
    four = compare_variations(REVENUE, visitors, plan(1, 1, 1, 1)).comparisons
    stricter = compare_variations(REVENUE, visitors, plan(1, 1, 1, 1, level=1 - 0.05 / 3 * 3)).comparisons
    assert [one.variation for one in four] == ["variant 1", "variant 2", "treatment"]
    for one, same in zip(four, stricter, strict=True):
        assert one.difference.absolute.low == pytest.approx(same.difference.absolute.low)
        reach = one.difference.absolute.high - one.difference.absolute.estimate
        error = one.difference.absolute.estimate - one.difference.absolute.low
        assert reach == pytest.approx(error)
    alone = plan(1, 1, 1, 1, level=1 - 0.05 / 3)
    assert alone.alpha == pytest.approx(0.05 / 3)


def test_winsorizing_cuts_all_variations_at_the_same_stated_value() -> None:
    """One order of a wholesaler no longer decides, and the report can say where it was cut."""
    rng = np.random.default_rng(1)
    revenue = rng.lognormal(3, 0.5, 2_000) * (rng.random(2_000) < 0.2)
    revenue[7] = 1_000_000.0
    visitors = exposed(np.arange(2_000) % 2, revenue=revenue)
    whole = compare_variations(REVENUE, visitors, plan())
    cut = compare_variations(REVENUE, visitors, plan(winsorize_quantile=0.99))
    assert whole.winsorized_at is None
    assert cut.winsorized_at == pytest.approx(np.quantile(revenue[revenue > 0], 0.99, method="lower"))
    reach = [r.comparisons[0].difference.absolute for r in (whole, cut)]
    assert reach[1].high - reach[1].low < 0.01 * (reach[0].high - reach[0].low)
    assert whole.rough_below == visitors_for_normality(skewness(revenue))
    assert whole.rough_below > 1_000


def test_losses_are_winsorized_too() -> None:
    """A margin far below zero is cut like one far above."""
    from recommender.experiments.analysis.metrics import METRICS

    margin = np.concatenate([np.linspace(-5, -1, 200), np.linspace(1, 5, 200), [-900.0, 900.0]])
    visitors = exposed(np.arange(margin.size) % 2, margin=margin)
    cut = compare_variations(METRICS["margin_per_visitor"], visitors, plan(winsorize_quantile=0.98))
    for value in cut.values:
        assert value is not None
        assert abs(value.value) < 1.0


def test_where_nothing_varies_nothing_is_compared() -> None:
    """No order in either variation is no evidence of no difference."""
    result = compare_variations(REVENUE, exposed([0, 1] * 50, revenue=np.zeros(100)), plan())
    assert result.comparisons == ()
    assert [value and value.value for value in result.values] == [0.0, 0.0]
