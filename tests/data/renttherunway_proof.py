"""The whole line on real input: RentTheRunway's rentals through every command, then answers over HTTP.

    python tests/data/renttherunway_proof.py [--visitors 2000] [RENTALS.parquet]

Builds the feed (see :mod:`tests.data.renttherunway` for what the data lack), then runs `kabin import catalog`, `kabin
import events`, `kabin train` and `kabin serve` as an operator would, on an embedded Valkey in a temporary folder, and asks
`/personalize` for renters of the file: the product page of the item that each of them rented last.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import re
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow.parquet as pq

from tests.data.renttherunway import MAPPING, write_feed

SEED: Final = 7
START_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What the run showed; shares are of the visitors asked about, times in seconds or milliseconds."""

    skus: int
    rentals: int
    events: int
    """A rental, and what its renter said of the fit, are two events."""
    visitors: int
    import_seconds: float
    rentals_per_second: float
    train_seconds: float
    asked: int
    preselected: float
    hinted: float
    regulars: int
    """Of the asked, those with three rentals or more."""
    regulars_with_size: float
    with_recommendations: float
    variants: dict[str, int]
    sources: dict[str, int]
    degraded: int
    median_ms: float
    p99_ms: float


class Renter(NamedTuple):
    """Somebody of the file: what they rented last, and how often they rented."""

    visitor_id: str
    last_item_id: str
    rentals: int


def prove(rentals: Path, folder: Path, asked: int, *, redis_timeout_ms: int = 30) -> Proof:
    """Run everything in ``folder`` and return what it showed.

    Args:
        rentals: the file, or part of it.
        folder: an empty one.
        asked: renters asked for.
        redis_timeout_ms: the service's patience; more of it where an answer must not depend on a busy machine.

    Raises:
        RuntimeError: a command failed, or the service did not come up.
    """
    feed = folder / "feed.jsonl"
    skus = write_feed(rentals, feed)
    kabin(folder, "import", "catalog", str(feed))
    started = time.monotonic()
    said = kabin(folder, "import", "events", str(rentals), "--map", MAPPING)
    import_seconds = time.monotonic() - started
    started = time.monotonic()
    kabin(folder, "train")
    train_seconds = time.monotonic() - started
    counted = re.search(r"([\d,]+) events? of ([\d,]+) visitors?: ([\d,]+) new", said)
    if counted is None:
        raise RuntimeError(f"kabin import events said something else: {said}")
    events, visitors, _ = (int(number.replace(",", "")) for number in counted.groups())
    count = pq.ParquetFile(rentals).metadata.num_rows
    key = secrets.token_urlsafe(24)
    with serving(folder, key, redis_timeout_ms) as port:
        renters = _renters(rentals, asked)
        answers, milliseconds = ask(port, key, renters)
    sizes = Counter(answer["size"]["action"] for answer in answers)
    regulars = [
        answer["size"]["action"] != "none"
        for answer, renter in zip(answers, renters, strict=True)
        if renter.rentals >= 3
    ]
    return Proof(
        skus=skus,
        rentals=count,
        events=events,
        visitors=visitors,
        import_seconds=round(import_seconds, 1),
        rentals_per_second=round(count / import_seconds),
        train_seconds=round(train_seconds, 1),
        asked=len(answers),
        preselected=sizes["preselect"] / len(answers),
        hinted=sizes["hint"] / len(answers),
        regulars=len(regulars),
        regulars_with_size=sum(regulars) / max(1, len(regulars)),
        with_recommendations=sum(bool(answer["recommendations"]) for answer in answers) / len(answers),
        variants=dict(Counter(answer["slots"]["homepage"]["variant"] for answer in answers)),
        sources=dict(Counter(one["source"] for answer in answers for one in answer["recommendations"])),
        degraded=sum(answer["degraded"] for answer in answers),
        median_ms=round(statistics.median(milliseconds), 2),
        p99_ms=round(statistics.quantiles(milliseconds, n=100)[98], 2),
    )


def kabin(folder: Path, *arguments: str) -> str:
    """Run a command on the data in ``folder`` and return what it printed.

    Raises:
        RuntimeError: it failed; the message is its own.
    """
    command = [sys.executable, "-m", "service.cli", *arguments, "--data-dir", str(folder)]
    outcome = subprocess.run(  # noqa: S603 - our own interpreter and package
        command, env=_environment(), capture_output=True, text=True, timeout=900, check=False
    )
    if outcome.returncode != 0:
        raise RuntimeError(f"kabin {' '.join(arguments)}: {outcome.stderr}")
    return outcome.stdout


@contextlib.contextmanager
def serving(folder: Path, key: str, redis_timeout_ms: int) -> Iterator[int]:
    """Run `kabin serve` on a free port while the block runs, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--data-dir", str(folder)]
    settings = {"KABIN_SERVER_KEY": key, "KABIN_REDIS_TIMEOUT_MS": str(redis_timeout_ms)}
    log = folder / "serve.log"
    with log.open("w") as out:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and package
            command, env=_environment() | settings, stdout=out, stderr=out
        )
        try:
            _wait_until_ready(port, process, log)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def ask(port: int, key: str, renters: Sequence[Renter]) -> tuple[list[dict[str, Any]], list[float]]:
    """Ask for each renter on the page of their last item, one after the other on one connection; return answers and milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    answers, milliseconds = [], []
    for renter in renters:
        page = {"type": "product", "item_id": renter.last_item_id}
        body = json.dumps({"visitor_id": renter.visitor_id, "page": page})
        started = time.perf_counter()
        connection.request("POST", "/personalize", body, headers)
        response = connection.getresponse()
        content = response.read()
        milliseconds.append((time.perf_counter() - started) * 1000)
        if response.status != 200:
            raise RuntimeError(f"/personalize answered {response.status}: {content.decode(errors='replace')}")
        answers.append(json.loads(content))
    connection.close()
    return answers, milliseconds


def _renters(rentals: Path, count: int) -> list[Renter]:
    """Return ``count`` renters, drawn by seed among all of the file."""
    table = pq.read_table(rentals, columns=["user_id", "item_id", "review_date"]).sort_by("review_date")
    who, items = ([str(value) for value in table[name].to_pylist()] for name in ("user_id", "item_id"))
    last, times = dict(zip(who, items, strict=True)), Counter(who)
    drawn = random.Random(SEED).sample(sorted(last), min(count, len(last)))
    return [Renter(visitor_id, last[visitor_id], times[visitor_id]) for visitor_id in drawn]


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/readyz")
            with connection.getresponse() as response:
                if response.status == 200:
                    return
        time.sleep(0.05)
    raise RuntimeError(f"kabin serve is not ready: {log.read_text()}")


def _environment() -> dict[str, str]:
    """Return the environment without any setting of a real shop."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}


def main() -> None:
    """Run the proof and print it."""
    parser = argparse.ArgumentParser(
        description="Kabin on RentTheRunway's rentals, from files to answers over HTTP."
    )
    default = Path(os.environ.get("KABIN_DATA", "../shared/data")) / "renttherunway_open.parquet"
    parser.add_argument("rentals", nargs="?", type=Path, default=default)
    parser.add_argument("--visitors", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kabin-proof-") as folder:
        for name, value in asdict(prove(given.rentals, Path(folder), given.visitors)).items():
            print(f"{name:22} {value:.3f}" if isinstance(value, float) else f"{name:22} {value}")


if __name__ == "__main__":
    main()
