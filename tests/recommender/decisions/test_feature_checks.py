"""Definitions that Kabin cannot use: what is said of them, and that nothing of them is used."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.decisions import feature_checks
from recommender.decisions.treatment import FEATURE_VALUES
from recommender.visitor.state import EMPTY_STATE, experiment_key_of
from tests.recommender.decisions.policies import Json, compiled, experiment, feature, visitor_ids


def problems_of(feature_id: str, broken: Json, **others: Json) -> list[tuple[str, str]]:
    """Return pointer and text of what is reported; the feature must be left out, and its neighbour kept."""
    compilation = compiled({"neighbour": feature("plain"), **others, feature_id: broken})
    assert feature_id in compilation.left_out
    for visitor_id in visitor_ids(20):
        assigned = compilation.policy.assign(visitor_id, {}, EMPTY_STATE)
        assert feature_id not in assigned.features
        assert assigned.features["neighbour"] == "plain"
        assert feature_id not in {each.feature_id for each in assigned.experiments}
    assert feature_id not in {each.feature_id for each in compilation.policy.experiments()}
    return [(problem.pointer, str(problem)) for problem in compilation.problems]


@pytest.mark.parametrize(
    ("feature_id", "broken", "pointer", "value"),
    [
        ("kabin-homepage", feature("sale"), "/defaultValue", '"sale"'),
        ("kabin-homepage", feature(True), "/defaultValue", "true"),
        ("kabin-homepage", feature("promo", {"force": "Promo"}), "/rules/0/force", '"Promo"'),
        ("kabin-homepage", feature("promo", {"force": None}), "/rules/0/force", "null"),
        ("kabin-size", feature(1), "/defaultValue", "1"),
        ("kabin-size", feature("true"), "/defaultValue", '"true"'),
        ("kabin-size", feature(True, {"force": 0}), "/rules/0/force", "0"),
        ("kabin-size", feature(True, experiment(True, 0)), "/rules/0/variations/1", "0"),
        (
            "kabin-size",
            feature(True, {"force": False}, experiment(0.0, True)),
            "/rules/1/variations/0",
            "0.0",
        ),
        (
            "kabin-recommendations",
            feature("blend", experiment("als", "ALS")),
            "/rules/0/variations/1",
            '"ALS"',
        ),
        ("kabin-recommendations", feature("popular"), "/defaultValue", '"popular"'),
        ("kabin-recommendations", feature({"a": 1}), "/defaultValue", '{"a":1}'),
    ],
)
def test_a_value_that_a_decision_does_not_have_is_a_mistake(
    feature_id: str, broken: Json, pointer: str, value: str
) -> None:
    """It is named with its place and what could stand there; 1 is not true."""
    ((where, text),) = problems_of(feature_id, broken)
    assert where == f"/features/{feature_id}{pointer}"
    assert f"{value} is no value of this feature: give one of " in text


@pytest.mark.parametrize("feature_id", list(FEATURE_VALUES))
def test_every_allowed_value_may_stand_anywhere(feature_id: str) -> None:
    """By default, forced and in an experiment; a feature without a default is as configured."""
    values = FEATURE_VALUES[feature_id]
    rules = [*({"force": value, "condition": {"page_type": "x"}} for value in values), experiment(*values)]
    for default in (*values, None):
        assert not compiled({feature_id: feature(default, *rules)}).problems
    policy = compiled({feature_id: {"rules": []}}).policy
    assert (
        policy.assign("visitor", {}, EMPTY_STATE).treatment
        == compiled({}).policy.assign("visitor", {}, EMPTY_STATE).treatment
    )


@pytest.mark.parametrize("feature_id", ["kabin-hompage", "kabin-", "kabin-holdout", "kabin-random"])
def test_an_unknown_feature_of_kabins_is_a_mistake(feature_id: str) -> None:
    """A slip of the pen would else be a feature that nobody ever asks for."""
    ((where, text),) = problems_of(feature_id, feature("x", experiment("x", "y", key="test")))
    assert where == f"/features/{feature_id}"
    assert "kabin-homepage, kabin-size, kabin-recommendations" in text


@pytest.mark.parametrize("feature_id", ["homepage", "size", "recommendations"])
def test_a_feature_cannot_be_taken_for_a_slot(feature_id: str) -> None:
    """Its experiments would count where Kabin's slot was seen, and end when that is switched off."""
    ((where, text),) = problems_of(feature_id, feature("a", experiment("a", "b")))
    assert where == f"/features/{feature_id}"
    assert "slot" in text


