"""What another way of deciding would have earned, from decisions that were made at random.

Of the uniformly randomized slice each decision is logged with its probability. A policy's value is estimated without
running it, by SNIPS (Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015) and
doubly robustly (Dudík, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011). Visitors, not
decisions, are independent: both are ratios of sums over visitors, with the variance of such a ratio.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from recommender.experiments.analysis.estimates import estimate_groups
from recommender.experiments.analysis.intervals import Interval

Floats = NDArray[np.float64]

FOLDS: Final = 5
"""Parts into which visitors are put, so that a visitor's reward is never predicted from itself."""

PRIOR_DECISIONS: Final = 20.0
"""Decisions' worth of the action's overall mean that a segment's mean is shrunk with."""

THIN_EVIDENCE: Final = 200.0
"""Effective decisions below which an interval rests on too few to be taken at its word."""


class DecisionsError(ValueError):
    """Logged decisions that no value can be estimated from; the message names the column and the first wrong row."""


@dataclass(frozen=True, slots=True, eq=False)
class LoggedDecisions:
    """Randomized decisions and what came of them.

    Attributes:
        visitor: int64 ``[decisions]``, codes from 0.
        action: int16 ``[decisions]``, codes into ``actions``.
        propensity: float64 ``[decisions]``, probability with which the action was chosen, above 0 and up to 1.
        reward: float64 ``[decisions]``, what came of it, such as margin within the window.
        segment: int16 ``[decisions]``, codes of what was known when deciding, such as the level of discount affinity.
        actions: name of each action code.
    """

    visitor: NDArray[np.int64]
    action: NDArray[np.int16]
    propensity: Floats
    reward: Floats
    segment: NDArray[np.int16]
    actions: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of decisions."""
        return int(self.action.size)

    def check(self) -> None:
        """Refuse decisions that would give a wrong value.

        Raises:
            DecisionsError: columns differ in length, an action has no name, a reward is no number or a propensity
                is not above 0 and up to 1.
        """
        for name in ("visitor", "propensity", "reward", "segment"):
            if getattr(self, name).shape != self.action.shape:
                raise DecisionsError(f"{name}: {getattr(self, name).size} rows for {len(self)} decisions")
        wrong = {
            "action": (self.action < 0) | (self.action >= len(self.actions)),
            "propensity": ~((self.propensity > 0) & (self.propensity <= 1)),
            "reward": ~np.isfinite(self.reward),
            "visitor": self.visitor < 0,
            "segment": self.segment < 0,
        }
        for name, rows in wrong.items():
            if np.any(rows):
                row = int(np.argmax(rows))
                raise DecisionsError(f"{name}: {getattr(self, name)[row]} in row {row} cannot be")

    def always(self, action: str) -> Floats:
        """Return float64 ``[decisions, actions]``, the policy that takes one action whatever it knows."""
        chosen = np.full(len(self), self.actions.index(action), dtype=np.int16)
        return self.choosing(chosen)

    def choosing(self, action: NDArray[np.integer]) -> Floats:
        """Return float64 ``[decisions, actions]``, the policy that takes these actions ``[decisions]``."""
        policy = np.zeros((len(self), len(self.actions)))
        policy[np.arange(len(self)), action] = 1.0
        return policy


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """What a policy earns per decision.

    Attributes:
        policy: its name.
        snips: self-normalized inverse propensity score, with its interval; None if no decision agrees with the policy.
        doubly_robust: the same with a reward model taking out what segment and action explain; usually narrower.
        effective_decisions: (Σw)² / Σw², decisions that the weights are worth (Kish 1965).
        baseline: name of the policy that ``gain`` is over, None for the baseline itself.
        gain: doubly robust difference to the baseline, on the same decisions.
    """

    policy: str
    snips: Interval | None
    doubly_robust: Interval
    effective_decisions: float
    baseline: str | None = None
    gain: Interval | None = None

    @property
    def thin(self) -> bool:
        """Whether too few decisions agree with the policy to trust its intervals."""
        return self.effective_decisions < THIN_EVIDENCE

    def as_json(self) -> dict[str, object]:
        """Return the figures."""
        return {
            "policy": self.policy,
            "snips": self.snips and self.snips.as_json(),
            "doubly_robust": self.doubly_robust.as_json(),
            "effective_decisions": self.effective_decisions,
            "baseline": self.baseline,
            "gain": self.gain and self.gain.as_json(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """Terms of one policy's estimators, each ``[decisions]``."""

    weight: Floats
    robust: Floats

    @classmethod
    def of(cls, logged: LoggedDecisions, policy: Floats, predicted: Floats) -> Self:
        rows = np.arange(len(logged))
        weight = policy[rows, logged.action] / logged.propensity
        left = weight * (logged.reward - predicted[rows, logged.action])
        return cls(weight, (policy * predicted).sum(axis=1) + left)


