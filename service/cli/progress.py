"""Progress of long work: a bar for a person at a terminal, a JSON line now and then for a log.

Both say how long the work will still take. The share that is reported may fall back to 0: a new stage has begun, whose
share it is from then on.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, Protocol

import click

SECONDS_BETWEEN_LINES: Final = 5.0
LEAST_SHARE: Final = 0.02
"""Share of a stage from which on its own pace tells more than what it took the last time."""


class Progress(Protocol):
    """What long work reports to."""

    def __call__(self, done: float, note: str = "") -> None:
        """Say that the share ``done`` (0 to 1) is done; ``note`` says of what."""
        ...


@contextmanager
def progress(title: str, expected: Mapping[str, float] | None = None) -> Iterator[Progress]:
    """Show the progress of one piece of work on standard error while the block runs.

    Args:
        title: what is being done.
        expected: seconds of each stage (the note that its share begins with) as it took the last time, in order; with
            them the whole work's remaining time is told, without them the stage's.
    """
    estimate = Estimate(expected)
    if sys.stderr.isatty():
        with _bar(title, estimate) as report:
            yield report
    else:
        yield _Lines(title, estimate)


class Estimate:
    """Estimates how long work will still take, from the pace of its stage and from what stages took the last time."""

    def __init__(self, expected: Mapping[str, float] | None = None) -> None:
        self._later = dict(expected or {})
        self._last_time: float | None = None
        self._stage = ""
        self._began = 0.0
        self._share = 1.0

    def remaining_seconds(self, done: float, stage: str, now: float) -> float | None:
        """Return the seconds left; None while nothing tells.

        Args:
            done: share of the stage that is done, 0 to 1; where it falls, or a name is new at 0, a stage begins.
            stage: its name as it begins; another one later on is a note and nothing else.
            now: seconds that only grow.
        """
        if done < self._share or (done <= 0 and stage != self._stage):
            self._begin(stage, now)
        self._share = min(1.0, done)
        spent = now - self._began
        if self._share >= LEAST_SHARE:
            left = spent * (1 - self._share) / self._share
        elif self._last_time is not None:
            left = max(0.0, self._last_time - spent)
        else:
            return None
        return left + sum(self._later.values())

    def _begin(self, stage: str, now: float) -> None:
        self._stage, self._began = stage, now
        self._last_time = self._later.get(stage)
        if self._last_time is not None:
            # What stood before it is over, or is left out this time.
            names = list(self._later)
            for name in names[: names.index(stage) + 1]:
                del self._later[name]


@contextmanager
def _bar(title: str, estimate: Estimate) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=1.0, note="", left="")
        last = ""

        def report(done: float, note: str = "") -> None:
            nonlocal last
            last = note or last
            seconds = estimate.remaining_seconds(done, last, time.monotonic())
            left = "" if seconds is None else f"{timedelta(seconds=round(seconds))} left"
            bars.update(task, completed=min(1.0, done), note=last, left=left)

        yield report
        bars.update(task, completed=1.0, left="")


class _Lines:
    """One line every few seconds."""

    def __init__(self, title: str, estimate: Estimate) -> None:
        self._title = title
        self._estimate = estimate
        self._started = self._printed = time.monotonic()

    def __call__(self, done: float, note: str = "") -> None:
        from service.logs import json_line

        now = time.monotonic()
        seconds = self._estimate.remaining_seconds(done, note, now)
        if now - self._printed < SECONDS_BETWEEN_LINES:
            return
        self._printed = now
        values = {
            "stage": note or None,
            "done": round(min(1.0, done), 3),
            "seconds": round(now - self._started, 1),
            "eta_seconds": None if seconds is None else round(seconds, 1),
        }
        click.echo(json_line(self._title, values, time=time.time()), err=True)
