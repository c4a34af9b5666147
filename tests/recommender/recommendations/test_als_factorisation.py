"""The factorisation minimises what it is said to minimise, whatever the order of visitors and items."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.recommendations import factorisation
from recommender.recommendations.als import (
    AlsSettings,
    als_neighbours,
    confidence_matrix,
    fit_item_factors,
    scaled_confidence,
)
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.sessions import Sessions

SETTINGS = AlsSettings(factors=3, iterations=40, alpha=6.0, regularization=2.0, half_life=None, threads=1)


def blocks_of_sessions(seed: int) -> Sessions:
    """Return sessions within three blocks of four items, of very different popularity; two items stay untouched."""
    rng = np.random.default_rng(seed)
    likely = np.array([0.5, 0.3, 0.15, 0.05])
    groups = [
        4 * (number % 3) + rng.choice(4, size=rng.integers(1, 4), replace=False, p=likely)
        for number in range(90)
    ]
    return Sessions.of([group.tolist() for group in groups], 14)


def test_the_vectors_solve_the_normal_equations_with_the_penalty_times_the_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a group for every count no vector can move: Hu et al. (2008), equation 4, and ``λ n`` instead of ``λ``."""
    monkeypatch.setattr(factorisation, "COUNT_RATIO", 1.005)
    sessions = blocks_of_sessions(5)
    items = fit_item_factors(sessions, SETTINGS).astype(np.float64)
    assert np.linalg.norm(best_items(sessions, items, per_entry=True) - items) < 0.001 * np.linalg.norm(items)
    assert np.linalg.norm(best_items(sessions, items, per_entry=False) - items) > 0.1 * np.linalg.norm(items)


def test_rows_of_like_counts_share_a_penalty_close_to_their_own() -> None:
    """A group costs time, so it may hold several counts: what comes out is what a group for each count gives, nearly."""
    sessions = blocks_of_sessions(5)
    items = fit_item_factors(sessions, SETTINGS).astype(np.float64)
    best = best_items(sessions, items, per_entry=True)
    assert np.linalg.norm(best - items) < 0.05 * np.linalg.norm(items)


def test_groups_are_views_that_hold_every_row_with_entries_once() -> None:
    """Counts of a group are within a factor of 1.5, up to 2 they are one count; empty rows come first and in no group."""
    counts = np.repeat([0, 1, 2, 3, 4, 9, 40, 41, 999], 3)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    matrix = sp.csr_matrix(
        (np.ones(indptr[-1], dtype=np.float32), np.arange(indptr[-1], dtype=np.int32) % 1000, indptr),
        shape=(counts.size, 1000),
    )
    groups = factorisation._groups(matrix)
    assert [row for group in groups for row in range(group.rows.start, group.rows.stop)] == list(range(3, 27))
    for group in groups:
        of_rows = counts[group.rows]
        assert of_rows.max() <= factorisation.COUNT_RATIO * of_rows.min()
        assert group.mean_count == pytest.approx(of_rows.mean())
        assert np.diff(group.indptr).tolist() == of_rows.tolist()
        assert np.shares_memory(group.data, matrix.data)
        assert np.shares_memory(group.indices, matrix.indices)
    assert [group.mean_count for group in groups[:2]] == [1, 2]


