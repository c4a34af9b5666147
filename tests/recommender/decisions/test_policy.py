"""Policies: what experiments make of a visitor's treatment, what sticks, and who is left alone."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recommender.decisions.policy import NO_POLICY
from recommender.decisions.treatment import AS_CONFIGURED, Treatment
from recommender.visitor.state import (
    EMPTY_STATE,
    EXPOSURES_CAPACITY,
    Exposure,
    VisitorState,
    experiment_key_of,
)
from tests.recommender.decisions.policies import (
    NOW,
    experiment,
    exposed_to,
    feature,
    names,
    of_experiment,
    policy_of,
    visitor_ids,
    weighted,
)

HOMEPAGES = ["personalized", "full_price", "promo"]
SHARES = st.lists(st.integers(1, 20), min_size=3, max_size=3)

THREE = {
    "kabin-homepage": feature("personalized", experiment(*HOMEPAGES)),
    "kabin-size": feature(True, experiment(True, False)),
    "kabin-recommendations": feature("blend", experiment("als", "covisit", "blend")),
}


def test_without_definitions_everybody_is_treated_as_configured() -> None:
    """A shop that tests nothing pays nothing and changes nothing."""
    assigned = NO_POLICY.assign("visitor", {}, EMPTY_STATE)
    assert (assigned.treatment, assigned.experiments, assigned.features) == (AS_CONFIGURED, (), {})
    assert NO_POLICY.experiments() == ()
    assert NO_POLICY.experiment_of_key(1) is None


def test_kabins_features_become_the_treatment_and_the_shops_own_are_told() -> None:
    """Each decision does what its feature says; what the shop named itself is handed on as it is."""
    policy = policy_of({**THREE, "banner": feature("plain", experiment("red", "blue", key="colour"))})
    seen = set()
    for visitor_id in visitor_ids(200):
        assigned = policy.assign(visitor_id, {}, EMPTY_STATE)
        values = {each.feature_id: each.value for each in assigned.experiments}
        assert assigned.treatment.homepage == values["kabin-homepage"]
        assert assigned.treatment.size == {True: "on", False: "control"}[values["kabin-size"]]
        assert assigned.treatment.recommendations == values["kabin-recommendations"]
        assert assigned.features == {"banner": values["banner"]}
        seen.add((assigned.treatment, assigned.features["banner"]))
    assert len(seen) == 3 * 2 * 3 * 2


def test_an_experiment_is_told_with_what_an_exposure_needs() -> None:
    """Index, name, value, propensity, bucket version and the slot that confirms it."""
    policy = policy_of(
        {"banner": feature("x", experiment("red", "blue", weights=[0.2, 0.8], bucketVersion=2))}
    )
    for visitor_id in visitor_ids(20):
        (assigned,) = policy.assign(visitor_id, {}, EMPTY_STATE).experiments
        value = ["red", "blue"][assigned.variation_id]
        propensity = [0.2, 0.8][assigned.variation_id]
        assert assigned == (
            "banner", assigned.variation_id, value, "banner", value, propensity, 2, "banner", False,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("feature_id", "values", "slot"),
    [
        ("kabin-homepage", ["full_price", "promo"], "homepage"),
        ("kabin-size", [True, False], "size"),
        ("kabin-recommendations", ["als", "covisit"], "recommendations"),
        ("banner", [1, 2], "banner"),
    ],
)
def test_the_slot_of_an_experiment_is_where_its_feature_shows(
    feature_id: str, values: list[Any], slot: str
) -> None:
    """The homepage's counts when the homepage is shown, an own feature's when the shop says so."""
    policy = policy_of({feature_id: feature(values[0], experiment(*values, key="test"))})
    assert [each.slot for each in policy.assign("visitor", {}, EMPTY_STATE).experiments] == [slot]
    assert [each.slot for each in policy.experiments()] == [slot]
    name = policy.experiment_of_key(experiment_key_of("test"))
    assert name is not None
    assert (name.experiment_id, name.slot) == ("test", slot)


def test_an_experiment_that_spans_slots_counts_in_each_of_them() -> None:
    """One key for a page and a size is one experiment: whichever is shown first exposes the visitor."""
    policy = policy_of(
        {
            "kabin-homepage": feature("personalized", experiment("personalized", "promo", key="both")),
            "kabin-size": feature(True, experiment(True, False, key="both")),
        }
    )
    (assigned,) = policy.assign("visitor", {}, EMPTY_STATE).experiments
    assert (assigned.experiment_id, assigned.slot, assigned.feature_id) == ("both", None, "kabin-homepage")


def test_running_experiments_are_told_in_a_few_words() -> None:
    """Variations by key, name or value, never by a bare index where there is anything better."""
    policy = policy_of(
        {
            "keyed": feature(1, experiment(1, 2, meta=[{"key": "a"}, {"key": "b"}], coverage=0.5)),
            "named": feature(1, experiment(1, 2, meta=[{"key": "0", "name": "Old"}, {"key": "1", "name": "New"}])),
            "plain": feature(True, experiment(True, False, weights=[0.3, 0.7])),
            "ranged": feature(1, experiment({"a": 1}, "x" * 99, ranges=[[0, 0.1], [0.1, 0.4]], bucketVersion=3)),
        }
    )  # fmt: skip
    keyed, named, plain, ranged = policy.experiments()
    assert keyed == ("keyed", "keyed", ("a", "b"), (0.5, 0.5), 0.5, "keyed", 0)
    assert named.variations == ("Old", "New")
    assert (plain.variations, plain.weights) == (("true", "false"), (0.3, 0.7))
    assert ranged.variations == ('{"a":1}', "1")
    assert ranged.weights == pytest.approx((0.25, 0.75))
    assert ranged.coverage == pytest.approx(0.4)
    assert ranged.bucket_version == 3
    name = policy.experiment_of_key(experiment_key_of("ranged", 3))
    assert name == ("ranged", "ranged", ('{"a":1}', "1"), 3)


@given(st.integers(0, 10_000), SHARES, SHARES, st.floats(0, 1))
def test_who_was_shown_a_variation_keeps_it_under_other_weights_and_coverage(
    number: int, before: list[int], after: list[int], coverage: float
) -> None:
    """A merchandiser may turn the dial; nobody's shop turns around. An exposure is new only once."""
    page = {"kabin-homepage": feature("personalized", experiment(*HOMEPAGES, weights=weighted(before)))}
    turned = experiment(*HOMEPAGES, weights=weighted(after), coverage=coverage)
    visitor_id = f"visitor-{number}"
    first = policy_of(page).assign(visitor_id, {}, EMPTY_STATE)
    (shown,) = first.experiments
    assert not shown.is_recorded
    state = exposed_to(shown)
    policy = policy_of({"kabin-homepage": feature("personalized", turned)})
    again = policy.assign(visitor_id, {}, state)
    (kept,) = again.experiments
    assert (kept.variation_id, kept.is_recorded) == (shown.variation_id, True)
    assert again.treatment == first.treatment
    assert policy.assign("somebody else", {}, state).treatment == first.treatment


