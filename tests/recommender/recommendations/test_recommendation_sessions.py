"""Cutting clicks into sessions and taking parts of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.recommendations.sessions import Sessions

SEQUENCES = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=12)


@given(SEQUENCES)
def test_sequences_come_back_as_they_went_in(sequences: list[list[int]]) -> None:
    """The sparse form loses nothing."""
    assert Sessions.of(sequences, 10).sequences() == sequences


@given(SEQUENCES, st.floats(0, 1))
def test_splitting_keeps_order_and_loses_nothing(sequences: list[list[int]], share: float) -> None:
    """The older and the newer part, one after the other, are the whole."""
    older, newer = Sessions.of(sequences, 10).split_newest(share)
    assert older.sequences() + newer.sequences() == sequences
    assert len(newer) == round(len(sequences) * share)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 20_000)), max_size=30))
def test_clicks_are_cut_at_pauses_only(clicks: list[tuple[int, int, int]]) -> None:
    """A visitor's neighbouring clicks share a session exactly if no more than the gap lies between them."""
    visitors, items, times = (np.array([click[part] for click in clicks]) for part in range(3))
    sessions = Sessions.from_clicks(
        visitors.astype(np.int32),
        items.astype(np.int32),
        times.astype(np.float64),
        item_count=6,
        gap_seconds=1800,
    )
    assert sessions.items.size == len(clicks)
    expected = 0
    for visitor in range(4):
        own = sorted(time for who, _, time in clicks if who == visitor)
        expected += sum(index == 0 or time - own[index - 1] > 1800 for index, time in enumerate(own))
    assert len(sessions) == expected


def test_a_gap_without_end_makes_each_history_one_session() -> None:
    """Rentals and orders of years stay together, and sessions come in the order of their last click."""
    sessions = Sessions.from_clicks(
        np.array([2, 1, 2, 1], dtype=np.int32),
        np.array([0, 1, 2, 3], dtype=np.int32),
        np.array([9e8, 1e8, 0.0, 2e8]),
        item_count=4,
        weights=np.array([1, 2, 3, 4], dtype=np.float32),
        gap_seconds=math.inf,
    )
    assert sessions.sequences() == [[1, 3], [2, 0]]
    assert sessions.visitors is not None
    assert sessions.visitors.tolist() == [1, 2]
    assert sessions.click_weights.tolist() == [2, 4, 3, 1]


@pytest.mark.parametrize(
    ("indptr", "items", "weights", "words"),
    [
        ([0, 2], [0], None, "indptr"),
        ([0, 1], [7], None, "item rows"),
        ([0, 1], [0], [1.0, 2.0], "2 weights for 1 clicks"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    indptr: list[int], items: list[int], weights: list[float] | None, words: str
) -> None:
    """The error names what disagrees."""
    with pytest.raises(ValueError, match=words):
        Sessions(
            np.array(indptr, dtype=np.int64),
            np.array(items, dtype=np.int32),
            5,
            None if weights is None else np.array(weights, dtype=np.float32),
        )
