"""Policies from definitions: GrowthBook's feature JSON, the switches and Kabin's learning traffic made one."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from recommender.decisions.assigned import Assigned, AssignedExperiment
from recommender.decisions.assignment import Policy
from recommender.decisions.feature_checks import check_features
from recommender.decisions.learning import HOLDOUT, RANDOM, compile_holdout, with_random_slice
from recommender.decisions.running import ExperimentName, ExperimentSummary, describe, running_experiments
from recommender.decisions.treatment import FEATURE_SLOTS, HOMEPAGE, DecisionName
from recommender.experiments.assignment import Features
from recommender.experiments.bucketing import Seeds
from recommender.experiments.draws import draws_of
from recommender.experiments.features import compile_features
from recommender.experiments.problems import Problem
from recommender.experiments.sticky import sticky_id

__all__ = [
    "NO_POLICY",
    "Assigned",
    "AssignedExperiment",
    "ExperimentName",
    "ExperimentSummary",
    "Policy",
    "PolicyCompilation",
    "compile_policy",
]

NO_POLICY: Final = Policy()
"""No experiments, every switch on."""


class PolicyCompilation(NamedTuple):
    """A policy, and what is wrong with the definitions that are not in it.

    Attributes:
        policy: of what is sound.
        problems: by feature, in the order of the payload.
        left_out: ids of the features with problems, and of those that depend on them.
    """

    policy: Policy
    problems: tuple[Problem, ...]
    left_out: frozenset[str]


def compile_policy(
    payload: bytes | str | Mapping[str, Any],
    *,
    switched_off: frozenset[DecisionName] = frozenset(),
    learning_traffic: bool = False,
) -> PolicyCompilation:
    """Compile GrowthBook's feature JSON into a policy; what has a problem is left out whole.

    Args:
        payload: ``{"features": {…}}``, as JSON or parsed; :func:`compile_features` says what is read of it.
        switched_off: decisions that nobody gets.
        learning_traffic: whether there is a holdout and a random slice.
    """
    seeds = Seeds()
    compiled = compile_features(payload, check=check_features, seeds=seeds)
    running = running_experiments(compiled.definitions)
    has_prerequisites = any(
        rule.parent_conditions for each in compiled.definitions.values() for rule in each.rules or ()
    )
    if not learning_traffic:
        policy = Policy(
            compiled.features,
            switched_off=switched_off,
            experiments=running,
            has_prerequisites=has_prerequisites,
            draws=draws_of(compiled.definitions, seeds),
        )
        return PolicyCompilation(policy, compiled.problems, compiled.left_out)
    of_homepage = frozenset(
        sticky_id(each.summary.experiment_id, each.summary.bucket_version)
        for each in running
        if each.summary.feature_id == HOMEPAGE
    )
    evaluators = dict(compiled.features.evaluators)
    evaluators[HOMEPAGE] = with_random_slice(evaluators.get(HOMEPAGE), of_homepage, seeds)
    policy = Policy(
        Features(evaluators),
        switched_off=switched_off,
        experiments=(
            describe(HOLDOUT, None, slot=None),
            describe(RANDOM, HOMEPAGE, slot=FEATURE_SLOTS[HOMEPAGE]),
            *running,
        ),
        holdout=compile_holdout(seeds),
        has_prerequisites=has_prerequisites,
    )
    return PolicyCompilation(policy, compiled.problems, compiled.left_out)