@pytest.mark.parametrize("key", ["kabin-holdout", "kabin-random", "kabin-anything", "kabin-size"])
def test_experiments_cannot_take_kabins_names(key: str) -> None:
    """The holdout's exposures would else be another experiment's; a feature's own id is no such name."""
    ((where, text),) = problems_of("banner", feature("x", {"force": "y"}, experiment("x", "y", key=key)))
    assert where == "/features/banner/rules/1/key"
    assert "reserved" in text
    assert not compiled({"kabin-size": feature(True, experiment(True, False, key="kabin-size"))}).problems


def test_one_experiment_has_one_set_of_variations() -> None:
    """Two rules of one key must mean the same by variation 1, or exposures would be mixed up."""
    first = feature("x", experiment("x", "y", key="test"))
    for other in (
        experiment("x", "y", "z", key="test"),
        experiment("x", "y", key="test", meta=[{"key": "a"}, {"key": "b"}]),
        experiment("x", "y", key="test", bucketVersion=1),
    ):
        ((where, text),) = problems_of("second", feature("x", other), first=first)
        assert where == "/features/second/rules"
        assert "'test'" in text
    shared = compiled(
        {"first": first, "second": feature(1, experiment(1, 2, key="test", weights=[0.1, 0.9]))}
    )
    assert not shared.problems
    assert len(shared.policy.experiments()) == 1


def test_more_variations_than_a_state_can_hold_are_a_mistake() -> None:
    """Variation 256 would be remembered as another one."""
    ((where, _),) = problems_of("banner", feature(0, experiment(*range(257))))
    assert where == "/features/banner/rules/0/variations"
    assert not compiled({"banner": feature(0, experiment(*range(256)))}).problems


def test_experiments_that_a_state_cannot_tell_apart_are_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two names of one 32-bit key would share their exposures: the later one is to be renamed."""

    def colliding(experiment_id: str, bucket_version: int = 0) -> int:
        return 7 if experiment_id in {"one", "two"} else experiment_key_of(experiment_id, bucket_version)

    monkeypatch.setattr(feature_checks, "experiment_key_of", colliding)
    ((where, text),) = problems_of("two", feature(0, experiment(0, 1)), one=feature(0, experiment(0, 1)))
    assert where == "/features/two/rules"
    assert "'one'" in text


def test_what_depends_on_a_feature_left_out_is_left_out_too() -> None:
    """Nothing is ever half assigned: a prerequisite that cannot be evaluated takes its dependents with it."""
    dependent = {"parentConditions": [{"id": "kabin-size", "condition": {"value": True}, "gate": True}]}
    compilation = compiled({"kabin-size": feature(1), "banner": feature("x", dependent)})
    assert compilation.left_out == {"kabin-size", "banner"}


JSON_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)


@given(st.sampled_from(list(FEATURE_VALUES)), JSON_VALUES, JSON_VALUES, st.booleans())
def test_whatever_a_definition_says_the_treatment_is_a_known_one(
    feature_id: str, default: Any, other: Any, learning_traffic: bool
) -> None:
    """Either the feature is left out with a problem, or all its values are its own."""
    features = {feature_id: feature(default, experiment(default, other))}
    compilation = compiled(features, learning_traffic=learning_traffic)
    assert bool(compilation.problems) == (feature_id in compilation.left_out)
    for visitor_id in visitor_ids(5):
        treatment = compilation.policy.assign(visitor_id, {}, EMPTY_STATE).treatment
        assert treatment.homepage in ("personalized", "full_price", "promo")
        assert treatment.size in ("on", "control")
        assert treatment.recommendations in (None, "blend", "als", "covisit", "popular")
