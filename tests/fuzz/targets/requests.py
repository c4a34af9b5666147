"""Whole requests: method, path, headers and body against the application, which must always keep its contract."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import orjson

from recommender.decisions.policy import compile_policy
from service.app import Services, create_app
from service.experiments.definitions import combine
from service.knowledge import Knowledge
from service.metrics.metrics import Metrics
from service.settings import Settings
from service.stores.connection import StoreUnavailable
from service.stores.memory import MemoryVisitorStore
from service.stores.memory_erasures import MemoryErasures
from service.stores.memory_experiments import MemoryExperimentStore
from service.stores.memory_identifications import MemoryIdentifications
from tests.fuzz.target import Attempt, Target
from tests.fuzz.targets import bodies, experiments, identities
from tests.fuzz.targets.shop import NOW, catalog

_KEY: Final = "a-server-key-for-fuzzing"
_STATUSES: Final = frozenset(
    {200, 201, 202, 204, 301, 302, 304, 307, 400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 422, 429, 503}
)
_FORBIDDEN: Final = bytes(range(32)) + b" \x7f"
"""What the server's HTTP parser lets nobody send in a method, a path or a header's name."""


class _NoCatalog:
    """A catalog store that cannot be reached."""

    async def replace(self, *_feed: Any, **_options: Any) -> Any:
        """Fail."""
        raise StoreUnavailable("there is no catalog store")

    patch = remove = replace


def _application(folder: Path) -> Any:
    store = MemoryVisitorStore()
    defined = MemoryExperimentStore(lambda: NOW)
    policy = [compile_policy(experiments.PAYLOAD).policy]

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        yield

    async def refresh() -> None:
        document = (await defined.read()).document
        policy[0] = compile_policy(combine(None, document).payload).policy

    async def ping() -> None:
        return

    services = Services(
        visitors=store,
        identifications=MemoryIdentifications(store, lambda: NOW),
        catalog=_NoCatalog(),
        refresh_catalog=ping,
        knowledge=Knowledge(catalog, lambda: None, lambda: policy[0]),
        metrics=Metrics(),
        ping=ping,
        catalog_fresh_at=lambda: NOW,
        model_problem=lambda: None,
        running=running,
        clock=lambda: NOW,
        experiments=defined,
        refresh_experiments=refresh,
        erasures=MemoryErasures(store, lambda: NOW),
    )
    settings: dict[str, Any] = {
        "data_dir": folder,
        "server_key": _KEY,
        "allowed_origins": ("https://shop.example",),
        "visitor_rate_per_second": 0,
        "customer_token_key": identities.CUSTOMER_KEYS,
    }
    return create_app(Settings(**settings), services)


def request(folder: Path) -> Attempt:
    """Send requests to the application in memory: it answers each, never with a 500, and in JSON where it says so."""
    app = _application(folder)

    def attempt(data: bytes) -> None:
        head, _, body = data.partition(b"\n\n")
        line, *lines = head.split(b"\n")
        method, _, target = line.partition(b" ")
        if not method or not target.startswith(b"/") or any(byte in _FORBIDDEN for byte in method + target):
            return
        path, _, query = target.partition(b"?")
        if not path.isascii() or not method.isascii():
            return
        headers = [
            (name.strip().lower(), value.strip())
            for name, _, value in (each.partition(b":") for each in lines)
            if name and not any(byte in b"\0\r" for byte in name + value)
        ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method.decode(),
            "scheme": "http",
            "path": unquote(path.decode()),
            "raw_path": path,
            "root_path": "",
            "query_string": query,
            "headers": headers,
            "client": ("203.0.113.9", 4711),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        asyncio.run(_exchange(app, scope, body))

    return attempt


async def _exchange(app: Any, scope: dict[str, Any], body: bytes) -> None:
    inbox = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return inbox.pop() if inbox else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    assert start["status"] in _STATUSES, start
    answer = b"".join(part["body"] for part in parts)
    headers = dict(start["headers"])
    assert all(not any(byte in b"\r\n\0" for byte in value) for value in headers.values())
    if headers.get(b"access-control-allow-credentials"):
        assert headers[b"access-control-allow-origin"].lower() == b"https://shop.example"
    if answer and b"json" in headers.get(b"content-type", b""):
        orjson.loads(answer)
    assert b"set-cookie" not in headers or dict(scope["headers"]).get(b"sec-gpc") != b"1"


_BROWSER: Final = (
    b"\nuser-agent: Mozilla/5.0 Firefox/144.0\norigin: https://shop.example\ncontent-type: text/plain\n\n"
)
_SERVER: Final = b"\nauthorization: Bearer %b\ncontent-type: application/json\n\n" % _KEY.encode()
_SEEDS: Final = (
    b"POST /personalize" + _BROWSER + bodies.PERSONALIZE,
    b"POST /personalize" + _SERVER + bodies.PERSONALIZE,
    b"POST /personalize\nsec-gpc: 1\ncookie: kabin_visitor=x; kabin=y\n\n{}",
    b"POST /events" + _BROWSER + bodies.EVENTS,
    b"POST /events" + _SERVER + bodies.EVENTS,
    b"POST /identify" + _SERVER + bodies.IDENTIFY[0],
    b"POST /identify" + _BROWSER + bodies.IDENTIFY[1],
    b"POST /identify" + _BROWSER + bodies.IDENTIFY[2],
    b"POST /identify" + _BROWSER + b'{"customer_token":"%b"}' % identities.CUSTOMER_TOKEN,
    b"GET /items/a-38/similar?limit=3&x=%ff" + _BROWSER,
    b"GET /visitors/customer%3Aanna" + _SERVER,
    b"DELETE /visitors/v" + _SERVER,
    b"PUT /experiments/hero2" + _SERVER + experiments.DEFINITION,
    b"PATCH /experiments/hero" + _SERVER + experiments.CHANGE,
    b"PUT /experiments" + _SERVER + experiments.PAYLOAD,
    b'PATCH /switches' + _SERVER + b'{"size":false}',
    b"GET /readyz\naccept: */*\n\n",
    b"GET /kabin.js\nif-none-match: W/\"x\", *\naccept-encoding: br;q=0, gzip\n\n",
    b"OPTIONS /personalize\norigin: https://shop.example\naccess-control-request-method: POST\n\n",
    b"PUT /catalog?force=1" + _SERVER + b"{}",
)  # fmt: skip
_WORDS: Final = (
    *bodies.WORDS, b"HEAD ", b"TRACE ", b"%2F", b"%00", b"%ff", b"..", b"/openapi.json", b"/metrics", b"/switches", b"/experiments",
    b"content-length: 99999999999", b"content-type: a/b; charset=\xff", b"host: shop.example", b"Bearer ", b"Sec-GPC: 1",
    b"x-forwarded-for: 1.2.3.4", b"null", b'"customer_id"', b'"customer_token"', b'"sign_out"', b"customer:",
)  # fmt: skip

TARGETS: Final = (Target("request", "whole requests", request, _SEEDS, _WORDS),)
