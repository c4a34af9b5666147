"""Recommendations on the public session data sets: the figures that the README claims."""

from pathlib import Path

import numpy as np
import pytest

from recommender.evaluation.recommendations import (
    WITHOUT_ALS,
    RecommendationsReport,
    evaluate_recommendations,
)
from recommender.evaluation.sessions import (
    DIGINETICA_TEST,
    DIGINETICA_TRAIN,
    YOOCHOOSE_TEST,
    YOOCHOOSE_TRAIN,
    read_diginetica,
    read_yoochoose,
)


def needed(data_dir: Path, *names: str) -> Path:
    """Return the folder, or skip in one line if a file is absent."""
    absent = [name for name in names if not (data_dir / name).is_file()]
    if absent:
        pytest.skip(f"absent from {data_dir}: {', '.join(absent)}")
    return data_dir


@pytest.fixture(scope="module")
def diginetica(data_dir: Path) -> RecommendationsReport:
    """The report on Diginetica, tuned on its training sessions alone."""
    split = read_diginetica(needed(data_dir, DIGINETICA_TRAIN, DIGINETICA_TEST))
    return evaluate_recommendations(split, rng=np.random.default_rng(1))


@pytest.mark.proof
def test_new_targets_are_found_as_often_as_claimed(diginetica: RecommendationsReport) -> None:
    """Of targets new to the session the blend finds over 46 % and is ahead of each source alone."""
    hits = diginetica.novel.hits
    assert hits["blend"].cases == 48_374
    assert hits["blend"].hit_rate >= 0.46
    assert hits["blend"].mrr >= 0.14
    for alone in ("als", "covisit"):
        assert hits["blend"].hit_rate > hits[alone].hit_rate
        assert hits["blend"].mrr > hits[alone].mrr
    ahead = diginetica.novel.blend_minus["covisit"]
    assert ahead.hit_rate[0] > 0
    assert ahead.mrr[0] > 0


@pytest.mark.proof
def test_all_targets_are_found_as_often_as_claimed(diginetica: RecommendationsReport) -> None:
    """With repeats allowed, as papers count, the blend is ahead of the published SR-GNN (50.7 / 17.6)."""
    blend = diginetica.every.hits["blend"]
    assert blend.cases == 60_858
    assert blend.hit_rate >= 0.507
    assert blend.mrr >= 0.176


@pytest.mark.proof
def test_the_report_says_what_als_adds(diginetica: RecommendationsReport) -> None:
    """ALS has a weight, its gain is in the table, and the JSON has the promised names."""
    assert diginetica.settings.als_weight > 0
    assert diginetica.novel.blend_minus[WITHOUT_ALS].mrr[0] > 0
    report = diginetica.as_json()
    for counting in ("novel", "all"):
        figures = report[counting]
        assert isinstance(figures, dict)
        assert {"als", "covisit", "blend"} <= set(figures)
        assert set(figures["blend"]) == {"hr@20", "mrr@20"}
    assert isinstance(report["lookup_ms"], float)
    (table,) = diginetica.tables()
    assert len({len(row) for row in (table.columns, *table.rows)}) == 1


@pytest.mark.slow
def test_yoochoose_is_reported(data_dir: Path) -> None:
    """The sample's last day is replayed on a model of the days before; the blend is not behind either source."""
    split = read_yoochoose(needed(data_dir, YOOCHOOSE_TRAIN, YOOCHOOSE_TEST))
    report = evaluate_recommendations(split, rng=np.random.default_rng(1))
    hits = report.novel.hits
    assert hits["blend"].cases > 3_000
    assert hits["blend"].hit_rate >= max(hits["als"].hit_rate, hits["covisit"].hit_rate)


@pytest.mark.slow
def test_the_splits_are_read_whole(data_dir: Path) -> None:
    """Counts are those of the data sets' description."""
    split = read_diginetica(needed(data_dir, DIGINETICA_TRAIN, DIGINETICA_TEST))
    assert (len(split.train), split.train.items.size) == (186_670, 906_140)
    assert (split.train.item_count, len(split.cases)) == (43_097, 60_858)
    sample = read_yoochoose(needed(data_dir, YOOCHOOSE_TRAIN, YOOCHOOSE_TEST))
    assert (len(sample.train), sample.train.items.size) == (17_794, 70_278)
