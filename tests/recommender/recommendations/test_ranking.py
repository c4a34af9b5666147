"""The lookup that serves: what it sums, what it leaves out, and in which order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.recommendations.neighbours import NO_ITEM, Neighbours
from recommender.recommendations.ranking import ALS, COVISIT, Ranker

ITEMS = 12
K = 5


def random_lists(seed: int) -> Neighbours:
    """Lists of random length with random scores and sources."""
    rng = np.random.default_rng(seed)
    items = np.full((ITEMS, K), NO_ITEM, dtype=np.int32)
    scores = np.zeros((ITEMS, K), dtype=np.float32)
    for row in range(ITEMS):
        others = np.setdiff1d(np.arange(ITEMS), [row])
        length = int(rng.integers(0, K + 1))
        items[row, :length] = rng.choice(others, length, replace=False)
        scores[row, :length] = np.sort(rng.random(length))[::-1]
    return Neighbours(items, scores, rng.integers(0, 2, (ITEMS, K)).astype(np.int8))


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, ITEMS - 1), max_size=8),
    st.sets(st.integers(0, ITEMS - 1)),
    st.sets(st.integers(0, ITEMS - 1)),
    st.integers(1, 6),
    st.integers(1, ITEMS),
    st.booleans(),
)
def test_ranking_equals_a_plain_sum(  # noqa: PLR0917 - Hypothesis hands them over one by one
    seed: int, session: list[int], excluded: set[int], refused: set[int], last: int, limit: int, repeats: bool
) -> None:
    """For any lists, session and filters the scores are the decayed sums, filtered before the cut."""
    lists = random_lists(seed)
    weights = (0.7, 0.2) if repeats else ()
    ranker = Ranker(lists, last=last, decay=0.5, repeat_weights=weights)
    sums: dict[int, float] = {}
    for age, seen in enumerate(reversed(session)):
        if age < last:
            for item, score in zip(lists.items[seen].tolist(), lists.scores[seen].tolist(), strict=True):
                if item != NO_ITEM:
                    sums[item] = sums.get(item, 0) + 0.5**age * score
        if age < len(weights):
            sums[seen] = sums.get(seen, 0) + weights[age]
    barred = excluded | refused | (set() if repeats else set(session))
    wanted = sorted((score for item, score in sums.items() if item not in barred), reverse=True)[:limit]
    for _ in range(2):  # the second call finds the work array as the first one did
        got = ranker.rank(session, limit=limit, exclude=excluded, accept=lambda row: row not in refused)
        assert [ranked.score for ranked in got] == pytest.approx(wanted, abs=1e-5)
        assert len({ranked.row for ranked in got}) == len(got)
        assert all(sums[ranked.row] == pytest.approx(ranked.score, abs=1e-5) for ranked in got)
        assert not barred & {ranked.row for ranked in got}


def test_filters_are_asked_only_as_far_as_needed() -> None:
    """A filter that accepts everything is asked once for each item returned."""
    asked: list[int] = []

    def accept(row: int) -> bool:
        asked.append(row)
        return True

    lists = Neighbours(np.array([[1, 2, 3]] * 4, dtype=np.int32), np.array([[3, 2, 1]] * 4, dtype=np.float32))
    assert [ranked.row for ranked in Ranker(lists).rank([0], limit=2, accept=accept)] == [1, 2]
    assert asked == [1, 2]


def test_proposals_are_all_that_a_ranking_would_give_one_by_one() -> None:
    """Who takes them one by one may stop whenever there is enough, and start over with another session."""
    ranker = Ranker(random_lists(5))
    for session in ([1, 2, 3], [4], [5, 6]):
        ranked = [tuple(one) for one in ranker.rank(session, limit=ITEMS)]
        proposals = ranker.proposals(session)
        assert [next(proposals) for _ in ranked[:2]] == ranked[:2]
        assert [*ranked[:2], *proposals] == ranked
    assert list(ranker.proposals([])) == []


def test_each_recommendation_keeps_its_source() -> None:
    """The source is that of the list it comes from, and the default where lists do not say."""
    items = np.array([[1, 2], [0, 2], [0, 1]], dtype=np.int32)
    scores = np.array([[2, 1]] * 3, dtype=np.float32)
    marked = Neighbours(items, scores, np.array([[ALS, COVISIT]] * 3, dtype=np.int8))
    assert [ranked.source for ranked in Ranker(marked).rank([0], limit=5)] == [ALS, COVISIT]
    assert [ranked.source for ranked in Ranker(marked).similar(0, limit=5)] == [ALS, COVISIT]
    plain = Ranker(Neighbours(items, scores), default_source=ALS)
    assert [ranked.source for ranked in plain.rank([0], limit=5)] == [ALS, ALS]
    repeating = Ranker(marked, repeat_weights=(9.0,))
    assert repeating.rank([0], limit=1)[0] == (0, 9.0, COVISIT)


def test_similar_items_leave_out_the_item_and_what_is_filtered() -> None:
    """Padding, the item itself, exclusions and refused rows do not show."""
    lists = Neighbours(
        np.array([[1, 2, 3, NO_ITEM]] * 4, dtype=np.int32), np.array([[4, 3, 2, 0]] * 4, dtype=np.float32)
    )
    similar = Ranker(lists).similar(0, limit=5, exclude=[1], accept=lambda row: row != 2)
    assert [(ranked.row, ranked.score) for ranked in similar] == [(3, 2.0)]


def test_nothing_is_known_of_an_empty_session() -> None:
    """No session, no recommendations: the caller fills up with popular items."""
    assert Ranker(random_lists(1)).rank([], limit=5) == []


def test_read_only_memory_mapped_lists_are_enough() -> None:
    """The lookup never writes to the model's arrays."""
    lists = random_lists(3)
    before = lists.scores.copy()
    lists.items.setflags(write=False)
    lists.scores.setflags(write=False)
    Ranker(lists).rank([1, 2, 3], limit=5)
    assert np.array_equal(lists.scores, before)
