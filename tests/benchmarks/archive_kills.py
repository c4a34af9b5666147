"""What an archiver that is killed again and again does to events: nothing, if all is well.

    python -m tests.benchmarks.archive_kills --kills 20 --events-per-second 2000

A real service takes events over HTTP from visitors who send again what was not confirmed, while `kabin archive --follow`
is killed (SIGKILL) at random instants and started anew; every few kills Redis is killed too and comes back from its
append-only file. At the end the event ids that were confirmed are compared with those in the Parquet files.

With `--fsync everysec` a few may be missing, and none of them through the archiver: while a sync runs, Redis answers before it has
written, and what a SIGKILL then takes it has confirmed. With `always`, the default here, nothing is missing.
"""

import argparse
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from recommender.events import Event
from service.stores.archive import Archive, LocalStorage
from tests.redis_servers import RedisProcess

KEY: Final = "a-key-of-the-archive-kills"
BATCH: Final = 50
DEADLINE_SECONDS: Final = 120.0
LONGEST_LIFE_SECONDS: Final = 3.0
"""Of an archiver from its first commit until it is killed."""


@dataclass
class Outcome:
    """What came of it all; times in seconds."""

    kills: int = 0
    redis_kills: int = 0
    seconds: float = 0.0
    confirmed: set[str] = field(default_factory=set)
    unconfirmed_calls: int = 0
    archived: Counter[str] = field(default_factory=Counter)
    orphans_seen: int = 0

    @property
    def lost(self) -> int:
        """Confirmed events that are not in the archive."""
        return len(self.confirmed - self.archived.keys())

    @property
    def duplicates(self) -> int:
        """Rows beyond the first of an event."""
        return self.archived.total() - len(self.archived)

    def table(self) -> str:
        """Return the counts as text."""
        rows = {
            "seconds": f"{self.seconds:,.0f}",
            "SIGKILLs of the archiver": f"{self.kills:,}",
            "SIGKILLs of Redis": f"{self.redis_kills:,}",
            "calls that were not confirmed and sent again": f"{self.unconfirmed_calls:,}",
            "events confirmed": f"{len(self.confirmed):,}",
            "events confirmed a second": f"{len(self.confirmed) / self.seconds:,.0f}",
            "times a killed archiver's files were left over": f"{self.orphans_seen:,}",
            "rows in Parquet": f"{self.archived.total():,}",
            "confirmed and not in Parquet": f"{self.lost:,}",
            "duplicates": f"{self.duplicates:,}",
        }
        return "\n".join(f"{name:<48}{value:>12}" for name, value in rows.items())


class Load:
    """Visitors who send events at a rate, and again whatever was not confirmed, until they are stopped."""

    def __init__(self, url: str, events_per_second: float, senders: int = 8) -> None:
        self._url = url
        self._pause = BATCH * senders / events_per_second
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(senders)]
        self.confirmed: set[str] = set()
        self.unconfirmed_calls = 0

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every call that was begun be confirmed, and end."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _send(self, sender: int) -> None:
        number = 0
        rng = random.Random(sender)
        with httpx.Client(headers={"authorization": f"Bearer {KEY}"}, timeout=10) as client:
            due = time.monotonic()
            while not self._stopping.is_set():
                ids = [f"{sender}-{number}-{place}" for place in range(BATCH)]
                self._confirm(client, f"visitor-{sender}-{number % 500}", ids, rng)
                number += 1
                due = max(due + self._pause, time.monotonic() - 5 * self._pause)
                self._stopping.wait(max(0.0, due - time.monotonic()))

    def _confirm(self, client: httpx.Client, visitor_id: str, ids: list[str], rng: random.Random) -> None:
        now = time.time()
        body = {
            "visitor_id": visitor_id,
            "events": [
                {
                    "name": "view_item",
                    "event_id": one,
                    # One in ten is of one of the days before.
                    "timestamp": now - 86_400 * rng.randint(1, 3) * (rng.random() < 0.1),
                    "params": {"items": [{"item_id": f"i{rng.randint(0, 999)}"}]},
                }
                for one in ids
            ],
        }
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = client.post(f"{self._url}/events", json=body)
                if answer.status_code == 202:
                    counts = answer.json()["events"] if "events" in answer.json() else answer.json()
                    if counts["accepted"] + counts["duplicate"] != len(ids):
                        raise RuntimeError(f"not all accepted: {answer.text}")
                    self.confirmed.update(ids)
                    return
            self.unconfirmed_calls += 1
            if time.monotonic() > deadline:
                raise RuntimeError("events are not confirmed any more")
            time.sleep(0.2)


