"""Assignments: stable, sticky, mutually exclusive where asked, and honest about who is an exposure."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from recommender.experiments import compile_features
from recommender.experiments.sticky import StickyDocumentBuckets, VisitorStickyBuckets
from tests.recommender.experiments.definitions import (
    Json,
    experiment,
    features_of,
    variation_of,
    visitor_ids,
)

SHARES = st.lists(st.integers(1, 20), min_size=2, max_size=5)


def weighted(shares: list[int], **fields: Any) -> Json:
    """Return the rule of an experiment with one variation for each share."""
    return experiment(
        variations=[f"variant {number}" for number in range(len(shares))],
        weights=[share / sum(shares) for share in shares],
        **fields,
    )


def test_visitors_are_shared_out_by_weight() -> None:
    """Twenty thousand visitors fall on three variations as the weights say (χ², p > 0.0001)."""
    features = features_of(weighted([2, 1, 1]))
    counts = Counter(variation_of(features, visitor_id) for visitor_id in visitor_ids(20_000))
    expected = {"0": 10_000, "1": 5_000, "2": 5_000}
    statistic = sum((counts[name] - count) ** 2 / count for name, count in expected.items())
    assert chi2.sf(statistic, 2) > 1e-4


@given(st.text(min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(visitor_id: str, rng: random.Random) -> None:
    """Definitions and attributes may come in any order of their keys."""
    rule = weighted(
        [1, 2, 3], coverage=0.8, condition={"country": "TR"}, namespace=["slots", 0, 0.9], seed="s"
    )
    keys = list(rule)
    rng.shuffle(keys)
    shuffled = {key: rule[key] for key in keys}
    one = features_of(rule).assign(visitor_id, {"country": "TR", "age": 3})
    other = features_of(shuffled, a={}, z={}).assign(visitor_id, {"age": 3, "country": "TR"})
    assert one.features["homepage"] == other.features["homepage"]
    assert one.experiments == other.experiments


@given(SHARES, st.floats(0, 1), st.integers(0, 10_000), st.data())
def test_who_holds_a_variation_keeps_it(
    shares: list[int], coverage: float, number: int, data: st.DataObject
) -> None:
    """Weights, coverage and namespace change: holders stay, and stay exposures."""
    visitor_id = f"visitor-{number}"
    first = features_of(weighted(shares, coverage=coverage)).assign(visitor_id, {})
    later_shares = data.draw(st.lists(st.integers(1, 20), min_size=len(shares), max_size=len(shares)))
    later = features_of(weighted(later_shares, coverage=0.01, namespace=["slots", 0, 0.01]))
    result = later.assign(visitor_id, {}, first.sticky_changes)
    if first.experiments:
        kept = result.experiments["homepage"]
        assert kept.variation == first.experiments["homepage"].variation
        assert kept.sticky_bucket_used
        assert not result.sticky_changes


@given(SHARES, st.data())
def test_new_weights_move_only_those_whose_bucket_changed_hands(
    shares: list[int], data: st.DataObject
) -> None:
    """Without sticky buckets, a visitor moves if, and only if, the bucket lies in another variation's range."""
    later_shares = data.draw(st.lists(st.integers(1, 20), min_size=len(shares), max_size=len(shares)))
    before, after = features_of(weighted(shares)), features_of(weighted(later_shares))
    edges = [sum(later_shares[: place + 1]) / sum(later_shares) for place in range(len(shares))]
    for visitor_id in visitor_ids(50):
        result = before.assign(visitor_id, {}).experiments["homepage"]
        bucket = result.bucket
        assert bucket is not None
        expected = next(place for place, edge in enumerate(edges) if bucket < edge + 1e-12)
        if all(abs(bucket - edge) > 1e-9 for edge in edges):
            assert variation_of(after, visitor_id) == str(expected)


@given(st.floats(0, 1), st.floats(0, 1))
def test_growing_coverage_only_adds_visitors(one: float, other: float) -> None:
    """Nobody who takes part drops out or changes sides."""
    narrow, wide = sorted((one, other))
    before, after = features_of(experiment(coverage=narrow)), features_of(experiment(coverage=wide))
    for visitor_id in visitor_ids(60):
        assert variation_of(before, visitor_id) in {None, variation_of(after, visitor_id)}


@given(st.floats(0, 1))
def test_experiments_in_one_namespace_never_share_a_visitor(edge: float) -> None:
    """Two ranges of a namespace are disjoint, and together they are everybody."""
    first = features_of(experiment(namespace=["slots", 0, edge]))
    second = features_of(experiment(namespace=["slots", edge, 1]))
    for visitor_id in visitor_ids(60):
        assert (variation_of(first, visitor_id) is None) != (variation_of(second, visitor_id) is None)