@given(st.integers(0, 2), st.integers(0, 3), st.integers(0, 500))
def test_a_raised_bucket_version_starts_afresh(held: int, version: int, number: int) -> None:
    """What was shown under an older version binds nobody; what was shown under this one does."""
    visitor_id = f"visitor-{number}"
    rule = experiment(*HOMEPAGES, key="page", bucketVersion=version)
    policy = policy_of({"kabin-homepage": feature("personalized", rule)})
    (fresh,) = policy.assign(visitor_id, {}, EMPTY_STATE).experiments
    for shown_version in range(version + 1):
        exposure = Exposure(NOW, held, experiment_key_of("page", shown_version))
        state = VisitorState(exposures=(exposure,), last_seen=NOW)
        (assigned,) = policy.assign(visitor_id, {}, state).experiments
        is_bound = shown_version == version
        assert assigned.variation_id == (held if is_bound else fresh.variation_id)
        assert assigned.is_recorded == is_bound
        assert assigned.bucket_version == version


def test_an_old_bucket_version_can_shut_visitors_out() -> None:
    """GrowthBook's ``minBucketVersion``: who has seen the older test is kept out of the new one."""
    rule = experiment(*HOMEPAGES, key="page", bucketVersion=2, minBucketVersion=2)
    policy = policy_of({"kabin-homepage": feature("personalized", rule)})
    for version, shut_out in ((0, True), (1, True), (2, False)):
        exposure = Exposure(NOW, 2, experiment_key_of("page", version))
        assigned = policy.assign("visitor", {}, VisitorState(exposures=(exposure,), last_seen=NOW))
        assert (assigned.experiments == ()) == shut_out


