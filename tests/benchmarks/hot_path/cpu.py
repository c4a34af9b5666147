"""CPU time of one request, of the service and of its Redis, and its ratio to a bare route's in the same round."""

import functools
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.hot_path.answers import check
from tests.benchmarks.hot_path.load import Generate, Load, generator
from tests.benchmarks.hot_path.progress import Tell, silent
from tests.benchmarks.hot_path.servers import (
    Server,
    bare_process,
    bring_histories,
    naive_process,
    redis_process,
    reference_service,
)
from tests.benchmarks.hot_path.shop import ReferenceShop

BARE: Final = "bare"
RATES: Final = {"500 a second": 500.0, "saturated": float("inf")}
_PATIENT: Final = {"KABIN_REDIS_TIMEOUT_MS": "5000"}
"""On a busy machine Redis may take longer than a page waits, and an answer without Redis would be cheap."""
_ANSWER_SECONDS: Final = 120.0
"""The naive service may not keep up with the rate; it gets the time that it needs."""
_IDLE_SECONDS: Final = 5.0
_WARM_UP_REQUESTS: Final = 2000


@dataclass
class Usage:
    """CPU of one server, an entry a round.

    Attributes:
        service_us: microseconds a request.
        redis_us: of its Redis, 0 without one.
        ratio: ``service_us`` over the bare route's in the same round.
    """

    service_us: list[float] = field(default_factory=list)
    redis_us: list[float] = field(default_factory=list)
    ratio: list[float] = field(default_factory=list)

    def medians(self) -> dict[str, Any]:
        """Return the medians and all rounds, as plain values."""
        return {
            name: {
                "median": round(statistics.median(values), 3),
                "least": round(min(values), 3),
                "most": round(max(values), 3),
                "rounds": [round(each, 3) for each in values],
            }
            for name, values in vars(self).items()
            if values
        }


def run(*, quick: bool, tell: Tell, against: Path | None = None) -> dict[str, Any]:
    """Measure the service, a bare route and the naive service, and return the results as plain values.

    Args:
        quick: few and short rounds.
        tell: is told what comes next.
        against: another checkout, whose service is measured beside this one's as ``before``.
    """
    shop = ReferenceShop()
    rounds, requests = (3, 500) if quick else (9, 2000)
    tell("starting the servers")
    with (
        tempfile.TemporaryDirectory() as folder,
        generator() as generate,
        _servers(Path(folder), shop, against) as servers,
    ):
        found = {
            name: measure(
                servers,
                shop,
                generate,
                rounds=rounds,
                requests=requests,
                rate=rate,
                tell=lambda round_, name=name: tell(f"{name}, {round_}"),  # type: ignore[misc]
            )
            for name, rate in RATES.items()
        }
        tell("nobody asks")
        idle = idle_milliseconds(servers)
    return {
        name: {server: usage.medians() | {"idle_ms": idle[server]} for server, usage in by_server.items()}
        for name, by_server in found.items()
    }


def lines_of(results: dict[str, Any]) -> Iterator[str]:
    """Yield what :func:`run` returned as lines of text."""
    for rate, by_server in results.items():
        yield f"{f'CPU a request, {rate}':<30}{'service µs':>12}{'Redis µs':>10}{'times bare':>12}"
        for server, usage in by_server.items():
            service, redis, ratio = (usage[name]["median"] for name in ("service_us", "redis_us", "ratio"))
            spread = f"({usage['ratio']['least']:.2f} to {usage['ratio']['most']:.2f})"
            yield f"  {server:<28}{service:>12.0f}{redis:>10.0f}{ratio:>12.2f}  {spread}"
        of_naive = by_server["kabin"]["service_us"]["median"] / by_server["naive"]["service_us"]["median"]
        yield f"  kabin takes {of_naive:.2f} of the naive service's"
    idle = (f"{server} {usage['idle_ms']:.1f}" for server, usage in by_server.items())
    yield "CPU in ms a second while nobody asks, in the figures above: " + ", ".join(idle)


@contextmanager
def _servers(folder: Path, shop: ReferenceShop, against: Path | None) -> Iterator[list[Server]]:
    """Start everything that is compared."""
    with ExitStack() as stack:
        start = stack.enter_context
        servers = [start(bare_process()), start(reference_service(folder / "kabin", shop, settings=_PATIENT))]
        if against is not None:
            before = reference_service(
                folder / "before", shop, name="before", tree=against, settings=_PATIENT
            )
            servers.append(start(before))
        redis = start(redis_process(folder / "naive-redis"))
        servers.append(start(naive_process(folder / "naive", redis, shop)))
        bring_histories(servers[-1], shop)
        yield servers


def idle_milliseconds(servers: Sequence[Server]) -> dict[str, float]:
    """Return the CPU milliseconds a second that each server uses while nobody asks."""
    before = [server.cpu_seconds() for server in servers]
    time.sleep(_IDLE_SECONDS)
    return {
        server.name: round((server.cpu_seconds() - used) / _IDLE_SECONDS * 1e3, 3)
        for server, used in zip(servers, before, strict=True)
    }


def measure(
    servers: Sequence[Server],
    shop: ReferenceShop,
    generate: Generate,
    *,
    rounds: int,
    requests: int,
    rate: float,
    connections: int = 8,
    tell: Tell = silent,
) -> dict[str, Usage]:
    """Ask all servers the same in turns, and return what each used.

    Args:
        servers: one of them the bare route.
        shop: whose visitors ask.
        generate: runs a load, in a process of its own.
        rounds: of all servers; the order changes from one to the next.
        requests: to each server in a round.
        rate: requests a second; infinite asks as fast as the connections get answers.
        connections: that ask.
        tell: is told of each round.

    Raises:
        WrongAnswer: one is not what the reference request asks for.
    """
    usage = {server.name: Usage() for server in servers}
    for server in servers:
        _ask(server, shop, generate, _WARM_UP_REQUESTS, stream=0, rate=rate, connections=connections)
    for number in range(1, rounds + 1):
        tell(f"round {number} of {rounds}")
        turn = number % len(servers)
        for server in (*servers[turn:], *servers[:turn]):
            before = server.cpu_seconds(), _redis_seconds(server)
            _ask(server, shop, generate, requests, stream=number, rate=rate, connections=connections)
            after = server.cpu_seconds(), _redis_seconds(server)
            usage[server.name].service_us.append((after[0] - before[0]) / requests * 1e6)
            usage[server.name].redis_us.append((after[1] - before[1]) / requests * 1e6)
        for each in usage.values():
            each.ratio.append(each.service_us[-1] / usage[BARE].service_us[-1])
    return usage


def _ask(
    server: Server,
    shop: ReferenceShop,
    generate: Generate,
    count: int,
    *,
    stream: int,
    rate: float,
    connections: int,
) -> None:
    requests = functools.partial(shop.requests, count, stream=stream)
    outcome = generate(Load(server.port, requests, rate, connections, _ANSWER_SECONDS))
    check(server.name, outcome)


def _redis_seconds(server: Server) -> float:
    return 0.0 if server.redis is None else server.redis.cpu_seconds()
