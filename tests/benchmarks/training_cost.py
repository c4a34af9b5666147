"""What a training costs as the shop grows: seconds, CPU and memory by number of events, and the slope of each.

    python -m tests.benchmarks.training_cost [--events 100000 300000 1000000 3000000 10000000] [--tune-seconds 0]

The events are Diginetica's real sessions, repeated by other visitors beyond the 906,140 clicks that there are (see
:mod:`tests.benchmarks.repeated_shop`). Each size is read from an archive and trained on in a process of its own, as
`kabin train` does without a current model. The two stages that take as long as they are allowed to, the search for
other ALS settings and the learning curve, are left out unless they are given seconds.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from recommender.evaluation.report import ReportTable
from recommender.training import TrainingSettings, train
from recommender.training.stages import peak_memory_bytes
from service.cli.output import print_report
from service.cli.reachable_redis import redis_of
from service.cli.store import models_dir_of
from service.cli.train import interactions_of_log
from service.settings import load_settings
from tests.benchmarks.repeated_shop import write_archive

EVENTS: Final = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
GIBIBYTE: Final = 2**30


@dataclass(frozen=True, slots=True)
class Cost:
    """What one training cost.

    Attributes:
        events: in the archive.
        visitors: they are of.
        items: they are about.
        archive_bytes: of the Parquet files.
        read_seconds: from the archive to columns in memory.
        train_seconds: from there to a published model.
        cpu_seconds: of both, over all threads.
        read_peak_bytes: most memory resident until it was read.
        peak_bytes: most memory resident at all.
        stage_seconds: of the stages of the training.
    """

    events: int
    visitors: int
    items: int
    archive_bytes: int
    read_seconds: float
    train_seconds: float
    cpu_seconds: float
    read_peak_bytes: int
    peak_bytes: int
    stage_seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class CostCurve:
    """Costs by number of events, printable."""

    costs: tuple[Cost, ...]

    def as_json(self) -> dict[str, object]:
        """Return all costs and the slopes."""
        return {"costs": [asdict(cost) for cost in self.costs], "slopes": self.slopes()}

    def slopes(self) -> dict[str, float]:
        """Return the exponents of log-log fits: 1 where ten times the events cost ten times as much."""
        if len(self.costs) < 2:
            return {}
        events = np.log([cost.events for cost in self.costs])
        measured: dict[str, list[float]] = {
            "wall": [cost.read_seconds + cost.train_seconds for cost in self.costs],
            "cpu": [cost.cpu_seconds for cost in self.costs],
            "peak memory": [cost.peak_bytes for cost in self.costs],
        }
        return {
            name: round(float(np.polyfit(events, np.log(values), 1)[0]), 2)
            for name, values in measured.items()
        }

    def tables(self) -> tuple[ReportTable, ...]:
        """Return one row a size, and the slopes below."""
        columns = (
            *("events", "visitors", "items", "archive MiB", "read s", "train s", "CPU s"),
            *("peak GiB, read", "peak GiB"),
        )
        slopes = ", ".join(f"{name} {slope:.2f}" for name, slope in self.slopes().items())
        stages = [
            f"{cost.events:,}: "
            + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in _longest(cost.stage_seconds))
            for cost in self.costs
        ]
        notes = (f"{os.cpu_count()} cores.", f"Slopes (log-log): {slopes}." if slopes else "", *stages)
        rows = tuple(_row(cost) for cost in self.costs)
        return (
            ReportTable("Training by number of events", columns, rows, tuple(note for note in notes if note)),
        )


def _row(cost: Cost) -> tuple[str, ...]:
    return (
        f"{cost.events:,}",
        f"{cost.visitors:,}",
        f"{cost.items:,}",
        f"{cost.archive_bytes / 2**20:,.0f}",
        f"{cost.read_seconds:,.0f}",
        f"{cost.train_seconds:,.0f}",
        f"{cost.cpu_seconds:,.0f}",
        f"{cost.read_peak_bytes / GIBIBYTE:.2f}",
        f"{cost.peak_bytes / GIBIBYTE:.2f}",
    )


def _longest(seconds: dict[str, float]) -> list[tuple[str, float]]:
    """Return the five longest stages."""
    return sorted(seconds.items(), key=lambda stage: -stage[1])[:5]


def measure(folder: Path, archive_bytes: int, tune_seconds: float, curve_seconds: float) -> Cost:
    """Read the archive of a data folder and train on it; to be run in a process of its own."""
    settings = load_settings(data_dir=folder)
    training = TrainingSettings(tune_seconds=tune_seconds, curve_seconds=curve_seconds)
    started = time.perf_counter()
    with redis_of(settings) as reachable:
        interactions, catalog = asyncio.run(interactions_of_log(reachable, lambda _: None))
    read, read_peak = time.perf_counter(), peak_memory_bytes()
    result = train(
        interactions, models_dir_of(settings), training, created_at=interactions.newest, catalog=catalog
    )
    if not result.published:
        raise RuntimeError(f"the model was refused: {result.refusals}")
    return Cost(
        events=len(interactions),
        visitors=len(interactions.visitor_ids),
        items=len(interactions.item_ids),
        archive_bytes=archive_bytes,
        read_seconds=read - started,
        train_seconds=time.perf_counter() - read,
        cpu_seconds=time.process_time(),
        read_peak_bytes=read_peak,
        peak_bytes=peak_memory_bytes(),
        stage_seconds=result.report.stage_seconds,
    )


def cost_of(events: int, tune_seconds: float, curve_seconds: float) -> Cost:
    """Write an archive of so many events and measure a training on it, each in a process of its own."""
    # Both are kept out of this process: Linux counts what a parent holds towards the peak of its child.
    with (
        tempfile.TemporaryDirectory(prefix="kabin-benchmark-") as name,
        ProcessPoolExecutor(
            1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
        ) as processes,
    ):
        folder = Path(name)
        archive_bytes = processes.submit(write_archive, folder / "archive", events).result()
        return processes.submit(measure, folder, archive_bytes, tune_seconds, curve_seconds).result()


def main() -> None:
    """Print a line for each size as it is measured, and the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=EVENTS, help="sizes to measure")
    parser.add_argument("--tune-seconds", type=float, default=0.0, help="for other ALS settings")
    parser.add_argument("--curve-seconds", type=float, default=0.0, help="for the learning curve")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args()
    costs = []
    for events in options.events:
        costs.append(cost_of(events, options.tune_seconds, options.curve_seconds))
        if not options.json:
            print(json.dumps(asdict(costs[-1])), flush=True)
    print_report(CostCurve(tuple(costs)), as_json=options.json)


if __name__ == "__main__":
    main()