def test_an_exposure_that_means_nothing_any_more_is_ignored() -> None:
    """Experiments that are over and variations that were taken out neither bind nor raise."""
    policy = policy_of({"kabin-homepage": feature("personalized", experiment(*HOMEPAGES))})
    over = Exposure(NOW, 1, experiment_key_of("over"))
    gone = Exposure(NOW, 7, experiment_key_of("kabin-homepage"))
    fresh = policy.assign("visitor", {}, EMPTY_STATE)
    assert policy.assign("visitor", {}, VisitorState(exposures=(over, gone), last_seen=NOW)) == fresh


def test_who_is_not_known_or_not_counted_takes_no_part() -> None:
    """No id, no consent, a crawler: the default page, rollouts for everybody, switches as they are."""
    policy = policy_of(
        {
            **THREE,
            "banner": feature("plain", experiment("red", "blue")),
            "sale": feature("no", {"force": "yes", "condition": {"page_type": "home"}}),
            "slow": feature("no", {"force": "yes", "coverage": 1.0}),
        },
        switched_off=frozenset({"size"}),
    )
    nobody = policy.assign(None, {"page_type": "home", "id": "made up"}, EMPTY_STATE)
    assert nobody.experiments == ()
    assert nobody.treatment == Treatment(size="off", recommendations="blend")
    assert nobody.features == {"banner": "plain", "sale": "yes", "slow": "no"}
    assert policy.assign("crawler", {"page_type": "home"}, EMPTY_STATE, counted=False) == nobody


def test_a_page_cannot_pose_as_another_visitor() -> None:
    """Whatever attributes it sends, the id that is hashed is the one that Kabin gave."""
    policy = policy_of(THREE)
    for visitor_id in visitor_ids(20):
        posing = policy.assign(visitor_id, {"id": "another"}, EMPTY_STATE)
        assert posing == policy.assign(visitor_id, {}, EMPTY_STATE)


def test_a_forced_variation_is_shown_and_never_to_be_logged() -> None:
    """Quality assurance sees the variation asked for, with or without an id; an unknown one changes nothing."""
    policy = policy_of(THREE, learning_traffic=True)
    for visitor_id in [None, *visitor_ids(100)]:
        for number, page in enumerate(HOMEPAGES):
            previewed = policy.assign(visitor_id, {}, EMPTY_STATE, forced={"kabin-homepage": number})
            assert previewed.treatment.homepage == page
            shown = of_experiment(previewed, "kabin-homepage")
            assert shown is not None
            assert (shown.variation_id, shown.is_recorded) == (number, True)
    plain = policy_of(THREE)
    unknown = plain.assign("visitor", {}, EMPTY_STATE, forced={"nothing": 1})
    assert unknown == plain.assign("visitor", {}, EMPTY_STATE)
    beyond = plain.assign("visitor", {}, EMPTY_STATE, forced={"kabin-homepage": 9})
    assert of_experiment(beyond, "kabin-homepage") is None


@pytest.mark.parametrize("number", [0, 1])
def test_learning_traffic_can_be_previewed(number: int) -> None:
    """Somebody who is held out can be looked at, and so can the random slice."""
    policy = policy_of({}, learning_traffic=True)
    for visitor_id in [None, *visitor_ids(30)]:
        held_out = policy.assign(visitor_id, {}, EMPTY_STATE, forced={"kabin-holdout": number})
        assert (held_out.treatment.recommendations == "popular") == (number == 0)
        random = policy.assign(visitor_id, {}, EMPTY_STATE, forced={"kabin-random": number})
        assert random.treatment.homepage == ["full_price", "promo"][number]
        for assigned in (held_out, random):
            assert all(each.is_recorded for each in assigned.experiments)


@pytest.mark.parametrize("decision", ["size", "homepage", "recommendations"])
def test_a_switch_goes_before_its_experiments(decision: Any) -> None:
    """Nobody gets the decision, and nobody is exposed to a test of it; the others go on."""
    policy = policy_of(THREE, switched_off=frozenset({decision}))
    on = policy_of(THREE)
    for visitor_id in visitor_ids(50):
        assigned, otherwise = (each.assign(visitor_id, {}, EMPTY_STATE) for each in (policy, on))
        assert decision not in {each.slot for each in assigned.experiments}
        assert [e for e in otherwise.experiments if e.slot != decision] == list(assigned.experiments)
        treatment = assigned.treatment
        assert treatment.homepage_is_on == (decision != "homepage")
        assert treatment.recommendations_are_on == (decision != "recommendations")
        assert (treatment.size == "off") == (decision == "size")
    assert policy.experiments() == on.experiments()


