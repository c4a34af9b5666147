"""Reading and compiling definitions: every mistake is reported where it stands, and spoils nothing else."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.experiments import compile_features, compile_inline_experiment
from tests.recommender.experiments.definitions import experiment, features_of, problems_with

RULE = "/features/homepage/rules/0"


@pytest.mark.parametrize(
    ("rule", "pointer", "reason"),
    [
        (experiment(weights=[0.5, 0.4]), "/weights", "add up to 0.9"),
        (experiment(weights=[0.9, 0.9]), "/weights", "add up to 1.8"),
        (experiment(weights=[1.5, -0.5]), "/weights", "negative"),
        (experiment(weights=[1]), "/weights", "1 weights for 2 variations"),
        (experiment(coverage=1.5), "/coverage", "1.5 is no share"),
        (experiment(coverage=-0.1), "/coverage", "-0.1 is no share"),
        (experiment(coverage="half"), "/coverage", "expected a number or nothing, got a text"),
        (experiment(hashVersion=3), "/hashVersion", "hash version 3 is unknown"),
        (experiment(ranges=[[0, 0.5]]), "/ranges", "1 ranges for 2 variations"),
        (experiment(ranges=[[0, 0.6], [0.5, 1]]), "/ranges", "0.5 to 1 overlaps 0 to 0.6"),
        (experiment(ranges=[[0, 0.5], [0.5, 1.5]]), "/ranges", "0.5 to 1.5 is no range"),
        (experiment(ranges=[[0.5, 0], [0.5, 1]]), "/ranges", "0.5 to 0 is no range"),
        (experiment(ranges=[[0, 0.5], [0.5]]), "/ranges/1", "length 2"),
        (experiment(meta=[{"key": "a"}]), "/meta", "1 entries for 2 variations"),
        (experiment(meta=[{"key": "a"}, {"key": "a"}]), "/meta", "the key 'a'"),
        (experiment(meta=[{}, {"key": "0"}]), "/meta", "the key '0'"),
        (experiment(filters=[{"seed": "s", "ranges": [[0, 2]]}]), "/filters/0/ranges", "0 to 2 is no range"),
        (experiment(filters=[{"seed": "s", "ranges": [], "hashVersion": 9}]), "/filters/0/hashVersion", "9"),
        (experiment(filters=[{"seed": "s"}]), "/filters/0", "missing required field `ranges`"),
        (experiment(namespace=["slots", 0.5, 0.2]), "/namespace", "0.5 to 0.2 is no range"),
        (experiment(namespace=["", 0, 1]), "/namespace/0", "no name"),
        (experiment(minBucketVersion=2, bucketVersion=1), "/minBucketVersion", "above bucketVersion"),
        (experiment(bucketVersion=-1), "/bucketVersion", ">= 0"),
        (experiment(variations=["one"]), "/variations", "there are 1"),
        (experiment(condition={"age": {"$over": 3}}), "/condition/age/$over", "is no operator"),
        (experiment(parentConditions=[{"id": "nowhere"}]), "/parentConditions/0/id", "there is no feature 'nowhere'"),
        (
            experiment(parentConditions=[{"id": "neighbour", "condition": {"value": {"$is": 1}}}]),
            "/parentConditions/0/condition/value/$is",
            "is no operator",
        ),
        ({"force": 1, "coverage": 2}, "/coverage", "2 is no share"),
        ({"force": 1, "range": [0, 3]}, "/range", "0 to 3 is no range"),
        ({"varations": [1, 2]}, "", "does nothing"),
        ({"contextualVariations": [1, 2], "parentConditions": [{"id": "neighbour", "gate": True}]}, "", "bandits"),
        (7, "", "expected an object, got "),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_where_it_stands(rule: Any, pointer: str, reason: str) -> None:
    """The feature is left out whole, its neighbour is kept, and the problem names place, reason and remedy."""
    (problem,) = problems_with(rule)
    assert problem.subject == "homepage"
    assert problem.pointer == RULE + pointer
    assert reason in problem.reason
    assert problem.remedy
    assert str(problem).startswith(f"homepage: {RULE}{pointer}: ")


def test_all_mistakes_of_a_feature_are_reported_at_once() -> None:
    """Nobody has to correct a file as often as it has mistakes."""
    problems = problems_with(experiment(weights=[1], coverage=2), {"force": 1, "hashVersion": 0})
    assert [problem.pointer for problem in problems] == [
        f"{RULE}/coverage",
        f"{RULE}/weights",
        "/features/homepage/rules/1/hashVersion",
    ]


def test_circles_of_prerequisites_are_reported_and_with_them_whatever_depends_on_them() -> None:
    """No feature is evaluated on half of its prerequisites."""
    problems = problems_with(
        experiment(parentConditions=[{"id": "a"}]),
        features={
            "a": {"rules": [experiment("a", parentConditions=[{"id": "b"}])]},
            "b": {"rules": [experiment("b", parentConditions=[{"id": "a"}])]},
            "self": {"rules": [experiment("self", parentConditions=[{"id": "self"}])]},
        },
    )
    assert {(problem.subject, problem.reason) for problem in problems} == {
        ("a", "the prerequisites of 'b' lead back to this feature"),
        ("b", "the prerequisites of 'a' lead back to this feature"),
        ("self", "the prerequisites of 'self' lead back to this feature"),
        ("homepage", "its prerequisite 'a' is left out"),
    }


def test_what_depends_on_a_broken_feature_is_left_out_too() -> None:
    """Also where the broken one cannot even be read, and over several steps."""
    compilation = compile_features(
        {
            "features": {
                "last": {"rules": [{"force": 1, "parentConditions": [{"id": "middle"}]}]},
                "middle": {"rules": [{"force": 1, "parentConditions": [{"id": "broken"}]}]},
                "broken": {"rules": "none"},
                "sound": {"rules": [{"force": 1}]},
            }
        }
    )
    assert compilation.left_out == {"last", "middle", "broken"}
    assert compilation.features.ids == ("sound",)
    assert [problem.subject for problem in compilation.problems] == ["broken", "middle", "last"]


@pytest.mark.parametrize(
    ("payload", "pointer", "reason"),
    [
        (b"<html>502 Bad Gateway</html>", "", "this is no JSON"),
        ("", "", "this is no JSON"),
        (b"\xff", "", "this is no JSON"),
        ("[" * 100_000, "", "this is no JSON"),
        ("[]", "", "expected an object, got "),
        ("{}", "/features", "there are no features"),
        ('{"features": []}', "/features", "expected an object, got a list"),
        ('{"encryptedFeatures": "abc.def"}', "/encryptedFeatures", "encrypted"),
        ('{"features": {"": {"defaultValue": 1}}}', "/features/", "the feature has no name"),
        ('{"features": {}, "savedGroups": {"a/b": 1}}', "/savedGroups/a~1b", "expected"),
        ('{"features": {}, "savedGroups": {"a": {"type": "cohort"}}}', "/savedGroups/a/type", "cohort"),
    ],
)
def test_a_payload_that_is_none_says_so(payload: bytes | str, pointer: str, reason: str) -> None:
    """An outage's HTML, an empty file, another format: a reason, and no features."""
    compilation = compile_features(payload)
    (problem,) = compilation.problems
    assert problem.pointer == pointer
    assert reason in problem.reason
    assert len(compilation.features) == 0


