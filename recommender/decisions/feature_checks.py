"""What definitions must satisfy to be Kabin's: known names, allowed values, experiments that can be told apart."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from recommender.decisions.learning import HOLDOUT_ID, RANDOM_ID
from recommender.decisions.running import experiments_of, variation_keys
from recommender.decisions.treatment import FEATURE_SLOTS, FEATURE_VALUES, RESERVED_PREFIX
from recommender.experiments.definitions import Experiment, Feature, Rule
from recommender.experiments.prerequisites import OpenPlace
from recommender.experiments.problems import Place
from recommender.experiments.values import same
from recommender.visitor.state import experiment_key_of

MOST_VARIATIONS: Final = 256
"""A visitor's state has eight bits for a variation."""


def check_features(features: Mapping[str, Feature], place_of: OpenPlace) -> None:
    """Report unknown names, values that mean nothing, and experiments that would be taken for others."""
    for feature_id, feature in features.items():
        place = place_of(feature_id)
        if feature_id in FEATURE_VALUES:
            _check_values(feature, FEATURE_VALUES[feature_id], place)
        elif feature_id.startswith(RESERVED_PREFIX):
            place.report(
                f"there is no feature {feature_id!r:.60}",
                f"names that begin with {RESERVED_PREFIX!r} are Kabin's own: {', '.join(FEATURE_VALUES)}; "
                "call the shop's otherwise",
            )
        elif feature_id in FEATURE_SLOTS.values():
            # Its exposures would be those of Kabin's slot, and the slot's switch would end its experiments.
            place.report(f"{feature_id!r} is a slot of Kabin's", "call the feature otherwise")
        for index, rule in enumerate(feature.rules or ()):
            _check_rule(feature_id, rule, place.at("rules", index))
    _check_identities(features, place_of)


def _check_values(feature: Feature, allowed: tuple[Any, ...], place: Place) -> None:
    if feature.default_value is not None:
        _check_value(feature.default_value, allowed, place.at("defaultValue"))
    for index, rule in enumerate(feature.rules or ()):
        within = place.at("rules", index)
        if rule.forces:
            _check_value(rule.force, allowed, within.at("force"))
        for number, value in enumerate(rule.variations or ()):
            _check_value(value, allowed, within.at("variations", number))


def _check_value(value: Any, allowed: tuple[Any, ...], place: Place) -> None:
    if not any(same(value, each) for each in allowed):
        shown = msgspec.json.encode(value).decode()
        options = ", ".join(msgspec.json.encode(each).decode() for each in allowed)
        place.report(f"{shown:.60} is no value of this feature", f"give one of {options}")


def _check_rule(feature_id: str, rule: Rule, place: Place) -> None:
    if rule.forces or rule.variations is None:
        return
    if rule.key != feature_id and rule.key.startswith(RESERVED_PREFIX):
        place.at("key").report(
            f"the experiment's name {rule.key!r:.60} is reserved",
            f"names that begin with {RESERVED_PREFIX!r} are Kabin's own; call it otherwise",
        )
    if len(rule.variations) > MOST_VARIATIONS:
        place.at("variations").report(
            f"there are {len(rule.variations)} variations", f"give at most {MOST_VARIATIONS}"
        )


def _check_identities(features: Mapping[str, Feature], place_of: OpenPlace) -> None:
    """Report experiments of one name with other variations, and names that a visitor's state cannot tell apart."""
    first: dict[str, Experiment] = {}
    owners = {experiment_key_of(name): name for name in (HOLDOUT_ID, RANDOM_ID)}
    for feature_id, experiment in experiments_of(features):
        place = place_of(feature_id).at("rules")
        former = first.setdefault(experiment.key, experiment)
        if _sticks_as(former) != _sticks_as(experiment):
            place.report(
                f"two rules run the experiment {experiment.key!r:.60} with different variations or bucket versions",
                "give them the same, or keys of their own",
            )
        for version in range((experiment.bucket_version or 0) + 1):
            key = experiment_key_of(experiment.key, version)
            owner = owners.setdefault(key, experiment.key)
            if owner != experiment.key:
                place.report(
                    f"the experiment {experiment.key!r:.60} cannot be told from {owner!r:.60} in what is "
                    "remembered of a visitor",
                    "call one of them otherwise",
                )
                break


def _sticks_as(experiment: Experiment) -> tuple[tuple[str, ...], int]:
    return variation_keys(experiment), experiment.bucket_version or 0
