"""Discount affinity on Complete Journey, measured as the README's table is."""

from pathlib import Path

import pytest

from recommender.evaluation.affinity import evaluate_affinity


@pytest.mark.slow
def test_the_index_predicts_later_purchases_of_other_households(data_dir: Path) -> None:
    """After 20 acts the error is well under that of a constant, after 100 the order of households is clear."""
    report = evaluate_affinity(data_dir / "complete_journey_open.parquet")
    figures = report.figures
    assert report.households == 597
    assert list(figures) == [5, 10, 20, 50, 100]
    assert figures[20].mae_constant == pytest.approx(0.142, abs=0.001)
    assert figures[20].mae <= 0.130
    assert figures[20].spearman >= 0.43
    assert figures[100].spearman >= 0.66
    assert all(one.mae < one.mae_constant for one in figures.values())
    levels_right = figures[100].right
    assert levels_right is not None
    assert levels_right >= 0.8
    assert figures[20].high + figures[20].low <= 5
    plain = report.as_json()
    assert plain["5"] == {
        "spearman": figures[5].spearman,
        "mae": figures[5].mae,
        "mae_constant": figures[5].mae_constant,
    }
    notes = " ".join(report.tables()[0].notes)
    assert "on simulated data" in notes
    assert "views and carts are not validated" in notes
