"""Features that ask nothing about a visitor: a value for everybody, or one experiment that all take part in.

Most features are like that. Their rules need not be walked for each visitor: who holds a variation keeps it, and
anybody else is drawn by their bucket.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from recommender.experiments.bucketing import HASH_VERSIONS, Seeds
from recommender.experiments.definitions import Experiment, Feature, Rule
from recommender.experiments.experiment import CompiledExperiment


class Draw(NamedTuple):
    """A feature of the plain kind.

    Attributes:
        default: the value of whom no experiment gives another one.
        experiment: that decides, ``None`` if ``default`` is everybody's.
    """

    default: Any
    experiment: CompiledExperiment | None


NO_FEATURE = Draw(None, None)
"""A feature that is not defined."""


def draws_of(definitions: Mapping[str, Feature], seeds: Seeds) -> dict[str, Draw] | None:
    """Return all features as draws, ``None`` if any of them asks for more.

    Args:
        definitions: sound features by id.
        seeds: of the payload.
    """
    keys = [key for id_, feature in definitions.items() for key in _experiment_keys(id_, feature)]
    if len(set(keys)) < len(keys):
        return None  # Two features share an experiment: the second one takes what the first one drew.
    draws = {feature_id: _draw_of(feature_id, feature, seeds) for feature_id, feature in definitions.items()}
    plain = {feature_id: draw for feature_id, draw in draws.items() if draw is not None}
    return plain if len(plain) == len(draws) else None


def _experiment_keys(feature_id: str, feature: Feature) -> Iterable[str]:
    return [rule.key or feature_id for rule in feature.rules or () if rule.variations is not None]


def _draw_of(feature_id: str, feature: Feature, seeds: Seeds) -> Draw | None:
    if not feature.rules:
        return Draw(feature.default_value, None)
    rule = feature.rules[0]
    if len(feature.rules) > 1 or rule.condition or rule.parent_conditions or rule.filters:
        return None
    if rule.forces:
        return Draw(rule.force, None) if _is_for_all(rule) else None
    experiment = rule.experiment(feature_id)
    if experiment is None or not _is_plain(experiment):
        return None
    return Draw(feature.default_value, CompiledExperiment(experiment, seeds, ()))


def _is_for_all(rule: Rule) -> bool:
    return rule.coverage is None and rule.range is None


def _is_plain(experiment: Experiment) -> bool:
    """Tell whether the visitor's id alone decides, unless they hold a variation."""
    meta = experiment.meta or ()
    keys = [str(index) if each.key is None else each.key for index, each in enumerate(meta)]
    return (
        len(experiment.variations) >= 2
        and (experiment.hash_attribute or "id") == "id"
        and (experiment.hash_version or 1) in HASH_VERSIONS
        and len(set(keys)) == len(keys) <= len(experiment.variations)
        and not any(each.passthrough for each in meta)
        and not (
            experiment.namespace
            or experiment.fallback_attribute
            or experiment.disable_sticky_bucketing
            or experiment.min_bucket_version
        )
    )
