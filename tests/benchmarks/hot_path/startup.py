"""How long a worker takes until it is ready, and what a new model costs those who ask meanwhile."""

import functools
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx

from recommender.model import current_version, publish
from tests.benchmarks.hot_path.load import Generate, Load, Outcome, generator
from tests.benchmarks.hot_path.progress import Tell
from tests.benchmarks.hot_path.servers import Server, furnish, kabin_process, publish_model, redis_process
from tests.benchmarks.hot_path.shop import ReferenceShop
from tests.benchmarks.published_models import linked_version

_RATE: Final = 250
_SWAP_EVERY_SECONDS: Final = 3.0
_BEFORE_SECONDS: Final = 1.0
"""Before the first answer from a new model: that long the service may have been loading it."""
_AFTER_SECONDS: Final = 0.5
_VERSION: Final = re.compile(rb'"model_version":"([^"]*)"')
_POLL_SECONDS: Final = 0.005
_PATIENCE_SECONDS: Final = 120.0


def run(*, quick: bool, tell: Tell) -> dict[str, Any]:
    """Start the service on a full Redis some times, then swap its model under load; return the results as plain values."""
    shop = ReferenceShop(visitors=100)
    runs, swaps = (2, 3) if quick else (7, 20)
    tell("filling a Redis with the shop")
    with (
        tempfile.TemporaryDirectory() as folder,
        generator() as generate,
        redis_process(Path(folder) / "redis") as redis,
    ):
        data = Path(folder) / "data"
        publish_model(shop, data / "models")
        with kabin_process(data, redis) as service:
            furnish(service, shop)
            skus = int(httpx.get(f"{service.url}/readyz").json()["catalog"]["skus"])
        tell(f"{runs} starts")
        starts = [_seconds_to_ready(data, redis) for _ in range(runs)]
        tell(f"{swaps} models swapped")
        with kabin_process(data, redis) as service:
            gaps = _swap_pauses(service, shop, generate, data / "models", swaps)
    return {
        "items": shop.items,
        "skus": skus,
        "ready_seconds": round(statistics.median(clock for clock, _ in starts), 3),
        "ready_cpu_seconds": round(statistics.median(cpu for _, cpu in starts), 3),
        "ready_seconds_of_runs": [round(clock, 3) for clock, _ in starts],
        **gaps,
    }


def lines_of(results: dict[str, Any]) -> Iterator[str]:
    """Yield what :func:`run` returned as lines of text."""
    yield (
        f"start-up with {results['items']:,} items, {results['skus']:,} SKUs: ready after "
        f"{results['ready_seconds']:.2f} s (median of {results['ready_seconds_of_runs']}), {results['ready_cpu_seconds']:.2f} s of CPU"
    )
    yield (
        f"{results['swaps']} models swapped at {_RATE} requests/s: slowest answer around a swap "
        f"{results['swap_slowest_ms']:.1f} ms at the median, {results['swap_most_ms']:.1f} at most; in as long a quiet time "
        f"{results['quiet_slowest_ms']:.1f} and {results['quiet_most_ms']:.1f}; {results['failed']} failed"
    )


def _seconds_to_ready(data: Path, redis: Server) -> tuple[float, float]:
    """Return the seconds from the start of the process until ``/readyz`` says that model and catalog are there.

    By the clock, and of CPU: on a busy machine only the latter says much.
    """
    started = time.perf_counter()
    with kabin_process(data, redis) as service:
        while not _is_ready(service.url):
            if time.perf_counter() > started + _PATIENCE_SECONDS:
                raise RuntimeError(f"the service is not ready after {_PATIENCE_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
        return time.perf_counter() - started, service.cpu_seconds()


def _is_ready(url: str) -> bool:
    answer = httpx.get(f"{url}/readyz")
    state = answer.json()
    return (
        answer.status_code == 200 and state["catalog"]["items"] > 0 and state["model"]["version"] is not None
    )


def _swap_pauses(
    service: Server, shop: ReferenceShop, generate: Generate, models_dir: Path, swaps: int
) -> dict[str, Any]:
    """Publish models while pages are asked for, and return the slowest answers around swaps and between them."""
    seconds = (swaps + 1) * _SWAP_EVERY_SECONDS
    requests = functools.partial(shop.requests, round(_RATE * seconds), stream=1)
    base = models_dir / str(current_version(models_dir))
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(generate, Load(service.port, requests, _RATE))
        for number in range(swaps):
            time.sleep(_SWAP_EVERY_SECONDS)
            publish(models_dir, linked_version(models_dir, base, created_at=time.time() + number))
        outcome = asking.result()
    changes = swap_places(outcome)
    if not changes:
        raise RuntimeError("no answer shows a swap: the service does not take up new models")
    around = [_slowest(outcome, place, -_BEFORE_SECONDS, _AFTER_SECONDS) for place in changes]
    quiet = [
        _slowest(outcome, place, _AFTER_SECONDS, _SWAP_EVERY_SECONDS - _BEFORE_SECONDS) for place in changes
    ]
    return {
        "swaps": len(changes),
        "swap_slowest_ms": round(statistics.median(around), 2),
        "swap_most_ms": round(max(around), 2),
        "quiet_slowest_ms": round(statistics.median(quiet), 2),
        "quiet_most_ms": round(max(quiet), 2),
        "failed": sum(status != 200 for status in outcome.statuses),
    }


def swap_places(outcome: Outcome) -> list[int]:
    """Return the requests, by place, that were the first to be answered by another model than the one before."""
    versions = [_version(body) for body in outcome.bodies]
    return [
        place
        for place in range(1, len(versions))
        if versions[place] != versions[place - 1] and versions[place] not in versions[:place]
    ]


def _version(body: bytes) -> str | None:
    found = _VERSION.search(body)
    return None if found is None else found[1].decode()


def _slowest(outcome: Outcome, place: int, from_seconds: float, to_seconds: float) -> float:
    """Return the largest latency in a window around a request, in milliseconds."""
    first, last = (place + round(seconds * _RATE) for seconds in (from_seconds, to_seconds))
    return max(outcome.latencies_ms[max(first, 0) : max(last, 1)], default=0.0)
