"""The public test cases of GrowthBook's SDKs, and random visitors held against the ``growthbook`` package."""

from pathlib import Path
from typing import Any

import pytest

from tests.data.growthbook_cases import NOT_APPLICABLE, RUNNERS, SUITE_VERSION, load_cases, problems_of

COUNTS = {
    "evalCondition": 235,
    "hash": 15,
    "getBucketRange": 13,
    "chooseVariation": 13,
    "getEqualWeights": 6,
    "inNamespace": 16,
    "getQueryStringOverride": 16,
    "feature": 46,
    "run": 73,
    "stickyBucket": 9,
}

REFUSED = {
    "force rules - coverage with bad hash version",
    "ignores empty rules",
    "Prerequisite flag missing, block dependent flag",
    "Prerequisite cycle detected, break",
    "single variation",
    "negative forced variation",
    "high forced variation",
}
"""Features and experiments that the SDKs make do with, and that are reported and left out here."""


@pytest.fixture(scope="module")
def cases(data_dir: Path) -> dict[str, Any]:
    """Read the case file once for the tests of this module."""
    path = data_dir / "growthbook_sdk_cases.json.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} is absent")
    return load_cases(path)


def test_every_kind_of_case_is_run_or_set_aside_with_a_reason(cases: dict[str, Any]) -> None:
    """The suite's version and counts are those the documentation states, and no kind is forgotten."""
    assert cases["specVersion"] == SUITE_VERSION
    assert set(cases) == {"specVersion"} | set(RUNNERS) | set(NOT_APPLICABLE)
    assert {kind: len(cases[kind]) for kind in RUNNERS} == COUNTS


@pytest.mark.parametrize("kind", RUNNERS)
def test_all_cases_of_a_kind_pass(cases: dict[str, Any], kind: str) -> None:
    """What comes out is what GrowthBook's SDKs agreed on."""
    for case in cases[kind]:
        found, expected = RUNNERS[kind](case)
        assert found == expected, case[0]


def test_only_broken_definitions_are_refused(cases: dict[str, Any]) -> None:
    """Of all features and experiments in the suite, exactly the broken ones are left out of a service."""
    refused = {
        case[0]
        for kind in ("feature", "run", "stickyBucket")
        for case in cases[kind]
        if problems_of(kind, case)
    }
    assert refused == REFUSED


@pytest.mark.slow
@pytest.mark.parametrize(("sticky", "fallback"), [(False, True), (True, False), (True, True)])
def test_random_visitors_get_what_the_package_gives_them(sticky: bool, fallback: bool) -> None:
    """Thousands of visitors, two feature sets, not one disagreement, and the same is to be stored."""
    pytest.importorskip("growthbook")
    from tests.data.growthbook_agreement import compare_kind

    for seed in (101, 202):
        outcome = compare_kind(seed, 500, 6, sticky=sticky, fallback=fallback)
        assert outcome.enrolled > 250
        assert (outcome.disagreements, outcome.stored_differently) == (0, 0), outcome.different
