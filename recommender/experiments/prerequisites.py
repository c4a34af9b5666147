"""Features that refer to others: to unknown ones, to broken ones, in circles."""

from collections.abc import Callable, Collection, Mapping

from recommender.experiments.definitions import Feature
from recommender.experiments.problems import Place

OpenPlace = Callable[[str], Place]
"""Opens the place of a feature."""

Reference = tuple[int, int, str]
"""Index of the rule, index of the prerequisite, and the feature it names."""


def check_prerequisites(
    features: Mapping[str, Feature], broken: Collection[str], place_of: OpenPlace
) -> frozenset[str]:
    """Report prerequisites that cannot be evaluated.

    Args:
        features: every feature that could be read.
        broken: features that have a problem of their own; some of them may not be in ``features``.
        place_of: opens the place of a feature.

    Returns:
        The broken features and all that depend on them.
    """
    references = {feature_id: _references(feature) for feature_id, feature in features.items()}
    parents = {feature_id: {name for _, _, name in found} for feature_id, found in references.items()}
    left_out = set(broken)
    for feature_id, found in references.items():
        for rule, index, name in found:
            place = place_of(feature_id).at("rules", rule, "parentConditions", index, "id")
            if name not in features and name not in broken:
                place.report(f"there is no feature {name!r:.60}", "add it, or take the prerequisite out")
                left_out.add(feature_id)
            elif _reaches(name, feature_id, parents):
                place.report(
                    f"the prerequisites of {name!r:.60} lead back to this feature", "break the circle"
                )
                left_out.add(feature_id)
    return frozenset(_with_dependents(left_out, references, place_of))


def _references(feature: Feature) -> list[Reference]:
    return [
        (rule_index, index, parent.id)
        for rule_index, rule in enumerate(feature.rules or ())
        for index, parent in enumerate(rule.parent_conditions or ())
    ]


def _reaches(start: str, goal: str, parents: Mapping[str, Collection[str]]) -> bool:
    """Tell whether ``goal`` is ``start`` or among what it depends on."""
    seen: set[str] = set()
    pending = [start]
    while pending:
        feature_id = pending.pop()
        if feature_id == goal:
            return True
        if feature_id not in seen:
            seen.add(feature_id)
            pending += parents.get(feature_id, ())
    return False


def _with_dependents(
    broken: Collection[str], references: Mapping[str, list[Reference]], place_of: OpenPlace
) -> set[str]:
    """Report features whose prerequisite is left out, and theirs, and return them with the others."""
    left_out = set(broken)
    grown = True
    while grown:
        grown = False
        for feature_id, found in references.items():
            lost = next((each for each in found if each[2] in left_out), None)
            if lost is not None and feature_id not in left_out:
                rule, index, name = lost
                place_of(feature_id).at("rules", rule, "parentConditions", index, "id").report(
                    f"its prerequisite {name!r:.60} is left out", "correct that feature first"
                )
                left_out.add(feature_id)
                grown = True
    return left_out
