"""Neighbour lists of every source, on data small enough to check by hand."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recommender.recommendations.als import AlsSettings, als_neighbours, confidence_matrix
from recommender.recommendations.blend import BlendParts, BlendSettings
from recommender.recommendations.covisit import (
    CovisitSettings,
    covisit_matrix,
    covisit_neighbours,
    pair_weights,
)
from recommender.recommendations.neighbours import NO_ITEM, Neighbours
from recommender.recommendations.ranking import ALS, COVISIT
from recommender.recommendations.sessions import Sessions

GROUP_SIZE = 6
"""Items of a group of the made-up sessions."""

SMALL_ALS = AlsSettings(factors=24, iterations=6, threads=1)


@given(
    hnp.arrays(np.float32, (7, 7), elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0])),
    st.integers(1, 9),
)
def test_lists_hold_the_best_positive_entries(dense: np.ndarray, k: int) -> None:
    """Each list is the row's positive entries without the item itself, best first, ties to the lower row."""
    lists = Neighbours.from_matrix(sp.csr_array(dense), k)
    for row in range(7):
        wanted = [item for item in range(7) if item != row and dense[row, item] > 0]
        wanted.sort(key=lambda item: (-dense[row, item], item))
        got = [item for item in lists.items[row].tolist() if item != NO_ITEM]
        assert got == wanted[:k]
        assert lists.scores[row, : len(got)].tolist() == [dense[row, item] for item in got]
        assert not lists.scores[row, len(got) :].any()


def test_pairs_count_less_with_distance_and_backwards() -> None:
    """One session 0 1 2 gives its next pairs 1, the pair two apart the decay, and their reverses a share."""
    settings = CovisitSettings(lag_decay=0.5, backward=0.25, half_life=None)
    pairs, totals = pair_weights(Sessions.of([[0, 1, 2]], 3), settings)
    assert pairs.toarray().tolist() == [[0, 1, 0.5], [0.25, 0, 1], [0.125, 0.25, 0]]
    assert totals.tolist() == [1, 1, 1]


def test_scores_are_shrunk_by_the_weights_of_both_items() -> None:
    """The score is the documented quotient."""
    settings = CovisitSettings(backward=1, own_power=0.5, other_power=0.25, shrinkage=3, half_life=None)
    scores = covisit_matrix(Sessions.of([[0, 1], [0, 1], [0, 2], [0, 3]], 4), settings).toarray()
    assert scores[0, 1] == pytest.approx(2 / (4**0.5 * 2**0.25 + 3))
    assert scores[1, 0] == pytest.approx(2 / (2**0.5 * 4**0.25 + 3))


def test_newer_sessions_count_more() -> None:
    """With a half-life, the same number of newer sessions wins."""
    sessions = Sessions.of([[0, 1]] * 5 + [[0, 2]] * 5, 3)
    assert covisit_neighbours(sessions, CovisitSettings(half_life=0.5), k=2).items[0].tolist() == [2, 1]


def test_click_weights_count_in_pairs_and_confidence() -> None:
    """A purchase pair of weight 10 is worth ten views, and ALS sees the summed weights."""
    clicks = Sessions(
        np.array([0, 2, 4], dtype=np.int64),
        np.array([0, 1, 0, 2], dtype=np.int32),
        3,
        np.array([10, 10, 1, 1], dtype=np.float32),
        np.array([5, 5], dtype=np.int32),
    )
    pairs, _ = pair_weights(clicks, CovisitSettings(half_life=None))
    assert pairs[0, 1] == pytest.approx(10 * pairs[0, 2])
    confidence = confidence_matrix(clicks)
    assert confidence.toarray().tolist() == [[11, 10, 1]]


def test_als_finds_the_groups_and_leaves_untouched_items_alone(grouped_sessions: Sessions) -> None:
    """Nearest items are of the same group; items without interactions have no list and stand in none."""
    lists = als_neighbours(grouped_sessions, SMALL_ALS, k=GROUP_SIZE - 1).neighbours
    touched = grouped_sessions.item_weights() > 0
    rows = np.flatnonzero(touched)
    assert (lists.items[~touched] == NO_ITEM).all()
    assert not np.isin(lists.items[touched], np.flatnonzero(~touched)).any()
    same = lists.items[rows] // GROUP_SIZE == (rows // GROUP_SIZE)[:, None]
    assert same.mean() > 0.95
    assert np.isfinite(lists.scores).all()


