"""How long it takes until a toggled experiment is seen in every worker of a running service.

    python -m tests.benchmarks.experiment_toggle --toggles 40

Starts `kabin serve` with two workers and an embedded Valkey, and opens connections until each worker holds one. Then
an experiment is stopped and started again through the API, at times that have nothing to do with the workers' looks,
while other visitors ask for pages. On every connection the same visitor asks again and again whether he takes part.
The clock starts before the request that toggles; a worker has seen it when its first changed answer has arrived.
"""

import argparse
import asyncio
import contextlib
import os
import random
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import psutil

START_TIMEOUT_SECONDS: Final = 60.0
SEEN_TIMEOUT_SECONDS: Final = 30.0
ASK_EVERY_SECONDS: Final = 0.005
MOST_CONNECTIONS: Final = 64

EXPERIMENT: Final = "toggle"
DEFINITION: Final[dict[str, Any]] = {"feature": "kabin-homepage", "variations": ["personalized", "promo"]}


class Toggle(NamedTuple):
    """Milliseconds from the request: until it was answered, and until each worker (by process id) showed it."""

    answered_ms: float
    seen_ms: dict[int, float]


class Connection(NamedTuple):
    """A connection to one worker."""

    client: httpx.AsyncClient
    pid: int


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--toggles", type=int, choices=range(1, 1001), default=40, metavar="1..1000")
    parser.add_argument("--workers", type=int, choices=range(2, 17), default=2, metavar="2..16")
    parser.add_argument(
        "--pages-per-second", type=float, default=50.0, help="of other visitors, meanwhile; 50 by default"
    )
    options = parser.parse_args(arguments)
    key = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder), key, options.workers) as url:
        toggles = asyncio.run(
            measure(url, key, options.toggles, workers=options.workers, rate=options.pages_per_second)
        )
    report(toggles, options)


async def measure(url: str, key: str, toggles: int, *, workers: int, rate: float) -> list[Toggle]:
    """Toggle so often, under load, and return what each took."""
    headers = {"authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(base_url=url, headers=headers) as operator,
        connected(url, headers, workers) as connections,
        load(url, headers, rate),
    ):
        (await operator.put(f"/experiments/{EXPERIMENT}", json=DEFINITION)).raise_for_status()
        await asyncio.gather(*(seen(each, is_running=True) for each in connections))
        found = []
        for number in range(toggles):
            # Anywhere between two looks.
            await asyncio.sleep(random.uniform(0.0, 1.0))
            found.append(await toggle(operator, connections, is_running=number % 2 == 1))
        return found


async def toggle(operator: httpx.AsyncClient, connections: list[Connection], *, is_running: bool) -> Toggle:
    """Stop or start the experiment and wait until every worker shows it."""
    started = time.perf_counter()
    watching = [asyncio.create_task(seen(each, is_running=is_running)) for each in connections]
    status = "running" if is_running else "stopped"
    response = await operator.patch(f"/experiments/{EXPERIMENT}", json={"status": status})
    response.raise_for_status()
    answered = time.perf_counter()
    seen_ms: dict[int, float] = {}
    for connection, at in zip(connections, await asyncio.gather(*watching), strict=True):
        # A worker has changed when it has changed for everybody.
        seen_ms[connection.pid] = max(seen_ms.get(connection.pid, 0.0), (at - started) * 1000)
    return Toggle((answered - started) * 1000, seen_ms)


async def seen(connection: Connection, *, is_running: bool) -> float:
    """Ask until the answer is as it should be, and return when that was."""
    async with asyncio.timeout(SEEN_TIMEOUT_SECONDS):
        while True:
            answer = await ask(connection.client, "observer")
            now = time.perf_counter()
            takes_part = any(each["experiment_id"] == EXPERIMENT for each in answer["experiments"])
            if takes_part == is_running:
                return now
            await asyncio.sleep(ASK_EVERY_SECONDS)


