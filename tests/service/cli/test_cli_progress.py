"""Progress of long work, at a terminal and where nobody watches one."""

import json
import time

import pytest

from service.cli.output import counted
from service.cli.progress import Estimate, progress


def test_a_log_gets_a_json_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal one line every five seconds says how far the work is, of what, and what is left."""
    clock = iter([0.0, 1.0, 6.0, 7.0, 12.0])
    monkeypatch.setattr("service.cli.progress.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("service.cli.progress.time.time", lambda: 1_763_740_800.5)
    with progress("Importing") as report:
        for share, note in ((0.0, ""), (0.5, "rows"), (0.6, "rows"), (1.2, "rows")):
            report(share, note)
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert said == [
        {
            "time": "2025-11-21T16:00:00.500Z",
            "level": "info",
            "message": "Importing",
            "stage": "rows",
            "done": share,
            "seconds": seconds,
            "eta_seconds": left,
        }
        for share, seconds, left in ((0.5, 6.0, 5.0), (1.0, 12.0, 0.0))
    ]


def test_a_terminal_gets_a_bar_with_the_time_that_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a terminal the title, the percentage and the remaining time are drawn."""
    monkeypatch.setattr("service.cli.progress.sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    said = ""
    with progress("Importing", {"rows": 90.0}) as report:
        report(0.0, "rows")
        deadline = time.monotonic() + 30
        while "left" not in said and time.monotonic() < deadline:
            said += capsys.readouterr().err
    assert "Importing" in said
    assert "0 %  rows" in said
    assert "0:01:30 left" in said


def test_what_is_left_follows_the_pace_of_the_stage() -> None:
    """A fifth done in ten seconds leaves forty; where the share falls back, a stage begins with its own pace."""
    estimate = Estimate()
    assert estimate.remaining_seconds(0.0, "reading", 100.0) is None
    assert estimate.remaining_seconds(0.2, "1,204 rows", 110.0) == pytest.approx(40.0)
    assert estimate.remaining_seconds(1.0, "6,020 rows", 150.0) == 0.0
    assert estimate.remaining_seconds(0.0, "writing", 151.0) is None
    assert estimate.remaining_seconds(0.5, "writing", 153.0) == pytest.approx(2.0)


def test_what_stages_took_the_last_time_tells_before_their_own_pace_can() -> None:
    """Remaining time is that of all stages; one left out this time is not waited for."""
    estimate = Estimate({"als": 60.0, "tuning": 30.0, "writing": 10.0})
    assert estimate.remaining_seconds(0.0, "als", 0.0) == 100.0
    assert estimate.remaining_seconds(0.0, "als", 20.0) == 80.0
    assert estimate.remaining_seconds(0.5, "als", 40.0) == 80.0
    assert estimate.remaining_seconds(0.0, "writing", 90.0) == 10.0
    assert estimate.remaining_seconds(0.0, "writing", 200.0) == 0.0
    assert estimate.remaining_seconds(0.0, "something new", 200.0) is None


def test_counts_agree_with_their_nouns() -> None:
    """One row, two rows, one entry, two entries."""
    assert [counted(1, "row"), counted(1204, "row"), counted(2, "entry", "entries")] == [
        "1 row",
        "1,204 rows",
        "2 entries",
    ]
