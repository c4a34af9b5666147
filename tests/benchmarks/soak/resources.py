"""What the processes of a service hold: memory of their own, descriptors and threads, looked at again and again."""

import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psutil

MEBIBYTE: Final = 1024 * 1024
_LOOKS_APART_SECONDS: Final = 1.0
_JOIN_SECONDS: Final = 30.0


class Look(NamedTuple):
    """One look at one process.

    Attributes:
        asked: requests that had been answered by then.
        own_mb: memory that it shares with nobody and no file (``Anonymous`` in smaps_rollup), MiB.
        resident_mb: all that is in memory, mapped models included, MiB.
        descriptors: open files and sockets.
        threads: of the process.
    """

    asked: int
    own_mb: float
    resident_mb: float
    descriptors: int
    threads: int


class Trend(NamedTuple):
    """A quantity after the service had warmed up, and at the end: medians of a fifth of the looks each."""

    early: float
    late: float
    highest: float

    @property
    def growth(self) -> float:
        """How much more it is at the end."""
        return self.late - self.early


def trend(values: Sequence[float]) -> Trend:
    """Return the trend of some looks, in order; the first two fifths are taken for the warming up."""
    fifth = max(len(values) // 5, 1)
    return Trend(
        statistics.median(values[2 * fifth : 3 * fifth] or values),
        statistics.median(values[-fifth:]),
        max(values),
    )


def look_at(pid: int, asked: int) -> Look | None:
    """Return what a process holds now, None once it is gone."""
    try:
        process = psutil.Process(pid)
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        own_kib = next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:"))
        resident = process.memory_info().rss / MEBIBYTE
        return Look(asked, own_kib / 1024, resident, process.num_fds(), process.num_threads())
    except (psutil.Error, OSError, StopIteration):
        return None


@contextmanager
def watched(pids: Sequence[int], asked: Callable[[], int]) -> Iterator[dict[int, list[Look]]]:
    """Look at processes every second until the block ends; yield the looks by process, which grow meanwhile."""
    looks: dict[int, list[Look]] = {pid: [] for pid in pids}
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_LOOKS_APART_SECONDS):
            for pid, seen in looks.items():
                look = look_at(pid, asked())
                if look is not None:
                    seen.append(look)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield looks
    finally:
        is_over.set()
        thread.join(_JOIN_SECONDS)