def policy_values(
    logged: LoggedDecisions,
    policies: Mapping[str, Floats],
    *,
    baseline: str | None = None,
    level: float = 0.95,
) -> tuple[PolicyValue, ...]:
    """Estimate the value of each policy from randomized decisions.

    Args:
        logged: the decisions; :meth:`LoggedDecisions.check` has passed.
        policies: float64 ``[decisions, actions]`` by name: the probability that the policy would have taken each
            action. It may depend only on what was known when deciding.
        baseline: the policy that the others are compared with; None compares with nothing.
        level: confidence of each interval.

    Raises:
        DecisionsError: there are no two visitors, or a policy has other shape or does not add up to 1.
    """
    visitors, visitor = np.unique(logged.visitor, return_inverse=True)
    if visitors.size < 2:
        raise DecisionsError(
            "the randomized slice has no two visitors yet: there is nothing to estimate from"
        )
    for name, policy in policies.items():
        if policy.shape != (len(logged), len(logged.actions)) or not np.allclose(policy.sum(axis=1), 1.0):
            raise DecisionsError(
                f"policy {name}: give one row of probabilities that add up to 1 for each decision"
            )
    predicted = predict_rewards(logged)
    scores = {name: _Scores.of(logged, policy, predicted) for name, policy in policies.items()}
    ones = np.ones(len(logged))
    values = []
    for name, score in scores.items():
        weight_sum, squares = float(score.weight.sum()), float(np.sum(score.weight**2))
        effective = weight_sum**2 / squares if squares > 0 else 0.0
        # Where few decisions agree with the policy, it is those few that the spread was estimated from.
        degrees = max(1.0, min(effective, float(visitors.size)) - 1.0)
        reach = float(stdtrit(degrees, 0.5 + level / 2.0))
        other = scores[baseline] if baseline is not None and baseline != name else None
        values.append(
            PolicyValue(
                name,
                _clustered(visitor, score.weight * logged.reward, score.weight, reach) if effective else None,
                _clustered(visitor, score.robust, ones, reach),
                effective,
                baseline if other else None,
                _clustered(visitor, score.robust - other.robust, ones, reach) if other else None,
            )
        )
    return tuple(values)


def predict_rewards(logged: LoggedDecisions) -> Floats:
    """Return float64 ``[decisions, actions]``, the mean reward of each action in the decision's segment.

    Means of the other folds' visitors, shrunk to the action's overall mean. The model need not be right: with logged
    propensities the doubly robust estimate is unbiased whatever it says, only narrower the better it is.
    """
    segments, actions = int(logged.segment.max(initial=0)) + 1, len(logged.actions)
    cell = logged.segment.astype(np.int64) * actions + logged.action
    fold = logged.visitor % FOLDS
    table = fold * segments * actions + cell
    shape = (FOLDS, segments, actions)
    count = np.bincount(table, minlength=FOLDS * segments * actions).reshape(shape).astype(np.float64)
    total = np.bincount(table, weights=logged.reward, minlength=FOLDS * segments * actions).reshape(shape)
    count, total = count.sum(axis=0) - count, total.sum(axis=0) - total
    overall = total.sum(axis=1) / np.maximum(count.sum(axis=1), 1.0)
    means = (total + PRIOR_DECISIONS * overall[:, None, :]) / (count + PRIOR_DECISIONS)
    return np.asarray(means[fold, logged.segment], dtype=np.float64)


def _clustered(
    visitor: NDArray[np.integer], numerator: Floats, denominator: Floats, reach: float
) -> Interval:
    """Return a ratio of sums over decisions, with the interval that takes each visitor's decisions as one."""
    groups = np.zeros(int(visitor.max()) + 1, dtype=np.int64)
    above = np.bincount(visitor, weights=numerator).astype(np.float64)
    below = np.bincount(visitor, weights=denominator).astype(np.float64)
    (estimate,) = estimate_groups(groups, 1, above, below)
    if estimate is None:
        raise DecisionsError("the decisions have no weight at all")
    return Interval.around(estimate.value, reach * float(np.sqrt(estimate.variance)))
