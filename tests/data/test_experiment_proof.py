"""Thousands of simulated experiments hold the reports to what they promise."""

from dataclasses import replace

import pytest

from tests.data.experiment_proof import LIFT, Errors, measure_errors, measure_policies, split_alarms
from tests.data.simulated_experiment import SimulatedShop


@pytest.fixture(scope="module")
def null() -> Errors:
    """Run a thousand A/A tests, looked at on each of 28 days."""
    return measure_errors(SimulatedShop(), 1000, seed=1)


@pytest.mark.proof
def test_the_interval_for_one_look_is_wrong_in_one_of_twenty(null: Errors) -> None:
    """On zero-inflated, heavy-tailed revenue adjusted by the pre-period; and peeking at it breaks it."""
    assert 0.04 <= null.once <= 0.06
    assert 0.04 <= null.once_relative <= 0.06
    assert null.once_peeking > 0.15


@pytest.mark.proof
def test_the_always_valid_interval_withstands_daily_peeking(null: Errors) -> None:
    """Wrong on any of 28 days in at most one of twenty experiments."""
    assert null.always <= 0.05
    assert null.always_relative <= 0.05


@pytest.mark.proof
def test_the_pre_period_takes_noise_out(null: Errors) -> None:
    """With 30 % known visitors, the adjusted variance is clearly smaller."""
    assert null.variance_kept < 0.95


@pytest.mark.proof
def test_a_true_effect_is_covered() -> None:
    """+5 % is covered at the nominal rate by both, absolutely and relatively."""
    lifted = measure_errors(replace(SimulatedShop(), lift=LIFT), 1000, seed=2)
    assert 0.035 <= lifted.once <= 0.065
    assert 0.035 <= lifted.once_relative <= 0.065
    assert lifted.always <= 0.05
    assert lifted.always_relative <= 0.05


@pytest.mark.proof
def test_a_sound_split_is_stopped_once_in_a_thousand() -> None:
    """The alarm is as rare as it says for who looks once; who looks daily sees it more often, and still rarely."""
    at_the_end, on_any_day = split_alarms(40_000, 20_000, seed=3)
    assert at_the_end == pytest.approx(0.001, abs=0.0005)
    assert at_the_end < on_any_day < 0.015


@pytest.mark.proof
def test_policy_values_are_recovered() -> None:
    """SNIPS, doubly robust and the gain over the baseline hold the truth at the nominal rate, and aim at it."""
    for figures in measure_policies(2000, 4_000, seed=4).values():
        for wrong in (figures.snips, figures.doubly_robust, figures.gain):
            assert wrong is None or 0.035 <= wrong <= 0.065
        assert figures.snips_mean == pytest.approx(figures.truth, rel=0.01)
        assert figures.doubly_robust_mean == pytest.approx(figures.truth, rel=0.01)
