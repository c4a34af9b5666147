"""Whether the hot path stays flat as a shop grows: visitors, items, history and workers, each beside the reference.

Every variant differs from the reference (43,000 items, 1,000 visitors of 30 events, one worker) in one thing. Both run
at the same time, each with a Redis of its own, and are asked in turn at the same rate, so that both meet the same
weather on the machine; every figure is the median over the rounds, and so is its ratio to the reference.
"""

import functools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.benchmarks.hot_path.latency import percentile
from tests.benchmarks.hot_path.load import Generate, Load, generator
from tests.benchmarks.hot_path.memory import Footprint, footprint_of
from tests.benchmarks.hot_path.population import multiply
from tests.benchmarks.hot_path.progress import Tell, silent
from tests.benchmarks.hot_path.servers import Server, furnish, kabin_process, publish_model, redis_process
from tests.benchmarks.hot_path.shop import ReferenceShop

KNOWN: Final = 1_000
"""Visitors of the reference, whose history is sent event by event; beyond these they are copied."""
_QUICKLY_KNOWN: Final = 200

ALLOWED: Final = 1.25
"""How many times the reference's CPU and latency a variant may take to count as flat."""

_CONNECTIONS: Final = 32
_PATIENCE_MS: Final = "5000"
"""An answer without Redis would be cheap: on a busy machine it may take longer than a page waits."""


@dataclass(frozen=True)
class Variant:
    """What differs from the reference.

    Attributes:
        dimension: what grows.
        size: how much of it there is.
        shop: with so much of it.
        workers: of the service.
    """

    dimension: str
    size: int
    shop: ReferenceShop
    workers: int = 1


def variants_of(reference: ReferenceShop) -> tuple[Variant, ...]:
    """Return what the reference grows into."""
    return (
        *(Variant("history", events, replace(reference, history=events)) for events in (1, 10, 100)),
        Variant("workers", 2, reference, workers=2),
        *(Variant("items", items, replace(reference, items=items)) for items in (1_000, 500_000)),
        *(Variant("visitors", count, replace(reference, visitors=count)) for count in (100_000, 1_000_000)),
    )


_QUICK: Final = {"history": 100, "workers": 2, "items": 1_000, "visitors": 100_000}


class Round(NamedTuple):
    """One round: CPU of service and Redis a request in microseconds, latencies in milliseconds, and failures."""

    service_us: float
    redis_us: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True)
class Growth:
    """What a variant takes beside the reference: medians over the rounds, and of the ratios.

    Attributes:
        dimension: what grows.
        from_size: how much of it the reference has.
        size: how much of it there is.
        variant: its figures.
        reference: the reference's, in the same rounds.
        ratios: variant to reference, by figure.
        footprint: memory of the variant's service at the end.
    """

    dimension: str
    from_size: int
    size: int
    variant: Round
    reference: Round
    ratios: dict[str, float]
    footprint: Footprint


def run(*, quick: bool, tell: Tell) -> list[dict[str, Any]]:
    """Measure every variant beside the reference, and return the results as plain values.

    Args:
        quick: one variant of each dimension, few visitors with a history of their own, and few and short rounds.
        tell: is told what comes next.
    """
    reference = ReferenceShop(visitors=_QUICKLY_KNOWN if quick else KNOWN)
    variants = [each for each in variants_of(reference) if not quick or each.size == _QUICK[each.dimension]]
    return [_as_json(growth) for growth in measure(reference, variants, quick=quick, tell=tell)]


