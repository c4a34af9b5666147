"""The folder through which the workers of one service share their metrics."""

import os
import shutil
from pathlib import Path
from typing import Final

from prometheus_client.multiprocess import mark_process_dead

MULTIPROCESS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client reads it when it is imported, so the parent sets it before it spawns the workers."""


def prepare_multiprocess(folder: Path) -> None:
    """Start the workers' shared folder afresh; files of former processes would be counted again.

    Call it in the parent, before anything that is to be counted runs in a worker.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[MULTIPROCESS_VARIABLE] = str(folder)


def forget_process(pid: int, folder: Path) -> None:
    """Drop the gauges of a worker that has ended (its counters stay: they happened)."""
    mark_process_dead(pid, path=str(folder))  # type: ignore[no-untyped-call]


def multiprocess_dir() -> Path | None:
    """Return the folder through which workers share their metrics, ``None`` in a single process."""
    folder = os.environ.get(MULTIPROCESS_VARIABLE)
    return Path(folder) if folder else None
