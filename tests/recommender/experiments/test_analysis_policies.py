"""Policy values from randomized decisions."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recommender.experiments.analysis.policies import (
    DecisionsError,
    LoggedDecisions,
    policy_values,
    predict_rewards,
)
from tests.data.simulated_experiment import simulated_decisions, true_policy_value


@pytest.fixture(scope="module")
def logged() -> LoggedDecisions:
    """Return one simulated slice of ten thousand visitors."""
    return simulated_decisions(10_000, np.random.default_rng(3))


def test_snips_is_the_weighted_mean(logged: LoggedDecisions) -> None:
    """With equal chances, a fixed action's value is the plain mean where it was taken, and worth those decisions."""
    (value,) = policy_values(logged, {"promo": logged.always("promo")})
    taken = logged.action == 1
    assert value.snips is not None
    assert value.snips.estimate == pytest.approx(logged.reward[taken].mean())
    assert value.effective_decisions == pytest.approx(taken.sum())


def test_the_better_policy_is_found(logged: LoggedDecisions) -> None:
    """Personalized beats both fixed homepages, and the gain is measured on the same decisions."""
    policies = {
        "full_price": logged.always("full_price"),
        "promo": logged.always("promo"),
        "personalized": logged.choosing(np.array([0, 0, 1])[logged.segment]),
    }
    values = {value.policy: value for value in policy_values(logged, policies, baseline="full_price")}
    assert values["full_price"].gain is None
    personalized, promo = values["personalized"].gain, values["promo"].gain
    assert personalized is not None
    assert promo is not None
    assert personalized.low > 0 > promo.high
    truth = true_policy_value((0, 0, 1)) - true_policy_value((0, 0, 0))
    assert personalized.covers(truth)
    own, base = values["personalized"].doubly_robust, values["full_price"].doubly_robust
    assert personalized.high - personalized.low < (own.high - own.low) + (base.high - base.low)


def test_unequal_chances_are_weighed_in() -> None:
    """A slice that shows promo to one in ten still values it without bias."""
    rng = np.random.default_rng(1)
    n = 40_000
    action = (rng.random(n) < 0.1).astype(np.int16)
    logged = LoggedDecisions(
        np.arange(n),
        action,
        np.where(action == 1, 0.1, 0.9),
        rng.normal(np.where(action == 1, 5.0, 2.0), 1.0),
        np.zeros(n, dtype=np.int16),
        ("full_price", "promo"),
    )
    mixed = np.full((n, 2), 0.5)
    (value,) = policy_values(logged, {"half": mixed})
    assert value.snips is not None
    assert value.snips.covers(3.5)
    assert value.doubly_robust.covers(3.5)
    assert value.effective_decisions < 0.5 * n


def test_a_good_reward_model_narrows_the_doubly_robust_interval() -> None:
    """Where segments differ widely, SNIPS pays for which decisions happened to agree, and DR does not."""
    rng = np.random.default_rng(2)
    n = 6_000
    segment = rng.integers(0, 3, n).astype(np.int16)
    action = rng.integers(0, 2, n).astype(np.int16)
    reward = np.array([0.0, 10.0, 40.0])[segment] + rng.normal(size=n)
    logged = LoggedDecisions(np.arange(n), action, np.full(n, 0.5), reward, segment, ("a", "b"))
    (value,) = policy_values(logged, {"a": logged.always("a")})
    snips, robust = value.snips, value.doubly_robust
    assert snips is not None
    assert robust.high - robust.low < 0.8 * (snips.high - snips.low)


def test_decisions_of_one_visitor_are_not_independent() -> None:
    """Ten copies of every decision add no evidence: the interval stays as wide."""
    rng = np.random.default_rng(4)
    n = 500
    action = rng.integers(0, 2, n).astype(np.int16)
    once = LoggedDecisions(
        np.arange(n), action, np.full(n, 0.5), rng.gamma(1.0, 5.0, n), np.zeros(n, dtype=np.int16), ("a", "b")
    )
    rows = np.repeat(np.arange(n), 10)
    columns = ("visitor", "action", "propensity", "reward", "segment")
    copied = replace(once, **{name: getattr(once, name)[rows] for name in columns})
    widths = []
    for logged in (once, copied):
        (value,) = policy_values(logged, {"a": logged.always("a")})
        assert value.snips is not None
        widths.append(value.snips.high - value.snips.low)
    assert widths[1] == pytest.approx(widths[0], rel=0.02)


def test_rewards_are_never_predicted_from_the_same_visitor() -> None:
    """A visitor's own huge reward does not enter the prediction made for them."""
    logged = simulated_decisions(200, np.random.default_rng(5))
    first = logged.visitor == 0
    before = predict_rewards(logged)[first]
    after = predict_rewards(replace(logged, reward=np.where(first, 1e6, logged.reward)))[first]
    assert np.allclose(before, after)


def test_a_policy_that_nobody_was_shown_has_no_snips_value() -> None:
    """There is nothing to reweigh; the report says that the evidence is thin."""
    n = 50
    logged = LoggedDecisions(
        np.arange(n),
        np.zeros(n, dtype=np.int16),
        np.full(n, 0.5),
        np.ones(n),
        np.zeros(n, dtype=np.int16),
        ("a", "b"),
    )
    (value,) = policy_values(logged, {"b": logged.always("b")})
    assert value.snips is None
    assert value.thin
    assert value.as_json()["snips"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensity": np.array([0.5, 1.5])}, "propensity: 1.5 in row 1"),
        ({"reward": np.array([np.nan, 1.0])}, "reward: nan in row 0"),
        ({"action": np.array([0, 7], dtype=np.int16)}, "action: 7 in row 1"),
        ({"reward": np.ones(3)}, "reward: 3 rows for 2 decisions"),
    ],
)
def test_wrong_decisions_are_named(change: dict[str, Any], message: str) -> None:
    """Column, value and row."""
    sound = LoggedDecisions(
        np.arange(2),
        np.zeros(2, dtype=np.int16),
        np.full(2, 0.5),
        np.ones(2),
        np.zeros(2, dtype=np.int16),
        ("a", "b"),
    )
    sound.check()
    with pytest.raises(DecisionsError, match=message):
        replace(sound, **change).check()


def test_a_policy_must_be_probabilities(logged: LoggedDecisions) -> None:
    """And a slice needs two visitors."""
    with pytest.raises(DecisionsError, match="policy odd"):
        policy_values(logged, {"odd": logged.always("promo") * 0.5})
    alone = replace(logged, visitor=np.zeros(len(logged), dtype=np.int64))
    with pytest.raises(DecisionsError, match="no two visitors"):
        policy_values(alone, {"promo": logged.always("promo")})
