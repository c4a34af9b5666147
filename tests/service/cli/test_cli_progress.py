"""Progress of long work where nobody watches a terminal."""

import pytest

from service.cli.output import counted
from service.cli.progress import progress


def test_a_log_file_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal one line every five seconds says how far the work is, and of what."""
    clock = iter([0.0, 1.0, 6.0, 7.0, 12.0])
    monkeypatch.setattr("service.cli.progress.time.monotonic", lambda: next(clock))
    with progress("Importing") as report:
        for share in (0.1, 0.5, 0.6, 1.2):
            report(share, "rows")
    assert capsys.readouterr().err.splitlines() == [
        "Importing: 50 % after 6 s, rows",
        "Importing: 100 % after 12 s, rows",
    ]


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a terminal the title and the percentage are drawn."""
    monkeypatch.setattr("service.cli.progress.sys.stderr.isatty", lambda: True)
    with progress("Importing") as report:
        report(0.5, "rows")
        report(1.0)
    assert "Importing" in capsys.readouterr().err


def test_counts_agree_with_their_nouns() -> None:
    """One row, two rows, one entry, two entries."""
    assert [counted(1, "row"), counted(1204, "row"), counted(2, "entry", "entries")] == [
        "1 row",
        "1,204 rows",
        "2 entries",
    ]
