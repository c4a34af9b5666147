"""Learning traffic: the permanent holdout and the uniformly random slice."""

from collections import Counter
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from recommender.decisions.policy import Assigned, Policy
from recommender.decisions.treatment import Treatment
from recommender.visitor.state import EMPTY_STATE
from tests.recommender.decisions.policies import (
    compiled,
    experiment,
    exposed_to,
    feature,
    names,
    of_experiment,
    policy_of,
    visitor_ids,
)

VISITORS = 20_000
HELD_OUT = Treatment("full_price", size="control", recommendations="popular")

FEATURES = {
    "kabin-homepage": feature("personalized", experiment("personalized", "promo", key="page")),
    "kabin-size": feature(True, experiment(True, False, key="sizes")),
    "banner": feature(
        "plain",
        {"force": "rolled out", "condition": {"page_type": "home"}},
        experiment("red", "blue", key="colour"),
    ),
}


@cache
def policy() -> Policy:
    """Return a policy of three experiments with learning traffic."""
    return policy_of(FEATURES, learning_traffic=True)


@cache
def crowd() -> tuple[Assigned, ...]:
    """Return what so many visitors with fixed ids get on their first page."""
    return tuple(policy().assign(visitor_id, {}, EMPTY_STATE) for visitor_id in visitor_ids(VISITORS))


def test_one_in_twenty_is_held_out_and_of_the_others_one_in_ten_is_random() -> None:
    """The shares are the advised ones within four standard deviations, and the slice is halved evenly."""
    holdout = Counter(
        shown.variation for each in crowd() if (shown := of_experiment(each, "kabin-holdout")) is not None
    )
    random = Counter(
        shown.variation for each in crowd() if (shown := of_experiment(each, "kabin-random")) is not None
    )
    assert sum(holdout.values()) == VISITORS
    assert abs(holdout["held_out"] - 1_000) < 4 * (VISITORS * 0.05 * 0.95) ** 0.5
    others = holdout["personalized"]
    assert abs(random.total() - others * 0.1) < 4 * (others * 0.1 * 0.9) ** 0.5
    assert abs(random["promo"] - random["full_price"]) < 4 * random.total() ** 0.5


def test_both_sides_are_told_with_their_propensity() -> None:
    """The holdout counts in any slot, the slice where the homepage shows; both can be weighted later."""
    summaries = {each.experiment_id: each for each in policy().experiments()}
    assert summaries["kabin-holdout"][1:] == (
        None, ("held_out", "personalized"), (0.05, 0.95), 1.0, None, 0,
    )  # fmt: skip
    assert summaries["kabin-random"][1:] == (
        "kabin-homepage", ("full_price", "promo"), (0.5, 0.5), 0.1, "homepage", 0,
    )  # fmt: skip
    for assigned in crowd()[:500]:
        for each in assigned.experiments:
            weights = summaries[each.experiment_id].weights
            assert each.propensity == weights[each.variation_id]


def test_nobody_held_out_is_in_another_experiment() -> None:
    """They get the full-price page, no size and popular items; a size is decided all the same, to compare."""
    held_out = [each for each in crowd() if each.treatment.recommendations == "popular"]
    assert len(held_out) > 900
    for assigned in held_out:
        assert names(assigned) == ["kabin-holdout"]
        assert assigned.treatment == HELD_OUT
        assert assigned.features == {"banner": "plain"}


def test_nobody_in_the_random_slice_is_in_an_experiment_of_the_homepage() -> None:
    """They take part in all the others; whoever is in neither slice is in all of the shop's."""
    for assigned in crowd():
        taken = set(names(assigned))
        if assigned.treatment == HELD_OUT:
            continue
        if "kabin-random" in taken:
            assert taken == {"kabin-holdout", "kabin-random", "sizes", "colour"}
            assert assigned.treatment.homepage in ("full_price", "promo")
        else:
            assert taken == {"kabin-holdout", "page", "sizes", "colour"}


def test_the_slices_do_not_depend_on_each_other_or_on_the_shops_experiments() -> None:
    """Among the random slice the sizes' experiment is as even as among the rest (within four deviations)."""
    for is_random in (True, False):
        sizes = Counter(
            shown.value
            for each in crowd()
            if ("kabin-random" in names(each)) is is_random
            and (shown := of_experiment(each, "sizes")) is not None
        )
        assert abs(sizes[True] - sizes[False]) < 4 * sizes.total() ** 0.5


def test_who_is_held_out_still_gets_what_is_rolled_out_to_everybody() -> None:
    """The shop's own features without experiments are no personalization."""
    held_out = next(
        visitor_id
        for visitor_id, each in zip(visitor_ids(VISITORS), crowd(), strict=True)
        if each.treatment == HELD_OUT
    )
    assert policy().assign(held_out, {"page_type": "home"}, EMPTY_STATE).features == {"banner": "rolled out"}


def test_learning_traffic_needs_no_definitions() -> None:
    """A shop without experiments of its own can learn which policy pays."""
    alone = policy_of({}, learning_traffic=True)
    with_pages = list(zip(visitor_ids(2_000), crowd()[:2_000], strict=True))
    for visitor_id, otherwise in with_pages:
        assigned = alone.assign(visitor_id, {}, EMPTY_STATE)
        builtin = [each for each in otherwise.experiments if each.experiment_id.startswith("kabin-")]
        assert list(assigned.experiments) == builtin
    assert {each.experiment_id for each in alone.experiments()} == {"kabin-holdout", "kabin-random"}


def test_a_broken_homepage_does_not_stop_the_random_slice() -> None:
    """The definition is left out; who is in the slice stays there."""
    broken = feature("personalized", experiment("personalized", "promotion", key="page"))
    compilation = compiled({**FEATURES, "kabin-homepage": broken}, learning_traffic=True)
    assert compilation.left_out == {"kabin-homepage"}
    for visitor_id in visitor_ids(300):
        shown = of_experiment(compilation.policy.assign(visitor_id, {}, EMPTY_STATE), "kabin-random")
        expected = of_experiment(policy().assign(visitor_id, {}, EMPTY_STATE), "kabin-random")
        assert shown == expected


@given(st.integers(0, VISITORS - 1), st.integers(0, VISITORS - 1))
def test_learning_traffic_sticks_like_any_experiment(number: int, other: int) -> None:
    """Who was held out, or in the slice, or in neither, stays so under another id: signing in changes nothing."""
    before = crowd()[number]
    state = exposed_to(*before.experiments)
    after = policy().assign(f"visitor-{other}", {}, state)
    assert after.treatment == before.treatment
    assert names(after) == names(before)
    assert all(each.is_recorded for each in after.experiments)


@given(st.integers(0, VISITORS - 1))
def test_who_takes_part_in_a_test_of_the_homepage_is_not_drawn_into_the_slice(number: int) -> None:
    """Switching learning traffic on turns around nobody's page, but for those held out."""
    visitor_id = f"visitor-{number}"
    before = policy_of(FEATURES).assign(visitor_id, {}, EMPTY_STATE)
    after = policy().assign(visitor_id, {}, exposed_to(*before.experiments))
    assert after.treatment in (before.treatment, HELD_OUT)


def test_a_switched_off_homepage_has_no_random_slice() -> None:
    """Nobody is exposed to what nobody is shown; the holdout goes on."""
    off = policy_of(FEATURES, learning_traffic=True, switched_off=frozenset({"homepage"}))
    seen = {
        name for visitor_id in visitor_ids(500) for name in names(off.assign(visitor_id, {}, EMPTY_STATE))
    }
    assert seen == {"kabin-holdout", "sizes", "colour"}
