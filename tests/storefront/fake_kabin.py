"""A service whose answers each test scripts: it serves the pages and kabin.js, and notes what it is asked.

It listens on two loopback ports. A page of one and the service of the other are two origins on one site;
``localhost`` and ``127.0.0.1`` are two sites.
"""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response

from service.contract.answers import IdentifyAnswer
from service.contract.problems import Problem
from service.contract.wire import BodyDecoder
from tests.storefront.decisions import CUSTOMER_TOKEN, FRESH_TOKEN, VISITOR_TOKEN, decision, receipt
from tests.storefront.shop_pages import ShopPages

COOKIE: Final = "kabin=cookie-1.signature; HttpOnly; Path=/; SameSite=Lax"
CUSTOMER_COOKIE: Final = "kabin=c.cookie-2.signature; HttpOnly; Path=/; SameSite=Lax"
FRESH_COOKIE: Final = "kabin=cookie-3.signature; HttpOnly; Path=/; SameSite=Lax"
NOW: Final = 1_763_740_800.0
"""Unix seconds at which every page of a test is opened."""

_WAIT_SECONDS: Final = 8.0


@dataclass(frozen=True)
class Received:
    """One request that arrived."""

    call: str
    body: dict[str, Any]
    body_bytes: int
    headers: dict[str, str]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its events, as they came."""
        events: list[dict[str, Any]] = self.body.get("events", [])
        return events

    @property
    def cookie(self) -> str | None:
        """Its Cookie header."""
        return self.headers.get("cookie")


@dataclass(frozen=True)
class Reply:
    """One scripted answer."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, content: object, status: int = 200, headers: dict[str, str] | None = None) -> "Reply":
        """Return ``content`` as JSON."""
        return cls(orjson.dumps(content), status, headers=headers or {})


Script = Reply | Callable[[Received], Reply]

_USER_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) Chromium, of test "


