"""Visitors that no shopper can be, and shoppers who must not be taken for them."""

from dataclasses import replace

import numpy as np
import pytest

from recommender.events import SECONDS_PER_DAY
from recommender.interactions import InteractionError, InteractionKind, Interactions
from recommender.training.bots import RATE_LIMITS, bots
from recommender.training.material import Material
from tests.recommender.training.clicks import MIDNIGHT, QUICK, shop_days, views


def looks(visitor: str, count: int, pause: float) -> list[tuple[str, str, float]]:
    """Return looks at a hundred items in turn, so many seconds apart."""
    return [(visitor, f"i{number % 100}", MIDNIGHT + number * pause) for number in range(count)]


def named(interactions: Interactions) -> list[str]:
    """Return the identifiers of the bots."""
    return [interactions.visitor_ids[code] for code in bots(interactions).tolist()]


@pytest.mark.parametrize("limit", RATE_LIMITS)
def test_more_looks_than_a_person_manages_are_a_bots(limit: tuple[int, float]) -> None:
    """At each limit: one look more within the time is too much, the same number or a slower pace is not."""
    count, seconds = limit
    pause = seconds / (count + 1)
    rows = [
        *looks("bot", count + 1, pause),
        *looks("quick", count, pause),
        *looks("slow", count + 1, seconds / count),
    ]
    assert named(views(rows)) == ["bot"]


def test_rows_in_any_order_of_many_visitors_are_told_apart() -> None:
    """Two fast visitors with the same times, among a hundred slow ones."""
    rows = [*looks("one", 100, 0.2), *looks("two", 100, 0.2)]
    rows += [row for number in range(100) for row in looks(f"v{number}", 10, 5.0)]
    rng = np.random.default_rng(1)
    shuffled = views([rows[index] for index in rng.permutation(len(rows))])
    assert sorted(named(shuffled)) == ["one", "two"]


def test_who_bought_is_a_shopper_at_any_pace() -> None:
    """A till of the shop's own, or whoever is that quick: an order is worth more than a doubt."""
    interactions = views(looks("buyer", 200, 0.1))
    kind = interactions.kind.copy()
    kind[-1] = InteractionKind.PURCHASE
    assert named(interactions) == ["buyer"]
    assert named(replace(interactions, kind=kind)) == []


def test_only_looks_count() -> None:
    """Someone who puts forty items into a cart and tries their sizes makes more events than looks."""
    assert named(views(looks("busy", 500, 0.1), kind=InteractionKind.SIZE)) == []


def test_without_times_nobody_is_a_bot() -> None:
    """Files of sessions have artificial ones, a thousandth of a second apart."""
    assert named(replace(views(looks("v", 5000, 0.001)), timed=False)) == []
    assert bots(views([])).size == 0


def test_a_shop_of_bots_alone_is_told_so() -> None:
    """Also one whose pages send the same visitor id for everybody."""
    with pytest.raises(InteractionError, match="all 3,000 interactions are of 1 visitors who look at more"):
        Material.of(views(looks("everybody", 3000, 0.5)), None, QUICK)


def test_what_is_left_out_is_counted() -> None:
    """Training goes on without the bot's rows, and the report says how many there were."""
    shop = shop_days(1, visits_a_day=20)
    rows = [
        (shop.visitor_ids[v], shop.item_ids[i], t)
        for v, i, t in zip(shop.visitor.tolist(), shop.item.tolist(), shop.timestamp.tolist(), strict=True)
    ]
    material = Material.of(views([*rows, *looks("bot", 3000, 0.5)]), None, QUICK)
    assert (material.bots.visitors, material.bots.interactions) == (1, 3000)
    assert len(material.interactions) == len(shop) == len(material.interest.rows)
    assert material.interest.item_ids == sorted(set(shop.item_ids), key=shop.item_ids.index)
    assert float(material.interactions.newest) < MIDNIGHT + SECONDS_PER_DAY
