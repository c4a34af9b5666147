"""One HTTP exchange in raw ASGI: what a handler reads of the request, and the reply it returns.

Starlette's ``Request`` and ``Response`` would cost about 30 µs of a budget of 260; handlers need four
headers and the body.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

import orjson
from starlette.types import Message, Receive, Scope, Send

from service.contract.problems import CONTENT_TYPE, Problem
from service.routes.patience import within

JSON: Final = b"application/json"
CURL_DEFAULT: Final = b"application/x-www-form-urlencoded"
"""What curl claims of any body unless told otherwise; nobody's first try should fail on it."""
NO_STORE: Final = (b"cache-control", b"no-store")

_DRAINED_BYTES: Final = 4 * 1024 * 1024
"""How much of a body that is too large is read and dropped: many clients only read an answer after sending."""
_BODILESS: Final = frozenset({204, 304})
"""Statuses without a body, and so without a length (RFC 9110 §8.6)."""
_ALWAYS: Final = (b"x-content-type-options", b"nosniff")


class ClientGone(Exception):  # noqa: N818 - an event, not an error of anybody
    """The client hung up before its request had arrived; there is nobody to answer."""


@dataclass(slots=True)
class Reply:
    """What goes back: status, body and headers beyond the content type and length."""

    body: bytes
    status: int = 200
    headers: Sequence[tuple[bytes, bytes]] = ()
    content_type: bytes = JSON

    @classmethod
    def of_json(
        cls, content: object, *, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> "Reply":
        """Return ``content`` as JSON."""
        return cls(orjson.dumps(content), status, headers)

    @classmethod
    def of_problem(cls, problem: Problem) -> "Reply":
        """Return an error as problem+json."""
        return cls(problem.body(), problem.status, (NO_STORE, *problem.headers), CONTENT_TYPE)

    async def send(self, send: Send, *, extra: Sequence[tuple[bytes, bytes]], head: bool) -> None:
        """Send the reply; ``head`` leaves the body out, as the answer to a HEAD request must."""
        headers = [_ALWAYS, *self.headers, *extra]
        if self.status not in _BODILESS:
            headers.append((b"content-length", b"%d" % len(self.body)))
        if self.body:
            headers.append((b"content-type", self.content_type))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


class Request:
    """The request of one exchange.

    Attributes:
        headers: values by lower-case name; of several the last.
        trusted: whether it brought the server key.
    """

    __slots__ = ("_receive", "_scope", "headers", "trusted")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.trusted = False

    @property
    def peer(self) -> str | None:
        """The address at the other end of the connection, ``None`` for a Unix socket."""
        client: tuple[str, int] | None = self._scope.get("client")
        return None if client is None else client[0]

    def joined_header(self, name: bytes) -> bytes | None:
        """Return the values of all headers of a name as one list (RFC 9110 §5.3)."""
        values = self._scope["headers"]
        if name not in self.headers or len(values) == len(self.headers):
            return self.headers.get(name)
        return b", ".join([value for each, value in values if each == name])

    def path_parameter(self, name: str) -> str:
        """Return a parameter of the path, percent-decoded."""
        value: str = self._scope["path_params"][name]
        return value

    def query(self, name: str) -> str | None:
        """Return a parameter of the query string; of several the last."""
        values = parse_qs(self._scope["query_string"].decode("latin-1"), keep_blank_values=True).get(name)
        return values[-1] if values else None

    async def body(self, *, max_bytes: int, timeout_seconds: float) -> bytes:
        """Return the whole body.

        Raises:
            Problem: 413 if it is larger, 408 if it does not arrive in time, 415 if it is not declared as
                JSON or as plain text (which browsers may send across origins without a preflight).
            ClientGone: the client hung up.
        """
        if self.headers.get(b"content-type") != JSON:
            self._check_content_type()
        try:
            return await within(timeout_seconds, self._whole(max_bytes))
        except TimeoutError:
            raise Problem(408, f"the body did not arrive within {timeout_seconds:g} seconds") from None

    async def chunks(self, *, max_bytes: int) -> AsyncIterator[bytes]:
        """Yield the body as it arrives.

        Raises:
            Problem: 413 if more than ``max_bytes`` are announced or come.
            ClientGone: the client hung up.
        """
        async for chunk in self._chunks(await self._receive(), max_bytes):
            yield chunk

    async def _whole(self, max_bytes: int) -> bytes:
        message = await self._receive()
        body: bytes = message.get("body", b"")
        is_all = message["type"] == "http.request" and not message.get("more_body", False)
        if is_all and len(body) <= max_bytes:
            return body
        return b"".join([chunk async for chunk in self._chunks(message, max_bytes)])

    async def _chunks(self, message: Message, max_bytes: int) -> AsyncIterator[bytes]:
        announced = self.headers.get(b"content-length", b"")
        too_large = announced.isdigit() and int(announced) > max_bytes
        received = 0
        more = True
        while more:
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk: bytes = message.get("body", b"")
            received += len(chunk)
            more = message.get("more_body", False)
            too_large = too_large or received > max_bytes
            if too_large and received > max_bytes + _DRAINED_BYTES:
                break
            if chunk and not too_large:
                yield chunk
            if more:
                message = await self._receive()
        if too_large:
            raise Problem(413, f"the body is larger than {max_bytes} bytes", headers=_closing(more))

    def _check_content_type(self) -> None:
        declared = self.headers.get(b"content-type")
        if declared is None:
            return
        media_type = declared.partition(b";")[0].strip().lower()
        if media_type not in (JSON, b"text/plain", CURL_DEFAULT):
            raise Problem(
                415,
                f"Content-Type {media_type.decode('latin-1')!r} is not understood: "
                "send JSON as application/json or text/plain",
            )


def _closing(unread: bool) -> Sequence[tuple[bytes, bytes]]:
    """Return the header that ends a connection whose request was not read to its end."""
    return [(b"connection", b"close")] if unread else []