def test_filters_go_before_the_namespace() -> None:
    """As in GrowthBook's newer payloads, which express namespaces by filters."""
    low = features_of(
        experiment(filters=[{"seed": "slots", "ranges": [[0, 0.5]]}], namespace=["slots", 0, 0])
    )
    high = features_of(experiment(filters=[{"seed": "slots", "ranges": [[0.5, 1]]}]))
    taken = [(variation_of(low, each), variation_of(high, each)) for each in visitor_ids(500)]
    assert all((one is None) != (other is None) for one, other in taken)
    assert 180 < sum(one is not None for one, _ in taken) < 320


def test_a_new_bucket_version_starts_afresh() -> None:
    """The old variation is forgotten by the next version, and shuts out where the version demands it."""
    held = {"homepage__0": "1"}
    ids = list(visitor_ids(50))
    afresh = features_of(experiment(bucketVersion=1))
    plain = features_of(experiment())
    assert [variation_of(afresh, each, held) for each in ids] == [variation_of(plain, each) for each in ids]
    assert afresh.assign("v", {}, held).sticky_changes == {"homepage__1": variation_of(plain, "v")}
    blocked = features_of(experiment(bucketVersion=1, minBucketVersion=1))
    assert all(variation_of(blocked, each, held) is None for each in ids)
    assert blocked.assign("v", {}, held).features["homepage"].value == "default"


def test_stickiness_can_be_switched_off_and_ignores_variations_that_are_gone() -> None:
    """Where the stored variation no longer exists, the bucket decides anew."""
    plain = features_of(experiment())
    for features, held in (
        (features_of(experiment(disableStickyBucketing=True)), {"homepage__0": "1"}),
        (plain, {"homepage__0": "removed"}),
    ):
        assert [variation_of(features, each, held) for each in visitor_ids(50)] == [
            variation_of(plain, each) for each in visitor_ids(50)
        ]
    assert not features_of(experiment(disableStickyBucketing=True)).assign("v", {}).sticky_changes


def test_the_rules_condition_holds_for_holders_too() -> None:
    """Who is no longer meant leaves the experiment, as in GrowthBook's SDKs, but keeps the variation for later."""
    features = features_of(experiment(condition={"country": "TR"}))
    held = {"homepage__0": "1"}
    assert features.assign("v", {"country": "DE"}, held).features["homepage"].source == "defaultValue"
    assert features.assign("v", {"country": "TR"}, held).experiments["homepage"].sticky_bucket_used


def holdout_payload(coverage: float) -> Json:
    """Return a payload with a holdout as GrowthBook expresses one: a feature that others have as a prerequisite."""
    held_out = {"id": "$holdout:main", "condition": {"value": "holdoutcontrol"}}
    return {
        "features": {
            "$holdout:main": {
                "defaultValue": "genpop",
                "rules": [
                    experiment("main", variations=["holdoutcontrol", "holdouttreatment"], coverage=coverage, seed="main")
                ],
            },
            "homepage": {
                "defaultValue": "default",
                "rules": [{"force": "held out", "parentConditions": [held_out]}, experiment()],
            },
            "size": {
                "defaultValue": True,
                "rules": [{"force": False, "parentConditions": [held_out]}, experiment("size")],
            },
        }
    }  # fmt: skip


def test_a_holdout_keeps_its_share_out_of_every_experiment() -> None:
    """The same visitors are held out everywhere; the holdout is an exposure of its own, on both sides."""
    compilation = compile_features(holdout_payload(0.1))
    assert not compilation.problems
    assert compilation.features.ids == ("homepage", "size")
    held_out = 0
    for visitor_id in visitor_ids(4000):
        assigned = compilation.features.assign(visitor_id, {})
        is_out = assigned.features["homepage"].value == "held out"
        held_out += is_out
        assert (assigned.features["size"].value is False) == is_out
        assert ("homepage" in assigned.experiments) != is_out
        main = assigned.experiments.get("main")
        assert is_out == (main is not None and main.value == "holdoutcontrol")
    assert 150 < held_out < 250


def test_a_passing_variation_goes_on_to_the_next_rule() -> None:
    """A holdout within one feature: both its variations are exposures, one of them goes on."""
    holdout = experiment("holdout", coverage=1, meta=[{"key": "out"}, {"key": "in", "passthrough": True}])
    features = features_of(holdout, experiment())
    for visitor_id in visitor_ids(50):
        assigned = features.assign(visitor_id, {})
        passed = assigned.experiments["holdout"].variation == "in"
        assert ("homepage" in assigned.experiments) == passed
        assert assigned.features["homepage"].value in ("full_price", "promo")


def test_a_forced_variation_is_neither_an_exposure_nor_sticky() -> None:
    """A preview leaves no trace."""
    features = features_of(experiment(coverage=0))
    assigned = features.assign("v", {}, forced={"homepage": 1})
    assert assigned.features["homepage"].value == "promo"
    assert not assigned.experiments
    assert not assigned.sticky_changes
    assert features.assign("v", {}, forced={"homepage": 7}).features["homepage"].value == "default"


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("https://shop.example/?homepage=1", "promo"),
        ("https://shop.example/?homepage=2", "default"),
        ("https://shop.example/?homepage=١", "default"),
        ("https://[shop.example/?homepage=1", "default"),
        ("https://shop.example/", "default"),
    ],
)
def test_an_address_can_force_a_variation(url: str, value: str) -> None:
    """Also a malformed address does no harm."""
    features = features_of(experiment(coverage=0))
    assert features.visitor({"id": "v"}, url=url).feature("homepage").value == value


