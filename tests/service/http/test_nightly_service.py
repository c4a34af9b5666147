"""Nights of a real service on a real Valkey: events over HTTP at one end, the model in its answers at the other."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from service.nights.night import LEASE
from service.stores.archive import Archive, LocalStorage
from service.stores.connection import Client, connected
from service.stores.embedded import EmbeddedValkey
from service.stores.keys import Keyspace
from service.stores.leases import Lease, RedisLeases
from service.stores.nights import Night, RedisNights

pytestmark = pytest.mark.slow

VISITORS = 120
DAY_SECONDS = 86_400.0


class Nightly:
    """A ``kabin nightly`` beside a service; what it logs goes to a file."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._log = folder / f"nightly-{len(list(folder.glob('nightly-*')))}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-m", "service.cli", "nightly", "--tune-seconds", "0", *arguments],
                env=environment | {"KABIN_DATA_DIR": str(folder)},
                stderr=log,
            )

    def said(self, message: str) -> list[dict[str, Any]]:
        """Return the lines with a message that it has logged so far."""
        complete, _, _ = self.log().rpartition("\n")
        lines = [json.loads(line) for line in complete.splitlines()]
        return [line for line in lines if line["message"] == message]

    def log(self) -> str:
        """Return everything it has logged so far."""
        return self._log.read_text()

    def ends(self) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(120)


@contextmanager
def nightly(folder: Path, *arguments: str) -> Iterator[Nightly]:
    """Run one; it ends with the block at the latest."""
    running = Nightly(folder, *arguments)
    try:
        yield running
    finally:
        for process in (
            [*psutil.Process(running.process.pid).children(), running.process]
            if running.process.poll() is None
            else []
        ):
            process.kill()
        running.process.wait(60)


@asynccontextmanager
async def valkey_of(folder: Path) -> AsyncIterator[Client]:
    """Connect to the embedded server of a running service."""
    url = EmbeddedValkey.url_of_running(folder / "valkey")
    assert url is not None
    async with connected(url, timeout_seconds=20) as client:
        yield client


def wait_for_a_night_since(folder: Path, since: float) -> None:
    """Let Redis know that nights have been waited for since then."""

    async def note() -> None:
        async with valkey_of(folder) as client:
            await RedisNights(client, Keyspace()).waiting_since(since)

    asyncio.run(note())


def night_and_lease(folder: Path) -> tuple[Night | None, Lease | None]:
    """Return the last completed night, and the lease of one that runs."""

    async def look() -> tuple[Night | None, Lease | None]:
        async with valkey_of(folder) as client:
            lease = await RedisLeases(client, Keyspace()).current(LEASE)
            return await RedisNights(client, Keyspace()).last(), lease

    return asyncio.run(look())


def browse(server: Any) -> int:
    """Let visitors look at three to five dresses each, over the last three days; return how many events were accepted."""
    accepted = 0
    now = time.time()
    with httpx.Client(base_url=server.url, headers=server.trusted) as shop:
        for visitor in range(VISITORS):
            began = now - 3 * DAY_SECONDS * (1 - visitor / VISITORS)
            events = [
                {
                    "name": "view_item",
                    "event_id": f"{visitor}-{view}",
                    "timestamp": began + 20.0 * view,
                    "params": {"items": [{"item_id": f"d{(visitor + view) % 12}-10"}]},
                }
                for view in range(3 + visitor % 3)
            ]
            answer = shop.post("/events", json={"visitor_id": f"visitor-{visitor}", "events": events})
            accepted += answer.raise_for_status().json()["accepted"]
    return accepted


def eventually(condition: Callable[[], bool], complaint: Callable[[], str]) -> None:
    """Wait for a condition, for two minutes at most."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, complaint()
        time.sleep(0.02)


def test_nights_from_events_over_http_to_the_model_in_the_answers(
    start_server: Callable[..., Any], tmp_path: Path
) -> None:
    """A missed night is made up for at once; a second machine is turned away; one that is stopped publishes nothing."""
    server = start_server(tmp_path, archive_interval_seconds=0)
    server.put_feed()
    accepted = browse(server)
    wait_for_a_night_since(tmp_path, time.time() - 2 * DAY_SECONDS)
    with nightly(tmp_path, "--at", "03:30", "--timezone", "Europe/Berlin") as watch:
        eventually(lambda: night_and_lease(tmp_path)[1] is not None, watch.log)
        (night,) = psutil.Process(watch.process.pid).children()
        night.suspend()  # so that it is at it for as long as the second one looks
        with nightly(tmp_path, "--now") as second:
            assert second.ends() == 4, second.log()
            (line,) = second.said("another process is at it")
            assert line["holder"].endswith(f"process {night.pid}")
        night.resume()
        eventually(lambda: bool(watch.said("waiting")), watch.log)
        (due,) = watch.said("night is due")
        assert due["nights_due"] == 2
        (end,) = watch.said("night ends")
        assert (end["level"], end["result"]) == ("info", "published")
        watch.process.send_signal(signal.SIGTERM)
        assert watch.ends() == 0
    version = end["version"]
    eventually(lambda: httpx.get(f"{server.url}/readyz").json()["model"]["version"] == version, server.log)
    assert Archive(LocalStorage(tmp_path / "archive")).count() == accepted
    completed, lease = night_and_lease(tmp_path)
    assert completed is not None
    assert (completed.version, lease) == (version, None)
    with nightly(tmp_path, "--now") as stopped:
        eventually(
            lambda: bool([line for line in stopped.said("step begins") if line["step"] == "train"]),
            stopped.log,
        )
        stopped.process.send_signal(signal.SIGTERM)
        assert stopped.ends() == 1, stopped.log()
        assert stopped.said("night ends early, the current model stays")[0]["reason"] == "stopped by SIGTERM"
    assert night_and_lease(tmp_path) == (completed, None)
    assert httpx.get(f"{server.url}/readyz").json()["model"]["version"] == version
