"""Policies and visitors that the tests of decisions share."""

from collections.abc import Iterable, Sequence
from typing import Any

from recommender.decisions.policy import (
    Assigned,
    AssignedExperiment,
    Policy,
    PolicyCompilation,
    compile_policy,
)
from recommender.visitor.state import EMPTY_STATE, Exposure, VisitorState, experiment_key_of

Json = dict[str, Any]

NOW = 1_763_740_800


def experiment(*variations: Any, **fields: Any) -> Json:
    """Return the rule of an experiment by hash version 2."""
    return {"variations": list(variations), "hashVersion": 2, **fields}


def feature(default: Any, *rules: Json) -> Json:
    """Return a feature with these rules."""
    return {"defaultValue": default, "rules": list(rules)}


def compiled(features: Json, **options: Any) -> PolicyCompilation:
    """Compile a payload of these features."""
    return compile_policy({"features": features}, **options)


def policy_of(features: Json, **options: Any) -> Policy:
    """Compile a payload of these features, all of them sound."""
    compilation = compiled(features, **options)
    assert not compilation.problems, compilation.problems
    return compilation.policy


def visitor_ids(count: int) -> Iterable[str]:
    """Yield different ids, the same in every run."""
    return (f"visitor-{number}" for number in range(count))


def exposed_to(*experiments: AssignedExperiment, before: VisitorState = EMPTY_STATE) -> VisitorState:
    """Return the state of a visitor who has been shown these, a second later each than the one before."""
    exposures = tuple(
        Exposure(NOW + place, each.variation_id, experiment_key_of(each.experiment_id, each.bucket_version))
        for place, each in enumerate(experiments)
    )
    return VisitorState(exposures=exposures + before.exposures, last_seen=NOW)


def of_experiment(assigned: Assigned, experiment_id: str) -> AssignedExperiment | None:
    """Return what is assigned of one experiment, if the visitor takes part."""
    return next((each for each in assigned.experiments if each.experiment_id == experiment_id), None)


def names(assigned: Assigned) -> list[str]:
    """Return the ids of the experiments that a visitor takes part in."""
    return [each.experiment_id for each in assigned.experiments]


def weighted(shares: Sequence[int]) -> list[float]:
    """Return shares as weights."""
    return [share / sum(shares) for share in shares]
