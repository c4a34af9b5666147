"""Definitions compiled once: what is sound is ready to be evaluated, what is not is reported and left out whole."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from recommender.experiments.assignment import Features
from recommender.experiments.bucketing import Seeds
from recommender.experiments.conditions import ConditionCompiler
from recommender.experiments.definitions import Feature, read_experiment, read_payload
from recommender.experiments.experiment import CompiledExperiment
from recommender.experiments.prerequisites import OpenPlace, check_prerequisites
from recommender.experiments.problems import Place, Problem, pointer_step
from recommender.experiments.rules import Tools, compile_experiment, compile_feature
from recommender.experiments.visitor import FeatureEvaluator

FeatureCheck = Callable[[Mapping[str, Feature], OpenPlace], None]
"""Reports what is wrong with features beyond GrowthBook's own rules."""


class Compilation(NamedTuple):
    """Compiled features, and what is wrong with the others.

    Attributes:
        features: what can be evaluated.
        problems: by feature, in the order of the payload.
        left_out: ids of the features with problems, and of those that depend on them.
        definitions: of what can be evaluated.
    """

    features: Features
    problems: tuple[Problem, ...]
    left_out: frozenset[str]
    definitions: Mapping[str, Feature]


def compile_features(
    payload: bytes | str | Mapping[str, Any],
    *,
    leave_out_broken: bool = True,
    check: FeatureCheck | None = None,
    seeds: Seeds | None = None,
) -> Compilation:
    """Compile GrowthBook's feature JSON.

    Args:
        payload: what GrowthBook's SDK endpoint answers, or a file of the same form: ``{"features": {…}}``, as
            JSON or parsed.
        leave_out_broken: false keeps features with problems and evaluates them as GrowthBook's SDKs do (unusable
            weights become equal, an unknown operator matches nobody). A feature whose JSON has a wrong type is
            left out in any case.
        check: reports what else is wrong; the features in question are left out like any others.
        seeds: makes the hashes, to be shared with experiments beside the payload.
    """
    read = read_payload(payload)
    problems = list(read.problems)

    def place_of(feature_id: str) -> Place:
        return Place(feature_id, f"/features{pointer_step(feature_id)}", problems)

    tools = Tools(ConditionCompiler(read.groups), seeds or Seeds())
    evaluators: dict[str, FeatureEvaluator] = {
        feature_id: compile_feature(feature_id, feature, tools, place_of(feature_id))
        for feature_id, feature in read.features.items()
    }
    if check is not None:
        check(read.features, place_of)
    broken = {problem.subject for problem in problems if problem.subject}
    left_out = check_prerequisites(read.features, broken, place_of)
    if leave_out_broken:
        evaluators = {name: each for name, each in evaluators.items() if name not in left_out}
    definitions = {name: read.features[name] for name in evaluators}
    return Compilation(Features(evaluators), tuple(problems), left_out, definitions)


def compile_inline_experiment(
    definition: Mapping[str, Any], *, groups: Mapping[str, Any] | None = None, leave_out_broken: bool = True
) -> tuple[CompiledExperiment | None, tuple[Problem, ...]]:
    """Compile an experiment that code defines by itself; None and its problems if it cannot be used.

    Args:
        definition: the experiment in GrowthBook's JSON: ``{"key": …, "variations": […], …}``.
        groups: saved groups that its condition refers to, as in the payload.
        leave_out_broken: as for :func:`compile_features`.
    """
    experiment, read_problems = read_experiment(definition)
    if experiment is None:
        return None, read_problems
    problems = list(read_problems)
    saved = read_payload({"features": {}, "savedGroups": dict(groups or {})}).groups
    compiled = compile_experiment(
        experiment, Tools(ConditionCompiler(saved), Seeds()), Place(experiment.key, "", problems)
    )
    return (None if problems and leave_out_broken else compiled), tuple(problems)
