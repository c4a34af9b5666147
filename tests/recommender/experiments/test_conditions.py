"""Conditions beyond the public cases: what JavaScript and Python see differently, groups, malformed ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.experiments.conditions import ConditionCompiler, SavedGroup
from recommender.experiments.problems import Place, Problem

GROUPS = {
    "vip": SavedGroup("list", ["a", 1]),
    "turks": SavedGroup("list", ["TR"], "country"),
    "grown_up": SavedGroup("condition", condition={"age": {"$gte": 18}}),
    "itself": SavedGroup("condition", condition={"$savedGroup": {"id": "itself"}}),
}


def compiled(condition: Any) -> tuple[Any, list[Problem]]:
    """Return a condition's test and its problems."""
    problems: list[Problem] = []
    return ConditionCompiler(GROUPS).compile(condition, Place("homepage", "/condition", problems)), problems


@pytest.mark.parametrize(
    ("condition", "attributes", "expected"),
    [
        ({"a": 1}, {"a": True}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": {"$in": [True]}}, {"a": 1}, False),
        ({"a": {"$in": [0, "x"]}}, {"a": False}, False),
        ({"a": {"$in": [1]}}, {"a": [True, 1]}, True),
        ({"a": {"$in": [None]}}, {}, True),
        ({"a": {"$in": [[1]]}}, {"a": [[1]]}, False),
        ({"a": {"$in": [{"b": 1}]}}, {"a": {"b": 1}}, False),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, False),
        ({"a": {"10": 1, "9": 2}}, {"a": {"9": 2, "10": 1}}, True),
        ({"a": {"$eq": [1]}}, {"a": [1]}, False),
        ({"a.1.b": 2}, {"a": [{}, {"b": 2}]}, True),
        ({"a.01": 2}, {"a": [1, 2]}, False),
        ({"a.length": 2}, {"a": [1, 2]}, True),
        ({"a": {"$lt": "\ue000"}}, {"a": "😀"}, True),
        ({"a": {"$gt": 1}}, {"a": "nan"}, False),
        ({"a": {"$gt": 1}}, {"a": "0x10"}, True),
        ({"a": {"$gt": 1}}, {"a": "1_0"}, False),
        ({"a": {"$lt": 1}}, {"a": " "}, True),
        ({"a": {"$lt": 1}}, {"a": []}, False),
        ({"a": {"$gt": 1}}, {"a": "Infinity"}, True),
        ({"a": {"$gt": 1}}, {"a": 10**400}, True),
        ({"a": {"$lt": 1}}, {"a": "-Infinity"}, True),
        ({"a": {"$gt": 1}}, {"a": "0xzz"}, False),
        ({"a": {"$gt": "b"}}, {"a": 1}, False),
        ({"a": {"$vgt": 9}}, {"a": 10}, True),
        ({"a": {"$vgt": "9"}}, {"a": 10}, False),
        ({"a": {"$vne": "9"}}, {"a": 10}, True),
        ({"a": {"$notRegex": "x"}}, {}, True),
        ({"a": {"$elemMatch": {}}}, {"a": [None]}, False),
        ({"a": {"$elemMatch": {}}}, {"a": [0]}, True),
        ({"a": {"$elemMatch": {"$or": [{"b": 1}, {"b": 2}]}}}, {"a": [{"b": 2}]}, True),
        ({"$nor": []}, {}, False),
        ({"$groups": "x"}, {"$groups": "x"}, True),
        ({"a": {}}, {}, True),
    ],
)
def test_values_compare_as_in_javascript(condition: Any, attributes: Any, expected: bool) -> None:
    """A shop's conditions mean the same here as in GrowthBook's app."""
    test, problems = compiled(condition)
    assert test(attributes) is expected
    assert not problems


@pytest.mark.parametrize(
    ("condition", "attributes", "expected"),
    [
        ({"id": {"$inGroup": "vip"}}, {"id": "a"}, True),
        ({"id": {"$notInGroup": "vip"}}, {"id": True}, True),
        ({"$savedGroup": {"id": "turks"}}, {"country": "TR"}, True),
        ({"$savedGroup": {"id": "turks", "attributeKey": "home"}}, {"country": "TR"}, False),
        ({"$savedGroup": {"id": "grown_up"}}, {"age": 17}, False),
        ({"$not": {"$savedGroup": {"id": "grown_up"}}}, {"age": 17}, True),
    ],
)
def test_saved_groups_are_lists_or_conditions(condition: Any, attributes: Any, expected: bool) -> None:
    """Both forms of GrowthBook's payload work."""
    test, problems = compiled(condition)
    assert test(attributes) is expected
    assert not problems