def run_kills(
    folder: Path,
    *,
    kills: int,
    kills_a_redis_kill: int,
    events_per_second: float,
    fsync: str = "always",
    seed: int = 0,
) -> Outcome:
    """Kill archivers under load, and Redis now and then; return what came of it.

    Args:
        folder: for all files.
        kills: how many archivers.
        kills_a_redis_kill: after how many of them Redis is killed as well.
        events_per_second: of the load.
        fsync: of Redis' append-only file.
        seed: of the moments.
    """
    rng = random.Random(seed)
    outcome = Outcome()
    started = time.monotonic()
    redis = RedisProcess(folder / "redis", "--appendfsync", fsync)
    storage = LocalStorage(folder / "data" / "archive")
    redis.start()
    try:
        with _service(folder, redis.url) as url:
            load = Load(url, events_per_second)
            load.start()
            try:
                while outcome.kills < kills:
                    _one_life(folder, redis.url, storage, rng, outcome)
                    if outcome.kills % kills_a_redis_kill == 0:
                        redis.signal(signal.SIGKILL)
                        redis.start()
                        outcome.redis_kills += 1
            finally:
                load.stop()
            outcome.seconds = time.monotonic() - started
            outcome.confirmed, outcome.unconfirmed_calls = load.confirmed, load.unconfirmed_calls
            subprocess.run(  # noqa: S603 - our own interpreter
                _command("archive"), env=_environment(folder, redis.url), check=True, timeout=DEADLINE_SECONDS
            )
    finally:
        redis.end()
    outcome.archived = _archived(storage)
    return outcome


def _one_life(folder: Path, url: str, storage: LocalStorage, rng: random.Random, outcome: Outcome) -> None:
    """Start an archiver, let it live for a moment after it has begun to work, and kill it."""
    before = set(storage.list("_manifest"))
    with (folder / "archiver.log").open("ab") as log:
        archiver = subprocess.Popen(  # noqa: S603 - our own interpreter
            _command("archive", "--follow"), env=_environment(folder, url), stdout=log, stderr=log
        )
    try:
        _wait_for(
            lambda: set(storage.list("_manifest")) != before or archiver.poll() is not None, "no commit"
        )
        time.sleep(rng.uniform(0, LONGEST_LIFE_SECONDS))
    finally:
        archiver.kill()
        archiver.wait()
    outcome.kills += 1
    outcome.orphans_seen += bool(_unlisted(storage))


def _unlisted(storage: LocalStorage) -> set[str]:
    manifest = Archive(storage).snapshot().manifest
    files = {name for name in storage.list() if name.endswith(".parquet")}
    return set() if manifest is None else files - {file.name for file in manifest.all_files}


def _archived(storage: LocalStorage) -> Counter[str]:
    decode = msgspec.json.Decoder(Event).decode
    return Counter(decode(row.json).event_id for rows in Archive(storage).rows() for row in rows)


@contextlib.contextmanager
def _service(folder: Path, redis_url: str) -> Iterator[str]:
    port = _free_port()
    environment = _environment(folder, redis_url) | {
        "KABIN_PORT": str(port),
        "KABIN_SERVER_KEY": KEY,
        "KABIN_ARCHIVE_INTERVAL_SECONDS": "0",
    }
    with (folder / "service.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            _command("serve"), env=environment, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(lambda: _is_up(url), f"the service did not start, see {folder}/service.log")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE_SECONDS)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "service.cli", *arguments]


def _environment(folder: Path, redis_url: str) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
    return environment | {
        "KABIN_DATA_DIR": str(folder / "data"),
        "KABIN_REDIS_URL": redis_url,
        "KABIN_ARCHIVE_INTERVAL_SECONDS": "1",
    }


def _is_up(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/readyz").json()["redis"]["ok"])
    except (httpx.TransportError, KeyError, ValueError):
        return False


def _wait_for(condition: Any, complaint: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(complaint)
        time.sleep(0.02)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="of archivers")
    parser.add_argument(
        "--kills-a-redis-kill", type=int, default=5, help="after so many, Redis is killed too"
    )
    parser.add_argument("--events-per-second", type=float, default=2000)
    parser.add_argument(
        "--fsync", choices=["always", "everysec"], default="always", help="of Redis' append-only file"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kabin-kills-") as folder:
        outcome = run_kills(Path(folder), **vars(options))
    print(outcome.table())
    sys.exit(bool(outcome.lost or outcome.duplicates))


if __name__ == "__main__":
    main()
