"""Latency at constant rates, each counted from when a request was due: percentiles, errors and degraded answers."""

import functools
import json
import math
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.hot_path.answers import problem_of
from tests.benchmarks.hot_path.load import Generate, Load, Outcome, generator
from tests.benchmarks.hot_path.progress import Tell, silent
from tests.benchmarks.hot_path.servers import Server, reference_service
from tests.benchmarks.hot_path.shop import ReferenceShop

RATES: Final = (250, 500, 1000, 2000)
_SETTLING_SECONDS: Final = 1.0
"""What is asked first in every run is not counted: connections are new, and caches cold after the pause."""


@dataclass(frozen=True)
class LatencyRun:
    """One run at one rate.

    Attributes:
        p50_ms: half of the requests were answered within it; the others accordingly. Infinite without an answer.
        p90_ms: of nine in ten.
        p99_ms: of 99 in 100.
        p999_ms: of 999 in 1,000.
        max_ms: of all.
        errors: requests without an answer, of another status than 200, or not answered as asked.
        degraded: answered without Redis, which took longer than a page waits.
        generator_late_p99_ms: how late the generator sent what it could have sent; part of the latencies.
        generator_us: CPU of the generator a request.
    """

    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    errors: int
    degraded: int
    generator_late_p99_ms: float
    generator_us: float


def run(*, quick: bool, tell: Tell) -> dict[str, Any]:
    """Measure the service on its own, and return the results as plain values, by rate."""
    shop = ReferenceShop()
    runs, seconds = (2, 3.0) if quick else (5, 15.0)
    tell("starting the service")
    with (
        tempfile.TemporaryDirectory() as folder,
        generator() as generate,
        reference_service(Path(folder), shop) as service,
    ):
        found = measure(service, shop, generate, runs=runs, seconds=seconds, tell=tell)
    return {str(rate): summary(each) for rate, each in found.items()}


def lines_of(results: dict[str, Any]) -> Iterator[str]:
    """Yield what :func:`run` returned as lines of text."""
    names = ("p50", "p90", "p99", "p999", "max")
    yield (
        f"{'latency in ms, requests/s':<26}" + "".join(f"{name:>9}" for name in names) + "   errors  degraded"
    )
    for rate, figures in results.items():
        latencies = "".join(f"{figures[name + '_ms']:>9.2f}" for name in names)
        yield f"  {rate:<24}{latencies}{figures['errors']:>9}{figures['degraded']:>10}"


def measure(
    server: Server,
    shop: ReferenceShop,
    generate: Generate,
    *,
    runs: int,
    seconds: float,
    rates: Sequence[int] = RATES,
    connections: int = 64,
    tell: Tell = silent,
) -> dict[int, list[LatencyRun]]:
    """Ask at each rate in turns, and return every run by rate."""
    found: dict[int, list[LatencyRun]] = {rate: [] for rate in rates}
    for stream in range(runs):
        for rate in rates:
            tell(f"run {stream + 1} of {runs}, {rate} requests/s")
            count = round(rate * (seconds + _SETTLING_SECONDS))
            requests = functools.partial(shop.requests, count, stream=stream)
            outcome = generate(Load(server.port, requests, rate, connections))
            found[rate].append(run_of(outcome, skipped=round(rate * _SETTLING_SECONDS)))
    return found


def run_of(outcome: Outcome, *, skipped: int) -> LatencyRun:
    """Return what a load came to, its first requests left out."""
    latencies = sorted(outcome.latencies_ms[skipped:])
    answers = [
        json.loads(body) if status == 200 else None
        for status, body in zip(outcome.statuses[skipped:], outcome.bodies[skipped:], strict=True)
    ]
    degraded = sum(answer is not None and answer["degraded"] for answer in answers)
    wrong = sum(answer is None or problem_of(answer) is not None for answer in answers)
    return LatencyRun(
        p50_ms=percentile(latencies, 0.5),
        p90_ms=percentile(latencies, 0.9),
        p99_ms=percentile(latencies, 0.99),
        p999_ms=percentile(latencies, 0.999),
        max_ms=latencies[-1],
        errors=wrong - degraded,
        degraded=degraded,
        generator_late_p99_ms=percentile(sorted(outcome.late_ms[skipped:]), 0.99),
        generator_us=outcome.cpu_seconds / len(outcome.statuses) * 1e6,
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share of the ascending ``ordered`` does not exceed."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def summary(runs: Sequence[LatencyRun]) -> dict[str, Any]:
    """Return the median of each figure over the runs, the sum of failures and the largest maximum, and every run."""
    names = asdict(runs[0])
    medians = {name: round(statistics.median(getattr(run, name) for run in runs), 3) for name in names}
    return medians | {
        "max_ms": round(max(run.max_ms for run in runs), 3),
        "errors": sum(run.errors for run in runs),
        "degraded": sum(run.degraded for run in runs),
        "runs": [asdict(run) for run in runs],
    }
