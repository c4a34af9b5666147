"""An open loop of callers: requests leave when they are due, whatever became of those before, and none is forgotten.

Latency counts from when a request was due, so a service that stalls is seen to stall by everybody who would have come
meanwhile. The callers are a thread with an event loop of its own.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import uvloop

from tests.faults.traffic import Asked, Traffic

HOST: Final = "127.0.0.1"
PATIENCE_SECONDS: Final = 10.0
"""For an answer; then there is none."""


class HttpAnswer(NamedTuple):
    """What came back; ``head`` is everything before the body."""

    status: int
    head: bytes
    body: bytes

    @property
    def may_reuse(self) -> bool:
        """Whether the connection takes another request."""
        return b"\r\nconnection: close" not in self.head.lower()


class HttpConnection:
    """One kept-alive connection, with one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> "HttpConnection":
        """Connect to a server on loopback."""
        return cls(*await asyncio.open_connection(HOST, port))

    @property
    def is_usable(self) -> bool:
        """Whether the server has not closed it, as far as is known."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def ask(self, request: bytes) -> HttpAnswer:
        """Send a request and return the answer.

        Raises:
            OSError: the connection broke.
            EOFError: it was closed before the end of the answer.
        """
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        body = await self._reader.readexactly(_content_length(head))
        return HttpAnswer(int(head[9:12]), head, body)

    def close(self) -> None:
        """Close it."""
        self._writer.close()


class Callers:
    """Asks what the traffic says, at a rate.

    Args:
        traffic: what to ask, and what notes the answers.
        rate: requests a second.
        port: of the server to which the next new connection goes.
    """

    def __init__(self, traffic: Traffic, rate: float, port: Callable[[], int]) -> None:
        self._traffic = traffic
        self._rate = rate
        self._port = port
        self._idle: list[tuple[int, HttpConnection]] = []
        self._asking: set[asyncio.Task[None]] = set()
        self._loop = uvloop.new_event_loop()
        self._stopping = asyncio.Event()

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Ask while the block runs; at its end every request has its answer, or none will come."""
        thread = threading.Thread(target=self._run, name="callers")
        thread.start()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._stopping.set)
            thread.join()

    def ask_at_once(self, count: int) -> list[Asked]:
        """Ask so many requests at this moment besides, each on a connection of its own; return before the answers."""

        async def ask() -> list[Asked]:
            due = time.monotonic()
            return [self._ask_next(due, fresh=True) for _ in range(count)]

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result(PATIENCE_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._ask_all())

    async def _ask_all(self) -> None:
        started, number = time.monotonic(), 0
        while not self._stopping.is_set():
            due = started + number / self._rate
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), max(due - time.monotonic(), 0.0))
                break
            self._ask_next(due)
            number += 1
        await self._bring_what_waits()
        for _, connection in self._idle:
            connection.close()

    async def _bring_what_waits(self) -> None:
        """Await the answers, and send again what was not acknowledged, until everything is or patience ends."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while self._asking or (self._traffic.waiting and time.monotonic() < give_up):
            if self._asking:
                await asyncio.wait(self._asking)
            while (waiting := self._traffic.next_waiting(time.monotonic())) is not None:
                self._start(*waiting)

    def _ask_next(self, due: float, *, fresh: bool = False) -> Asked:
        return self._start(*self._traffic.next(due), fresh=fresh)

    def _start(self, asked: Asked, request: bytes, *, fresh: bool = False) -> Asked:
        task = asyncio.create_task(self._ask(asked, request, fresh=fresh))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return asked

    async def _ask(self, asked: Asked, request: bytes, *, fresh: bool) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                try:
                    answer = await self._exchange(request, fresh=fresh)
                except (OSError, EOFError):
                    # As a browser or a proxy does when a connection breaks before the answer: once more, on a new one.
                    asked.sent_again += 1
                    answer = await self._exchange(request, fresh=True)
        except (OSError, EOFError, TimeoutError) as error:
            self._traffic.unanswered(asked, repr(error))
        else:
            self._traffic.answered(asked, *answer)

    async def _exchange(self, request: bytes, *, fresh: bool) -> HttpAnswer:
        port = self._port()
        connection = None if fresh else self._reused(port)
        if connection is None:
            connection = await HttpConnection.to(port)
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        if answer.may_reuse:
            self._idle.append((port, connection))
        else:
            connection.close()
        return answer

    def _reused(self, port: int) -> HttpConnection | None:
        while self._idle:
            known_port, connection = self._idle.pop()
            if known_port == port and connection.is_usable:
                return connection
            connection.close()
        return None


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0
