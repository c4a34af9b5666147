"""Progress of long work: a bar for a person at a terminal, plain lines for a log file."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import click

SECONDS_BETWEEN_LINES: Final = 5.0


class Progress(Protocol):
    """What long work reports to."""

    def __call__(self, done: float, note: str = "") -> None:
        """Say that the share ``done`` (0 to 1) is done; ``note`` says of what."""
        ...


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """Show the progress of one piece of work on standard error while the block runs."""
    if sys.stderr.isatty():
        with _bar(title) as report:
            yield report
    else:
        yield _Lines(title)


@contextmanager
def _bar(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=1.0, note="")
        last = ""

        def report(done: float, note: str = "") -> None:
            nonlocal last
            last = note or last
            bars.update(task, completed=min(1.0, done), note=last)

        yield report
        bars.update(task, completed=1.0)


class _Lines:
    """One line every few seconds."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._started = self._printed = time.monotonic()

    def __call__(self, done: float, note: str = "") -> None:
        now = time.monotonic()
        if now - self._printed < SECONDS_BETWEEN_LINES:
            return
        self._printed = now
        suffix = f", {note}" if note else ""
        click.echo(
            f"{self._title}: {100 * min(1.0, done):.0f} % after {now - self._started:.0f} s{suffix}", err=True
        )
