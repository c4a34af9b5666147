"""Discount affinity: sums in any order, levels by odds, strengths from data."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.affinity import (
    AFFINITY_EPOCH_DAY,
    CERTAINTY,
    MINIMUM_EVIDENCE,
    NO_EVIDENCE,
    WEIGHTS,
    AffinityKind,
    AffinityParameters,
    AffinitySums,
    affinity_index,
    contribution,
    decide_affinity,
    effective_observations,
)
from recommender.affinity_fit import (
    AffinityHistories,
    daily_shares,
    fit_strengths,
    prefix_points,
    shares_on,
)

DAY = AFFINITY_EPOCH_DAY + 300
PARAMETERS = AffinityParameters()

acts = st.tuples(
    st.sampled_from(AffinityKind),
    st.booleans(),
    st.integers(DAY - 2000, DAY),
    st.floats(0.0, 1.0),
)


def sums_of(choices: list[tuple[AffinityKind, bool, int, float]]) -> AffinitySums:
    """Return the sums after some acts."""
    sums = NO_EVIDENCE
    for kind, discounted, day, mu in choices:
        sums = sums.plus(contribution(kind, discounted=discounted, day=day, mu=mu, parameters=PARAMETERS))
    return sums


def views(
    count: int, discounted: int, *, mu: float = 0.3, kind: AffinityKind = AffinityKind.VIEW
) -> AffinitySums:
    """Return the sums of acts on one day, of which the first were discounted."""
    return sums_of([(kind, number < discounted, DAY, mu) for number in range(count)])


@given(st.lists(acts, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_acts_does_not_matter(
    choices: list[tuple[AffinityKind, bool, int, float]], random: Random
) -> None:
    """Late events lead to the same sums as events in order."""
    shuffled = list(choices)
    random.shuffle(shuffled)
    assert sums_of(shuffled) == pytest.approx(sums_of(choices), rel=1e-9, abs=1e-300)


@given(st.lists(acts, max_size=10), acts)
def test_an_act_can_be_taken_back(
    choices: list[tuple[AffinityKind, bool, int, float]], act: tuple[AffinityKind, bool, int, float]
) -> None:
    """The browser's copy of an order leaves when the server's arrives."""
    one = sums_of([act])
    left = sums_of(choices).plus(one).minus(one)
    assert left == pytest.approx(sums_of(choices), rel=1e-6, abs=1e-9 * max(one))


@given(st.lists(acts, min_size=1, max_size=30), st.integers(0, 3000))
def test_decisions_are_finite_and_probabilities_add_up(
    choices: list[tuple[AffinityKind, bool, int, float]], later: int
) -> None:
    """Whatever the shop's share, a decision is a level with sane numbers."""
    found = decide_affinity(sums_of(choices), PARAMETERS, DAY + later)
    assert found.level in {"high", "medium", "low"}
    assert math.isfinite(found.index)
    assert found.index > 0
    assert 0 <= found.evidence <= len(choices) + 1e-6
    assert 0 <= found.p_high <= 1
    assert 0 <= found.p_low <= 1
    assert found.p_high + found.p_low <= 1 + 1e-9


@given(st.lists(acts, min_size=1, max_size=30), st.integers(1, 40))
def test_more_discounted_choices_never_lower_the_index(
    choices: list[tuple[AffinityKind, bool, int, float]], more: int
) -> None:
    """A discounted purchase speaks for discounts."""
    before = sums_of(choices)
    after = before.plus(views(more, more, kind=AffinityKind.PURCHASE))
    assert affinity_index(after, PARAMETERS, DAY) >= affinity_index(before, PARAMETERS, DAY) - 1e-9 or (
        affinity_index(before, PARAMETERS, DAY) > 1
    )


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.1, 400.0), st.floats(0.05, 200.0))
def test_the_level_is_what_the_probabilities_say(
    share: float, mu: float, observations: float, prior: float
) -> None:
    """Leaving out a probability that cannot reach the mark changes no level, however odd the visitor or the shop."""
    sums = AffinitySums(*(part * PARAMETERS.scale_of(DAY) * observations for part in (share, mu, 1.0, 1.0)))
    affinity = decide_affinity(sums, AffinityParameters(prior_observations=prior), DAY)
    enough = affinity.evidence >= MINIMUM_EVIDENCE
    is_high, is_low = (enough and part >= CERTAINTY for part in (affinity.p_high, affinity.p_low))
    assert affinity.level == ("high" if is_high else "low" if is_low else "medium")


