"""Popular items and filling up with them."""

import numpy as np

from recommender.recommendations.popularity import fill, popular_items, popular_items_by_category
from recommender.recommendations.sessions import Sessions


def test_popularity_counts_sessions_and_newer_ones_more() -> None:
    """Clicking one item over and over counts once a session; untouched items are not popular."""
    sessions = Sessions.of([[0] * 9, [1], [2], [2, 1]], 5)
    assert popular_items(sessions, half_life=None).tolist() == [1, 2, 0]
    assert popular_items(Sessions.of([[0]] * 3 + [[1]] * 2, 2), half_life=0.2).tolist() == [1, 0]
    assert popular_items(sessions, limit=1, half_life=None).tolist() == [1]


def test_popularity_by_category_leaves_out_items_without_one() -> None:
    """Each category lists its own items, best first."""
    sessions = Sessions.of([[0, 1, 2, 3], [1, 3], [3]], 5)
    groups = popular_items_by_category(sessions, np.array([4, 4, -1, 9, 9], dtype=np.int32), half_life=None)
    assert {code: rows.tolist() for code, rows in groups.items()} == {4: [1, 0], 9: [3]}


def test_filling_goes_from_category_to_shop_without_repeating() -> None:
    """Back-up lists are used in order; chosen, excluded and refused rows stay out."""
    filling = fill([1], [[1, 2, 3], [3, 4, 5, 6]], limit=4, exclude=[2], accept=lambda row: row != 4)
    assert filling == [3, 5, 6]
    assert fill([1, 2], [[3]], limit=2) == []
    assert fill([], [[1]], limit=3) == [1]


def test_an_empty_shop_has_no_popular_items() -> None:
    """No sessions, no list."""
    empty = Sessions.of([], 0)
    assert popular_items(empty).tolist() == []
    assert popular_items_by_category(empty, np.empty(0, dtype=np.int32)) == {}
