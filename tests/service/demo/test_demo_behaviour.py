"""The simulated crowd's behaviour: who responds to the sale and who does not, and who comes when."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

import pytest

from recommender.homepage import HomepageVariant
from service.demo.behaviour import DEAL_SEEKERS, MAX_LOOKS, OTHERS, Act, Habit, habit_of, visit_shop
from service.demo.crowd import DEAL_SEEKER_PULL, SECONDS_PER_DAY, Shelves, Shopper, simulate_crowd
from service.demo.live_crowd import SHOPPING_SECONDS
from service.demo.live_visits import SHORTEST_GAP_DAYS, newcomers, plan_visits
from service.demo.shop import simulate_shop

SHELVES = Shelves(simulate_shop(7))
CROWD = simulate_crowd(7, 200)
VISITS = 4_000
"""Enough that conversion is known to about a percentage point."""


class Outcome(NamedTuple):
    """What came of many visits, per visit."""

    conversion: float
    margin: float
    discounted_share: float


Outcomes = Mapping[tuple[Habit, HomepageVariant], Outcome]


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    """What comes of many visits of each kind of shopper to each page."""
    variants: tuple[HomepageVariant, ...] = ("promo", "full_price")
    return {
        (habit, shown): live_through(habit, shown) for habit in (DEAL_SEEKERS, OTHERS) for shown in variants
    }


def live_through(habit: Habit, shown: HomepageVariant) -> Outcome:
    """Let the shoppers of a habit visit, one after the other, again and again."""
    shoppers = [shopper for shopper in CROWD if habit_of(shopper) is habit]
    rng = random.Random(11)
    orders = [bought(shoppers[number % len(shoppers)], shown, rng) for number in range(VISITS)]
    pieces = [piece.item for order in orders if order for piece in order.pieces]
    return Outcome(
        fmean(order is not None for order in orders),
        sum(item.paid_price - item.cost for item in pieces) / VISITS,
        fmean(item.sale_price is not None for item in pieces),
    )


def bought(shopper: Shopper, shown: HomepageVariant, rng: random.Random) -> Act | None:
    """Return the order of a visit, if there is one."""
    acts = visit_shop(shopper, shown, SHELVES, rng)
    return next((act for act in acts if act.name == "purchase"), None)


def test_a_quarter_of_the_crowd_are_deal_seekers() -> None:
    """The crowd that is told apart is the one whose past was imported."""
    shoppers = simulate_crowd(7, 4_000)
    seekers = [shopper for shopper in shoppers if habit_of(shopper) is DEAL_SEEKERS]
    assert len(seekers) / len(shoppers) == pytest.approx(0.25, abs=0.03)
    assert all(shopper.discount_pull == DEAL_SEEKER_PULL for shopper in seekers)


def test_the_sale_makes_deal_seekers_buy(outcomes: Outcomes) -> None:
    """They buy much more often where they are led to it, and the shop earns more on them."""
    sale, full = outcomes[DEAL_SEEKERS, "promo"], outcomes[DEAL_SEEKERS, "full_price"]
    assert sale.conversion == pytest.approx(DEAL_SEEKERS.buys["promo"], abs=0.04)
    assert sale.conversion > 10 * full.conversion
    assert sale.margin > 3 * full.margin > 0


def test_the_sale_only_costs_margin_with_everybody_else(outcomes: Outcomes) -> None:
    """They buy as often either way, but reduced items instead of those at full price."""
    sale, full = outcomes[OTHERS, "promo"], outcomes[OTHERS, "full_price"]
    assert sale.conversion == pytest.approx(full.conversion, abs=0.015)
    assert 0.03 < full.conversion < 0.08
    assert full.discounted_share < 0.1
    assert sale.discounted_share > 0.9
    assert sale.margin < full.margin / 2


def test_showing_everybody_what_suits_them_earns_most(outcomes: Outcomes) -> None:
    """Whoever knew who seeks deals would earn more with both pages than with either: there is something to find."""
    share = fmean(habit_of(shopper) is DEAL_SEEKERS for shopper in CROWD)
    best = (
        share * outcomes[DEAL_SEEKERS, "promo"].margin + (1 - share) * outcomes[OTHERS, "full_price"].margin
    )
    for shown in ("promo", "full_price"):
        always = share * outcomes[DEAL_SEEKERS, shown].margin + (1 - share) * outcomes[OTHERS, shown].margin
        assert best > 1.2 * always


def test_a_visit_is_told_in_order_and_ends_before_the_clock_goes_on() -> None:
    """Looks come first, then the bag, then an order of what lies in it, in sizes that are there."""
    rng = random.Random(3)
    for number in range(2_000):
        acts = visit_shop(CROWD[number % len(CROWD)], "promo", SHELVES, rng)
        names = [act.name for act in acts]
        assert names == sorted(names, key=["view_item", "add_to_cart", "purchase"].index)
        assert 1 <= names.count("view_item") <= MAX_LOOKS
        assert names.count("purchase") <= 1
        moments = [act.after_seconds for act in acts]
        assert moments == sorted(moments)
        assert moments[-1] < SHOPPING_SECONDS
        carted = [piece for act in acts if act.name == "add_to_cart" for piece in act.pieces]
        ordered = [piece for act in acts if act.name == "purchase" for piece in act.pieces]
        assert ordered in ([], carted)
        assert all(piece.size and piece.size not in piece.item.sold_out for piece in carted)


def test_the_same_dice_give_the_same_visit() -> None:
    """A live run can be repeated; what is shown is all that it depends on besides."""
    first, second = (visit_shop(CROWD[0], "promo", SHELVES, random.Random("one")) for _ in range(2))
    assert first == second


def test_everybody_who_comes_is_watched_for_a_whole_window() -> None:
    """First visits in the first half, later ones within half the time after, each a session of its own."""
    strangers = newcomers(7, CROWD)
    visits = plan_visits(CROWD, strangers, seed=7, days=14)
    assert visits == plan_visits(CROWD, strangers, seed=7, days=14)
    assert [visit.at_seconds for visit in visits] == sorted(visit.at_seconds for visit in visits)
    comings: defaultdict[str, list[float]] = defaultdict(list)
    for visit in visits:
        comings[visit.shopper.visitor_id].append(visit.at_seconds / SECONDS_PER_DAY)
    assert {shopper.visitor_id for shopper in strangers} <= comings.keys()
    for days in comings.values():
        assert 0 <= days[0] < 7
        assert days[-1] < days[0] + 7
        assert all(later - day >= SHORTEST_GAP_DAYS - 1e-9 for day, later in pairwise(days))


def test_regulars_come_back_more_likely_than_who_came_once() -> None:
    """Coming depends on how often somebody came before, and on nothing that is shown."""
    crowd = simulate_crowd(7, 4_000, more_sessions=5.0)
    coming = {visit.shopper.visitor_id for visit in plan_visits(crowd, (), seed=7, days=14)}
    came, all_of = Counter[bool](), Counter[bool]()
    for shopper in crowd:
        is_regular = shopper.sessions >= 6
        all_of[is_regular] += 1
        came[is_regular] += shopper.visitor_id in coming
    assert came[True] / all_of[True] > 0.75
    assert came[False] / all_of[False] < 0.6
