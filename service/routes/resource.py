"""What every route has in common: methods, keys, origins, shedding, errors and metrics."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final, Literal

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.contract.problems import Problem, too_many_requests, unauthorized, unavailable
from service.identity.tokens import ServerKey
from service.metrics.metrics import Metrics
from service.rate_limits import AddressRates
from service.routes.exchange import NO_STORE, ClientGone, Reply, Request
from service.routes.origins import OriginPolicy
from service.serving.connections import UNFINISHED

Handler = Callable[[Request], Awaitable[Reply]]
Access = Literal["browser", "server", "operator", "public"]
"""Who may call: allowed pages and servers; servers with the key; whoever can reach the port; that, and any page."""

_ANY_PAGE: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"timing-allow-origin", b"*"),
)
"""What is the same for everybody may be loaded, read and timed by every page; no cookie is involved."""

CLIENT_GONE: Final = 499
"""The status under which hung-up requests are counted (nginx's number); never sent."""


_PATIENT_SHARE: Final = 0.75
"""Of the requests in flight: with a slow Redis, events alone would otherwise leave no place for a page."""


@dataclass(slots=True)
class Edge:
    """What the resources of one application share.

    Attributes:
        origins: of the pages that may call.
        server_key: of the shop's own servers.
        metrics: counts requests.
        addresses: how often each address may call without the key.
        clock: Unix seconds now.
        max_in_flight: requests handled at a time; what comes beyond them is shed.
        in_flight: requests being handled by this process; the one field that changes.
    """

    origins: OriginPolicy
    server_key: ServerKey
    metrics: Metrics
    addresses: AddressRates
    clock: Callable[[], float]
    max_in_flight: int
    in_flight: int = field(default=0)


class Resource:
    """One path as an ASGI application: finds the method's handler, and turns whatever happens into an answer.

    Args:
        template: the path as Starlette spells it, such as ``/items/{id:path}/similar``; the metrics' label too.
        handlers: one for each method; ``GET`` answers ``HEAD`` too.
        access: who may call.
        edge: shared by all resources.
        is_first: whether it may use all of ``max_in_flight``: pages, which wait for Redis for milliseconds. What waits for up
            to a second must not take the last places.
    """

    def __init__(
        self,
        template: str,
        handlers: Mapping[str, Handler],
        *,
        access: Access,
        edge: Edge,
        is_first: bool = False,
    ) -> None:
        self._template = template
        self._label = template.replace(":path", "")
        self._handlers = dict(handlers)
        if "GET" in handlers:
            self._handlers["HEAD"] = handlers["GET"]
        self._allow = ", ".join(sorted({*self._handlers, "OPTIONS"})).encode()
        self._access = access
        self._edge = edge
        self._most_in_flight = edge.max_in_flight if is_first else ceil(edge.max_in_flight * _PATIENT_SHARE)

    @property
    def path(self) -> str | None:
        """The path; ``None`` if it has parameters."""
        return None if "{" in self._template else self._template

    def route(self) -> Route:
        """Return the Starlette route; methods are judged here, where the answer is a problem+json."""
        return Route(self._template, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = time.perf_counter()
        edge = self._edge
        method: str = scope["method"]
        status = 500
        # A body that takes its time to arrive is no work of ours, nor is an answer that takes its time to be read: neither
        # may keep others out.
        in_flight = 0 if UNFINISHED in scope.get("extensions", ()) else 1
        edge.in_flight += in_flight
        try:
            cors: Sequence[tuple[bytes, bytes]] = ()
            request = Request(scope, receive)
            try:
                if edge.in_flight > self._most_in_flight:
                    self._shed()
                cors = self._admit(request, method)
                if self._access == "browser" and not request.trusted and method != "OPTIONS":
                    self._limit(request)
                handler = self._handlers.get(method)
                reply = await (self._other(method) if handler is None else handler)(request)
            except Problem as problem:
                reply = Reply.of_problem(problem)
            except ClientGone:
                status = CLIENT_GONE
                return
            except Exception:
                defect = Problem(500, "a defect in Kabin; its log says more")
                await Reply.of_problem(defect).send(send, extra=cors, head=method == "HEAD")
                raise  # The traceback is the server's to log.
            status = reply.status
            edge.in_flight -= in_flight
            in_flight = 0
            await reply.send(send, extra=cors, head=method == "HEAD")
        finally:
            edge.in_flight -= in_flight
            edge.metrics.request(self._label, method, status, time.perf_counter() - started)

    def _shed(self) -> None:
        if self._access in ("browser", "server"):
            raise unavailable("too many requests at once: try again", retry_after_seconds=1)

    def _admit(self, request: Request, method: str) -> Sequence[tuple[bytes, bytes]]:
        """Check key and origin, and return the answer's CORS headers."""
        if self._access == "operator":
            return ()
        if self._access == "public":
            return _ANY_PAGE
        headers = request.headers
        origin = headers.get(b"origin")
        host = headers.get(b"host")
        if method == "OPTIONS":
            if origin is None or b"access-control-request-method" not in headers:
                return ()
            if self._access == "server":
                raise Problem(403, "this call is for servers with the server key, not for pages")
            return self._edge.origins.preflight(origin, host, self._handlers)
        if b"authorization" in headers:
            if self._edge.server_key.check(headers[b"authorization"]) == "wrong":
                self._limit(request)  # Who guesses keys has no more tries than a browser has calls.
                raise unauthorized("the server key is wrong: send Authorization: Bearer <KABIN_SERVER_KEY>")
            request.trusted = True
            return ()
        if self._access == "server":
            if not self._edge.server_key.is_set:
                raise Problem(403, "no server key is configured: set KABIN_SERVER_KEY to allow this call")
            raise unauthorized(
                "this call needs the server key: send Authorization: Bearer <KABIN_SERVER_KEY>"
            )
        return self._edge.origins.check(origin, host)

    def _limit(self, request: Request) -> None:
        """Refuse a browser's call if its address makes too many; who has the server key makes any number."""
        edge = self._edge
        forwarded = request.joined_header(b"x-forwarded-for")
        seconds = edge.addresses.admit(request.peer, forwarded, edge.clock())
        if seconds > 0.0:
            edge.metrics.rate_limited("address")
            raise too_many_requests(
                "this address asks too often: send this again after Retry-After seconds",
                retry_after_seconds=seconds,
            )

    def _other(self, method: str) -> Handler:
        if method == "OPTIONS":
            return self._options
        allow = self._allow.decode()
        raise Problem(405, f"{method} is not possible here: use {allow}", headers=[(b"allow", self._allow)])

    async def _options(self, _request: Request) -> Reply:
        return Reply(b"", 204, [(b"allow", self._allow), NO_STORE])
