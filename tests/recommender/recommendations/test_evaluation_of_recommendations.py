"""The evaluation itself, on made-up sessions: what it reports and how it resamples."""

import gzip
import json
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from recommender.evaluation.intervals import paired_interval, session_clusters
from recommender.evaluation.recommendations import WITHOUT_ALS, evaluate_recommendations
from recommender.evaluation.sessions import (
    DIGINETICA_TEST,
    DIGINETICA_TRAIN,
    YOOCHOOSE_TEST,
    YOOCHOOSE_TRAIN,
    SessionSplit,
    read_diginetica,
    read_yoochoose,
)
from recommender.recommendations.als import AlsSettings
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.replay import Case
from recommender.recommendations.sessions import Sessions

SETTINGS = BlendSettings(
    als=AlsSettings(factors=16, iterations=3, threads=1), k=10, repeat_weights=(1.0, 0.5)
)


def test_a_report_counts_new_and_all_targets(grouped_sessions: Sessions) -> None:
    """Both countings, intervals, coverage and the lookup's time are there, under the promised names."""
    split = SessionSplit.newest("made-up", grouped_sessions, 0.2, [str(row) for row in range(182)])
    ticks = count()
    report = evaluate_recommendations(
        split, rng=np.random.default_rng(0), settings=SETTINGS, timer=lambda: next(ticks) / 1000
    )
    values = json.loads(json.dumps(report.as_json()))
    assert set(values["novel"]) == {"als", "covisit", "blend", WITHOUT_ALS}
    assert values["novel"]["blend"]["hr@20"] > 0.9
    assert values["lookup_ms"] == 1.0
    assert 0.9 < values["coverage"] <= 1
    assert report.novel.hits["blend"].cases < report.every.hits["blend"].cases == len(split.cases)
    (table,) = report.tables()
    assert [row[0] for row in table.rows][:3] == ["als", "covisit", "blend"]


def test_a_split_without_cases_is_refused() -> None:
    """Sessions of single items leave nothing to measure, and the error says so."""
    split = SessionSplit.newest("singles", Sessions.of([[0], [1], [0]], 2), 0.5, ["a", "b"])
    with pytest.raises(ValueError, match="singles: no later session"):
        evaluate_recommendations(split, rng=np.random.default_rng(0), settings=SETTINGS)


def test_cases_of_one_session_are_one_cluster() -> None:
    """Prefixes of one session, growing or shrinking, belong together; another session starts anew."""
    cases = [Case([1], 2), Case([1, 2], 3), Case([1], 4), Case([5, 6], 7), Case([5], 6), Case([8], 9)]
    assert session_clusters(cases).tolist() == [0, 0, 0, 1, 1, 2]


def test_an_interval_covers_the_mean_and_narrows_with_evidence() -> None:
    """More sessions give a narrower interval around the mean difference."""
    rng = np.random.default_rng(5)
    spans = []
    for cases in (100, 10_000):
        differences = rng.normal(0.1, 1, cases)
        low, high = paired_interval(differences, np.arange(cases), rng)
        assert low < differences.mean() < high
        spans.append(high - low)
    assert spans[1] < spans[0] / 5


def test_diginetica_files_are_read(tmp_path: Path) -> None:
    """Items are numbered as they appear; unknown items leave the cases; a broken line is named."""
    with gzip.open(tmp_path / DIGINETICA_TRAIN, "wt") as file:
        file.write("7 8\n9 7\n")
    with gzip.open(tmp_path / DIGINETICA_TEST, "wt") as file:
        file.write("7 5 9\t8\n7\t5\n5\t7\n")
    split = read_diginetica(tmp_path)
    assert split.item_ids == ["7", "8", "9"]
    assert split.train.sequences() == [[0, 1], [2, 0]]
    assert split.cases == [Case([0, 2], 1)]
    with gzip.open(tmp_path / DIGINETICA_TEST, "wt") as file:
        file.write("7\t8\n7 8\n")
    with pytest.raises(ValueError, match="line 2"):
        read_diginetica(tmp_path)


def test_yoochoose_files_are_read_in_time_order(tmp_path: Path) -> None:
    """Clicks are ordered within sessions, sessions by their last click, and test items must be known."""
    head = "SessionId\tItemId\tTime\n"
    with gzip.open(tmp_path / YOOCHOOSE_TRAIN, "wt") as file:
        file.write(head + "1\ta\t50\n1\tb\t60\n2\tb\t9\n2\ta\t5\n")
    with gzip.open(tmp_path / YOOCHOOSE_TEST, "wt") as file:
        file.write(head + "3\ta\t70\n3\tz\t71\n3\tb\t72\n")
    split = read_yoochoose(tmp_path)
    assert [[split.item_ids[row] for row in session] for session in split.train.sequences()] == [
        ["a", "b"],
        ["a", "b"],
    ]
    assert split.cases == [Case([0], 1)]