def test_als_is_the_same_for_the_same_seed(grouped_sessions: Sessions) -> None:
    """Training twice gives the same lists."""
    first, second = (als_neighbours(grouped_sessions, SMALL_ALS, k=5).neighbours for _ in range(2))
    assert np.array_equal(first.items, second.items)
    assert np.array_equal(first.scores, second.scores)


def test_a_blend_reaches_neighbours_of_neighbours() -> None:
    """Items never seen together meet over a third, and only by the walk."""
    sessions = Sessions.of([[0, 1], [1, 2]] * 5, 3)
    settings = BlendSettings(als_weight=0, walk_weight=1, popularity_discount=0, k=2)
    covisit = covisit_matrix(sessions, settings.covisit)
    nothing = Neighbours(np.full((3, 2), NO_ITEM, dtype=np.int32), np.zeros((3, 2), dtype=np.float32))
    parts = BlendParts.of(covisit, nothing, sessions.item_weights(), steps_of=settings)
    assert parts.mix(settings).items[0].tolist() == [1, 2]
    without = BlendSettings(als_weight=0, walk_weight=0, popularity_discount=0, k=2)
    assert parts.mix(without).items[0].tolist() == [1, NO_ITEM]


def test_a_blend_says_which_source_gave_most_of_a_score() -> None:
    """A neighbour that only ALS knows is marked as ALS, one that co-visitation leads as co-visitation."""
    sessions = Sessions.of([[0, 1]] * 8, 4)
    settings = BlendSettings(als_weight=0.5, walk_weight=0, k=3)
    als = Neighbours(
        np.array([[1, 2, -1], [0, -1, -1], [0, -1, -1], [-1, -1, -1]], dtype=np.int32),
        np.array([[0.9, 0.8, 0], [0.9, 0, 0], [0.8, 0, 0], [0, 0, 0]], dtype=np.float32),
    )
    covisit = covisit_matrix(sessions, settings.covisit)
    parts = BlendParts.of(covisit, als, sessions.item_weights(), steps_of=settings)
    blend = parts.mix(settings)
    assert blend.sources is not None
    assert dict(zip(blend.items[0].tolist(), blend.sources[0].tolist(), strict=True)) == {
        1: COVISIT,
        2: ALS,
        NO_ITEM: COVISIT,
    }
    assert blend.items[2, 0] == 0


def test_mixing_some_rows_gives_their_lists_unchanged(grouped_sessions: Sessions) -> None:
    """Tuning, which mixes only what it looks up, sees the lists that would be published."""
    settings = BlendSettings(k=10)
    covisit = covisit_matrix(grouped_sessions, settings.covisit)
    als = als_neighbours(grouped_sessions, SMALL_ALS, k=10).neighbours
    parts = BlendParts.of(covisit, als, grouped_sessions.item_weights(), steps_of=settings)
    rows = np.array([3, 40, 77])
    whole, some = parts.mix(settings), parts.mix(settings, rows)
    assert np.array_equal(whole.items[rows], some.items[rows])
    assert np.array_equal(whole.scores[rows], some.scores[rows])
    assert (some.items[np.setdiff1d(np.arange(whole.item_count), rows)] == NO_ITEM).all()


def test_settings_survive_the_manifest() -> None:
    """Settings written as JSON values come back equal."""
    settings = BlendSettings(als=AlsSettings(factors=8), repeat_weights=(0.5, 0.25), decay=0.7)
    values = settings.as_json()
    values["repeat_weights"] = [0.5, 0.25]
    assert BlendSettings.from_json(values) == settings


@pytest.mark.parametrize("values", [{"als": 3}, {"repeat_weights": "x"}, {"unheard_of": 1}])
def test_settings_of_another_shape_are_refused(values: dict[str, object]) -> None:
    """A manifest that does not fit raises rather than publishing half of it."""
    with pytest.raises(TypeError):
        BlendSettings.from_json(values)


def test_lists_of_different_shapes_are_refused() -> None:
    """Items, scores and sources must be one shape."""
    items, scores = np.zeros((2, 3), dtype=np.int32), np.zeros((2, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="one shape"):
        Neighbours(items, scores[:, :2])
    with pytest.raises(ValueError, match="one shape"):
        Neighbours(items, scores, np.zeros((1, 3), dtype=np.int8))