def lines_of(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield what :func:`run` returned as lines of text."""
    yield f"{'growth':<28}{'service µs':>16}{'Redis µs':>14}{'p50 ms':>15}{'p99 ms':>15}{'failed':>8}"
    for each in results:
        own, ratios = each["variant"], each["ratios"]
        cells = "".join(
            f"{own[name]:>{width}.{digits}f} ×{ratios[name]:.2f}"
            for name, width, digits in (
                ("service_us", 10, 0),
                ("redis_us", 8, 0),
                ("p50_ms", 9, 2),
                ("p99_ms", 9, 2),
            )
        )
        mark = "" if each["ratios"]["service_us"] <= ALLOWED else f"  over ×{ALLOWED}"
        yield f"  {each['size']:>10,} {each['dimension']:<15}{cells}{own['failed']:>8}{mark}"


def measure(
    reference: ReferenceShop, variants: Sequence[Variant], *, quick: bool = False, tell: Tell = silent
) -> Iterator[Growth]:
    """Yield each variant's figures beside the reference's.

    Args:
        reference: whose visitors all have a history of their own.
        variants: to measure.
        quick: few and short rounds.
        tell: is told of each variant.
    """
    tell("starting the reference")
    rate, seconds, rounds = (250.0, 2.0, 3) if quick else (500.0, 4.0, 5)
    with (
        tempfile.TemporaryDirectory() as folder,
        generator() as generate,
        running(Path(folder), Variant("reference", 0, reference), reference.visitors) as unchanged,
    ):
        ask = functools.partial(_round, generate, rate=rate, count=round(rate * seconds))
        for variant in variants:
            tell(f"{variant.size:,} {variant.dimension}")
            with (
                tempfile.TemporaryDirectory() as own,
                running(Path(own), variant, reference.visitors) as service,
            ):
                pairs = _alternate(ask, ((unchanged, reference), (service, variant.shop)), rounds)
                yield _compared(reference, variant, pairs, footprint_of(service))


@contextmanager
def running(folder: Path, variant: Variant, known: int) -> Iterator[Server]:
    """Run a service with a variant's shop, on a Redis of its own; ``known`` visitors have a history of their own."""
    shop, data = variant.shop, folder / "data"
    publish_model(shop, data / "models")
    settings = {"KABIN_MAX_CATALOG_MB": "8192", "KABIN_REDIS_TIMEOUT_MS": _PATIENCE_MS}
    with (
        redis_process(folder / "redis") as redis,
        kabin_process(data, redis, workers=variant.workers, settings=settings) as service,
    ):
        furnish(service, shop, known=known)
        if shop.visitors > known:
            multiply(redis, shop, known)
        yield service


def _alternate(
    ask: Callable[[Server, ReferenceShop, int], Round],
    sides: Sequence[tuple[Server, ReferenceShop]],
    rounds: int,
) -> list[tuple[Round, ...]]:
    """Ask the reference and a variant in turn; the first round of each only warms their caches."""
    pairs = []
    for number in range(rounds + 1):
        stream = time.time_ns()
        pair = tuple([ask(service, shop, stream) for service, shop in sides])
        if number:
            pairs.append(pair)
    return pairs


def _round(
    generate: Generate,
    service: Server,
    shop: ReferenceShop,
    stream: int,
    *,
    rate: float,
    count: int,
) -> Round:
    """Ask a service ``count`` times at a rate."""
    redis = service.redis
    if redis is None:
        raise ValueError("the service has no Redis")
    before = service.cpu_seconds(), redis.cpu_seconds()
    requests = functools.partial(shop.requests, count, stream=stream)
    outcome = generate(Load(service.port, requests, rate, connections=_CONNECTIONS))
    after = service.cpu_seconds(), redis.cpu_seconds()
    service_us, redis_us = ((b - a) / count * 1e6 for a, b in zip(before, after, strict=True))
    ordered = sorted(outcome.latencies_ms)
    p50, p99 = percentile(ordered, 0.5), percentile(ordered, 0.99)
    failed = sum(not is_good(*each) for each in zip(outcome.statuses, outcome.bodies, strict=True))
    return Round(service_us, redis_us, p50, p99, failed)


def is_good(status: int, body: bytes) -> bool:
    """Tell whether an answer is whole: events kept and recommendations there."""
    if status != 200:
        return False
    answer: dict[str, Any] = json.loads(body)
    return bool(not answer["degraded"] and answer["events"]["accepted"] == 1 and answer["recommendations"])


def _compared(
    shop: ReferenceShop, variant: Variant, pairs: Sequence[tuple[Round, ...]], footprint: Footprint
) -> Growth:
    ratios = {
        name: statistics.median(getattr(new, name) / getattr(old, name) for old, new in pairs)
        for name in Round._fields
        if name != "failed"
    }
    reference, own = ([pair[place] for pair in pairs] for place in (0, 1))
    from_size = 1 if variant.dimension == "workers" else getattr(shop, variant.dimension)
    return Growth(
        variant.dimension, from_size, variant.size, _median(own), _median(reference), ratios, footprint
    )


def _median(rounds: Sequence[Round]) -> Round:
    middle = Round(*(statistics.median(values) for values in zip(*rounds, strict=True)))
    return middle._replace(failed=sum(each.failed for each in rounds))


def _as_json(growth: Growth) -> dict[str, Any]:
    plain = asdict(growth)
    return plain | {
        "variant": growth.variant._asdict(),
        "reference": growth.reference._asdict(),
        "footprint": growth.footprint._asdict(),
    }
