"""What a definition must satisfy beyond its types: each violation is reported where it stands."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Final

from recommender.experiments.bucketing import HASH_VERSIONS, Range, weights_fault
from recommender.experiments.definitions import Experiment, Rule, Targeting
from recommender.experiments.problems import Place

_SLACK: Final = 1e-9
"""By how much sums of binary fractions may miss a bound."""


def check_rule(rule: Rule, place: Place) -> None:
    """Report what is wrong with a rule, apart from its conditions and prerequisites."""
    if rule.contextual_bandit_ref or rule.contextual_variations is not None:
        place.report("contextual bandits are not supported", "take the rule out, or run it as an experiment")
    gates = any(parent.gate for parent in rule.parent_conditions or ())
    if not rule.forces and rule.variations is None and not gates:
        place.report("the rule does nothing", 'give it "force", "variations" or a prerequisite that gates')
    check_targeting(rule, place)
    if rule.range is not None:
        _check_ranges([rule.range], place.at("range"))
    if rule.variations is not None and not rule.forces:
        check_variations(rule, len(rule.variations), place)


def check_experiment(experiment: Experiment, place: Place) -> None:
    """Report what is wrong with an experiment that code defines by itself."""
    if not experiment.key:
        place.at("key").report("the experiment has no key", "name it: the key seeds its buckets")
    check_targeting(experiment, place)
    check_variations(experiment, len(experiment.variations), place)
    if experiment.force is not None and not 0 <= experiment.force < len(experiment.variations):
        place.at("force").report(
            f"there is no variation {experiment.force}", f"give 0 to {len(experiment.variations) - 1}"
        )


def check_targeting(targeting: Targeting, place: Place) -> None:
    """Report a hash version, coverage, filter or namespace that cannot be used."""
    _check_hash_version(targeting.hash_version, place)
    coverage = targeting.coverage
    if coverage is not None and not 0.0 <= coverage <= 1.0:
        place.at("coverage").report(f"a coverage of {coverage:g} is no share", "give 0 to 1")
    for index, each in enumerate(targeting.filters or ()):
        within = place.at("filters", index)
        _check_hash_version(each.hash_version, within)
        _check_ranges(each.ranges, within.at("ranges"))
    if targeting.namespace is not None:
        name, start, end = targeting.namespace
        if not name:
            place.at("namespace", 0).report("the namespace has no name", "name it")
        _check_ranges([(start, end)], place.at("namespace"))
    if (targeting.min_bucket_version or 0) > (targeting.bucket_version or 0):
        place.at("minBucketVersion").report(
            "minBucketVersion is above bucketVersion: nobody could keep a variation",
            "raise bucketVersion to it",
        )


def check_variations(targeting: Targeting, variations: int, place: Place) -> None:
    """Report weights, ranges and names that do not go with the variations."""
    if variations < 2:
        place.at("variations").report(
            f"an experiment needs two variations, and there are {variations}",
            "add the others, or force the value",
        )
        return
    if targeting.ranges:
        if len(targeting.ranges) != variations:
            place.at("ranges").report(
                f"there are {len(targeting.ranges)} ranges for {variations} variations", "give one for each"
            )
        _check_ranges(targeting.ranges, place.at("ranges"))
        _check_overlap(targeting.ranges, place.at("ranges"))
    elif targeting.weights is not None:
        fault = weights_fault(variations, targeting.weights)
        if fault is not None:
            place.at("weights").report(fault, "give each variation its share, 1 in all")
    if targeting.meta:
        _check_meta(targeting, variations, place.at("meta"))


def _check_meta(targeting: Targeting, variations: int, place: Place) -> None:
    meta = targeting.meta or []
    if len(meta) != variations:
        place.report(f"there are {len(meta)} entries for {variations} variations", "give one for each")
    keys = [str(index) if each.key is None else each.key for index, each in enumerate(meta)]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        place.report(f"two variations have the key {twice[0]!r}", "give each its own: it is what sticks")


def _check_hash_version(version: int | None, place: Place) -> None:
    if version is not None and version not in HASH_VERSIONS:
        place.at("hashVersion").report(f"hash version {version} is unknown", "use 2")


def _check_ranges(ranges: Sequence[Range], place: Place) -> None:
    for start, end in ranges:
        if not (isfinite(start) and isfinite(end) and -_SLACK <= start <= end <= 1.0 + _SLACK):
            place.report(f"{start:g} to {end:g} is no range of buckets", "give two numbers of 0 to 1, rising")


def _check_overlap(ranges: Sequence[Range], place: Place) -> None:
    taken = sorted(each for each in ranges if each[1] > each[0])
    for before, after in pairwise(taken):
        if after[0] < before[1] - _SLACK:
            place.report(
                f"{after[0]:g} to {after[1]:g} overlaps {before[0]:g} to {before[1]:g}",
                "give every bucket to one variation",
            )
