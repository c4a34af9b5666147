"""What swapping the model costs the visitors: failed requests, latency beside quiet minutes, time until it is live.

    python -m tests.benchmarks.hot_swap --swaps 100 --rate 300

Starts `kabin serve` with two workers and an embedded Valkey, puts a catalog and a model of the same items into it, and
asks for product pages at a fixed rate, each with an event of its visitor; latency counts from when a request was due.
Quiet periods and periods with a swap every two seconds take turns, so that both meet the same weather on the machine.
Every swap publishes a version of its own, so each worker loads and verifies it (its arrays are hard links to one of
two models, which are in the page cache, as what a training has just written is); every tenth is a rollback instead,
and at the end `kabin model rollback` is run as a command. A swap is live when no later request sees an older version.
"""

import argparse
import asyncio
import json
import os
import random
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil

from recommender.model import publish
from service.demo.http_connection import CallFailed, HttpConnection
from tests.benchmarks.experiment_toggle import running_service
from tests.benchmarks.published_models import Swap, base_models, linked_version, roll_back_by_command, swap
from tests.catalog_rows import feed_of, line

CONNECTIONS: Final = 24
SWAP_EVERY_SECONDS: Final = 2.0
QUIET_SECONDS: Final = 20.0
SWAPS_A_PERIOD: Final = 20
COMMANDS: Final = 3
TIMEOUT_SECONDS: Final = 30.0
DEGRADED: Final = "degraded"
"""Redis took over 30 ms, as it does where other processes want the cores, too; the page gets its answer."""
_PERIODS: Final = (("quiet", False), ("swapping", True))


class Asked(NamedTuple):
    """One request: when it was due, sent and answered, and what came back (None for no answer)."""

    due: float
    sent: float
    answered: float
    is_swap_period: bool | None
    version: str | None
    problem: str | None


@dataclass
class Run:
    """What is measured, and what the load must know meanwhile."""

    asked: list[Asked] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    cpu_seconds: dict[bool, float] = field(default_factory=lambda: {False: 0.0, True: 0.0})
    is_swap_period: bool | None = None
    is_over: bool = False


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--swaps", type=int, choices=range(1, 1001), default=100, metavar="1..1000")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second; 300 by default")
    parser.add_argument("--items", type=int, default=43_000, help="of the catalog and of the model")
    parser.add_argument("--workers", type=int, choices=range(2, 17), default=2, metavar="2..16")
    options = parser.parse_args(arguments)
    key = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory() as folder:
        models_dir, bases_dir = Path(folder) / "data" / "models", Path(folder) / "bases"
        bases = base_models(bases_dir, options.items)
        publish(models_dir, linked_version(models_dir, bases[0], created_at=1e9))
        with running_service(Path(folder), key, options.workers) as url:
            put_catalog(url, key, options.items)
            run = asyncio.run(measure(url, key, models_dir, bases, options))
    report(run, options)


def put_catalog(url: str, key: str, items: int) -> None:
    """Give the service a feed with one SKU an item."""
    feed = feed_of(*(line(f"i{number}-38", f"i{number}") for number in range(items)))
    answer = httpx.put(
        f"{url}/catalog",
        content=feed.getvalue(),
        headers={"authorization": f"Bearer {key}"},
        timeout=TIMEOUT_SECONDS * 10,
    )
    answer.raise_for_status()


async def measure(
    url: str, key: str, models_dir: Path, bases: list[Path], options: argparse.Namespace
) -> Run:
    """Let quiet periods and periods of swaps take turns under load."""
    run = Run()
    load = asyncio.create_task(keep_asking(run, url, key, options))
    await asyncio.sleep(5.0)  # warm up: the first requests fill caches
    run.asked.clear()
    for first in range(0, options.swaps, SWAPS_A_PERIOD):
        with period(run, is_swap_period=False):
            await asyncio.sleep(QUIET_SECONDS)
        with period(run, is_swap_period=True):
            for number in range(first, min(first + SWAPS_A_PERIOD, options.swaps)):
                due = time.perf_counter() + SWAP_EVERY_SECONDS
                run.swaps.append(await asyncio.to_thread(swap, models_dir, bases, number))
                await asyncio.sleep(max(due - time.perf_counter(), 0.0))
    run.is_swap_period = None
    for _ in range(COMMANDS):
        run.swaps.append(await roll_back_by_command(models_dir))
        await asyncio.sleep(2 * SWAP_EVERY_SECONDS)
    run.is_over = True
    await load
    return run


@contextmanager
def period(run: Run, *, is_swap_period: bool) -> Iterator[None]:
    """Take down which period it is, and what CPU time the service uses in it."""
    before, run.is_swap_period = cpu_seconds(), is_swap_period
    yield
    run.cpu_seconds[is_swap_period] += cpu_seconds() - before


def cpu_seconds() -> float:
    """Return the CPU time of the service so far, its Valkey left out."""
    used = 0.0
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "python" in each.name():
                times = each.cpu_times()
                used += times.user + times.system
    return used


