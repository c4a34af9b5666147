"""Everybody else who calls meanwhile: the shop's server and whoever watches the service, one thread for each call."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Final

from tests.faults.shop import SERVER_KEY

PAUSE_SECONDS: Final = 0.3
PATIENCE_SECONDS: Final = 5.0
"""A change of the catalog that was under way when Redis went silent may wait for longer; it is given up here."""

_PRICE: Final = json.dumps({"id": "dress-29-36", "price": "39.90 EUR"}).encode()
CALLS: Final = (
    ("GET", "/healthz", b""),
    ("GET", "/readyz", b""),
    ("GET", "/metrics", b""),
    ("GET", "/items/dress-3/similar", b""),
    ("GET", "/visitors/visitor-0", b""),
    ("DELETE", "/visitors/nobody", b""),
    ("PATCH", "/catalog", _PRICE),
    ("GET", "/experiments", b""),
)
"""Of each kind one: what reads, what writes, what needs Redis and what does not."""


class Operators:
    """Makes each of the calls again and again.

    Args:
        port: of the service that is asked next.

    Attributes:
        complaints: answers that nobody should get, by call: none at all, or a 5xx other than 503.
        slowest_ms: of each call.
    """

    def __init__(self, port: Callable[[], int]) -> None:
        self._port = port
        self._stopping = threading.Event()
        self.complaints: dict[str, str] = {}
        self.slowest_ms: dict[str, float] = {}

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Call while the block runs; who still waits for an answer after it is left alone."""
        threads = [
            threading.Thread(target=self._call, args=call, name=call[1], daemon=True) for call in CALLS
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            deadline = time.monotonic() + PATIENCE_SECONDS
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _call(self, method: str, path: str, body: bytes) -> None:
        name = f"{method} {path}"
        while not self._stopping.wait(PAUSE_SECONDS):
            began = time.monotonic()
            try:
                status, text = self._ask(method, path, body)
            except TimeoutError:
                self.slowest_ms[name] = inf
            except (OSError, http.client.HTTPException) as error:
                self.complaints[name] = f"no answer: {error!r}"
            else:
                took_ms = (time.monotonic() - began) * 1e3
                self.slowest_ms[name] = max(took_ms, self.slowest_ms.get(name, 0.0))
                if status >= 500 and status != 503:
                    self.complaints[name] = f"{status}: {text[:200]!r}"

    def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port(), timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, {"authorization": f"Bearer {SERVER_KEY}"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