def test_an_unreadable_saved_group_only_spoils_who_refers_to_it() -> None:
    """The others keep running."""
    problems = problems_with(
        experiment(condition={"id": {"$inGroup": "bad"}}), savedGroups={"bad": 5, "good": ["a"]}
    )
    assert [problem.pointer for problem in problems] == ["/savedGroups/bad", f"{RULE}/condition/id/$inGroup"]


def test_saved_groups_come_in_three_forms() -> None:
    """A bare list, a list with its attribute, and a condition of its own."""
    groups = {
        "vip": ["a"],
        "turks": {"type": "list", "attributeKey": "country", "values": ["TR"]},
        "grown_up": {"type": "condition", "condition": {"age": {"$gte": 18}}},
    }
    wanted = {
        "id": {"$inGroup": "vip"},
        "$and": [{"$savedGroup": {"id": "turks"}}, {"$savedGroup": {"id": "grown_up"}}],
    }
    payload = {
        "features": {"homepage": {"rules": [{"force": 1, "condition": wanted}]}},
        "savedGroups": groups,
    }
    compilation = compile_features(payload)
    assert not compilation.problems
    for age, value in ((17, None), (18, 1)):
        assert (
            compilation.features.assign("a", {"country": "TR", "age": age}).features["homepage"].value
            == value
        )


def test_what_newer_payloads_carry_besides_is_ignored() -> None:
    """Fields that GrowthBook adds for its own app do no harm."""
    features = features_of({**experiment(), "tracks": [], "foo": 1, "metadata": {}}, feature="homepage")
    assert features.assign("v", {}).features["homepage"].source == "experiment"


def test_json_and_what_it_parses_to_compile_alike() -> None:
    """A file, an endpoint's bytes and a dict are the same definitions."""
    payload = {"features": {"homepage": {"defaultValue": "default", "rules": [experiment()]}}, "status": 200}
    text = msgspec.json.encode(payload)
    results = [compile_features(form).features.assign("v", {}) for form in (payload, text, text.decode())]
    assert results[0] == results[1] == results[2]


def test_broken_features_can_be_kept_as_the_sdks_do() -> None:
    """On request, unusable weights become equal ones instead of a reason to leave the feature out."""
    payload = {"features": {"homepage": {"rules": [experiment(weights=[0.1, 0.1])]}}}
    compilation = compile_features(payload, leave_out_broken=False)
    assert compilation.left_out == {"homepage"}
    result = compilation.features.assign("v", {}).experiments["homepage"]
    assert result.propensity == 0.5


def test_an_experiment_of_the_code_itself_is_checked_likewise() -> None:
    """Its problems are returned instead of it."""
    compiled, problems = compile_inline_experiment(
        {"key": "", "variations": [1, 2], "force": 5, "coverage": 7}
    )
    assert compiled is None
    assert [problem.pointer for problem in problems] == ["/key", "/coverage", "/force"]
    compiled, problems = compile_inline_experiment({"variations": 3})
    assert compiled is None
    assert problems[0].pointer == "/variations"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)
FIELDS = [
    "key", "variations", "weights", "coverage", "condition", "force", "hashVersion", "ranges", "range", "meta", "filters",
    "namespace", "parentConditions", "seed", "hashAttribute", "fallbackAttribute", "bucketVersion", "minBucketVersion",
    "disableStickyBucketing", "phase", "id", "name", "contextualVariations",
]  # fmt: skip


@given(st.dictionaries(st.text(max_size=4), VALUES | st.fixed_dictionaries({"rules": st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES), max_size=3)}), max_size=4))  # fmt: skip
def test_no_definition_raises(features: dict[str, Any]) -> None:
    """Whatever is sent, the sound neighbour is compiled and every other feature is either evaluated or explained."""
    compilation = compile_features({"features": {**features, "sound one": {"defaultValue": 1}}})
    explained = {problem.subject for problem in compilation.problems}
    for feature_id in features:
        assert (feature_id in compilation.features) != (
            feature_id in explained or feature_id in compilation.left_out
        )
    results = compilation.features.assign("v", {"a": 1}).features
    assert results["sound one"].value == 1
