"""The public test cases of GrowthBook's SDKs, run through :mod:`recommender.experiments`.

    python -m tests.data.growthbook_cases ../shared/data/growthbook_sdk_cases.json.gz

prints the table of counts. Each runner returns what came out and what should, in the words of the case file.
"""

import gzip
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from recommender.experiments import (
    Compilation,
    ExperimentResult,
    FeatureResult,
    Problem,
    compile_features,
    compile_inline_experiment,
)
from recommender.experiments.bucketing import (
    Seeds,
    bucket_ranges,
    choose_variation,
    equal_weights,
)
from recommender.experiments.conditions import ConditionCompiler, SavedGroup
from recommender.experiments.experiment import forced_by_query
from recommender.experiments.hashing import Identity
from recommender.experiments.problems import Place
from recommender.experiments.sticky import StickyDocumentBuckets

SUITE_VERSION: Final = "0.7.1"

NOT_APPLICABLE: Final[Mapping[str, str]] = {
    "decrypt": "encryption hides definitions from browsers; here they never reach one, and an encrypted payload is "
    "refused with a reason",
    "urlRedirect": "redirects are made by the script in the page, from experiments that the payload lists apart",
}
"""Kinds of cases that a service answering the shop's own pages has no use for."""

Case = list[Any]
Outcome = tuple[Any, Any]


class Row(NamedTuple):
    """One line of the table: a kind of cases and how they came out."""

    kind: str
    cases: int
    passed: int
    left_out_by_default: int
    failed: tuple[str, ...]


def load_cases(path: Path) -> dict[str, Any]:
    """Read the case file."""
    cases: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return cases


def _rounded(value: Any) -> Any:
    """Return numbers to six decimals, the precision of the case file."""
    if isinstance(value, float):
        return round(value, 6)
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def _condition(case: Case) -> Outcome:
    _, condition, attributes, expected, *rest = case
    groups = {name: SavedGroup("list", values) for name, values in (rest[0] if rest else {}).items()}
    test = ConditionCompiler(groups).compile(condition, Place("case", "", []))
    return test(attributes), expected


def _hash(case: Case) -> Outcome:
    seed, value, version, expected = case
    return Seeds().bucketing(seed, version)(Identity("id", value)), expected


def _bucket_range(case: Case) -> Outcome:
    _, (variations, coverage, weights), expected = case
    return _rounded(bucket_ranges(variations, coverage, weights)), _rounded(expected)


def _choose_variation(case: Case) -> Outcome:
    _, bucket, ranges, expected = case
    return choose_variation(bucket, ranges), expected


def _query_string(case: Case) -> Outcome:
    _, key, url, variations, expected = case
    return forced_by_query(key, url, variations), expected


def _namespace(case: Case) -> Outcome:
    _, value, (name, start, end), expected = case
    return Seeds().namespace_test(name, (start, end))(Identity("id", value)), expected


def _equal_weights(case: Case) -> Outcome:
    variations, expected = case
    return [round(weight, 8) for weight in equal_weights(variations)], expected


def compiled(context: Mapping[str, Any], *, leave_out_broken: bool) -> Compilation:
    """Compile the features of a case."""
    payload = {"features": context.get("features", {}), "savedGroups": context.get("savedGroups", {})}
    return compile_features(payload, leave_out_broken=leave_out_broken)


def feature_json(result: FeatureResult) -> dict[str, Any]:
    """Return a result in the words of the case file."""
    return {
        "value": result.value,
        "on": result.is_on,
        "off": not result.is_on,
        "source": result.source,
        "ruleId": result.rule_id,
    }


def result_json(result: ExperimentResult) -> dict[str, Any]:
    """Return an experiment's result in the words of the case file."""
    found = {
        "featureId": result.feature_id,
        "value": result.value,
        "variationId": result.variation_id,
        "inExperiment": result.in_experiment,
        "hashUsed": result.hash_used,
        "hashAttribute": result.hash_attribute,
        "hashValue": result.hash_value,
        "bucket": result.bucket,
        "key": result.variation,
        "name": result.name,
        "stickyBucketUsed": result.sticky_bucket_used,
        "passthrough": result.passthrough,
    }
    return {
        name: value
        for name, value in found.items()
        if value not in (None, "") and (value or name != "passthrough")
    }


