"""Neighbours among Diginetica's 43,097 items, through an index and by comparing all of them."""

from pathlib import Path

import numpy as np
import pytest

from recommender.evaluation.sessions import DIGINETICA_TEST, DIGINETICA_TRAIN, read_diginetica
from recommender.recommendations.als import AlsSettings, fit_item_factors
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.nearest import nearest_by_cosine
from recommender.recommendations.replay import Hits, target_ranks

NEIGHBOURS = 50


@pytest.mark.proof
def test_an_index_of_real_vectors_recommends_as_well_as_comparing_all(data_dir: Path) -> None:
    """It finds 95 % of all true neighbours, as its report says, and HR@20 by ALS alone stays within half a point."""
    if absent := [name for name in (DIGINETICA_TRAIN, DIGINETICA_TEST) if not (data_dir / name).is_file()]:
        pytest.skip(f"absent from {data_dir}: {', '.join(absent)}")
    split = read_diginetica(data_dir)
    vectors = fit_item_factors(split.train, AlsSettings())
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exact = nearest_by_cosine(vectors, k=NEIGHBOURS)
    index = nearest_by_cosine(vectors, k=NEIGHBOURS, exact_up_to=1000)
    assert (exact.report.method, index.report.method) == ("exact", "approximate")
    common = [
        np.intersect1d(found, true).size
        for found, true in zip(index.neighbours.items, exact.neighbours.items, strict=True)
    ]
    assert index.report.recall >= 0.95
    assert np.mean(common) / NEIGHBOURS == pytest.approx(index.report.recall, abs=0.01)
    cases = [case for case in split.cases if case.is_novel][::5]
    by_all, by_index = (
        Hits.of(target_ranks(BlendSettings().ranker(lists), cases))
        for lists in (exact.neighbours, index.neighbours)
    )
    assert by_index.hit_rate == pytest.approx(by_all.hit_rate, abs=0.005)