def test_no_evidence_is_medium_with_index_one() -> None:
    """A new visitor is like the shop."""
    found = decide_affinity(NO_EVIDENCE, PARAMETERS, DAY)
    assert (found.level, found.index, found.evidence) == ("medium", 1.0, 0.0)


def test_under_five_observations_every_visitor_is_medium() -> None:
    """Four discounted purchases are four observations, not forty."""
    found = decide_affinity(views(4, 4, kind=AffinityKind.PURCHASE), PARAMETERS, DAY)
    assert found.evidence == pytest.approx(4)
    assert found.level == "medium"


def test_a_purchase_among_views_is_one_observation() -> None:
    """The effective sample size of unequal weights is (Σw)²/Σw²."""
    sums = views(10, 0).plus(views(1, 1, kind=AffinityKind.PURCHASE))
    assert effective_observations(sums, PARAMETERS, DAY) == pytest.approx(20**2 / (10 + 100))


def test_levels_with_the_default_prior() -> None:
    """Five of five discounted choices are high, four of five are not yet, none of forty is low."""
    assert decide_affinity(views(5, 5), PARAMETERS, DAY).level == "high"
    assert decide_affinity(views(5, 4), PARAMETERS, DAY).level == "medium"
    assert decide_affinity(views(40, 0), PARAMETERS, DAY).level == "low"


def test_during_a_sale_buying_what_everybody_buys_is_medium() -> None:
    """With 80 % of views discounted, 80 % discounted choices say nothing about the visitor."""
    found = decide_affinity(views(50, 40, mu=0.8), PARAMETERS, DAY)
    assert found.level == "medium"
    assert found.index == pytest.approx(1.0)


def test_high_is_reachable_where_most_items_are_discounted() -> None:
    """At a share of 0.85 no share is 1.5 times as high, but odds are."""
    assert decide_affinity(views(60, 60, mu=0.85), PARAMETERS, DAY).level == "high"


@pytest.mark.parametrize("mu", [0.0, 1.0])
def test_a_shop_without_or_with_only_sales_divides_by_nothing(mu: float) -> None:
    """Shares at the ends are held away from 0 and 1."""
    for discounted in (0, 50):
        found = decide_affinity(views(50, discounted, mu=mu), PARAMETERS, DAY)
        assert math.isfinite(found.index)


def test_evidence_fades_with_age() -> None:
    """After one half-life half of the observations are left, and the index is nearer to 1."""
    sums = views(20, 20)
    fresh = decide_affinity(sums, PARAMETERS, DAY)
    old = decide_affinity(sums, PARAMETERS, DAY + 90)
    assert old.evidence == pytest.approx(fresh.evidence / 2)
    assert 1 < old.index < fresh.index
    assert decide_affinity(sums, PARAMETERS, DAY + 900).level == "medium"


def test_coupons_sale_pages_and_price_sorting_count_as_discounted() -> None:
    """They need no item to be on sale."""
    for kind in (AffinityKind.COUPON, AffinityKind.SALE_PAGE, AffinityKind.SORT_BY_PRICE):
        sums = contribution(kind, discounted=False, day=DAY, mu=0.3, parameters=PARAMETERS)
        assert sums.observed == sums.weight == pytest.approx(WEIGHTS[kind] * PARAMETERS.scale_of(DAY))


def test_the_absolute_scale_lasts() -> None:
    """A century from now contributions are still finite and decide the same."""
    day = AFFINITY_EPOCH_DAY + 36_500
    sums = NO_EVIDENCE
    for _ in range(50):
        sums = sums.plus(
            contribution(AffinityKind.PURCHASE, discounted=True, day=day, mu=0.3, parameters=PARAMETERS)
        )
    assert decide_affinity(sums, PARAMETERS, day).evidence == pytest.approx(50)


def test_mu_is_carried_forward_and_held_before_the_first_day() -> None:
    """Until the next night yesterday's share stands."""
    parameters = AffinityParameters(first_day=100, mu_by_day=(0.2, 0.5))
    assert [parameters.mu_at(day) for day in (50, 100, 101, 200)] == [0.2, 0.2, 0.5, 0.5]
    assert shares_on(np.array([50, 100, 101, 200]), parameters).tolist() == [0.2, 0.2, 0.5, 0.5]
    assert AffinityParameters(default_mu=0.4).mu_at(1) == 0.4


