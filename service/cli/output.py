"""How commands print: reports as tables, and counts in words."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import click

from recommender.evaluation.report import Report, ReportTable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FILE_WIDTH: Final = 140
_UNBOUNDED_WIDTH: Final = 1000
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def print_report(report: Report, *, as_json: bool, is_text: bool = False) -> None:
    """Print a report on standard output: tables for people, or one JSON object.

    Args:
        report: what is to be printed.
        as_json: print the object.
        is_text: the columns hold words, not numbers.
    """
    if as_json:
        import orjson

        click.echo(
            orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode()
        )
        return
    from rich.console import Console
    from rich.text import Text

    # A file has no width of its own; eighty columns would cut the tables.
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    for table in report.tables():
        console.print(Text(_printable(table.title), style="bold"))
        console.print(_fitting(table, console, is_text=is_text))
        for note in table.notes:
            console.print(_note(note))
        console.print()


def _fitting(table: ReportTable, console: "Console", *, is_text: bool) -> "Table":
    """Return a table without as many of its expendable columns as the console is too narrow for."""
    dropped = 0
    while True:
        gone = set(table.expendable[:dropped])
        kept = [place for place, column in enumerate(table.columns) if column not in gone]
        grid = _grid(table, kept, is_text=is_text)
        needed = console.measure(grid, options=console.options.update(width=_UNBOUNDED_WIDTH)).maximum
        if dropped >= len(table.expendable) or needed <= console.width:
            return grid
        dropped += 1


def _grid(table: ReportTable, places: Sequence[int], *, is_text: bool) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD)
    for place in places:
        justify: Literal["left", "right"] = "left" if place == 0 or is_text else "right"
        grid.add_column(Text(_printable(table.columns[place])), justify=justify, overflow="fold")
    for row in table.rows:
        # Names of shops' own may look like markup.
        grid.add_row(*(Text(_printable(row[place])) for place in places))
    return grid


def _note(note: str) -> "Table":
    """Return a note as a list's entry, its further lines under its first."""
    from rich.table import Table
    from rich.text import Text

    entry = Table.grid(padding=(0, 1))
    entry.add_column()
    entry.add_column(ratio=1)
    entry.add_row("  -", Text(_printable(note), style="bold yellow" if note.startswith("Warning: ") else ""))
    return entry


def _printable(text: str) -> str:
    """Return a text in which nothing moves a terminal's cursor, colors or direction: names come from elsewhere."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun, such as ``1,204 rows``."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
