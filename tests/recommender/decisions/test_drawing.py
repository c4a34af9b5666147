"""The straight way to assign: who takes it, and that it gives everybody what the rules would."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.visitor.state import EMPTY_STATE, Exposure, VisitorState, experiment_key_of
from tests.recommender.decisions.policies import Json, experiment, feature, policy_of, visitor_ids

TARGETED = {"targeted": feature("everybody", {"condition": {"vip": True}, "force": "vip"})}
"""A feature that asks who somebody is, so that a policy with it walks through all of its rules."""

VERSIONS = st.integers(0, 2)
EXPERIMENTS = ("kabin-homepage", "kabin-size", "colour", "gone")


@st.composite
def definitions(draw: st.DrawFn) -> Json:
    """Return features that ask nothing about visitors, each with an experiment, a value for all, or nothing."""

    def rule(*variations: Any, **fields: Any) -> Json:
        shares = draw(st.lists(st.integers(1, 9), min_size=len(variations), max_size=len(variations)))
        return experiment(
            *variations,
            weights=[share / sum(shares) for share in shares],
            coverage=draw(st.sampled_from([0.0, 0.4, 1.0])),
            bucketVersion=draw(VERSIONS),
            **fields,
        )

    features = {
        "kabin-homepage": feature("personalized", rule("promo", "full_price", "personalized")),
        "kabin-size": feature(True, rule(True, False, seed="other", hashVersion=1)),
        "kabin-recommendations": feature("als"),
        "banner": feature("plain", rule("red", "blue", key="colour", meta=[{"key": "r"}, {"key": "b"}])),
        "free-shipping": feature(40, {"force": 20}),
    }
    return {name: features[name] for name in draw(st.permutations(list(features)))[: draw(st.integers(1, 5))]}


@st.composite
def states(draw: st.DrawFn) -> VisitorState:
    """Return a visitor who has been shown some variations: also of what is not running, or has fewer of them by now."""
    keys = draw(st.lists(st.tuples(st.sampled_from(EXPERIMENTS), VERSIONS), unique=True, max_size=6))
    return VisitorState(
        exposures=tuple(
            Exposure(9 - place, draw(st.integers(0, 3)), experiment_key_of(name, version))
            for place, (name, version) in enumerate(keys)
        )
    )


@settings(max_examples=50)
@given(
    definitions(),
    states(),
    st.text(min_size=1, max_size=9),
    st.sets(st.sampled_from(["homepage", "size", "recommendations"])),
)
def test_visitors_get_what_the_rules_would_give_them(
    features: Json, state: VisitorState, visitor_id: str, switched_off: set[Any]
) -> None:
    """Whatever is held, switched off or drawn: the straight way differs in time alone."""
    options = {"switched_off": frozenset(switched_off)}
    drawn, walked = policy_of(features, **options), policy_of({**features, **TARGETED}, **options)
    assert (drawn.reads_attributes, walked.reads_attributes) == (False, True)
    straight, by_rules = (policy.assign(visitor_id, {}, state) for policy in (drawn, walked))
    assert straight.treatment == by_rules.treatment
    assert straight.experiments == by_rules.experiments
    assert {**straight.features, "targeted": "everybody"} == by_rules.features


def test_equal_assignments_are_one_object() -> None:
    """A few outcomes are shared by all visitors, so their parts of an answer need to be written once only."""
    policy = policy_of({"banner": feature("plain", experiment("red", "blue"))})
    assigned = [policy.assign(visitor_id, {}, EMPTY_STATE) for visitor_id in visitor_ids(50)]
    assert len({id(each) for each in assigned}) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"condition": {"vip": True}},
        {"filters": [{"seed": "slots", "ranges": [[0, 0.5]]}]},
        {"namespace": ["slots", 0, 0.5]},
        {"hashAttribute": "company"},
        {"fallbackAttribute": "company"},
        {"disableStickyBucketing": True},
        {"bucketVersion": 1, "minBucketVersion": 1},
        {"meta": [{"key": "0", "passthrough": True}, {"key": "1"}]},
    ],
)
def test_rules_that_ask_for_more_are_walked(fields: Json) -> None:
    """Anything but the visitor's id and what they hold goes the long way, which knows it all."""
    assert policy_of({"banner": feature("plain", experiment("red", "blue", **fields))}).reads_attributes


def test_features_that_depend_on_each_other_are_walked() -> None:
    """Two rules, a rollout to some, an experiment of two features and a prerequisite take the order that they stand in."""
    rule = experiment("red", "blue", key="colour")
    parent = {"parentConditions": [{"id": "parent", "condition": {"value": "red"}}], "force": "red"}
    for features in (
        {"banner": feature("plain", rule, {"force": "green"})},
        {"banner": feature("plain", {"force": "green", "coverage": 0.5})},
        {"banner": feature("plain", rule), "button": feature("plain", rule)},
        {"parent": feature("plain", rule), "banner": feature("plain", parent)},
    ):
        assert policy_of(features).reads_attributes