def test_parameters_survive_a_manifest() -> None:
    """What a model publishes is what the service reads."""
    parameters = AffinityParameters(n0=12.5, first_day=7, mu_by_day=(0.25, 0.5))
    assert AffinityParameters.from_dict(parameters.as_dict()) == parameters


@pytest.mark.parametrize(
    "plain",
    [{"n0": 0}, {"n0": "x"}, {"half_life_days": -1}, {"mu_by_day": [2.0]}, {"prior_observations": math.inf}],
)
def test_unusable_parameters_are_refused_with_their_name(plain: dict[str, object]) -> None:
    """A damaged manifest must not turn into decisions."""
    with pytest.raises(ValueError, match=next(iter(plain))):
        AffinityParameters.from_dict(plain)


def test_only_what_is_baked_into_sums_changes_their_version() -> None:
    """A new n0 every night does not ask for a rebuild; a new half-life does."""
    assert AffinityParameters(n0=3).sums_version == PARAMETERS.sums_version
    assert AffinityParameters(half_life_days=30).sums_version != PARAMETERS.sums_version


def test_daily_shares_are_smoothed_and_have_no_gaps() -> None:
    """A day without views carries the last share forward; one view does not swing a day."""
    days = np.array([10] * 100 + [12])
    discounted = np.array([True] * 40 + [False] * 60 + [True])
    first, shares = daily_shares(days, discounted)
    assert first == 10
    assert len(shares) == 3
    assert shares[0] == shares[1] == pytest.approx(0.4, abs=0.01)
    assert shares[1] < shares[2] < 0.45
    assert daily_shares(np.array([], dtype=np.int64), np.array([], dtype=bool)) == (0, ())


def simulated(spread: float, visitors: int = 400, acts_each: int = 60) -> AffinityHistories:
    """Return acts of visitors whose own shares vary around 0.4: strongly or hardly at all."""
    rng = np.random.default_rng(5)
    share = rng.beta(0.4 * spread, 0.6 * spread, size=visitors)
    visitor = np.repeat(np.arange(visitors), acts_each)
    discounted = rng.random(visitor.size) < share[visitor]
    timestamp = np.tile(np.arange(acts_each), visitors) * 3600.0 + DAY * 86_400.0
    parameters = AffinityParameters(default_mu=0.4)
    return AffinityHistories.of(visitor, timestamp, np.ones(visitor.size), discounted, parameters)


def test_visitors_who_differ_more_are_trusted_sooner() -> None:
    """Both strengths recover how much visitors differ: Beta(4, 6) has a strength of 10, Beta(80, 120) of 200."""
    differing = fit_strengths(simulated(10.0), PARAMETERS)
    alike = fit_strengths(simulated(200.0), PARAMETERS)
    assert 2.5 < differing.n0 < 6.5
    assert 5 < differing.prior_observations < 20
    assert alike.n0 > 5 * differing.n0
    assert alike.prior_observations > 5 * differing.prior_observations


def test_too_few_visitors_keep_the_defaults() -> None:
    """Ninety-nine visitors fit nothing."""
    assert fit_strengths(simulated(10.0, visitors=99), PARAMETERS) == PARAMETERS


def test_points_agree_with_the_decision_function() -> None:
    """What is fitted in columns is what decides visitor by visitor."""
    histories = simulated(10.0, visitors=3)
    points = prefix_points(histories, 20, half_life_days=90.0)
    high, low = points.level_probabilities(PARAMETERS.prior_observations)
    for visitor in range(3):
        own = np.flatnonzero(histories.visitor == visitor)[:20]
        sums = sums_of(
            [(AffinityKind.VIEW, bool(histories.discounted[i]), int(histories.day[i]), 0.4) for i in own]
        )
        found = decide_affinity(sums, PARAMETERS, int(histories.day[own[-1]]))
        assert found.index == pytest.approx(float(points.index(PARAMETERS.n0)[visitor]))
        assert found.p_high == pytest.approx(float(high[visitor]))
        assert found.p_low == pytest.approx(float(low[visitor]))
