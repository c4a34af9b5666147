"""How commands print: reports as tables, and counts in words."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import sys
from typing import Final

import click

from recommender.evaluation.report import Report

FILE_WIDTH: Final = 140


def print_report(report: Report, *, as_json: bool) -> None:
    """Print an evaluation on standard output: tables for people, or one JSON object."""
    if as_json:
        import orjson

        click.echo(
            orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode()
        )
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # A file has no width of its own; eighty columns would cut the tables.
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    for table in report.tables():
        grid = Table(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, caption_justify="left")
        for place, column in enumerate(table.columns):
            grid.add_column(column, justify="left" if place == 0 else "right", overflow="fold")
        for row in table.rows:
            grid.add_row(*row)
        grid.caption = "\n".join(table.notes) or None
        console.print(grid)
        console.print()


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun, such as ``1,204 rows``."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
