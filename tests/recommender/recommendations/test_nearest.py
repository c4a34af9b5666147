"""Nearest items by cosine: compared with all, or found through an index whose recall is measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.recommendations.nearest import nearest_by_cosine, recall_of
from recommender.recommendations.neighbours import NO_ITEM


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of length 1, zero rows unchanged."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.zeros_like(vectors)
    np.divide(vectors, norms, out=unit, where=norms > 0)
    return unit


@pytest.fixture(scope="module")
def crowded() -> NDArray[np.float32]:
    """4,000 vectors around 100 centres, as items of departments and brands lie; some without interactions."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(100, 16)).repeat(40, axis=0) + 0.5 * rng.normal(size=(4000, 16))
    vectors[rng.random(4000) < 0.05] = 0
    return _unit(vectors.astype(np.float32))


@given(st.integers(0, 12), st.integers(1, 15), st.integers(0, 2**32 - 1))
def test_cosine_neighbours_are_exact_and_unpadded(count: int, k: int, seed: int) -> None:
    """Lists equal a plain search, also with fewer items than neighbours wanted, twins and zero vectors."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 3)).astype(np.float32)
    vectors[rng.random(count) < 0.3] = 0
    vectors = _unit(vectors)
    if count > 1:
        vectors[1] = vectors[0]
    lists, report = nearest_by_cosine(vectors, k=k, threads=1)
    cosines = vectors @ vectors.T
    for row in range(count):
        others = [item for item in range(count) if item != row and cosines[row, item] > 1e-6]
        got = [item for item in lists.items[row].tolist() if item != NO_ITEM]
        assert row not in got
        assert len(set(got)) == len(got)
        kept = sorted((cosines[row, item] for item in others), reverse=True)[:k]
        close = [score for score in lists.scores[row].tolist() if score > 1e-6]
        assert close == pytest.approx(kept, abs=1e-5)
    assert (report.method, report.recall) == ("exact", 1.0)


def test_an_index_finds_what_it_says_it_finds(crowded: NDArray[np.float32]) -> None:
    """Its lists hold the share of the true neighbours that the report names, and look like exact ones."""
    exact, _ = nearest_by_cosine(crowded, k=20, threads=1)
    lists, report = nearest_by_cosine(crowded, k=20, threads=1, exact_up_to=1000)
    assert report.method == "approximate"
    assert report.recall >= 0.95
    usable = crowded.any(axis=1)
    common = [
        np.intersect1d(found, true).size / 20
        for found, true in zip(lists.items[usable], exact.items[usable], strict=True)
    ]
    assert np.mean(common) == pytest.approx(report.recall, abs=0.01)
    assert (lists.items[~usable] == NO_ITEM).all()
    assert not (lists.items == np.arange(len(crowded))[:, None]).any()
    assert (np.diff(lists.scores, axis=1) <= 0).all()


def test_an_index_gives_the_same_lists_for_the_same_vectors(crowded: NDArray[np.float32]) -> None:
    """A training can be repeated, on one thread or two."""
    one, two = (
        nearest_by_cosine(crowded, k=10, threads=threads, exact_up_to=1000).neighbours for threads in (1, 2)
    )
    assert np.array_equal(one.items, two.items)


def test_an_index_looks_into_more_cells_for_more_recall(crowded: NDArray[np.float32]) -> None:
    """What is asked for is reached, not merely hoped for."""
    reports = [
        nearest_by_cosine(crowded, k=20, threads=1, exact_up_to=1000, least_recall=least).report
        for least in (0.5, 0.999)
    ]
    assert reports[0].recall < 0.999 <= reports[1].recall


def test_vectors_without_structure_are_compared_one_by_one() -> None:
    """Where no index reaches the recall with less work than comparing all, all are compared."""
    scattered = _unit(np.random.default_rng(5).normal(size=(3000, 64)).astype(np.float32))
    exact, _ = nearest_by_cosine(scattered, k=10, threads=1)
    lists, report = nearest_by_cosine(scattered, k=10, threads=1, exact_up_to=1000)
    assert (report.method, report.recall) == ("exact", 1.0)
    assert np.array_equal(lists.items, exact.items)


def test_recall_counts_ties_whoever_won_them() -> None:
    """Of two true neighbours, one found and one missed is a half; the item itself does not count."""
    true = np.array([[1.0, 0.9, 0.8]], dtype=np.float32)
    assert recall_of(np.array([[1.0, 0.9, 0.7]], dtype=np.float32), true) == 0.5
    assert recall_of(np.array([[1.0, 0.8, 0.8]], dtype=np.float32), true) == 1.0
