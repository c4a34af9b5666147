"""``python -m tests.benchmarks.soak``: two hours of requests in ten minutes, while everything changes underneath.

    python -m tests.benchmarks.soak [--requests 259200] [--rate 450] [--workers 2] [--results FILE]

A shop of 36 page views a second asks 259,200 times in two hours. Meanwhile models are swapped, catalog and experiments
changed, visitors erased, connections left half-open, and Redis is killed and started again. What a service must not
keep of all that: memory, descriptors, threads. Exits with 1 if it does, or if an answer was no answer of the contract.
"""

import argparse
import json
import sys
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil

from tests.benchmarks.hot_path.load import Load, generator
from tests.benchmarks.hot_path.servers import Server, furnish, kabin_process, publish_model
from tests.benchmarks.hot_path.shop import ReferenceShop
from tests.benchmarks.soak.disturbances import Disturbances
from tests.benchmarks.soak.requests import requests
from tests.benchmarks.soak.resources import Look, Trend, trend, watched
from tests.redis_servers import RedisProcess

TWO_HOURS: Final = 259_200
STRETCH_SECONDS: Final = 20
"""Requests are made and sent in stretches, so that the generator holds few of them at a time."""
PATIENCE_SECONDS: Final = 300.0
"""Requests that a slow machine cannot send in time are sent late; without an answer is only what gets none."""
GROWTH_MB: Final = 8.0
GROWTH_DESCRIPTORS: Final = 4
GROWTH_THREADS: Final = 2
ROUNDS: Final = 8
"""Times that each disturbance happens, restarts of Redis among them."""
PER_ROUND: Final = 9
SERIES_EVERY: Final = 15
"""Looks of which one goes into the results."""

_EXPECTED: Final = frozenset({200, 202, 400, 401, 404, 422, 429, 503})


def main() -> int:
    """Run the soak and print what it came to; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.soak", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--requests", type=int, default=TWO_HOURS, help="in all (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=450.0, help="requests a second (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of the service (default: %(default)s)")
    parser.add_argument("--results", type=Path, help="write the figures to this JSON file, too")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="kabin-soak-") as folder:
        figures = soak(Path(folder), options.requests, options.rate, options.workers)
    if options.results:
        options.results.write_text(json.dumps(figures, indent=1))
    show(figures)
    return int(bool(figures["problems"]))


def soak(folder: Path, count: int, rate: float, workers: int) -> dict[str, Any]:
    """Run the service under load and disturbances and return the figures."""
    shop = ReferenceShop(items=2_000, visitors=2_000)
    models_dir = folder / "data" / "models"
    publish_model(shop, models_dir)
    settings = {"KABIN_ARCHIVE_INTERVAL_SECONDS": "5", "KABIN_MODEL_POLL_INTERVAL_MS": "500"}
    with ExitStack() as stack:
        redis = RedisProcess(folder / "redis", "--appendfsync", "everysec")
        stack.callback(redis.end)
        redis.start()
        place = Server("redis", redis.port, 0)
        service = stack.enter_context(
            kabin_process(folder / "data", place, workers=workers, settings=settings)
        )
        furnish(service, shop)
        disturbances = Disturbances(service.url, shop, models_dir, redis)
        statuses: Counter[int] = Counter()
        started = time.monotonic()
        with watched(service.pids, statuses.total) as looks, generator() as generate:
            every = count / rate / (ROUNDS * PER_ROUND)
            with disturbances.going_on(every):
                for stretch in range(max(1, round(count / rate / STRETCH_SECONDS))):
                    ask = partial(requests, shop, int(rate * STRETCH_SECONDS), stream=stretch)
                    load = Load(service.port, ask, rate, connections=64, timeout_seconds=PATIENCE_SECONDS)
                    outcome = generate(load)
                    statuses.update(outcome.statuses)
        names = {pid: _role_of(pid, service) for pid in looks}
        return _figures(statuses, looks, names, disturbances, time.monotonic() - started)


def _role_of(pid: int, service: Server) -> str:
    if pid == service.pid:
        return "parent" if len(service.pids) > 2 else "service"
    command = " ".join(psutil.Process(pid).cmdline())
    return "archiver" if "archiv" in command else "resource tracker" if "tracker" in command else "worker"


def _figures(
    statuses: Counter[int],
    looks: dict[int, list[Look]],
    names: dict[int, str],
    disturbances: Disturbances,
    seconds: float,
) -> dict[str, Any]:
    processes = []
    problems = [
        f"{count:,} answers {status or 'missing'}"
        for status, count in statuses.items()
        if status not in _EXPECTED
    ]
    for pid, seen in looks.items():
        if len(seen) < 10:
            problems.append(f"{names[pid]} {pid} did not live")
            continue
        trends = {field: trend([float(getattr(look, field)) for look in seen]) for field in Look._fields[1:]}
        limits = {"own_mb": GROWTH_MB, "descriptors": GROWTH_DESCRIPTORS, "threads": GROWTH_THREADS}
        problems += [
            f"{names[pid]} {pid}: {field} grew by {trends[field].growth:.1f}, from {trends[field].early:.1f}"
            for field, most in limits.items()
            if trends[field].growth > most
        ]
        series = [(look.asked, round(look.own_mb, 1)) for look in seen[::SERIES_EVERY]]
        processes.append(
            {
                "role": names[pid],
                **{field: each._asdict() for field, each in trends.items()},
                "series": series,
            }
        )
    return {
        "requests": statuses.total(),
        "seconds": seconds,
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "disturbances": dict(disturbances.done),
        "refused": {call: count for call, count in disturbances.failed.items() if count},
        "processes": processes,
        "problems": problems,
    }


def show(figures: dict[str, Any]) -> None:
    """Print the figures."""
    print(f"{figures['requests']:,} requests in {figures['seconds']:.0f} s: {figures['statuses']}")
    print(f"meanwhile: {figures['disturbances']}, refused then: {figures['refused']}")
    print(
        f"{'':18}{'own MiB':>24}{'resident MiB':>24}{'descriptors':>20}{'threads':>16}   (warm, end, highest)"
    )
    for process in figures["processes"]:
        cells = [Trend(**process[field]) for field in ("own_mb", "resident_mb", "descriptors", "threads")]
        own, resident, descriptors, threads = (
            f"{each.early:.0f} {each.late:.0f} {each.highest:.0f}" for each in cells
        )
        print(f"{process['role']:18}{own:>24}{resident:>24}{descriptors:>20}{threads:>16}")
    for problem in figures["problems"]:
        print(f"PROBLEM: {problem}")


if __name__ == "__main__":
    sys.exit(main())
