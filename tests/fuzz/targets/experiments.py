"""Experiments: GrowthBook's features and their conditions, definitions sent to Kabin, and the stored document."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from recommender.decisions.policy import compile_policy
from recommender.visitor.state import EMPTY_STATE
from service.contract.problems import Problem
from service.experiments.bodies import ExperimentChange, SwitchChange
from service.experiments.definition import ExperimentDefinition
from service.experiments.definitions import combine, reconcile
from service.experiments.document import (
    with_experiment,
    with_payload,
    with_shares,
    with_status,
    with_switches,
    without_experiment,
)
from service.experiments.edit_checks import DefinedElsewhere, EditRefused, UnknownExperiment
from service.routes.bodies import decode_body
from service.stores.experiments import ExperimentDocument
from tests.fuzz.target import Attempt, Target, check_problem, check_told

ATTRIBUTES: Final[Mapping[str, Any]] = {
    "country": "TR",
    "age": 30.5,
    "vip": True,
    "tags": ["a", 1, None],
    "version": "1.2.3-rc.1",
    "nested": {"a": {"b": 3}},
    "nothing": None,
    "date": "2025-11-21T16:00:00Z",
}
PAYLOAD: Final = b"""{"features":{
"kabin-homepage":{"defaultValue":"personalized","rules":[{"key":"hero","variations":["full_price","promo"],"weights":[0.5,0.5],
"coverage":0.9,"hashVersion":2,"seed":"s","hashAttribute":"id","meta":[{"key":"a","name":"A"},{"key":"b"}],"bucketVersion":1,
"condition":{"country":{"$in":["TR","DE"]},"age":{"$gte":18,"$lt":99},"$or":[{"vip":true},{"tags":{"$elemMatch":{"$eq":"a"}}}]},
"namespace":["n",0,0.5],"filters":[{"seed":"f","ranges":[[0,0.5]],"hashVersion":2}]}]},
"banner":{"defaultValue":{"a":[1,2]},"rules":[{"force":"x","condition":{"version":{"$vgte":"1.2.0"},"country":{"$regex":"^T(R|r)+$"}}},
{"parentConditions":[{"id":"kabin-homepage","condition":{"value":"promo"},"gate":true}],"key":"late","variations":[0,1],"ranges":[[0,0.2],[0.2,1]]},
{"condition":{"$not":{"nested.a.b":{"$type":"number"}},"tags":{"$size":{"$gt":1},"$all":["a"]},"g":{"$inGroup":"vips"}},"force":2}]}},
"savedGroups":{"vips":["v1","v2"],"old":{"type":"list","attributeKey":"age","values":[1]},"c":{"type":"condition","condition":{"vip":true}}}}"""
DEFINITION: Final = (
    b'{"feature":"kabin-homepage","variations":["full_price",{"value":"promo","key":"p","name":"P"}],"weights":[0.25,0.75],'
    b'"coverage":0.5,"condition":{"country":"TR"},"hash_attribute":"id","status":"running"}'
)
CHANGE: Final = b'{"status":"stopped","weights":[0.3,0.7],"coverage":1}'
WORDS: Final = tuple(
    f'"{word}"'.encode()
    for word in (
        "$eq", "$ne", "$nin", "$exists", "$nor", "$and", "$veq", "$vlt", "$inGroup", "$notInGroup", "$regexi", "$savedGroup",
        "$alli", "$ini", "force", "rules", "key", "phase", "passthrough", "minBucketVersion", "fallbackAttribute",
        "disableStickyBucketing", "encryptedFeatures", "$holdout:x", "(a+)+$", "[", "\\\\1", "kabin-size", "kabin-recommendations",
        "kabin-holdout", "off", "als", "page_type", "id", "9223372036854775808",
    )
)  # fmt: skip


def features(_folder: Path) -> Attempt:
    """Compile definitions as a file or GrowthBook gives them, and assign visitors by them."""
    former = msgspec.json.decode(PAYLOAD)

    def attempt(data: bytes) -> None:
        compilation = compile_policy(data, learning_traffic=bool(len(data) % 2))
        for policy in (compilation.policy, _reconciled(former, data)):
            for visitor_id in ("v1", None, "\U0001f457"):
                policy.assign(visitor_id, ATTRIBUTES, EMPTY_STATE, forced={"hero": 1})

    return attempt


def _reconciled(former: Mapping[str, Any], data: bytes) -> Any:
    try:
        given = msgspec.json.decode(data)
        if not isinstance(given, dict) or not isinstance(given.get("features", {}), dict):
            return compile_policy(former).policy
        if not isinstance(given.get("savedGroups") or {}, dict):
            return compile_policy(former).policy
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return compile_policy(former).policy
    return reconcile(former, given, compile_policy).policy


def definition(_folder: Path) -> Attempt:
    """Put experiments as they are sent into a document that has some, and change, stop and remove them again."""
    document = with_payload(ExperimentDocument(), msgspec.json.decode(PAYLOAD))

    def attempt(data: bytes) -> None:
        for schema in (ExperimentDefinition, ExperimentChange, SwitchChange, dict[str, Any]):
            try:
                body = decode_body(data, schema)
                changed = _edited(document, body)
            except Problem as problem:
                check_problem(problem, 400, 422)
                continue
            except (EditRefused, UnknownExperiment, DefinedElsewhere) as refusal:
                check_told(refusal)
                continue
            stored = msgspec.json.encode(changed)
            assert msgspec.json.decode(stored, type=ExperimentDocument) == changed
            policy = compile_policy(combine(None, changed).payload).policy
            policy.assign("v1", ATTRIBUTES, EMPTY_STATE)

    return attempt


def _edited(document: ExperimentDocument, body: object) -> ExperimentDocument:
    if isinstance(body, ExperimentDefinition):
        changed = with_experiment(document, "hero", body)
        assert without_experiment(changed, "hero") is not None
        return changed
    if isinstance(body, ExperimentChange):
        changed = with_shares(document, "hero", weights=body.weights, coverage=body.coverage)
        return with_status(changed, "hero", body.status or "running")
    if isinstance(body, SwitchChange):
        return with_switches(document, body.switches())
    assert isinstance(body, dict)
    return with_payload(document, body)


TARGETS: Final = (
    Target("features", "experiments as GrowthBook's JSON", features, (PAYLOAD, b'{"features":{}}'), WORDS),
    Target(
        "definition", "bodies of /experiments and /switches", definition,
        (DEFINITION, CHANGE, b'{"size":false,"homepage":true}', PAYLOAD), WORDS,
    ),
)  # fmt: skip