@pytest.mark.parametrize(
    ("condition", "pointer", "reason"),
    [
        ({"a": {"$regx": "x"}}, "/condition/a/$regx", "$regx is no operator"),
        ({"a/b": {"$in": "x"}}, "/condition/a~1b/$in", "is no list"),
        ({"$or": [{"a": 1}, {"b": {"$regex": "("}}]}, "/condition/$or/1/b/$regex", "cannot be read"),
        ({"$and": {}}, "/condition/$and", "holds no list"),
        ({"$not": 1}, "/condition/$not", "is no object"),
        ({"a": {"$gt": None}}, "/condition/a/$gt", "has no order"),
        ({"a": {"$type": "text"}}, "/condition/a/$type", "is no type"),
        ({"a": {"$vgt": []}}, "/condition/a/$vgt", "is no version"),
        ({"a": {"$elemMatch": 5}}, "/condition/a/$elemMatch", "is no object"),
        ({"a": {"$regex": 5}}, "/condition/a/$regex", "is no text"),
        ({"a": {"$and": []}}, "/condition/a/$and", "is no operator"),
        ({"a": {"$inGroup": "nobody"}}, "/condition/a/$inGroup", "'nobody' is not in the payload"),
        ({"a": {"$inGroup": "grown_up"}}, "/condition/a/$inGroup", "is no list"),
        ({"$savedGroup": {"id": "nobody"}}, "/condition/$savedGroup", "'nobody' is not in the payload"),
        ({"$savedGroup": {"id": "vip"}}, "/condition/$savedGroup", "which attribute"),
        ({"$savedGroup": {"id": "itself"}}, "/condition/$savedGroup/$savedGroup", "refers to itself"),
        ({"$savedGroups": ["vip"]}, "/condition/$savedGroups", "no longer"),
        ([], "/condition", "is no object"),
    ],
)
def test_a_malformed_condition_matches_nobody_and_says_where_and_why(
    condition: Any, pointer: str, reason: str
) -> None:
    """Not even a ``$not`` around it turns what is not understood into a match."""
    for each in (condition, {"$not": condition} if isinstance(condition, dict) else condition):
        test, (problem,) = compiled(each)
        assert problem.subject == "homepage"
        assert problem.pointer == (
            pointer if each is condition else pointer.replace("/condition", "/condition/$not")
        )
        assert reason in problem.reason
        assert problem.remedy
        if "$inGroup" not in str(condition) or "grown_up" in str(condition):
            assert test({"a": "x", "a/b": "x"}) is False


def test_a_pattern_that_takes_too_long_matches_nobody() -> None:
    """Visitors send what is searched: a few hundred letters must not keep a worker busy for ever."""
    test, problems = compiled({"country": {"$regex": "^(x+x+)+y|!$"}})
    assert not problems
    assert test({"country": "x" * 20 + "y"})
    assert test({"country": "x!"})
    assert not test({"country": "x" * 500 + "!"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OPERATORS = [
    "$eq", "$ne", "$lt", "$lte", "$gt", "$gte", "$in", "$nin", "$ini", "$nini", "$all", "$alli", "$regex", "$regexi",
    "$notRegex", "$notRegexi", "$exists", "$type", "$size", "$elemMatch", "$not", "$veq", "$vne", "$vlt", "$vgte",
    "$inGroup", "$notInGroup", "$and", "$or", "$nor", "$savedGroup", "$unknown",
]  # fmt: skip
CONDITIONS = st.recursive(
    JSON,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*OPERATORS, "a", "b.c", "a.0"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(CONDITIONS, st.dictionaries(st.sampled_from("abc"), JSON, max_size=3))
def test_no_condition_and_no_attribute_raises(condition: Any, attributes: dict[str, Any]) -> None:
    """Whatever a definition and a visitor contain, the answer is yes or no."""
    test, _ = compiled(condition)
    assert test(attributes) in {True, False}


def test_a_bottomless_condition_is_refused() -> None:
    """Nesting ends in a problem, not in a crash."""
    condition: Any = {"a": 1}
    for _ in range(5000):
        condition = {"$not": condition}
    test, (problem,) = compiled(condition)
    assert test({"a": 1}) is False
    assert "nested" in problem.reason
