"""The candidate beside the model that is live: the same questions, each by its own lookup."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recommender.events import SECONDS_PER_DAY
from recommender.interactions import Interactions
from recommender.recommendations.neighbours import NO_ITEM, Neighbours
from recommender.recommendations.ranking import Ranker
from recommender.training import train
from recommender.training.comparison import Comparison, CurrentModel, compare, open_current
from recommender.training.coverage import covered_in, wanted_share, with_neighbours
from recommender.training.holdout import HeldOut, hold_out
from recommender.training.interest import Interest
from tests.recommender.training.clicks import MIDNIGHT, QUICK, shop_days

SINCE = MIDNIGHT + 2 * SECONDS_PER_DAY


@pytest.fixture(scope="module")
def shop() -> Interactions:
    """Three days."""
    return shop_days(3)


@pytest.fixture(scope="module")
def current(shop: Interactions, tmp_path_factory: pytest.TempPathFactory) -> CurrentModel:
    """The model of the first two days, live."""
    models_dir = tmp_path_factory.mktemp("models")
    train(shop.take(shop.timestamp < SINCE), models_dir, QUICK, created_at=SINCE)
    return open_current(models_dir)


def asked(shop: Interactions) -> tuple[Interest, HeldOut]:
    """Return the third day's questions."""
    interest = Interest.of(shop)
    return interest, hold_out(interest, SINCE, np.ones(len(interest.item_ids), dtype=np.bool_))


def compared(
    shop: Interactions, current: CurrentModel, candidate: Ranker, *, from_day: str | None
) -> Comparison:
    """Return a candidate that numbers items as the interest does, beside the current model."""
    interest, held_out = asked(shop)
    rows = np.arange(len(interest.item_ids), dtype=np.int32)
    return compare(
        held_out,
        candidate,
        rows,
        current,
        current.rows_of(interest.item_ids),
        from_day=from_day,
        rng=np.random.default_rng(1),
    )


def ranker_of(current: CurrentModel) -> Ranker:
    """Return the live model's own lookup."""
    assert current.served is not None
    assert current.served.ranker is not None
    return current.served.ranker


def silent(items: int) -> Ranker:
    """Return a lookup that never finds anything."""
    return Ranker(
        Neighbours(np.full((items, 1), NO_ITEM, dtype=np.int32), np.zeros((items, 1), dtype=np.float32))
    )


def test_a_model_is_as_good_as_itself(shop: Interactions, current: CurrentModel) -> None:
    """The same lists give the same hits, and a difference of nothing."""
    interest, _ = asked(shop)
    assert current.rows_of(interest.item_ids).tolist() == list(range(len(interest.item_ids)))
    comparison = compared(shop, current, ranker_of(current), from_day="2025-11-23")
    assert comparison.candidate == comparison.current
    assert comparison.hit_rate_difference == comparison.mrr_difference == (0.0, 0.0)
    assert comparison.cases == comparison.candidate.cases == 280
    assert comparison.current_version == current.version


def test_items_are_matched_by_their_ids(shop: Interactions, current: CurrentModel) -> None:
    """A model with other row numbers is asked about the same items."""
    order = np.random.default_rng(2).permutation(len(shop.item_ids))
    renumbered = replace(
        shop,
        item=np.argsort(order).astype(np.int32)[shop.item],
        item_ids=[shop.item_ids[code] for code in order.tolist()],
    )
    comparison = compared(renumbered, current, silent(len(shop.item_ids)), from_day="2025-11-23")
    assert comparison.current == compared(shop, current, ranker_of(current), from_day="2025-11-23").current
    assert comparison.candidate.hit_rate == 0
    assert comparison.hit_rate_difference is not None
    assert comparison.hit_rate_difference[1] < -0.8


def test_a_model_that_may_have_seen_the_answers_is_not_asked(
    shop: Interactions, current: CurrentModel
) -> None:
    """Without times nobody knows; with them its newest event tells."""
    comparison = compared(shop, current, ranker_of(current), from_day=None)
    assert (comparison.current, comparison.current_version) == (None, current.version)
    interest = Interest.of(shop)
    earlier = hold_out(interest, SINCE - SECONDS_PER_DAY, np.ones(len(interest.item_ids), dtype=np.bool_))
    rows = np.arange(len(interest.item_ids), dtype=np.int32)
    seen = compare(
        earlier, ranker_of(current), rows, current, rows, from_day="2025-11-22", rng=np.random.default_rng(1)
    )
    assert seen.current is None
    assert seen.candidate.cases == 560


def test_what_is_live_is_opened_as_it_is(tmp_path: Path) -> None:
    """Nothing yet, a pointer that says nothing, a version that is gone: never an error, and always in words."""
    assert open_current(tmp_path) == CurrentModel(None, None, None)
    pointer = tmp_path / "CURRENT"
    pointer.write_text("what?")
    version, served, problem = open_current(tmp_path)
    assert (version, served) == (None, None)
    assert problem is not None
    assert "no model version" in problem
    pointer.write_text("20251121T033000Z-000\n")
    version, served, problem = open_current(tmp_path)
    assert (version, served) == ("20251121T033000Z-000", None)
    assert problem is not None
    assert "no such model" in problem
    nothing = open_current(tmp_path)
    assert nothing.seen_until is None
    assert nothing.rows_of(["a", "b"]).tolist() == [-1, -1]


def test_coverage_is_of_items_and_of_interest() -> None:
    """An item has neighbours or not; looks at it count as often as they happened."""
    lists = Neighbours(
        np.array([[1, NO_ITEM], [0, 2], [NO_ITEM, NO_ITEM]], dtype=np.int32),
        np.ones((3, 2), dtype=np.float32),
    )
    assert with_neighbours(lists).tolist() == [True, True, False]
    rows = np.array([2, -1, 0], dtype=np.int32)
    assert covered_in(lists, rows).tolist() == [False, False, True]
    assert wanted_share(np.array([1.0, 2.0, 9.0]), covered_in(lists, rows)) == 0.75
    assert wanted_share(np.zeros(3), covered_in(lists, rows)) is None
    none = Neighbours(np.empty((3, 0), dtype=np.int32), np.empty((3, 0), dtype=np.float32))
    assert with_neighbours(none).tolist() == [False] * 3