class FakeKabin:
    """The scripted service; attributes are the script and may be set at any time.

    Attributes:
        pages: the shop's pages, and how they load kabin.js.
        received: every call so far, in the order of arrival.
        refused: bodies that the real service would have refused as a whole.
        rejected: events that it would have rejected by themselves.
        violations: reports of the pages' content security policy.
    """

    def __init__(self, ports: tuple[int, int]) -> None:
        self.ports = ports
        self._decoder = BodyDecoder()
        self._tests = 0
        self.reset()

    @property
    def user_agent(self) -> str:
        """What this test's browser calls itself, so that what an earlier test's pages still send is told apart."""
        return f"{_USER_AGENT}{self._tests}"

    def reset(self) -> None:
        """Forget the last test's script and what was received."""
        self._tests += 1
        self.pages = ShopPages()
        self.received: list[Received] = []
        self.refused: list[str] = []
        self.rejected: list[str] = []
        self.violations: list[str] = []
        self._scripts: dict[str, list[Script]] = {}
        self._calls: Counter[str] = Counter()
        self._held: set[str] = set()
        self._gates: dict[str, list[Callable[[], object]]] = defaultdict(list)

    # ------------------------------------------------------------ the script

    def url(self, page: str = "product_select.html", host: str = "127.0.0.1") -> str:
        """Return a page's address."""
        return f"http://{host}:{self.ports[0]}/{page}"

    def other_origin(self, host: str = "127.0.0.1") -> str:
        """Return the origin of the second port: on the same site, or on another one if ``host`` says so."""
        return f"http://{host}:{self.ports[1]}"

    def answer(self, call: str, *scripts: Script) -> None:
        """Answer the next requests of a call one after the other; the last one answers all further ones."""
        self._scripts[call] = list(scripts)
        self._calls[call] = 0

    def decide(self, **changes: Any) -> None:
        """Answer /personalize with one decision, see :func:`tests.storefront.decisions.decision`."""
        self.answer("/personalize", lambda received: _decided(received, changes))

    def hold(self, call: str) -> None:
        """Let requests of a call wait, unanswered, until they are released."""
        self._held.add(call)

    def release(self, call: str, which: int | None = None) -> None:
        """Answer the held requests of a call, or one of them (counted from 0), and hold no further ones."""
        if which is None:
            self._held.discard(call)
        for place, open_gate in enumerate(self._gates[call]):
            if which in (None, place):
                open_gate()

    def release_all(self) -> None:
        """Let nothing wait any longer."""
        for call in [*self._gates, *self._held]:
            self.release(call)

    # ------------------------------------------------------------ what was received

    def calls(self, call: str) -> list[Received]:
        """Return the requests of one call, in the order of arrival."""
        return [received for received in self.received if received.call == call]

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return the well-formed events of all calls, repetitions left out, in the order of arrival."""
        known: dict[str, dict[str, Any]] = {}
        for received in list(self.received):
            for event in received.events:
                if isinstance(event, dict) and "name" in event:
                    known.setdefault(event["event_id"], event)
        return [event for event in known.values() if name in (None, event["name"])]

    def wait_for(self, happened: Callable[[], object], what: str = "the expected requests") -> None:
        """Poll until ``happened`` is true.

        Raises:
            AssertionError: it did not become true in time.
        """
        deadline = time.monotonic() + _WAIT_SECONDS
        while not happened():
            assert time.monotonic() < deadline, f"{what} did not come; received: {self.received}"
            time.sleep(0.005)

    # ------------------------------------------------------------ HTTP

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        path = request.url.path
        sender = request.headers.get("user-agent", "")
        if sender.startswith(_USER_AGENT) and sender != self.user_agent:
            # A page that is closed sends its last words, which may arrive in the midst of the next test.
            return Response(status_code=204)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=self._cors(request))
        if path in ("/personalize", "/events", "/identify"):
            return await self._handle_call(request)
        if path == "/csp-report":
            self.violations.append((await request.body()).decode())
            return Response(status_code=204)
        await self._wait_for_release(path)
        return self.pages.serve(path)

    async def _handle_call(self, request: Request) -> Response:
        call = request.url.path
        body = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(call, self._checked(call, body, headers), len(body), headers)
        self.received.append(received)
        place = self._calls[call]
        self._calls[call] += 1
        scripts = self._scripts.get(call)
        script = scripts[min(place, len(scripts) - 1)] if scripts else _usual_reply
        await self._wait_for_release(call)
        reply = script if isinstance(script, Reply) else script(received)
        headers = self._cors(request) | {"cache-control": "no-store"} | dict(reply.headers)
        return Response(reply.body, reply.status, headers, reply.content_type)

    async def _wait_for_release(self, call: str) -> None:
        if call not in self._held:
            return
        gate = asyncio.Event()
        self._gates[call].append(partial(asyncio.get_running_loop().call_soon_threadsafe, gate.set))
        await gate.wait()

    def _checked(self, call: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """Return a body, and note what the real service would find wrong with it."""
        media_type = headers.get("content-type", "").partition(";")[0]
        if media_type not in ("text/plain", "application/json"):
            self.refused.append(f"{call}: content type {media_type!r}")
        raw_events: list[msgspec.Raw] = []
        try:
            if call == "/identify":
                self._decoder.identify(body)
            else:
                decoder = self._decoder.personalize if call == "/personalize" else self._decoder.events
                raw_events = decoder(body).events
        except Problem as problem:
            self.refused.append(f"{call}: {problem.detail}: {body[:500]!r}")
            return {}
        checked = self._decoder.check(raw_events, now=NOW, source="browser")
        self.rejected += [f"{call}{error.pointer}: {error.detail}" for error in checked.rejected]
        if len(raw_events) > 50 or len(body) > 32 * 1024:
            self.refused.append(f"{call}: {len(raw_events)} events in {len(body)} bytes")
        plain: dict[str, Any] = json.loads(body)
        return plain

    @staticmethod
    def _cors(request: Request) -> dict[str, str]:
        origin = request.headers.get("origin")
        if origin is None or origin.partition("://")[2] == request.headers["host"]:
            return {}
        return {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
            "access-control-allow-headers": "content-type",
            "vary": "Origin",
        }


def _may_store(received: Received) -> bool:
    consent = received.body.get("consent", {})
    return consent.get("storage", True) is True and received.headers.get("sec-gpc") != "1"


def _visitor_of(received: Received) -> tuple[str, str]:
    """Return token and cookie of whoever asks: whom /identify made of them, else the visitor of all tests."""
    for token, cookie in ((CUSTOMER_TOKEN, CUSTOMER_COOKIE), (FRESH_TOKEN, FRESH_COOKIE)):
        if received.body.get("visitor_id") == token or cookie.partition(";")[0] in (received.cookie or ""):
            return token, cookie
    return VISITOR_TOKEN, COOKIE


def _decided(received: Received, changes: dict[str, Any]) -> Reply:
    answer = decision(events=receipt(len(received.events)), **changes)
    if _may_store(received):
        answer["visitor_id"], cookie = _visitor_of(received)
        return Reply.of_json(answer, headers={"set-cookie": cookie})
    return Reply.of_json(answer | {"visitor_id": None})


def _identified(received: Received) -> Reply:
    is_customer = "customer_token" in received.body
    token, cookie = (CUSTOMER_TOKEN, CUSTOMER_COOKIE) if is_customer else (FRESH_TOKEN, FRESH_COOKIE)
    answer: IdentifyAnswer = {"visitor_id": token, "is_customer": is_customer, "merged": is_customer}
    return Reply.of_json(answer, headers={"set-cookie": cookie})


def _usual_reply(received: Received) -> Reply:
    if received.call == "/personalize":
        return _decided(received, {})
    if received.call == "/identify":
        return _identified(received)
    return Reply.of_json(receipt(len(received.events)) | {"visitor_id": _visitor_of(received)[0]}, status=202)
