"""The sample-ratio-mismatch test comes first, and stops."""

import numpy as np
import pytest

from recommender.experiments.analysis.plan import AnalysisPlan, Phase
from recommender.experiments.analysis.split import SplitState, check_split, split_test
from tests.recommender.experiments.exposed import exposed, plan

EVEN = np.array([[1.0, 1.0]])


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ([5_000, 5_000], SplitState.AS_CONFIGURED),
        ([44_700, 45_489], SplitState.SUSPICIOUS),
        ([50_600, 49_400], SplitState.BROKEN),
        ([0, 0], SplitState.AS_CONFIGURED),
        ([0, 12], SplitState.BROKEN),
    ],
)
def test_a_split_is_judged_by_its_chance(counts: list[int], state: SplitState) -> None:
    """Stop under 0.001, look under 0.01."""
    assert split_test(np.array([counts]), EVEN).state is state


def test_the_split_is_put_in_words() -> None:
    """Both shares, in the order of the variations."""
    assert split_test(np.array([[506, 494]]), EVEN).shares() == "50.6 : 49.4 where 50 : 50 was set"


def test_a_change_of_weights_is_no_mismatch() -> None:
    """9 : 1 before and 5 : 5 after is judged by phases; against the last weights alone it would be an alarm."""
    codes = [0] * 900 + [1] * 100 + [0] * 500 + [1] * 500
    visitors = exposed(codes, exposed_at=np.repeat([-5.0, 100.0], 1000))
    phases = (Phase(0.0, (0.9, 0.1)), Phase(50.0, (0.5, 0.5)))
    test = check_split(visitors, AnalysisPlan("control", phases))
    assert (test.p_value, test.degrees) == (1.0, 2)
    assert test.expected.tolist() == [1400.0, 600.0]
    assert check_split(visitors, plan(1, 1)).state is SplitState.BROKEN


def test_a_visitor_where_nobody_should_be_is_a_mismatch_for_certain() -> None:
    """A variation of weight 0 with a single visitor means that assignment or logging is wrong."""
    test = split_test(np.array([[500, 500, 1]]), np.array([[1.0, 1.0, 0.0]]))
    assert test.p_value == 0.0
    assert test.as_json()["chi_squared"] is None
    assert split_test(np.array([[500, 500, 0]]), np.array([[1.0, 1.0, 0.0]])).degrees == 1


def test_few_visitors_are_no_alarm_unless_they_are_improbable() -> None:
    """χ² would stop an experiment at its first visitor in the small arm; the exact test stops at what cannot be chance."""
    weights = np.array([[0.05, 0.95]])
    assert split_test(np.array([[1, 0]]), weights).p_value == pytest.approx(0.1)
    assert split_test(np.array([[2, 3]]), weights).p_value == pytest.approx(2 * 0.0226, rel=0.01)
    assert split_test(np.array([[9, 11]]), weights).state is SplitState.BROKEN
    assert split_test(np.array([[20, 0]]), weights).state is SplitState.BROKEN
    assert split_test(np.array([[0, 20]]), weights).state is SplitState.AS_CONFIGURED


def test_many_small_phases_are_tested_together() -> None:
    """Each of them alone would say nothing, or too much; large ones are still tested by χ²."""
    weights = np.array([[0.5, 0.5], [0.8, 0.2]] * 10 + [[0.5, 0.5]])
    small = np.array([[1, 1], [1, 0]] * 10)
    assert split_test(np.vstack([small, [[500, 500]]]), weights).state is SplitState.AS_CONFIGURED
    assert split_test(np.vstack([small, [[600, 400]]]), weights).state is SplitState.BROKEN
    lost = np.array([[3, 0], [2, 0]] * 10)
    assert split_test(np.vstack([lost, [[500, 500]]]), weights).state is SplitState.BROKEN
