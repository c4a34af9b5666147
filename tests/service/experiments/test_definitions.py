"""Definitions of two places in one payload, of which only what is sound is used."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.decisions.policy import compile_policy
from service.experiments.definitions import combine, reconcile, without_experiments
from service.stores.experiments import ExperimentDocument
from tests.service.experiments.endpoint import BANNER, BROKEN, HOMEPAGE, feature, payload

NAMES = ("a", "b", "c", "d")
GROUPS = ("vip", "staff")
UNKNOWN_OPERATOR = {"country": {"$near": "DE"}}


def behind(parent: str) -> dict[str, Any]:
    """Return a feature that needs another one."""
    return {
        "defaultValue": False,
        "rules": [{"force": True, "parentConditions": [{"id": parent, "condition": {"value": True}}]}],
    }


def for_group(group: str) -> dict[str, Any]:
    """Return a feature for a saved group."""
    return {"defaultValue": 0, "rules": [{"force": 1, "condition": {"$savedGroup": {"id": group}}}]}


features = st.one_of(
    st.sampled_from([BANNER, BROKEN, {"defaultValue": 1}, {"defaultValue": 2, "rules": "none"}]),
    st.builds(behind, st.sampled_from(NAMES)),
    st.builds(for_group, st.sampled_from(GROUPS)),
    st.builds(
        lambda parent, broken: {**behind(parent), "rules": [*behind(parent)["rules"], *broken]},
        st.sampled_from(NAMES),
        st.sampled_from([[], [{}], [{"force": 1, "coverage": 2}]]),
    ),
)
groups = st.sampled_from(
    [
        {"type": "condition", "condition": {"country": "DE"}},
        {"type": "condition", "condition": UNKNOWN_OPERATOR},
        {"type": "condition", "condition": {"$savedGroup": {"id": "vip"}}},
        {"type": "list", "values": ["1"], "attributeKey": "id"},
        "nobody",
    ]
)
payloads = st.fixed_dictionaries(
    {
        "features": st.dictionaries(st.sampled_from(NAMES), features, max_size=4),
        "savedGroups": st.dictionaries(st.sampled_from(GROUPS), groups, max_size=2),
    }
)


def test_a_sound_payload_is_used_as_it_is() -> None:
    """Reconciling costs nothing where nothing is wrong."""
    sound = payload(kabin_homepage=HOMEPAGE, banner=BANNER)
    result = reconcile(payload(banner={"defaultValue": 1}), sound, compile_policy)
    assert result.payload == sound
    assert result.problems == ()
    assert [each.experiment_id for each in result.policy.experiments()] == ["promo-page", "banner"]


def test_a_broken_feature_keeps_its_former_version_and_the_others_change() -> None:
    """One slip in the GrowthBook app stops one change, not all of them."""
    before = payload(banner=BANNER, kabin_homepage=HOMEPAGE)
    other = feature("personalized", "full_price")
    result = reconcile(before, payload(banner=BROKEN, kabin_homepage=other), compile_policy)
    assert result.payload["features"] == {"banner": BANNER, "kabin-homepage": other}
    (problem,) = result.problems
    assert "banner: /features/banner/rules/0/weights" in problem
    assert "the former version of banner stays in use" in problem


def test_a_broken_feature_without_a_former_version_is_left_out() -> None:
    """Nothing is assigned of what never was sound."""
    result = reconcile(None, payload(banner=BROKEN, kabin_homepage=HOMEPAGE), compile_policy)
    assert list(result.payload["features"]) == ["kabin-homepage"]
    assert "banner is left out" in result.problems[0]


def test_what_depends_on_a_broken_feature_goes_on_with_the_former_version_of_it() -> None:
    """Only what is broken itself is held back."""
    before = payload(a=BANNER, b={"defaultValue": 1})
    result = reconcile(before, payload(a=BROKEN, b=behind("a")), compile_policy)
    assert result.payload["features"] == {"a": BANNER, "b": behind("a")}


def test_what_depends_on_a_feature_that_is_left_out_is_left_out_too() -> None:
    """A prerequisite that is not evaluated must not count as fulfilled."""
    result = reconcile(None, payload(a=BROKEN, b=behind("a"), c={"defaultValue": 3}), compile_policy)
    assert result.payload["features"] == {"c": {"defaultValue": 3}}


def test_a_chain_of_prerequisites_of_any_length_ends_with_something_sound() -> None:
    """However deep it is, the work has an end."""
    chain = {"f0": BROKEN} | {f"f{number}": behind(f"f{number - 1}") for number in range(1, 60)}
    result = reconcile(None, {"features": {**chain, "banner": BANNER}}, compile_policy)
    assert result.payload["features"] == {"banner": BANNER}


def test_a_former_version_goes_on_with_the_saved_group_that_it_names() -> None:
    """The group may have gone from the payload with the new version of the feature."""
    before = {
        "features": {"a": for_group("vip")},
        "savedGroups": {"vip": {"type": "condition", "condition": {"country": "DE"}}},
    }
    result = reconcile(before, payload(a=BROKEN), compile_policy)
    assert result.payload["features"] == {"a": for_group("vip")}
    assert result.payload["savedGroups"] == before["savedGroups"]


def test_a_broken_saved_group_keeps_its_former_version() -> None:
    """Those who refer to it go on as before; the problem is told."""
    good = {"type": "condition", "condition": {"country": "DE"}}
    before = {"features": {"a": for_group("vip")}, "savedGroups": {"vip": good}}
    after = {
        "features": {"a": for_group("vip")},
        "savedGroups": {"vip": {"type": "condition", "condition": UNKNOWN_OPERATOR}},
    }
    result = reconcile(before, after, compile_policy)
    assert result.payload["savedGroups"] == {"vip": good}
    assert "$near" in result.problems[0]


def test_what_is_no_longer_defined_ends() -> None:
    """A former version stands in for a broken one only, never for one that was taken out."""
    result = reconcile(payload(a=BANNER, b=BANNER), payload(a=BROKEN), compile_policy)
    assert list(result.payload["features"]) == ["a"]


@given(previous=payloads, given_=payloads)
def test_reconciling_yields_what_is_sound_and_doing_it_again_changes_nothing(
    previous: Mapping[str, Any], given_: Mapping[str, Any]
) -> None:
    """Whatever comes, what is used has no problem, and every feature is whole: the new one or the former."""
    before = reconcile(None, previous, compile_policy).payload
    result = reconcile(before, given_, compile_policy)
    assert compile_policy(result.payload).problems == ()
    assert reconcile(result.payload, given_, compile_policy).payload == result.payload
    assert reconcile(before, result.payload, compile_policy).payload == result.payload
    for name, each in result.payload["features"].items():
        assert name in given_["features"]
        assert each in (given_["features"][name], before["features"].get(name))
    left_out = given_["features"].keys() - result.payload["features"].keys()
    assert not left_out or result.problems


def test_a_feature_of_redis_goes_before_the_bases_whole() -> None:
    """Rules of two places are never mixed."""
    document = ExperimentDocument(features={"banner": BANNER})
    combined = combine(payload(banner={"defaultValue": 1}, other={"defaultValue": 2}), document)
    assert combined.payload["features"] == {"banner": BANNER, "other": {"defaultValue": 2}}
    assert combined.overridden == ("banner",)


def test_stopped_experiments_are_taken_out_wherever_they_are_defined() -> None:
    """Rules that force a value stay, and so does everything else of the feature."""
    base = payload(
        banner={"defaultValue": 1, "rules": [{"force": 2}, *BANNER["rules"]]}, kabin_homepage=HOMEPAGE
    )
    combined = combine(base, ExperimentDocument(stopped=("banner",)))
    assert combined.payload["features"]["banner"] == {"defaultValue": 1, "rules": [{"force": 2}]}
    assert combined.payload["features"]["kabin-homepage"] == HOMEPAGE


def test_an_experiment_without_a_key_is_stopped_by_its_features_name() -> None:
    """That is what it is called everywhere else."""
    unnamed = {"defaultValue": 1, "rules": [{"variations": [1, 2]}]}
    stopped = without_experiments(payload(size_hint=unnamed), ["size-hint"])
    assert stopped["features"]["size-hint"]["rules"] == []


@pytest.mark.parametrize(
    "odd", [None, 3, [], {"rules": 3}, {"rules": [3, None, {"variations": 1, "key": []}]}]
)
def test_stopping_leaves_alone_what_it_does_not_understand(odd: Any) -> None:
    """What is malformed is reported when it is compiled."""
    assert without_experiments(payload(a=odd), ["b"])["features"]["a"] == odd
