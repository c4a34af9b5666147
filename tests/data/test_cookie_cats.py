"""A real experiment: Cookie Cats moved its first gate from level 30 to level 40."""

from pathlib import Path

import pytest

from recommender.experiments.analysis.plan import Reading
from recommender.experiments.analysis.report import ExperimentReport
from recommender.experiments.analysis.split import SplitState
from tests.data.experiment_proof import report_on_cookie_cats


@pytest.fixture(scope="module")
def report(data_dir: Path) -> ExperimentReport:
    """Read the experiment once for the tests of this module."""
    path = data_dir / "cookie_cats.csv.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} is absent")
    return report_on_cookie_cats(path)


def test_the_split_is_suspicious_but_does_not_stop_the_report(report: ExperimentReport) -> None:
    """44,700 : 45,489 has p ≈ 0.009: above 0.001, under 0.01."""
    assert report.split.observed.tolist() == [44_700, 45_489]
    assert report.split.state is SplitState.SUSPICIOUS
    assert report.split.p_value == pytest.approx(0.0086, abs=0.0001)
    assert any("not enough to stop at 0.001" in note for note in report.notes)


def test_later_gates_lose_players_after_a_week(report: ExperimentReport) -> None:
    """7-day retention falls by 0.82 points, surely also for those who peeked; 1-day retention may not have changed."""
    first, seventh = (result.comparisons[0].difference for result in report.results)
    assert seventh.absolute.estimate == pytest.approx(-0.00820, abs=0.00001)
    assert (seventh.absolute.low, seventh.absolute.high) == pytest.approx((-0.01328, -0.00312), abs=0.00002)
    assert seventh.always_absolute.high < 0
    assert seventh.decisive(Reading.ALWAYS_VALID).high < 0
    assert first.absolute.estimate == pytest.approx(-0.00591, abs=0.00001)
    assert (first.absolute.low, first.absolute.high) == pytest.approx((-0.01239, 0.00057), abs=0.00002)
    assert report.verdict.sentence == "gate_40 lowers 7-day retention by 4.3 % (95 %: 0.2 to 8.3 %)"
