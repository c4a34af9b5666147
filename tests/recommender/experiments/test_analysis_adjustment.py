"""CUPED: what was known before takes noise out and moves nothing."""

import numpy as np

from recommender.experiments.analysis.adjustment import MINIMUM_KNOWN, adjust
from recommender.experiments.analysis.comparison import compare_variations
from tests.recommender.experiments.exposed import REVENUE, plan, shoppers


def made_up(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return outcome, who is known, and a prior that explains three quarters of the known ones' outcome."""
    rng = np.random.default_rng(seed)
    known = rng.random(n) < 0.4
    prior = rng.normal(size=n)
    outcome = 5.0 + np.where(known, 3.0 + 2.0 * prior, 0.0) + rng.normal(size=n)
    return outcome, known, np.where(known, prior, np.nan)


def test_noise_goes_and_the_mean_stays() -> None:
    """Known and unknown are stratified and the prior explains within the known: 0.4 · 4 + 0.24 · 9 of the variance is gone."""
    outcome, known, prior = made_up(50_000, 1)
    adjusted = adjust(outcome, known, {"prior": prior}, ["prior"])
    assert adjusted.covariates == ("prior",)
    assert np.isclose(adjusted.values.mean(), outcome.mean())
    assert np.isclose(outcome.var(), 1 + 0.4 * 4 + 0.24 * 9, rtol=0.03)
    assert np.isclose(adjusted.values.var(), 1.0, rtol=0.02)


def test_unknown_visitors_are_only_shifted_together() -> None:
    """What is missing is not read as a zero that the slope applies to."""
    outcome, known, prior = made_up(5_000, 2)
    shift = adjust(outcome, known, {"prior": prior}, ["prior"]).values[~known] - outcome[~known]
    assert np.ptp(shift) < 1e-9


def test_two_priors_of_unlike_size_are_used_together() -> None:
    """Euros and orders: neither drowns the other."""
    rng = np.random.default_rng(3)
    orders, revenue = rng.normal(size=4_000), 1e6 * rng.normal(size=4_000)
    outcome = orders + revenue / 1e6 + 0.1 * rng.normal(size=4_000)
    everybody = np.ones(4_000, dtype=bool)
    adjusted = adjust(outcome, everybody, {"a": orders, "b": revenue}, ["a", "b"])
    assert adjusted.values.std() < 0.11


def test_collinear_priors_do_no_harm() -> None:
    """Revenue that is always fifty times the orders adds nothing and breaks nothing."""
    outcome, _, _ = made_up(1_000, 4)
    prior = np.random.default_rng(5).normal(size=1_000) + 0.1 * outcome
    everybody = np.ones(1_000, dtype=bool)
    once = adjust(outcome, everybody, {"a": prior}, ["a"]).values
    twice = adjust(outcome, everybody, {"a": prior, "b": 50.0 * prior}, ["a", "b"]).values
    assert np.allclose(once, twice)


def test_few_known_visitors_or_a_constant_prior_leave_everything_as_it_is() -> None:
    """θ would be noise, or does not exist."""
    outcome, known, prior = made_up(1_000, 6)
    few = known & (np.cumsum(known) < MINIMUM_KNOWN)
    assert adjust(outcome, few, {"prior": prior}, ["prior"]).covariates == ()
    assert adjust(outcome, known, {"prior": np.ones(1_000)}, ["prior"]).covariates == ()
    assert adjust(outcome, known, {}, ["prior"]).values is outcome


def test_a_report_keeps_the_unadjusted_difference_too() -> None:
    """Nobody has to believe the adjustment."""
    visitors = shoppers(6_000, np.random.default_rng(9), lift=0.2)
    (comparison,) = compare_variations(REVENUE, visitors, plan()).comparisons
    assert comparison.unadjusted is not None
    assert comparison.variance_kept is not None
    assert comparison.variance_kept < 1.0
    plain = visitors.outcomes["revenue"]
    arm = visitors.variation
    assert np.isclose(
        comparison.unadjusted.absolute.estimate, plain[arm == 1].mean() - plain[arm == 0].mean()
    )