async def keep_asking(run: Run, url: str, key: str, options: argparse.Namespace) -> None:
    """Ask at the rate until it is over, whether the answers keep up or not."""
    parts = urlsplit(url)
    free: asyncio.Queue[HttpConnection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(HttpConnection(str(parts.hostname), int(parts.port or 0), key))
    pending: set[asyncio.Task[None]] = set()
    dice = random.Random(0)
    due = time.perf_counter()
    while not run.is_over:
        due += 1 / options.rate
        await asyncio.sleep(max(due - time.perf_counter(), 0.0))
        task = asyncio.create_task(ask(run, free, question(dice, options.items), due))
        pending.add(task)
        task.add_done_callback(pending.discard)
    await asyncio.gather(*pending)


def question(dice: random.Random, items: int) -> dict[str, Any]:
    """Return a product page's question: one of 10,000 visitors looks at an item."""
    item = f"i{dice.randrange(items)}"
    event = {
        "name": "view_item",
        "event_id": f"{dice.getrandbits(64):x}",
        "params": {"items": [{"item_id": item}]},
    }
    return {
        "visitor_id": f"v{dice.randrange(10_000)}",
        "page": {"type": "product", "item_id": item},
        "events": [event],
    }


async def ask(run: Run, free: "asyncio.Queue[HttpConnection]", body: dict[str, Any], due: float) -> None:
    """Ask once and take down what came of it."""
    is_swap_period = run.is_swap_period
    connection = await free.get()
    sent = time.perf_counter()
    version: str | None = None
    problem: str | None = None
    try:
        answer = await connection.call("POST", "/personalize", body)
        decision = json.loads(answer.body)
        version = decision.get("model_version")
        if answer.status != 200:
            problem = f"status {answer.status}"
        elif decision["degraded"]:
            problem = DEGRADED
        elif not decision["recommendations"]:
            problem = "no recommendations"
    except CallFailed as error:
        problem = str(error)
    finally:
        free.put_nowait(connection)
    run.asked.append(Asked(due, sent, time.perf_counter(), is_swap_period, version, problem))


def seen_seconds(run: Run, place: int) -> tuple[float, float]:
    """Return how long after a swap's beginning, and after the pointer's move, an older version was still seen."""
    swap = run.swaps[place]
    until = run.swaps[place + 1].moved if place + 1 < len(run.swaps) else float("inf")
    late = [
        one.sent
        for one in run.asked
        if swap.moved < one.sent < until and one.version not in {swap.version, None}
    ]
    last = max(late, default=swap.moved)
    return last - swap.started, last - swap.moved


def unexpected(run: Run) -> int:
    """Return how many answers named a version that was neither current nor the one before when they were asked for."""
    found = 0
    for one in run.asked:
        at_most = sum(each.started <= one.answered for each in run.swaps)
        at_least = sum(each.moved <= one.sent for each in run.swaps)
        allowed = {each.version for each in run.swaps[max(at_least - 2, 0) : at_most]}
        found += one.version not in allowed and at_least >= 2
    return found


def report(run: Run, options: argparse.Namespace) -> None:
    """Print the figures."""
    print(
        f"{options.swaps} swaps, {len(run.asked):,} requests at {options.rate:g} a second, {options.workers} workers, "
        f"{options.items:,} items; load average {os.getloadavg()[0]:.1f}"
    )
    for name, is_swap_period in _PERIODS:
        asked = [one for one in run.asked if one.is_swap_period == is_swap_period]
        degraded = sum(one.problem == DEGRADED for one in asked)
        failed = [one.problem for one in asked if one.problem not in {None, DEGRADED}]
        print(f"{name}: {len(asked):,} asked, {len(failed)} failed, {degraded:,} degraded", *failed[:3])
    print(f"answers of a version that was neither current nor the one before: {unexpected(run)}")
    print(f"{'milliseconds':<34}{'median':>9}{'90 %':>9}{'99 %':>9}{'most':>9}")
    for name, is_swap_period in _PERIODS:
        latencies = [one.answered - one.due for one in run.asked if one.is_swap_period == is_swap_period]
        _print_row(f"answered, {name}", latencies)
    for name, is_swap_period in _PERIODS:
        count = sum(one.is_swap_period == is_swap_period for one in run.asked)
        print(
            f"CPU of the service a request, {name}: {1000 * run.cpu_seconds[is_swap_period] / count:.2f} ms"
        )
    seen: dict[str, list[tuple[float, float]]] = {}
    for place, each in enumerate(run.swaps):
        seen.setdefault(each.kind, []).append(seen_seconds(run, place))
    for kind, name in (
        ("publish", "published"),
        ("rollback", "rolled back"),
        ("command", "kabin model rollback"),
    ):
        if kind in seen:
            _print_row(f"{name}: live in every worker", [moved for _, moved in seen[kind]])
    if "command" in seen:
        _print_row("the same, from the command's start", [started for started, _ in seen["command"]])


def _print_row(name: str, seconds: list[float]) -> None:
    low, ninth, high, most = (1000 * float(value) for value in np.quantile(seconds, (0.5, 0.9, 0.99, 1.0)))
    print(f"{name:<34}{low:>9.1f}{ninth:>9.1f}{high:>9.1f}{most:>9.1f}")


if __name__ == "__main__":
    main()