def test_a_prerequisite_that_gates_switches_the_feature_off() -> None:
    """Without the gate, only the rule is passed over."""
    wanted = {"id": "switch", "condition": {"value": True}}
    for gate, source in ((True, "prerequisite"), (False, "defaultValue")):
        features = features_of(
            experiment(parentConditions=[{**wanted, "gate": gate}]), switch={"defaultValue": False}
        )
        assert features.assign("v", {}).features["homepage"].source == source


def test_null_can_be_forced() -> None:
    """A rule that says ``"force": null`` gives null; one that says nothing is a mistake."""
    result = features_of({"force": None, "id": "rule"}).assign("v", {}).features["homepage"]
    assert (result.value, result.source, result.rule_id) == (None, "force", "rule")


def test_only_what_is_asked_for_is_evaluated() -> None:
    """A page without recommendations is no exposure of their experiment."""
    features = features_of(experiment(), size={"rules": [experiment("size")]})
    assigned = features.assign("v", {}, only=("size", "unheard of"))
    assert set(assigned.experiments) == {"size"}
    assert assigned.features["unheard of"].source == "unknownFeature"


def test_propensities_are_the_shares_of_those_who_take_part() -> None:
    """Whatever the coverage, an exposure says how probable its variation was."""
    features = features_of(weighted([1, 3], coverage=0.5))
    found = {
        result.variation: result.propensity
        for visitor_id in visitor_ids(100)
        for result in features.assign(visitor_id, {}).experiments.values()
    }
    assert found == {"0": pytest.approx(0.25), "1": pytest.approx(0.75)}


@pytest.mark.parametrize("visitor_id", ["", "ünïcödé 😀", "\ud800", "x" * 10_000])
def test_any_id_can_be_assigned(visitor_id: str) -> None:
    """An empty id takes part in nothing; every other one in everything, and always alike."""
    features = features_of(experiment(), size={"rules": [experiment("size", hashVersion=1)]})
    first, second = features.assign(visitor_id, {}), features.assign(visitor_id, {})
    assert first == second
    assert bool(first.experiments) == bool(visitor_id)


def test_stored_documents_are_not_changed() -> None:
    """What an evaluation would store is returned; what it was given stays as it was."""
    features = features_of(experiment(fallbackAttribute="device"))
    documents = {"id||v": {"other__0": "x"}, "device||d": {"homepage__0": "1"}}
    buckets = StickyDocumentBuckets(documents)
    result = features.visitor({"id": "v", "device": "d"}, sticky=buckets).feature("homepage").result
    assert result is not None
    assert (result.variation, result.sticky_bucket_used, result.hash_attribute) == ("1", True, "id")
    assert documents == {"id||v": {"other__0": "x"}, "device||d": {"homepage__0": "1"}}
    assert buckets.changes == {"id||v": {"other__0": "x", "homepage__0": "1"}}


def test_a_visitor_who_signs_in_keeps_the_variation() -> None:
    """Assigned as a browser, known as a customer later: what is held goes along."""
    features = features_of(experiment(hashAttribute="customer_id", fallbackAttribute="id"))
    for visitor_id in visitor_ids(30):
        before = features.assign(visitor_id, {})
        after = features.assign(visitor_id, {"customer_id": f"c-{visitor_id}"}, before.sticky_changes)
        assert before.experiments["homepage"].variation == after.experiments["homepage"].variation
        assert after.experiments["homepage"].hash_attribute == "customer_id"


@given(SHARES, st.integers(0, 10_000), st.sampled_from([None, "0", "1", "gone"]), st.booleans())
def test_leaving_out_buckets_changes_nothing_else(
    shares: list[int], number: int, held: str | None, known: bool
) -> None:
    """Who holds a variation needs no hash to keep it; who holds none is hashed all the same."""
    features = features_of(weighted(shares, coverage=0.7, hashAttribute="id" if known else "company"))
    results = []
    for with_buckets in (True, False):
        sticky = VisitorStickyBuckets({} if held is None else {"homepage__0": held})
        visitor = features.visitor({"id": f"visitor-{number}"}, sticky=sticky, with_buckets=with_buckets)
        results.append((visitor.feature("homepage").value, visitor.exposures, sticky.changes))
    (value, told, changes), (other_value, untold, other_changes) = results
    assert (value, changes) == (other_value, other_changes)
    assert [each._replace(bucket=None) for each in told.values()] == [
        each._replace(bucket=None) for each in untold.values()
    ]
    assert all((each.bucket is None) == each.sticky_bucket_used for each in untold.values())
