"""A training as operators see it: its record, its report, and what its failure leaves."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from recommender.events import SECONDS_PER_DAY
from recommender.interactions import InteractionError
from recommender.model import ModelError, last_training, record_training
from service.training import Finished, expected_seconds, facts_of, run_training, write_report
from tests.recommender.training.clicks import MIDNIGHT, QUICK, shop_days, views


def trained(folder: Path, **options: object) -> Finished:
    """Train on two days, in a minute by the clock."""
    ticks = iter((MIDNIGHT + 2 * SECONDS_PER_DAY, MIDNIGHT + 2 * SECONDS_PER_DAY + 60))
    return run_training(
        shop_days(2, visits_a_day=60),
        None,
        options.pop("settings", QUICK),  # type: ignore[arg-type]
        models_dir=folder / "models",
        reports_dir=folder / "reports",
        clock=lambda: next(ticks),
        **options,  # type: ignore[arg-type]
    )


def test_a_training_leaves_a_record_and_a_report(tmp_path: Path) -> None:
    """For metrics and probes, for programs, and for a browser; the next run estimates its time by them."""
    finished = trained(tmp_path)
    result = finished.result
    assert finished.problems == ()
    record = last_training(tmp_path / "models")
    assert record is not None
    assert (record.result, record.version, record.seconds) == ("published", result.version, 60.0)
    assert finished.page == tmp_path / "reports" / f"{result.version}.html"
    assert "<html" in finished.page.read_text()
    assert json.loads(finished.page.with_suffix(".json").read_text())["result"] == "published"
    assert expected_seconds(tmp_path / "reports").keys() == result.report.stage_seconds.keys()
    assert expected_seconds(tmp_path / "reports", "spark") == {}
    facts = facts_of(finished)
    assert facts["hit_rate_percent"] == result.metrics["held_out"]["hr@20"]
    assert facts["current_hit_rate_percent"] is None


def test_a_failure_is_recorded_and_raised(tmp_path: Path) -> None:
    """With its reason on one line."""
    ticks = iter((10.0, 13.0))
    with pytest.raises(InteractionError, match="nothing to learn from"):
        run_training(
            views([]),
            None,
            models_dir=tmp_path / "models",
            reports_dir=tmp_path / "reports",
            engine="spark",
            clock=lambda: next(ticks),
        )
    record = last_training(tmp_path / "models")
    assert record is not None
    assert (record.result, record.version, record.finished_at, record.seconds) == ("failed", None, 13.0, 3.0)
    assert record.reasons[0].startswith("nothing to learn from")
    assert record.engine == "spark"


def test_what_cannot_be_told_afterwards_changes_nothing_of_what_is_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk after publishing: the model is live, and the problems are said."""
    (tmp_path / "reports").write_text("no folder")

    def full(*_arguments: object) -> None:
        raise ModelError("no space left")

    monkeypatch.setattr("service.training.record_training", full)
    finished = trained(tmp_path)
    assert finished.result.published
    assert finished.page is None
    assert finished.problems[0] == "no space left"
    assert "the report could not be written" in finished.problems[1]
    assert facts_of(finished)["problems"] == finished.problems
    assert record_training is not full


def test_a_page_that_cannot_be_drawn_is_no_failed_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is live by then: a night that called it failed would train again and again."""

    def broken(_report: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("service.training.training_page", broken)
    finished = trained(tmp_path)
    record = last_training(tmp_path / "models")
    assert record is not None
    assert record.result == "published"
    assert finished.problems == (
        f"{tmp_path / 'reports'}: the report could not be written: ZeroDivisionError",
    )


def test_old_reports_are_dropped(tmp_path: Path) -> None:
    """The newest stay; both files of the others go."""
    report = trained(tmp_path).result.report
    shutil.rmtree(tmp_path / "reports")
    for night in range(4):
        write_report(tmp_path / "reports", replace(report, version=f"2025112{night}T033000Z-000"), keep=2)
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == [
        f"2025112{night}T033000Z-000.{kind}" for night in (2, 3) for kind in ("html", "json")
    ]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[]",
        '{"engine": "implicit", "stage_seconds": {"x": "soon"}}',
        '{"engine": "implicit", "stage_seconds": 3}',
    ],
)
def test_an_estimate_needs_no_report(tmp_path: Path, content: str | None) -> None:
    """The first run has none, and a damaged one is as good as none."""
    if content is not None:
        (tmp_path / "20251121T033000Z-000.json").write_text(content)
    assert expected_seconds(tmp_path) == {}