def test_an_item_few_have_met_keeps_neighbours_of_its_own_block() -> None:
    """Under a penalty that suits popular items, the seldom ones are found too."""
    sessions = blocks_of_sessions(8)
    lists = als_neighbours(sessions, SETTINGS, k=3).neighbours
    for row in np.flatnonzero(sessions.item_weights()):
        assert set((lists.items[row] // 4).tolist()) == {row // 4}


def test_the_order_of_visitors_does_not_matter_and_that_of_items_is_kept(grouped_sessions: Sessions) -> None:
    """Rows are sorted inside, which nobody outside sees."""
    settings = AlsSettings(factors=8, iterations=3, half_life=None, threads=1)
    sequences = list(grouped_sessions.sequences())
    there = fit_item_factors(grouped_sessions, settings)
    back = fit_item_factors(Sessions.of(sequences[::-1], grouped_sessions.item_count), settings)
    assert np.linalg.norm(there - back) < 0.001 * np.linalg.norm(there)
    touched = grouped_sessions.item_weights() > 0
    assert (np.linalg.norm(there, axis=1) > 0).tolist() == touched.tolist()


def test_the_seed_decides_and_threads_do_not() -> None:
    """The same seed gives the same vectors to the bit on any number of threads; another seed gives others."""
    sessions, settings = blocks_of_sessions(5), replace(SETTINGS, iterations=2)
    first = fit_item_factors(sessions, settings)
    assert np.array_equal(first, fit_item_factors(sessions, replace(settings, threads=2)))
    assert not np.array_equal(first, fit_item_factors(sessions, replace(settings, seed=2)))


def test_every_alternation_is_told(grouped_sessions: Sessions) -> None:
    """A progress bar gets (done, of) each time; what it raises ends the factorisation."""
    told: list[tuple[int, int]] = []
    settings = AlsSettings(factors=4, iterations=3, threads=1)
    fit_item_factors(grouped_sessions, settings, lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]

    def stop(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_item_factors(grouped_sessions, settings, stop)


def test_numbers_that_overflow_come_out_as_they_are() -> None:
    """Whoever uses the vectors counts the rows that are not finite; nothing is raised and nothing is hidden."""
    found = als_neighbours(blocks_of_sessions(5), replace(SETTINGS, alpha=1e38))
    assert found.nonfinite_factors > 0


@pytest.mark.parametrize("sequences", [[], [[]], [[3]]], ids=["no session", "no click", "one click"])
def test_next_to_nothing_gives_vectors_of_the_right_shape(sequences: list[list[int]]) -> None:
    """Zero for items that nobody met."""
    vectors = fit_item_factors(Sessions.of(sequences, 5), SETTINGS)
    assert vectors.shape == (5, 3)
    assert vectors.dtype == np.float32
    assert np.flatnonzero(np.linalg.norm(vectors, axis=1)).tolist() in ([], [3])


def test_interactions_of_weight_0_count_as_none() -> None:
    """They say nothing, so they raise no penalty; an interaction of average weight has the confidence alpha."""
    clicks = Sessions(
        np.array([0, 3], dtype=np.int64),
        np.array([0, 1, 2], dtype=np.int32),
        3,
        np.array([1, 0, 5], dtype=np.float32),
    )
    assert confidence_matrix(clicks).nnz == 3
    confidence = scaled_confidence(clicks, SETTINGS)
    assert confidence.nnz == 2
    assert confidence.toarray()[0].tolist() == pytest.approx([3.0, 0.0, 15.0])


def test_memory_is_that_of_the_vectors_and_of_three_matrices() -> None:
    """Groups copy neither vectors nor confidences, save those of one group."""
    rng = np.random.default_rng(3)
    visitors, items, factors = 10_000, 1_000, 32
    sessions = Sessions.of(rng.integers(items, size=(visitors, 3)).tolist(), items)
    confidence = scaled_confidence(sessions, SETTINGS)
    tracemalloc.start()
    try:
        factorisation.fit_vectors(
            confidence, factors=factors, iterations=1, regularization=1.0, seed=1, threads=1
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    vectors = 4 * factors * (visitors + 3 * items)
    assert peak < vectors + 4 * 8 * confidence.nnz + 16 * visitors + 1e6


def test_settings_of_older_models_are_still_read() -> None:
    """A model from when the penalty was one for all rows is looked up in as before."""
    older = {"factors": 128, "iterations": 4, "alpha": 240.0, "regularization": 160.0, "half_life": 0.5}
    assert BlendSettings.from_json({"als": older}).als.regularization == 160.0


def best_items(sessions: Sessions, items: NDArray[np.float64], *, per_entry: bool) -> NDArray[np.float64]:
    """Return the items' vectors that are best for the visitors' vectors that are best for these items."""
    sparse = scaled_confidence(sessions, SETTINGS).toarray().astype(np.float64)
    visitors = _least_squares(items, sparse, per_entry=per_entry)
    return _least_squares(visitors, sparse.T, per_entry=per_entry)


def _least_squares(
    others: NDArray[np.float64], sparse: NDArray[np.float64], *, per_entry: bool
) -> NDArray[np.float64]:
    rows = []
    for row in sparse:
        wanted = row > 0
        weights = np.where(wanted, row, 1.0)
        penalty = SETTINGS.regularization * (wanted.sum() if per_entry else 1)
        left = others.T @ (weights[:, None] * others) + penalty * np.eye(others.shape[1])
        rows.append(np.linalg.solve(left, others.T @ (weights * wanted)))
    return np.array(rows)
