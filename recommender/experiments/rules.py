"""Rules compiled to functions: the value they give a visitor, or None where the next rule is to decide."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from recommender.experiments.bucketing import Seeds, in_range
from recommender.experiments.checks import check_experiment, check_rule
from recommender.experiments.conditions import Condition, ConditionCompiler
from recommender.experiments.definitions import Experiment, Feature, Filter, ParentCondition, Rule
from recommender.experiments.experiment import Admission, CompiledExperiment
from recommender.experiments.hashing import Identity
from recommender.experiments.problems import Place
from recommender.experiments.visitor import CYCLIC, FeatureEvaluator, FeatureResult, Visitor

RuleEvaluator = Callable[[Visitor], FeatureResult | None]
VisitorTest = Callable[[Visitor], bool]

PREREQUISITE_FAILED: Final = FeatureResult(None, "prerequisite")

_new_result = tuple.__new__
"""Makes a named tuple in a third of the time of its own constructor."""

_DEFAULT_FILTER_HASH: Final = 2
_DEFAULT_HASH: Final = 1


class Tools(NamedTuple):
    """What the definitions of one payload are compiled with."""

    conditions: ConditionCompiler
    seeds: Seeds


class _Parent(NamedTuple):
    feature_id: str
    condition: Condition
    gate: bool


def compile_feature(feature_id: str, feature: Feature, tools: Tools, place: Place) -> FeatureEvaluator:
    """Return the function that gives a feature's value.

    Args:
        feature_id: key of the feature; seeds rollouts and names experiments that say nothing else.
        feature: the definition.
        tools: of the payload.
        place: where the feature stands; what is wrong with it is reported there.
    """
    rules = [
        _compile_rule(feature_id, rule, tools, place.at("rules", index))
        for index, rule in enumerate(feature.rules or ())
    ]
    default = FeatureResult(feature.default_value, "defaultValue")
    if len(rules) == 1:
        only = rules[0]
        return lambda visitor: only(visitor) or default

    def evaluate(visitor: Visitor) -> FeatureResult:
        for rule in rules:
            result = rule(visitor)
            if result is not None:
                return result
        return default

    return evaluate


def compile_experiment(definition: Experiment, tools: Tools, place: Place) -> CompiledExperiment:
    """Return an experiment that code defines by itself, with all that its visitors must pass."""
    check_experiment(definition, place)
    admissions = _bucket_admissions(definition, tools.seeds)
    if definition.condition:
        condition = tools.conditions.compile(definition.condition, place.at("condition"))
        admissions.append(lambda visitor, _: condition(visitor.attributes))
    if definition.parent_conditions:
        parents = _parents(definition.parent_conditions, tools, place)
        admissions.append(lambda visitor, _: _failed_prerequisite(parents, visitor) is None)
    return CompiledExperiment(definition, tools.seeds, admissions)


def _compile_rule(feature_id: str, rule: Rule, tools: Tools, place: Place) -> RuleEvaluator:
    check_rule(rule, place)
    act = _action(feature_id, rule, tools)
    tests = [_filter_test(each, tools.seeds) for each in rule.filters or ()]
    if rule.condition:
        condition = tools.conditions.compile(rule.condition, place.at("condition"))
        tests.insert(0, lambda visitor: condition(visitor.attributes))
    guarded = _guarded(tests, act)
    if not rule.parent_conditions:
        return guarded
    parents = _parents(rule.parent_conditions, tools, place)

    def evaluate(visitor: Visitor) -> FeatureResult | None:
        failed = _failed_prerequisite(parents, visitor)
        if failed is None:
            return guarded(visitor)
        return failed if failed.source in {"prerequisite", "cyclicPrerequisite"} else None

    return evaluate


def _guarded(tests: Sequence[VisitorTest], act: RuleEvaluator) -> RuleEvaluator:
    """Return ``act`` for visitors who pass all tests."""
    if not tests:
        return act
    if len(tests) == 1:
        only = tests[0]
        return lambda visitor: act(visitor) if only(visitor) else None
    return lambda visitor: act(visitor) if all(test(visitor) for test in tests) else None


def _action(feature_id: str, rule: Rule, tools: Tools) -> RuleEvaluator:
    """Return what a rule does for those it is meant for."""
    rule_id = rule.id or ""
    if rule.forces:
        forced = FeatureResult(rule.force, "force", rule_id)
        included = _rollout_test(feature_id, rule, tools.seeds)
        return lambda visitor: forced if included(visitor) else None
    definition = rule.experiment(feature_id)
    if definition is None:
        return lambda _: None
    # The rule's own condition, filters and prerequisites are tested before, sticky bucket or not.
    admissions = [] if definition.filters else _bucket_admissions(definition, tools.seeds)
    run = CompiledExperiment(definition, tools.seeds, admissions).run

    def evaluate(visitor: Visitor) -> FeatureResult | None:
        result = run(visitor, feature_id)
        if not result.in_experiment or result.passthrough:
            return None
        return _new_result(FeatureResult, (result.value, "experiment", rule_id, result, definition))

    return evaluate


def _bucket_admissions(definition: Experiment, seeds: Seeds) -> list[Admission]:
    """Return the tests of filters or, without any, of the namespace."""
    if definition.filters:
        tests = [_filter_test(each, seeds) for each in definition.filters]
        return [lambda visitor, _: all(test(visitor) for test in tests)]
    if definition.namespace is None:
        return []
    name, start, end = definition.namespace
    in_namespace = seeds.namespace_test(name, (start, end), definition.hash_attribute or "id")
    return [lambda _, identity: in_namespace(identity)]


def _filter_test(definition: Filter, seeds: Seeds) -> VisitorTest:
    attribute = definition.attribute or "id"
    ranges = tuple(definition.ranges)
    bucket_of = seeds.bucketing(definition.seed, definition.hash_version or _DEFAULT_FILTER_HASH, attribute)

    def test(visitor: Visitor) -> bool:
        identity = visitor.identity(attribute)
        bucket = bucket_of(identity) if identity.text else None
        return bucket is not None and any(start <= bucket < end for start, end in ranges)

    return test


def _rollout_test(feature_id: str, rule: Rule, seeds: Seeds) -> VisitorTest:
    """Return the test whether a visitor is in the share that a forced value is rolled out to."""
    coverage, within = rule.coverage, rule.range
    if coverage is None and within is None:
        return lambda _: True
    attribute = rule.hash_attribute or "id"
    fallback = None if rule.disable_sticky_bucketing else rule.fallback_attribute or None
    bucket_of = seeds.bucketing(rule.seed or feature_id, rule.hash_version or _DEFAULT_HASH, attribute)
    share = within or (0.0, coverage or 0.0)

    def test(visitor: Visitor) -> bool:
        identity: Identity = visitor.identity(attribute, fallback)
        bucket = bucket_of(identity) if identity.text else None
        return bucket is not None and in_range(bucket, share)

    return test


def _parents(definitions: Sequence[ParentCondition], tools: Tools, place: Place) -> tuple[_Parent, ...]:
    return tuple(
        _Parent(
            parent.id,
            tools.conditions.compile(
                parent.condition or {}, place.at("parentConditions", index, "condition")
            ),
            parent.gate,
        )
        for index, parent in enumerate(definitions)
    )


_FAILED: Final = FeatureResult(None, "defaultValue")
"""Stands for a prerequisite that is not met and does not gate."""


def _failed_prerequisite(parents: Sequence[_Parent], visitor: Visitor) -> FeatureResult | None:
    """Return None if all prerequisites are met, else what becomes of the feature."""
    for parent in parents:
        result = visitor.feature(parent.feature_id)
        if result.source == "cyclicPrerequisite":
            return CYCLIC
        if not parent.condition({"value": result.value}):
            return PREREQUISITE_FAILED if parent.gate else _FAILED
    return None
