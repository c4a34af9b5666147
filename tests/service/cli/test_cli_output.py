"""How reports look in a terminal of any width."""

from dataclasses import dataclass

import pytest

from recommender.evaluation.report import ReportTable
from service.cli import output


@dataclass(frozen=True)
class OneTable:
    """A report of one table with columns that can be spared."""

    def as_json(self) -> dict[str, object]:
        """Return nothing."""
        return {}

    def tables(self) -> tuple[ReportTable, ...]:
        """Return the table."""
        return (
            ReportTable(
                "All of it",
                ("name", "first", "second", "third"),
                (("[bold]x[/]", "1" * 20, "2" * 20, "3" * 20),),
                ("Warning: wet paint.", "Words " * 20),
                expendable=("second", "first"),
            ),
        )


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [(120, "123", ""), (70, "13", "2"), (40, "3", "12"), (20, "", "12")],
)
def test_a_narrow_terminal_drops_columns_before_it_breaks_words(
    width: int,
    there: str,
    gone: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The most expendable column goes first, the others only if that is not enough; notes wrap under themselves."""
    monkeypatch.setattr(output, "FILE_WIDTH", width)
    output.print_report(OneTable(), as_json=False)
    said = capsys.readouterr().out
    assert all(digit * 20 in said for digit in there)
    assert not any(digit * 3 in said for digit in gone)
    assert all(len(line) <= width for line in said.splitlines())
    assert said.startswith("All of it\n")
    assert "  - Warning: wet" in said


def test_names_do_not_move_the_cursor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences and marks of direction are shown as what they are: unprintable."""
    table = ReportTable("e\x1b[2Jx\n", ("a\u202eb",), (("c\x07",),), ("Note\x9b1m.",))
    monkeypatch.setattr(OneTable, "tables", lambda _: (table,))
    output.print_report(OneTable(), as_json=False)
    said = capsys.readouterr().out
    assert not any(one in said for one in "\x1b\u202e\x07\x9b")
    assert said.startswith("e\N{REPLACEMENT CHARACTER}[2Jx\N{REPLACEMENT CHARACTER}\n")


def test_names_that_look_like_markup_are_names(capsys: pytest.CaptureFixture[str]) -> None:
    """A variation called [bold] is printed as such."""
    output.print_report(OneTable(), as_json=False)
    assert "[bold]x[/]" in capsys.readouterr().out