def _feature(case: Case) -> Outcome:
    _, context, feature_id, expected = case
    features = compiled(context, leave_out_broken=False).features
    visitor = features.visitor(context.get("attributes", {}), forced=context.get("forcedVariations", {}))
    result = visitor.feature(feature_id)
    found = feature_json(result)
    if result.result is not None and "experimentResult" in expected:
        found["experimentResult"] = result_json(result.result)
        definition = msgspec.json.decode(msgspec.json.encode(result.experiment))
        found["experiment"] = {name: definition.get(name) for name in expected["experiment"]}
    return found, expected


def _run(case: Case) -> Outcome:
    _, context, definition, value, in_experiment, hash_used = case
    experiment, _ = compile_inline_experiment(
        definition, groups=context.get("savedGroups"), leave_out_broken=False
    )
    assert experiment is not None
    visitor = compiled(context, leave_out_broken=False).features.visitor(
        context.get("attributes", {}),
        forced=context.get("forcedVariations", {}),
        url=context.get("url", ""),
        enabled=context.get("enabled", True),
        qa_mode=context.get("qaMode", False),
    )
    result = experiment.run(visitor)
    return [result.value, result.in_experiment, result.hash_used], [value, in_experiment, hash_used]


def _sticky(case: Case) -> Outcome:
    _, context, documents, feature_id, expected_result, expected_documents = case
    given = {
        f"{document['attributeName']}||{document['attributeValue']}": document["assignments"]
        for document in documents
    }
    # As a storage does: only the documents of the visitor's own attributes are looked up.
    attributes = context["attributes"]
    own = {f"{name}||{value}" for name, value in attributes.items()}
    buckets = StickyDocumentBuckets({key: held for key, held in given.items() if key in own})
    features = compiled(context, leave_out_broken=False).features
    result = features.visitor(attributes, sticky=buckets).feature(feature_id).result
    found = None if result is None else {name: result_json(result).get(name) for name in expected_result}
    stored = {key: held for key, held in {**given, **buckets.changes}.items() if key in own}
    return [found, stored], [
        expected_result,
        {key: document["assignments"] for key, document in expected_documents.items()},
    ]


RUNNERS: Final[Mapping[str, Callable[[Case], Outcome]]] = {
    "evalCondition": _condition,
    "hash": _hash,
    "getBucketRange": _bucket_range,
    "chooseVariation": _choose_variation,
    "getEqualWeights": _equal_weights,
    "inNamespace": _namespace,
    "getQueryStringOverride": _query_string,
    "feature": _feature,
    "run": _run,
    "stickyBucket": _sticky,
}


def problems_of(kind: str, case: Case) -> tuple[Problem, ...]:
    """Return why a service would leave the definitions of a case out."""
    problems: list[Problem] = []
    if kind == "evalCondition":
        groups = {name: SavedGroup("list", values) for name, values in (case[4] if case[4:] else {}).items()}
        ConditionCompiler(groups).compile(case[1], Place("case", "", problems))
    elif kind in {"feature", "run", "stickyBucket"}:
        problems += compiled(case[1], leave_out_broken=True).problems
        if kind == "run":
            problems += compile_inline_experiment(case[2], groups=case[1].get("savedGroups"))[1]
    return tuple(problems)


def run_cases(cases: Mapping[str, Any]) -> list[Row]:
    """Run every kind that applies."""
    rows = []
    for kind, runner in RUNNERS.items():
        outcomes = [(case, runner(case)) for case in cases[kind]]
        failed = tuple(str(case[0]) for case, (found, expected) in outcomes if found != expected)
        left_out = sum(bool(problems_of(kind, case)) for case in cases[kind])
        rows.append(Row(kind, len(outcomes), len(outcomes) - len(failed), left_out, failed))
    return rows


def main() -> None:
    """Print the table."""
    cases = load_cases(Path(sys.argv[1]))
    print(f"GrowthBook SDK cases, version {cases['specVersion']}")
    print(f"{'kind':<24}{'cases':>6}{'passed':>8}{'refused unless asked':>22}")
    rows = run_cases(cases)
    for row in rows:
        print(f"{row.kind:<24}{row.cases:>6}{row.passed:>8}{row.left_out_by_default:>22}", *row.failed)
    print(f"{'all':<24}{sum(row.cases for row in rows):>6}{sum(row.passed for row in rows):>8}")
    for kind, reason in NOT_APPLICABLE.items():
        print(f"{kind:<24}{len(cases[kind]):>6}  not applicable: {reason}")


if __name__ == "__main__":
    main()
