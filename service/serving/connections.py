"""Connections that nobody can hold up: each has its time for headers, body and reading, and there are so many at most.

uvicorn waits for a request's headers, and for a client to read its answer, for as long as they take. Here requests are
handed to the application when they have arrived, so that slow ones cost it nothing; once a second all connections are
looked at. An ordinary request, which arrives in one piece, pays 3 µs for it.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.serving import last_answers
from service.serving.drain import Drain
from service.serving.http_protocol import HttpProtocol
from service.serving.surge import Surge

Wait = Literal["request", "headers", "body", "reader"]
"""What a connection may be waiting for: the next request, the rest of its headers or of its body, an answer to be read."""

UNFINISHED: Final = "kabin.unfinished"
"""Extension of the scope of a request whose body has not arrived yet, as it is too large to be waited for."""

RULES: Final = "connection_rules"
"""Name in the lifespan's state of the application's :class:`ConnectionRules`."""

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the usual 60 s of a load balancer, so that it never writes to a connection just closed."""

_PIPELINED_REQUESTS: Final = 32
"""Requests that may have arrived before the one in front of them is answered; browsers send one."""
_CROWD: Final = 0.75
"""Of the most connections: from here on idle ones make room soon."""
_CROWDED_IDLE_SECONDS: Final = 5
_LAST_REQUEST_SECONDS: Final = 0.5
"""For what a client may have sent just before it heard that the connection ends."""
_READER_SECONDS: Final = 30
"""For what the system's buffers do not hold: a page's answer is 4 KiB."""


