"""How much of the recommendations goes to few items."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.recommendations.neighbours import Neighbours
from recommender.recommendations.ranking import Ranker
from recommender.recommendations.replay import Case
from recommender.training.concentration import Concentration, recommendation_counts

counts = st.lists(st.integers(0, 1000), min_size=1, max_size=60).filter(any)


def of(recommended: list[int], interactions: list[int]) -> Concentration:
    """Return the curves of two countings."""
    found = Concentration.of(np.array(recommended), np.array(interactions))
    assert found is not None
    return found


@settings(max_examples=25)
@given(counts, st.randoms(use_true_random=False))
def test_curves_rise_from_nothing_to_everything_and_flatten(recommended: list[int], rng: object) -> None:
    """The most recommended items come first, so no step is steeper than the one before; the order of items is nothing."""
    curve = of(recommended, recommended)
    assert (curve.shares[0], curve.shares[-1]) == (0.0, 1.0)
    assert curve.recommendations[0] == 0.0
    assert curve.recommendations[-1] == pytest.approx(1.0)
    slopes = np.diff(curve.recommendations) / np.diff(curve.shares)
    assert np.all(slopes >= -1e-9)
    assert np.all(np.diff(slopes) <= 1e-6)
    shuffled = list(recommended)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert of(shuffled, shuffled) == curve


def test_equal_items_get_equal_shares() -> None:
    """The curve is then the diagonal, and half of the items take half."""
    curve = of([5] * 10, [1] * 10)
    assert curve.recommendations == pytest.approx(curve.shares)
    assert (curve.half_of_recommendations, curve.half_of_interactions) == (0.5, 0.5)


def test_one_item_may_take_everything() -> None:
    """The share of the items that take half of the recommendations, and how many were recommended at all."""
    curve = of([100, 0, 0, 0], [1, 1, 1, 1])
    assert (curve.half_of_recommendations, curve.half_of_interactions) == (0.25, 0.5)
    assert (curve.items, curve.recommended) == (4, 1)


def test_without_any_counting_there_is_no_curve() -> None:
    """No items, no recommendations, no interactions."""
    nothing, something = np.zeros(3), np.ones(3)
    assert Concentration.of(np.zeros(0), np.zeros(0)) is None
    assert Concentration.of(nothing, something) is None
    assert Concentration.of(something, nothing) is None
    with pytest.raises(ValueError, match="3 items recommended, 4 interacted with"):
        Concentration.of(something, np.ones(4))


def test_recommendations_are_counted_by_the_lookup_that_serves() -> None:
    """Item 1 stands in the lists of 0 and 2, item 2 in that of 0 only; a session's own items never do."""
    neighbours = Neighbours(
        np.array([[1, 2], [-1, -1], [1, -1]], dtype=np.int32),
        np.array([[2.0, 1.0], [0.0, 0.0], [1.0, 0.0]], dtype=np.float32),
    )
    cases = [Case([0], 1), Case([2], 1), Case([0, 2], 1), Case([], 1)]
    assert recommendation_counts(Ranker(neighbours), cases, 3).tolist() == [0, 3, 1]
