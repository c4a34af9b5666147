"""An endpoint on loopback that answers as badly as a test wants, and a store that can be switched off."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from recommender.decisions.running import ExperimentSummary
from service.stores.connection import StoreUnavailable
from service.stores.experiments import ExperimentDocument, ExperimentPhase, VersionedDocument
from service.stores.memory_experiments import MemoryExperimentStore

DEADLINE_SECONDS = 30.0


def feature(
    *variations: Any, weights: Collection[float] = (0.5, 0.5), key: str = "promo-page", **rule: Any
) -> dict[str, Any]:
    """Return a feature with one experiment."""
    described = {"key": key, "variations": list(variations), "weights": list(weights), "hashVersion": 2}
    return {"defaultValue": variations[0], "rules": [described | rule]}


def payload(**features: Any) -> dict[str, Any]:
    """Return a payload; underscores in names stand for hyphens."""
    return {"features": {name.replace("_", "-"): each for name, each in features.items()}}


HOMEPAGE = feature("personalized", "promo")
BANNER = feature("red", "blue", key="banner")
BROKEN = feature("red", "blue", key="banner", weights=(0.5, 0.6))


async def until(condition: Callable[[], bool], what: str = "it did not happen") -> None:
    """Wait for a condition, up to a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


Answer = Callable[["Call"], None]


class Call(BaseHTTPRequestHandler):
    """One request to the endpoint."""

    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer as the test wants."""
        self.server.endpoint.calls.append({name.lower(): value for name, value in self.headers.items()})
        try:
            self.server.endpoint.answer(self)
        except OSError:
            self.close_connection = True

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""

    def reply(self, body: bytes, status: int = 200, /, **headers: str) -> None:
        """Send an answer; underscores in names stand for hyphens."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @property
    def given_up(self) -> threading.Event:
        """Set when the endpoint is closed."""
        return self.server.endpoint.closed


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoint: "Endpoint"


class Endpoint:
    """A server of definitions.

    Attributes:
        answer: handles a call.
        calls: headers of the calls so far, by their names in small letters.
        closed: set at the end, for answers that wait.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer: Answer = serves(payload())
        self.calls: list[dict[str, str]] = []
        self.closed = threading.Event()


@contextmanager
def running_endpoint() -> Iterator[Endpoint]:
    """Run an endpoint for the length of a ``with`` block."""
    server = _Server(("127.0.0.1", 0), Call)
    server.endpoint = Endpoint(f"http://127.0.0.1:{server.server_address[1]}/api/features/sdk-test")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.endpoint
    finally:
        server.endpoint.closed.set()
        server.shutdown()
        thread.join()
        server.server_close()


def serves(definitions: dict[str, Any], *, etag: str | None = None, packed: bool = False) -> Answer:
    """Return an answer as GrowthBook gives it; 304 to whoever has it already."""
    body = json.dumps(definitions).encode()

    def answer(call: Call) -> None:
        if etag is not None and call.headers.get("If-None-Match") == etag:
            call.reply(b"", 304, ETag=etag)
            return
        headers = {"Content_Type": "application/json"} | ({"ETag": etag} if etag else {})
        if packed:
            call.reply(gzip.compress(body), Content_Encoding="gzip", **headers)
        else:
            call.reply(body, **headers)

    return answer


def says(body: bytes, status: int = 200, **headers: str) -> Answer:
    """Return an answer of any kind."""
    return lambda call: call.reply(body, status, **headers)


def drips(call: Call) -> None:
    """Send a byte now and then, for ever."""
    call.send_response(200)
    call.send_header("Content-Length", "100000")
    call.end_headers()
    while not call.given_up.wait(0.02):
        call.wfile.write(b" ")
        call.wfile.flush()


def hangs(call: Call) -> None:
    """Take the question and say nothing."""
    call.given_up.wait(DEADLINE_SECONDS)
    call.close_connection = True


def redirects_for_ever(call: Call) -> None:
    """Send the caller in circles."""
    call.reply(b"", 302, Location=call.path)


class FaultyStore(MemoryExperimentStore):
    """A store that can be switched off, damaged and emptied."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.asked = 0
        self.noted = 0

    async def put(self, **fields: Any) -> None:
        """Store another document."""
        self._version = await self.write(ExperimentDocument(**fields), expected_version=self._version)

    async def damage(self) -> None:
        """Store something that is no document, as its newest version."""
        await self.put()
        self.stored = b'{"features": []}'

    def lose_everything(self) -> None:
        """Come back empty."""
        self.stored, self._version, self._noted, self._phases = None, 0, 0, {}

    async def version(self) -> int:
        """Return the version, unless down."""
        self.asked += 1
        self._fail_if_down()
        return await super().version()

    async def read(self) -> VersionedDocument:
        """Return the document, unless down."""
        self._fail_if_down()
        return await super().read()

    async def note_phases(
        self, experiments: Collection[ExperimentSummary], *, version: int, at: float
    ) -> None:
        """Note phases, unless down."""
        self._fail_if_down()
        self.noted += 1
        await super().note_phases(experiments, version=version, at=at)

    def journal(self, experiment_id: str) -> tuple[ExperimentPhase, ...]:
        """Return the phases of an experiment, whatever fails."""
        return self._phases.get(experiment_id, ())

    def _fail_if_down(self) -> None:
        if self.is_down:
            raise StoreUnavailable("Redis: switched off by a test")
