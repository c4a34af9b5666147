"""An open-loop load generator: requests leave when they are due, and latency counts from then.

A generator that waits for an answer before it sends the next request asks less of a server that is slow, and so
never sees how slow it is (coordinated omission). Here request ``n`` is due at ``start + n / rate`` whatever became of
the ones before it; while every connection waits for an answer, requests queue, and their waiting counts.

It runs in a process of its own on plain sockets: select(2) wakes within tens of microseconds, while the timers of
event loops count in milliseconds.
"""

import contextlib
import multiprocessing
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

_HOST: Final = "127.0.0.1"
_READ_BYTES: Final = 1 << 16
_CONNECT_SECONDS: Final = 10.0
_LEAD_SECONDS: Final = 0.05
"""From connecting to the first request."""


class Load(NamedTuple):
    """What to ask.

    Attributes:
        port: of a server on loopback.
        requests: makes the requests, each a whole one as it goes over the wire; called in the generator's process.
        rate: requests a second.
        connections: kept alive, at most one request at a time on each; at most 1,000.
        timeout_seconds: from when the last request was due; what has no answer then has none.
    """

    port: int
    requests: Callable[[], Sequence[bytes]]
    rate: float
    connections: int = 64
    timeout_seconds: float = 10.0


@dataclass
class Outcome:
    """What came back, one entry a request, in the order in which they were due.

    Attributes:
        latencies_ms: from when a request was due to the last byte of its answer; infinite without an answer.
        statuses: 0 without an answer.
        bodies: of the answers.
        late_ms: how late the generator itself sent a request that a connection was free for, and 0 for others.
        cpu_seconds: of the generator.
        seconds: from when the first request was due to the last answer.
    """

    latencies_ms: list[float]
    statuses: list[int]
    bodies: list[bytes]
    late_ms: list[float]
    cpu_seconds: float = 0.0
    seconds: float = 0.0

    @classmethod
    def unanswered(cls, count: int) -> "Outcome":
        """Return what is known before anything was asked."""
        return cls([float("inf")] * count, [0] * count, [b""] * count, [0.0] * count)


@dataclass(eq=False)
class _Connection:
    """One kept-alive connection and the answer that arrives on it.

    Attributes:
        port: of the server.
        socket: to it.
        number: of the request whose answer is awaited, or was last.
        received: of the answer so far.
        length: bytes of the whole answer; -1 until its head has arrived.
    """

    port: int
    socket: socket.socket
    number: int = -1
    received: bytearray = field(default_factory=bytearray)
    length: int = -1

    @classmethod
    def to(cls, port: int) -> "_Connection":
        """Connect to a server on loopback."""
        return cls(port, _connected(port))

    def fileno(self) -> int:
        """Return the descriptor, for select."""
        return self.socket.fileno()

    def send(self, number: int, request: bytes) -> None:
        """Send a request; a few kilobytes always fit into the socket's buffer."""
        self.number = number
        with contextlib.suppress(ConnectionError):  # reading tells
            self.socket.sendall(request)

    def read(self) -> bool:
        """Read what has arrived and return whether the answer is complete.

        Raises:
            ConnectionError: the server has closed the connection.
        """
        chunk = self.socket.recv(_READ_BYTES)
        if not chunk:
            raise ConnectionResetError("the server closed the connection")
        self.received += chunk
        if self.length < 0:
            head_end = self.received.find(b"\r\n\r\n")
            if head_end < 0:
                return False
            self.length = head_end + 4 + _content_length(bytes(self.received[:head_end]))
        return len(self.received) >= self.length

    def take(self) -> tuple[int, bytes]:
        """Return status and body of the complete answer and be free for the next request."""
        answer = bytes(self.received)
        self.received.clear()
        self.length = -1
        return int(answer[9:12]), answer[answer.find(b"\r\n\r\n") + 4 :]

    def reconnect(self) -> None:
        """Take a new connection for one that the server has closed."""
        self.socket.close()
        self.socket = _connected(self.port)
        self.received.clear()
        self.length = -1


Generate = Callable[[Load], Outcome]
"""Runs a load."""


def run(load: Load) -> Outcome:
    """Run a load in this process.

    Raises:
        OSError: the server does not take the connections.
    """
    requests = load.requests()
    outcome = Outcome.unanswered(len(requests))
    free = [_Connection.to(load.port) for _ in range(load.connections)]
    cpu_before = time.process_time()
    started = time.perf_counter() + _LEAD_SECONDS
    _drive(load, requests, free, started, outcome)
    outcome.cpu_seconds = time.process_time() - cpu_before
    outcome.seconds = time.perf_counter() - started
    return outcome


@contextlib.contextmanager
def generator() -> Iterator[Generate]:
    """Yield :func:`run`, in a process of its own that ends with the block, even in the middle of a load."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_run_all, args=(there,), name="load generator", daemon=True)
    process.start()
    there.close()  # so that its end is noticed here

    def generate(load: Load) -> Outcome:
        here.send(load)
        outcome: Outcome | Exception = here.recv()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    try:
        yield generate
    finally:
        process.terminate()
        process.join()
        here.close()


def _run_all(connection: "Connection[Outcome | Exception, Load]") -> None:
    """Run the loads that come, until none does."""
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            load = connection.recv()
            try:
                connection.send(run(load))
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                connection.send(error)


def _drive(
    load: Load, requests: Sequence[bytes], free: list[_Connection], started: float, outcome: Outcome
) -> None:
    """Send each request when it is due and take the answers, until there is nothing to wait for."""
    due = [started + number / load.rate for number in range(len(requests))]
    give_up = started + len(requests) / load.rate + load.timeout_seconds
    waiting: deque[int] = deque()
    busy: dict[int, _Connection] = {}
    upcoming = 0
    try:
        while (upcoming < len(due) or waiting or busy) and (now := time.perf_counter()) < give_up:
            while upcoming < len(due) and due[upcoming] <= now:
                if len(free) > len(waiting):
                    outcome.late_ms[upcoming] = (now - due[upcoming]) * 1e3
                waiting.append(upcoming)
                upcoming += 1
            while waiting and free:
                connection, number = free.pop(), waiting.popleft()
                connection.send(number, requests[number])
                busy[connection.fileno()] = connection
            wake = due[upcoming] if upcoming < len(due) else give_up
            readable, _, _ = select.select(list(busy), (), (), max(wake - time.perf_counter(), 0.0))
            done = [each for each in readable if _is_done(busy[each], due, outcome)]
            free += [busy.pop(each) for each in done]
    finally:
        for connection in (*free, *busy.values()):
            connection.socket.close()


def _is_done(connection: _Connection, due: Sequence[float], outcome: Outcome) -> bool:
    """Take what has arrived on a connection, and return whether it can take the next request."""
    number = connection.number
    try:
        if not connection.read():
            return False
    except ConnectionError:
        connection.reconnect()  # the request has no answer
        return True
    outcome.latencies_ms[number] = (time.perf_counter() - due[number]) * 1e3
    outcome.statuses[number], outcome.bodies[number] = connection.take()
    return True


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection((_HOST, port), timeout=_CONNECT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _content_length(head: bytes) -> int:
    """Return the length of the body that a head announces, 0 where it announces none."""
    lowered = head.lower()
    place = lowered.find(b"\r\ncontent-length:")
    return 0 if place < 0 else int(lowered[place + 17 :].partition(b"\r\n")[0])
