"""One connection that many requests share, from its handshake to its loss; it never reconnects."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Final, TypeAlias, cast

from hiredis import ProtocolError, Reader, pack_command

from service.stores.connection import StoreUnavailable

_GRACE_SECONDS: Final = 0.001
_MOST_GRACE_SECONDS: Final = 0.05
_OWN_DELAY_SECONDS: Final = 0.01
_LATELY_SECONDS: Final = 0.1
_LOOKS_APART_SECONDS: Final = 0.002
_ASKING: Final = b"*1\r\n$6\r\nASKING\r\n"
_UNSENT_BYTES: Final = 8 * 1024 * 1024
"""256 requests at once with 32 KiB of events each: more in the buffer means that Redis does not read."""


Part: TypeAlias = str | bytes | int
"""What a command is made of."""

encoded: Final = cast("Callable[[tuple[Part, ...]], bytes]", pack_command)
"""Encodes a command for the wire, in C (hiredis' own annotation allows one part only)."""


class CommandRefused(StoreUnavailable):
    """The server answered a command with an error.

    Attributes:
        code: the error's first word, such as ``NOSCRIPT``.
        details: the words after it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(f"Redis: {message}")
        self.code, _, self.details = message.partition(" ")


class TooLate(StoreUnavailable):
    """No answer came within the patience of whoever asked, and Redis is to blame."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a connection puts up with.

    Attributes:
        most_waiting: commands without an answer; one more fails at once.
        overdue_seconds: how long after its deadline the oldest command may stay without an answer; then the
            connection counts as half-open and is dropped.
        settled_seconds: a connection that lived shorter counts as a failed attempt, so that one that is dropped at
            once is not made again at once.
    """

    most_waiting: int = 1024
    overdue_seconds: float = 1.0
    settled_seconds: float = 1.0


class _Incomplete:
    """What the reader returns while a reply has not arrived whole."""


class MultiplexedConnection(asyncio.Protocol):
    """Sends commands of many requests and gives each the reply that is its own.

    Replies carry no names: the n-th belongs to the n-th command. So whoever stops waiting (a deadline, a
    cancellation) keeps their place in the queue, where the late reply ends. One timer serves all deadlines.

    Args:
        limits: see there.
        on_lost: called once, with the reason, as soon as the connection must not be used any more.

    Attributes:
        connected_at: by the event loop's clock.
        lost: why the connection ended; ``None`` while it lives.
    """

    def __init__(self, limits: Limits, on_lost: Callable[["MultiplexedConnection"], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._reader = Reader(replyError=CommandRefused, notEnoughData=_Incomplete)
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._unsent: list[bytes] = []
        self._is_congested = False
        self._timer: asyncio.TimerHandle | None = None
        self._look_at = inf
        self.connected_at = self._loop.time()
        self._heard_at = self.connected_at
        self.lost: str | None = None

    def send(self, command: bytes, deadline: float) -> "asyncio.Future[Any]":
        """Send an encoded command and return the future of its reply.

        Args:
            command: as :func:`encoded` returns it.
            deadline: by the event loop's clock; afterwards the future fails with :class:`TooLate`.

        Raises:
            StoreUnavailable: the connection is lost, or too many commands wait already.
        """
        waiting = self._waiting
        if self.lost is not None or self._is_congested or len(waiting) >= self._limits.most_waiting:
            raise StoreUnavailable(
                f"Redis: {self.lost or 'it does not keep up, too many commands wait for an answer'}"
            )
        future: asyncio.Future[Any] = self._loop.create_future()
        waiting.append((future, deadline))
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(command)
        if deadline < self._look_at:
            self._look_again_at(deadline)
        return future

    def send_asking(self, command: bytes, deadline: float) -> "asyncio.Future[Any]":
        """Send a command to the node of a Cluster that is just taking over its slot, as its owner's ``ASK`` wants it.

        ASKING holds for the next command on the connection, so both are sent as one.
        """
        future = self.send(_ASKING + command, deadline)
        skipped = self._loop.create_future()
        skipped.cancel()  # Nobody waits for the reply to ASKING, but it has its place in the queue.
        self._waiting.insert(-1, (skipped, deadline))
        return future

    def drop(self, reason: str) -> None:
        """End the connection now; every command without an answer fails with ``reason``."""
        if self.lost is not None:
            return
        self.lost = reason
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._unsent.clear()
        waiting, self._waiting = self._waiting, deque()
        for future, _ in waiting:
            if not future.done():
                future.set_exception(StoreUnavailable(f"Redis: {reason}"))
        self._on_lost(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_UNSENT_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        self.drop("the connection was closed" if exc is None else f"{type(exc).__name__}: {exc}")

    def pause_writing(self) -> None:
        """See :class:`asyncio.Protocol`."""
        self._is_congested = True

    def resume_writing(self) -> None:
        """See :class:`asyncio.Protocol`."""
        self._is_congested = False

    def data_received(self, data: bytes) -> None:
        """Hand the replies that are complete to whoever waits for them."""
        reader, waiting = self._reader, self._waiting
        self._heard_at = self._loop.time()
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _Incomplete:
                future, _ = waiting.popleft()
                if future.done():  # Cancelled or given up: the reply ends here, in its own place.
                    continue
                if reply.__class__ is CommandRefused:
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        except (ProtocolError, TypeError) as error:  # the latter of a map with a list for a key
            self.drop(f"not the Redis protocol: {error}")
        except IndexError:
            self.drop("a reply that nobody had asked for")

    def _flush(self) -> None:
        """Write what was sent during this turn of the loop, with one system call for all of it.

        A command among four costs 12.9 µs so and 15.6 µs written by itself, among 32 6.7 and 9.7; one that is alone
        costs a turn of the loop more, 16.4 and 15.1.
        """
        if self._unsent and self._transport is not None:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()

    def _look_again_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._look_at = when
        self._timer = self._loop.call_at(when, self._before_look)

    def _before_look(self) -> None:
        """Read first what has arrived: when the loop itself was held up, Redis is not to blame.

        It may have got the commands as late as this comes, so it is given that time once more.
        """
        now = self._loop.time()
        late_seconds = now - self._look_at
        grace_seconds = min(max(late_seconds, _GRACE_SECONDS), _MOST_GRACE_SECONDS)
        is_own_fault = late_seconds > _OWN_DELAY_SECONDS and now - self._heard_at < _LATELY_SECONDS
        self._timer = self._loop.call_later(grace_seconds, self._look, is_own_fault)

    def _look(self, is_own_fault: bool) -> None:
        """Give up what is late, and the connection if its oldest command is overdue."""
        self._timer, self._look_at = None, inf
        if not self._waiting:
            return
        now = self._loop.time()
        overdue_at = self._waiting[0][1] + self._limits.overdue_seconds
        if overdue_at <= now:
            self.drop("it has stopped answering; the connection was given up")
            return
        look_at = overdue_at
        for future, deadline in self._waiting:
            if future.done():
                continue
            if deadline <= now:
                future.set_exception(
                    StoreUnavailable("no time to listen to Redis")
                    if is_own_fault
                    else TooLate("Redis did not answer in time")
                )
            elif deadline < look_at:
                look_at = deadline
        self._look_again_at(max(look_at, now + _LOOKS_APART_SECONDS))
