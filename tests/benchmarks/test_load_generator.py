"""The load generator against servers whose faults are known."""

import operator
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest

from tests.benchmarks.hot_path.load import Load, generator, run

REQUEST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
RATE = 200.0
STALL_SECONDS = 0.3

Behaviour = Callable[[socket.socket, int], None]
"""Answers the request of that number on a connection; all requests of a server are answered one after the other."""


def test_a_stall_counts_for_every_request_that_was_due_in_it() -> None:
    """A server that stops for 0.3 s at 200 requests a second has made 60 of them wait, not one for each connection."""

    def stalls_once(connection: socket.socket, number: int) -> None:
        if number == 20:
            time.sleep(STALL_SECONDS)  # the known stall
        connection.sendall(ANSWER)

    with served(stalls_once) as port:
        outcome = run(Load(port, requests(120), RATE, connections=2))
    assert outcome.statuses == [200] * 120
    # With two connections request 20 or 21 met the stall, and none after them was answered before it was over.
    for later in range(2, 60):
        assert outcome.latencies_ms[20 + later] >= (STALL_SECONDS - later / RATE) * 1e3


def test_answers_are_put_together_from_pieces() -> None:
    """An answer that arrives byte by byte is one answer, whatever the case of its headers' names."""

    def dribbles(connection: socket.socket, _number: int) -> None:
        for byte in ANSWER.replace(b"Content-Length", b"content-length"):
            connection.sendall(bytes([byte]))

    with served(dribbles) as port:
        outcome = run(Load(port, requests(20), 1000.0, connections=3))
    assert outcome.statuses == [200] * 20
    assert outcome.bodies == [b"ok"] * 20


def test_a_request_without_an_answer_is_an_error_and_the_others_go_on() -> None:
    """A connection that is closed instead of an answer is replaced; its request has infinite latency."""

    def hangs_up_once(connection: socket.socket, number: int) -> None:
        if number == 5:
            connection.close()
        else:
            connection.sendall(ANSWER)

    with served(hangs_up_once) as port:
        outcome = run(Load(port, requests(30), 1000.0, connections=2))
    assert sorted(outcome.statuses) == [0] + [200] * 29
    assert outcome.latencies_ms[outcome.statuses.index(0)] == float("inf")


def test_an_infinite_rate_asks_as_fast_as_the_connections_get_answers() -> None:
    """That is a closed loop, for measuring CPU rather than latency."""

    def answers(connection: socket.socket, _number: int) -> None:
        connection.sendall(ANSWER)

    with served(answers) as port:
        outcome = run(Load(port, requests(50), float("inf"), connections=4))
    assert outcome.statuses == [200] * 50


def test_a_server_that_never_answers_is_given_up() -> None:
    """The load ends, and says that nothing came."""
    with served(lambda _connection, _number: None) as port:
        outcome = run(Load(port, requests(3), 1000.0, connections=1, timeout_seconds=0.05))
    assert outcome.statuses == [0, 0, 0]


@pytest.mark.parametrize("status", [404, 503])
def test_other_statuses_are_reported(status: int) -> None:
    """What is no 200 stands in the outcome as it is."""

    def refuses(connection: socket.socket, _number: int) -> None:
        connection.sendall(ANSWER.replace(b"200", str(status).encode()))

    with served(refuses) as port:
        outcome = run(Load(port, requests(4), 1000.0, connections=1))
    assert outcome.statuses == [status] * 4


def test_a_generator_ends_with_its_block_even_in_the_middle_of_a_load() -> None:
    """Whoever waits for the load is told that nothing comes any more."""
    asked = threading.Event()
    wait_long = Load(0, partial(operator.mul, [REQUEST], 3), 1000.0, connections=1, timeout_seconds=600.0)
    with (
        served(lambda _connection, _number: asked.set()) as port,
        ThreadPoolExecutor(1) as thread,
        generator() as generate,
    ):
        loading = thread.submit(generate, wait_long._replace(port=port))
        assert asked.wait(60.0)
        assert not loading.done()
    with pytest.raises((EOFError, OSError)):
        loading.result()


def requests(count: int) -> Callable[[], Sequence[bytes]]:
    """Return a maker of so many equal requests."""
    return lambda: [REQUEST] * count


@contextmanager
def served(behaviour: Behaviour) -> Iterator[int]:
    """Run a server on loopback, its port is yielded; it ends with its connections."""
    lock, numbers = threading.Lock(), iter(range(10_000))

    def answer(connection: socket.socket) -> None:
        with connection:
            received = b""
            while connection.fileno() >= 0 and (chunk := connection.recv(4096)):
                received += chunk
                while REQUEST in received:
                    received = received.replace(REQUEST, b"", 1)
                    with lock:
                        behaviour(connection, next(numbers))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threads.append(threading.Thread(target=answer, args=(connection,)))
            threads[-1].start()

    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        yield port
        listener.shutdown(socket.SHUT_RDWR)
    acceptor.join()
    for thread in threads:
        thread.join()
