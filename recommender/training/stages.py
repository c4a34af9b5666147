"""The stages of a training: how long each took, and how much of the whole is done."""

import resource
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Final

Progress = Callable[[str, int, int], None]
"""Told (what is being done, steps done, steps in all)."""

KIBIBYTE: Final = 1024


class Stages:
    """Passes progress on and keeps the time: a stage lasts until another one is told of.

    Attributes:
        seconds: of each stage by name, in the order in which they began.
    """

    def __init__(
        self, on_progress: Progress | None = None, timer: Callable[[], float] = perf_counter
    ) -> None:
        """Start the clock.

        Args:
            on_progress: told of every step.
            timer: seconds of a monotonic clock.
        """
        self.seconds: dict[str, float] = {}
        self._on_progress = on_progress
        self._timer = timer
        self._started = self._since = timer()
        self._stage: str | None = None

    def __call__(self, stage: str, done: int = 0, steps: int = 1) -> None:
        """Say what is being done, and how far it is."""
        self._account()
        self._stage = stage
        self.seconds.setdefault(stage, 0.0)
        if self._on_progress is not None:
            self._on_progress(stage, done, steps)

    def renamed(self, old: str, new: str) -> Progress:
        """Return where to report work whose stages occur twice: a stage of the kind ``old`` is told as of ``new``."""
        return lambda stage, done, steps: self(stage.replace(f"{old}: ", f"{new}: ", 1), done, steps)

    @property
    def total_seconds(self) -> float:
        """Seconds since the start."""
        return self._timer() - self._started

    def finished(self) -> dict[str, float]:
        """Return the seconds of every stage up to now."""
        self._account()
        return dict(self.seconds)

    def _account(self) -> None:
        now = self._timer()
        if self._stage is not None:
            self.seconds[self._stage] += now - self._since
        self._since = now


def peak_memory_bytes() -> int:
    """Return the most memory that this process has had resident so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * KIBIBYTE