async def ask(client: httpx.AsyncClient, visitor_id: str) -> Any:
    """Ask for a homepage."""
    response = await client.post("/personalize", json={"visitor_id": visitor_id, "page": {"type": "home"}})
    return response.raise_for_status().json()


@contextlib.asynccontextmanager
async def connected(url: str, headers: dict[str, str], workers: int) -> AsyncIterator[list[Connection]]:
    """Open connections until there is one to each worker.

    Raises:
        RuntimeError: the kernel gave them all to some of the workers.
    """
    async with contextlib.AsyncExitStack() as stack:
        found: list[Connection] = []
        for _ in range(MOST_CONNECTIONS):
            limits = httpx.Limits(max_connections=1, keepalive_expiry=None)
            client = httpx.AsyncClient(
                base_url=url, headers=headers, limits=limits, timeout=SEEN_TIMEOUT_SECONDS
            )
            await stack.enter_async_context(client)
            response = await client.get("/healthz")
            port = response.extensions["network_stream"].get_extra_info("client_addr")[1]
            pid = worker_at(port)
            if pid not in {each.pid for each in found}:
                found.append(Connection(client, pid))
            if len(found) == workers:
                yield found
                return
        raise RuntimeError(f"{MOST_CONNECTIONS} connections reached {len(found)} of {workers} workers")


def worker_at(client_port: int) -> int:
    """Return the process at the other end of a connection."""
    for each in psutil.net_connections("tcp"):
        if each.raddr and each.raddr.port == client_port and each.pid not in {None, os.getpid()}:
            return int(each.pid)
    raise RuntimeError(f"no process holds the other end of port {client_port}")


@contextlib.asynccontextmanager
async def load(url: str, headers: dict[str, str], rate: float) -> AsyncIterator[None]:
    """Have other visitors ask for pages meanwhile, so many a second."""

    async def visit() -> None:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=SEEN_TIMEOUT_SECONDS) as client:
            while True:
                await ask(client, secrets.token_hex(8))
                await asyncio.sleep(1 / rate)

    task = asyncio.create_task(visit())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.contextmanager
def running_service(folder: Path, key: str, workers: int) -> Iterator[str]:
    """Start the service on a free port of this machine, yield its address, and stop it.

    Raises:
        RuntimeError: it did not start; the message is what it logged.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
    environment |= {
        "KABIN_DATA_DIR": str(folder / "data"),
        "KABIN_PORT": str(port),
        "KABIN_SERVER_KEY": key,
        "KABIN_WORKERS": str(workers),
    }
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve"], env=environment, stdout=out, stderr=out
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not is_ready(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_TIMEOUT_SECONDS)


def is_ready(url: str) -> bool:
    """Tell whether the service answers; without a catalog it does so, too."""
    try:
        return httpx.get(f"{url}/readyz").json()["redis"]["ok"] is True
    except (httpx.TransportError, KeyError):
        return False


def report(toggles: list[Toggle], options: argparse.Namespace) -> None:
    """Print the times."""
    every = [max(each.seen_ms.values()) for each in toggles]
    first = [min(each.seen_ms.values()) for each in toggles]
    print(
        f"{len(toggles)} toggles, {options.workers} workers, {options.pages_per_second:g} other pages a second; "
        f"load average {os.getloadavg()[0]:.1f}"
    )
    print(f"{'milliseconds':<28}{'median':>9}{'90 %':>9}{'most':>9}")
    rows = {
        "answered": [each.answered_ms for each in toggles],
        "seen in one worker": first,
        "in every worker": every,
    }
    for name, values in rows.items():
        ordered = sorted(values)
        ninth = ordered[min(int(len(ordered) * 0.9), len(ordered) - 1)]
        print(f"{name:<28}{statistics.median(ordered):>9.0f}{ninth:>9.0f}{ordered[-1]:>9.0f}")


if __name__ == "__main__":
    main()
