"""Applications that the tests of the HTTP contract call: one in memory, one real server on an embedded Valkey."""

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from recommender.catalog.catalog import Catalog
from recommender.catalog.feed import FeedReader
from recommender.catalog.rows import Row
from recommender.decisions.policy import NO_POLICY, Policy, compile_policy
from recommender.decisions.served import ServedModel
from service.app import Services, create_app
from service.experiments.definitions import combine
from service.history.visitor_events import HeldEvent
from service.knowledge import Knowledge
from service.metrics.metrics import Metrics
from service.redis_link.log_pressure import NO_PRESSURE, Pressure
from service.settings import Settings
from service.stores.catalog import CatalogChange
from service.stores.connection import StoreUnavailable
from service.stores.memory import MemoryVisitorStore
from service.stores.memory_erasures import MemoryErasures
from service.stores.memory_experiments import MemoryExperimentStore
from service.stores.memory_identifications import MemoryIdentifications

SERVER_KEY = "a-server-key-for-tests"
TRUSTED = {"authorization": f"Bearer {SERVER_KEY}"}
NOW = 1_763_740_800.0
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"


def feed_line(number: int, size: str, **changes: Any) -> str:
    """Return a line of the small shop's feed: dresses d0 (newest) to d11, every third on sale."""
    row = {
        "id": f"d{number}-{size}",
        "item_group_id": f"d{number}",
        "title": f"Dress {number}",
        "link": f"https://shop.example/d{number}",
        "availability": "in_stock",
        "price": "60.00 EUR",
        "product_type": "Women > Dresses",
        "gender": "female",
        "age_group": "adult",
        "color": "red",
        "size": size,
        "size_system": "US",
        "first_seen": f"2025-11-{20 - number:02d}T00:00:00Z",
    }
    if number % 3 == 0:
        row["sale_price"] = "40.00 EUR"
    return json.dumps(row | changes)


FEED = "\n".join(feed_line(number, size) for number in range(12) for size in ("8", "10", "12")).encode()