def test_a_visitor_can_be_in_more_experiments_than_a_state_holds() -> None:
    """Then the oldest are forgotten and decided by hash again: the same, as long as the weights are."""
    many = {f"feature-{number}": feature(0, experiment(0, 1)) for number in range(EXPOSURES_CAPACITY + 9)}
    policy = policy_of(many)
    first = policy.assign("visitor", {}, EMPTY_STATE)
    assert len(first.experiments) == len(many)
    state = exposed_to(*first.experiments[:EXPOSURES_CAPACITY])
    again = policy.assign("visitor", {}, state)
    assert [each.variation_id for each in again.experiments] == [
        each.variation_id for each in first.experiments
    ]
    assert Counter(each.is_recorded for each in again.experiments) == {True: EXPOSURES_CAPACITY, False: 9}


@given(st.integers(0, 10_000), st.booleans())
def test_the_same_visitor_is_treated_the_same_in_every_worker(number: int, learning_traffic: bool) -> None:
    """A policy compiled again from the same definitions assigns alike, in any order of the features."""
    one = policy_of(THREE, learning_traffic=learning_traffic)
    other = policy_of(dict(reversed(THREE.items())), learning_traffic=learning_traffic)
    visitor_id = f"visitor-{number}"
    assigned = one.assign(visitor_id, {}, EMPTY_STATE)
    assert other.assign(visitor_id, {}, EMPTY_STATE) == assigned
    assume(names(assigned))
    state = exposed_to(*assigned.experiments)
    recorded = tuple(each._replace(is_recorded=True) for each in assigned.experiments)
    assert one.assign(visitor_id, {}, state) == assigned._replace(experiments=recorded)


def test_rules_of_one_experiment_may_share_it_out_differently() -> None:
    """Each visitor is told the value and the propensity of the rule that is theirs."""
    rules = [
        experiment("x", "y", key="test", weights=[0.1, 0.9], condition={"country": "TR"}),
        experiment("x", "y", key="test", weights=[0.6, 0.4]),
    ]
    policy = policy_of({"banner": feature("x", *rules), "fit": feature(1, experiment(1, 2, key="test"))})
    for visitor_id in visitor_ids(50):
        for country, weights in (("TR", [0.1, 0.9]), ("DE", [0.6, 0.4])):
            assigned = policy.assign(visitor_id, {"country": country}, EMPTY_STATE)
            (shown,) = assigned.experiments
            assert (shown.feature_id, shown.value) == ("banner", ["x", "y"][shown.variation_id])
            assert shown.propensity == weights[shown.variation_id]
            assert assigned.features["fit"] == 1 + shown.variation_id


def test_a_prerequisite_is_an_exposure_too() -> None:
    """GrowthBook's own holdouts are prerequisites: whoever they hold out is exposed to them and nothing else."""
    gate = {"id": "$holdout:autumn", "condition": {"value": "in"}}
    policy = policy_of(
        {
            "$holdout:autumn": feature("in", experiment("out", "in", key="autumn", weights=[0.3, 0.7])),
            "kabin-size": feature(True, experiment(True, False, key="sizes", parentConditions=[gate])),
            "banner": feature("plain", experiment("red", "blue", key="colour", parentConditions=[gate])),
        }
    )
    seen = set()
    for visitor_id in visitor_ids(100):
        assigned = policy.assign(visitor_id, {}, EMPTY_STATE)
        held_out = of_experiment(assigned, "autumn")
        assert held_out is not None
        assert (held_out.slot, held_out.feature_id) == (None, "$holdout:autumn")
        assert names(assigned) == (["autumn"] if held_out.value == "out" else ["autumn", "sizes", "colour"])
        assert list(assigned.features) == ["banner"]
        seen.add(held_out.value)
    assert seen == {"in", "out"}


def test_a_test_among_companies_leaves_out_who_belongs_to_none() -> None:
    """An experiment may hash by an attribute of the shop's; without it, or uncounted, nobody takes part."""
    policy = policy_of({"banner": feature("plain", experiment("red", "blue", hashAttribute="company"))})
    (shown,) = policy.assign("one", {"company": "acme"}, EMPTY_STATE).experiments
    assert policy.assign("two", {"company": "acme"}, EMPTY_STATE).experiments == (shown,)
    assert policy.assign("one", {}, exposed_to(shown)).experiments == ()
    assert policy.assign(None, {"company": "acme"}, EMPTY_STATE).experiments == ()
    assert policy.assign("bot", {"company": "acme"}, EMPTY_STATE, counted=False).experiments == ()