def _nobody(_reason: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class ConnectionRules:
    """How much the connections of a process may ask for.

    Attributes:
        most: that are open at a time.
        request_seconds: within which the headers of a request must arrive, and its body.
        drain: whether the process is about to end.
        on_ended: is told what a connection that was ended had waited for, that there was no ``room`` for it, or that it did
            not speak ``http``.
        surge: how many requests may arrive at once; any number if not given.
    """

    most: int
    request_seconds: float
    drain: Drain = field(default_factory=Drain)
    on_ended: Callable[[str], None] = _nobody
    surge: Surge = field(default_factory=lambda: Surge(sys.maxsize))

    def is_crowd(self, connections: int) -> bool:
        """Return whether room is running out."""
        return connections > self.most * _CROWD

    def seconds_of(self, wait: Wait, *, is_crowded: bool) -> float:
        """Return how long a connection may wait."""
        if wait == "reader":
            return _READER_SECONDS
        if wait == "request":
            return _CROWDED_IDLE_SECONDS if is_crowded else KEEP_ALIVE_SECONDS
        return self.request_seconds


class _Line:
    """The transport, which takes it quietly that the client is gone.

    uvloop raises a ``RuntimeError`` for what is written in the moment between a reset and the notice of it: anybody who
    hangs up could fill the log with it.
    """

    __slots__ = ("_transport", "abort", "close", "get_write_buffer_size", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.abort = transport.abort
        self.close = transport.close
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """See :class:`asyncio.Transport`."""
        try:
            self._transport.write(data)
        except RuntimeError:
            if not self.is_closing():
                raise


class Connection(HttpProtocol):
    """One connection to a client.

    A request with a body of up to 64 KiB is handed on when it is complete; a larger one, or one whose client waits to be
    told to go on, at once and marked as :data:`UNFINISHED`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rules: ConnectionRules = self.app_state[RULES]
        self._parked: tuple[RequestResponseCycle, Any] | None = None
        self._counted_scope: object = None
        self._has_body_come = False
        self._fields_bytes = 0
        self._waited_for: tuple[Wait | None, object] = None, None
        self._waited_looks = 0

    def connection_made(self, transport: Any) -> None:
        """See :class:`asyncio.Protocol`."""
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", _Line(transport))
        if len(self.connections) > self._rules.most:
            self._end("room", last_answers.TOO_MANY)

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        super().data_received(data)
        parked = self._parked
        if parked is not None and not parked[0].more_body and not self.pipeline:
            # The common way, kept short: the request has arrived in one piece.
            self._parked = None
            self._start(*parked)
            return
        if len(self.pipeline) > _PIPELINED_REQUESTS:
            self._end("reader")
        elif parked is not None:
            self._hand_on(*parked)
        if self._is_amid_headers or (self.cycle is not None and self.cycle.more_body):
            self._count_fields(data)

    def on_body(self, body: bytes) -> None:
        """See :class:`httptools.HttpRequestParser`."""
        # What uvicorn's does, and a note: calling that costs 0.3 µs of every request.
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()
        self._has_body_come = True

    def shutdown(self) -> None:
        """Close the connection, once a request that is on its way is answered."""
        if self._wait() == "request":
            self.loop.call_later(_LAST_REQUEST_SECONDS, self._close_if_idle)
        elif not self._is_amid_headers:
            super().shutdown()

    def look(self, *, is_crowded: bool) -> None:
        """End the connection if it has waited for too long; to be called once a second.

        Args:
            is_crowded: whether room is running out.
        """
        wait = self._wait()
        # Every request has a scope of its own, so a wait in the next one is another wait.
        waited_for = wait, self.scope
        if wait is None or wait != self._waited_for[0] or self.scope is not self._waited_for[1]:
            self._waited_for, self._waited_looks = waited_for, 0
            return
        self._waited_looks += 1
        if self._waited_looks < self._rules.seconds_of(wait, is_crowded=is_crowded):
            return
        if wait == "request":
            self.transport.close()
        else:
            self._end(wait, last_answers.TOO_SLOW if self._is_unheard and wait != "reader" else b"")

    def refuse(self) -> None:
        """See :class:`HttpProtocol`."""
        self._end("http", last_answers.NOT_HTTP if self._is_unheard or self._wait() == "request" else b"")

    def _close_if_idle(self) -> None:
        if not self.transport.is_closing() and self._wait() == "request":
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._rules.drain.is_begun:
            cycle.keep_alive = False
        if cycle.more_body and not cycle.waiting_for_100_continue:
            self._parked = cycle, app
        else:
            self._start(cycle, app)

    def _hand_on(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Start what is parked, if it has arrived or will not be waited for."""
        if self.transport.is_closing():
            self._parked = None
        elif not cycle.more_body or len(cycle.body) > HIGH_WATER_LIMIT:
            self._parked = None
            self._start(cycle, app)

    def _start(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.more_body:
            cycle.scope["extensions"] = {UNFINISHED: {}}
        elif not self._rules.surge.takes(cycle.scope["path"], self.loop.time()):
            self._shed(cycle)
            return
        super()._start_asgi_task(cycle, app)

    def _shed(self, cycle: RequestResponseCycle) -> None:
        """Answer a request that is handed on to nobody."""
        cycle.response_started = cycle.response_complete = True
        if cycle.keep_alive:
            self.transport.write(last_answers.SHED)
        else:
            self.transport.write(last_answers.SHED_AND_CLOSED)
            self.transport.close()
        self.on_response_complete()

    def _count_fields(self, data: bytes) -> None:
        """End a connection that sends headers, or trailers, without end: more than there may be without any of a body."""
        if self._has_body_come or self.scope is not self._counted_scope:
            self._has_body_come, self._counted_scope, self._fields_bytes = False, self.scope, 0
            if not self._is_amid_headers:
                return
        self._fields_bytes += len(data)
        if self._fields_bytes > last_answers.HEADERS_BYTES and not self.transport.is_closing():
            self._end("headers", last_answers.LARGE_HEADERS if self._is_unheard else b"")

    @property
    def _is_unheard(self) -> bool:
        """Whether a request has begun to arrive of which the application knows nothing, and no other is at work."""
        return self._parked is not None or (
            self._is_amid_headers and (self.cycle is None or self.cycle.response_complete)
        )

    @property
    def _is_amid_headers(self) -> bool:
        """Whether a request has begun whose headers are not complete."""
        cycle = self.cycle
        return self.scope is not None and (cycle is None or cycle.scope is not self.scope)

    def _wait(self) -> Wait | None:
        """Return what the connection waits for; ``None`` while a request is at work."""
        if self.transport.get_write_buffer_size():
            return "reader"
        if self._is_amid_headers:
            return "headers"
        if self._parked is not None:
            return "body"
        if self.cycle is None:
            return "request"
        if not self.cycle.response_complete:
            return None
        return "body" if self.cycle.more_body else "request"

    def _end(self, reason: str, answer: bytes = b"") -> None:
        self._parked = None
        self._rules.on_ended(reason)
        if answer:
            self.transport.write(answer)
            self.transport.close()
        else:
            self.transport.abort()