class FailingStore(MemoryVisitorStore):
    """A visitors' store that can be switched off; everything asked of it is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.failure: Exception = StoreUnavailable("Redis: switched off by a test")
        self.asked: list[str] = []

    async def apply(self, visitor_id: str, *arguments: Any, **options: Any) -> Any:
        """Apply, unless down."""
        self._ask(visitor_id)
        return await super().apply(visitor_id, *arguments, **options)

    async def read(self, visitor_id: str) -> Any:
        """Read, unless down."""
        self._ask(visitor_id)
        return await super().read(visitor_id)

    async def pin_homepage(self, visitor_id: str, *arguments: Any, **options: Any) -> bool:
        """Pin, unless down."""
        self._ask(visitor_id)
        return await super().pin_homepage(visitor_id, *arguments, **options)

    def drop(self, visitor_id: str) -> Any:
        """Forget, unless down."""
        self._ask(visitor_id)
        return super().drop(visitor_id)

    def holdings(self, visitor_id: str) -> Any:
        """Tell, unless down."""
        self._ask(visitor_id)
        return super().holdings(visitor_id)

    async def ping(self) -> None:
        """Answer, unless down."""
        if self.is_down:
            raise self.failure

    def _ask(self, visitor_id: str) -> None:
        self.asked.append(visitor_id)
        if self.is_down:
            raise StoreUnavailable("Redis: switched off by a test")


class MemoryVisitorEvents:
    """The events that a store in memory has logged."""

    def __init__(self, store: FailingStore) -> None:
        self._store = store

    async def of(self, visitor_id: str) -> list[HeldEvent]:
        """Return them, unless the store is down."""
        await self._store.ping()
        return [
            HeldEvent(visitor_id, "log", event.timestamp, msgspec.json.encode(event))
            for event in self._store.logged(visitor_id)
        ]


class NoCatalogStore:
    """A catalog store that cannot be reached."""

    async def replace(self, *_feed: Any, **_options: Any) -> CatalogChange:
        """Fail."""
        raise StoreUnavailable("Redis: no catalog in this test")

    patch = remove = replace


@dataclass
class Shop:
    """An application in memory, and the parts that tests turn and look at."""

    app: Starlette
    store: FailingStore
    metrics: Metrics
    model: list[ServedModel | None] = field(default_factory=lambda: [None])
    policy: list[Policy] = field(default_factory=lambda: [NO_POLICY])
    now: list[float] = field(default_factory=lambda: [NOW])
    experiments: MemoryExperimentStore = field(default_factory=MemoryExperimentStore)
    pressure: list[Pressure] = field(default_factory=lambda: [NO_PRESSURE])

    trusted = TRUSTED

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the application once, as a browser unless the headers say otherwise."""
        options["headers"] = {"user-agent": BROWSER} | (options.get("headers") or {})

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://kabin.example") as client:
                return await client.request(method, path, **options)

        return asyncio.run(call())

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of a metric's sample."""
        text = self.request("GET", "/metrics").text
        wanted = name + (
            "{" + ",".join(f'{key}="{labels[key]}"' for key in sorted(labels)) + "}" if labels else ""
        )
        return next(
            (float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(wanted + " ")),
            0.0,
        )

    def personalize(self, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """Call ``POST /personalize``."""
        return self.request("POST", "/personalize", json=body, headers=headers)


MakeShop = Callable[..., Shop]


@pytest.fixture
def make_shop(tmp_path: Path) -> MakeShop:
    """Return a function that makes a shop under the given settings."""

    def make(**settings: Any) -> Shop:
        rows = [row for row in FeedReader(io.BytesIO(FEED), name="feed.jsonl") if isinstance(row, Row)]
        catalog = Catalog.of_rows(rows, now=NOW)
        store = FailingStore()
        metrics = Metrics()
        model: list[ServedModel | None] = [None]
        policy = [NO_POLICY]
        now = [NOW]
        pressure = [NO_PRESSURE]
        experiments = MemoryExperimentStore(lambda: now[0])

        @asynccontextmanager
        async def running() -> AsyncIterator[None]:
            yield

        async def refresh_experiments() -> None:
            document = (await experiments.read()).document
            payload = combine(None, document).payload
            policy[0] = compile_policy(payload, switched_off=frozenset(document.switched_off)).policy

        identifications = MemoryIdentifications(store, lambda: now[0])
        services = Services(
            visitors=store,
            identifications=identifications,
            catalog=NoCatalogStore(),
            refresh_catalog=store.ping,
            knowledge=Knowledge(lambda: catalog, lambda: model[0], lambda: policy[0]),
            metrics=metrics,
            ping=store.ping,
            catalog_fresh_at=lambda: now[0],
            model_problem=lambda: None,
            running=running,
            clock=lambda: now[0],
            experiments=experiments,
            refresh_experiments=refresh_experiments,
            erasures=MemoryErasures(store, lambda: now[0], identifications=identifications),
            visitor_events=MemoryVisitorEvents(store),
            pressure=lambda: pressure[0],
        )
        defaults: dict[str, Any] = {
            "data_dir": tmp_path,
            "server_key": SERVER_KEY,
            "allowed_origins": ("https://shop.example",),
        }
        app = create_app(Settings(**(defaults | settings)), services)
        return Shop(app, store, metrics, model, policy, now, experiments, pressure)

    return make


@pytest.fixture
def shop(make_shop: MakeShop) -> Shop:
    """A shop under ordinary settings."""
    return make_shop()


@dataclass
class LiveServer:
    """A running ``kabin serve``."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path

    trusted = TRUSTED

    def put_feed(self) -> None:
        """Give the server the small shop's catalog and wait until it is used."""
        headers = TRUSTED | {"content-type": "application/x-ndjson"}
        httpx.put(f"{self.url}/catalog", content=FEED, headers=headers).raise_for_status()
        wait_until(lambda: httpx.get(f"{self.url}/readyz").json()["catalog"]["items"] == 12, self.log)

    def log(self) -> str:
        """Return what it has logged so far."""
        return (self.folder / "log").read_text()


@pytest.fixture(scope="session")
def start_server() -> Iterator[Callable[..., LiveServer]]:
    """Return a function that starts the real service in a folder; all end with the session."""
    started: list[LiveServer] = []

    def start(folder: Path, *, wait_for: str = "ready", **variables: Any) -> LiveServer:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = spawn(folder, port=port, **variables)
        server = LiveServer(f"http://127.0.0.1:{port}", process, folder)
        started.append(server)
        wait_until(lambda: is_in(server, wait_for), lambda: f"not {wait_for}:\n{server.log()}")
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
    for server in started:
        server.process.wait(60)


@pytest.fixture(scope="session")
def run_server() -> Callable[..., tuple[int, str]]:
    """Return a function that runs a service that is expected to give up; it returns exit code and log."""

    def run(folder: Path, **variables: Any) -> tuple[int, str]:
        process = spawn(folder, **variables)
        return process.wait(60), (folder / "log").read_text()

    return run


def spawn(folder: Path, **variables: Any) -> subprocess.Popen[bytes]:
    """Start ``kabin serve`` under the given settings."""
    given = {"data_dir": folder, "server_key": SERVER_KEY, "redis_timeout_ms": 2000} | variables
    given = {"archive_interval_seconds": 0, "shutdown_grace_seconds": 0} | given
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
    environment |= {f"KABIN_{name.upper()}": str(value) for name, value in given.items() if value != ""}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def is_in(server: LiveServer, status: str) -> bool:
    """Tell whether a server answers that it is in a status."""
    assert server.process.poll() is None, server.log()
    try:
        return bool(httpx.get(f"{server.url}/readyz").json()["status"] == status)
    except httpx.TransportError:
        return False


def wait_until(condition: Callable[[], bool], complaint: Callable[[], str]) -> None:
    """Wait for a condition, for a minute at most."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, complaint()
        time.sleep(0.05)
