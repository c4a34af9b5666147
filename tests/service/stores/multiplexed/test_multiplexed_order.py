"""No reply may ever reach another request: the connection alone, on a loop whose clock the test turns."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.stores.connection import StoreUnavailable
from service.stores.multiplexed.connection import CommandRefused, Limits, MultiplexedConnection, encoded
from tests.scripted_redis import bulk

PATIENCES = (0.03, 1.0)
LIMITS = Limits(most_waiting=12, overdue_seconds=5.0)


class TurnedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still until it is turned on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.timers_set = 0

    def time(self) -> float:
        """Return the time as the test has turned it."""
        return self.now

    def call_at(self, *arguments: Any, **options: Any) -> asyncio.TimerHandle:  # type: ignore[override]
        """Set a timer, and count it."""
        self.timers_set += 1
        return super().call_at(*arguments, **options)


class Wire:
    """Stands for the transport: takes what is written, and counts the writes."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        """Take bytes."""
        self.written.append(data)

    def abort(self) -> None:
        """Note the end."""
        self.is_aborted = True

    def set_write_buffer_limits(self, high: int) -> None:
        """Take any."""


async def turns(number: int = 4) -> None:
    """Give callbacks and timers that are due their turn."""
    for _ in range(number):
        await asyncio.sleep(0)


async def elapse(seconds: float) -> None:
    """Turn the clock on; timers fire as they would, one after another."""
    loop = cast("TurnedLoop", asyncio.get_running_loop())
    until, step = loop.now + seconds, max(seconds / 12, 0.0015)
    while loop.now < until:
        loop.now = min(until, loop.now + step)
        await turns()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run on a loop of its own, which nothing slows down."""
    loop = TurnedLoop()
    try:
        loop.run_until_complete(scenario())
    finally:
        loop.close()


def connected(limits: Limits = LIMITS) -> tuple[MultiplexedConnection, Wire, list[str | None]]:
    """Return a connection, its wire, and the list of what it says when it is lost."""
    lost: list[str | None] = []
    connection, wire = MultiplexedConnection(limits, lambda it: lost.append(it.lost)), Wire()
    connection.connection_made(cast("asyncio.Transport", wire))
    return connection, wire, lost


def send(connection: MultiplexedConnection, text: str, seconds: float = 0.03) -> "asyncio.Future[Any]":
    """Send a command whose right reply is its own text."""
    return connection.send(encoded(("ECHO", text)), asyncio.get_running_loop().time() + seconds)


Step = tuple[str, int]


def steps() -> st.SearchStrategy[list[Step]]:
    """Commands of two patiences, cancellations, pauses, and replies cut anywhere."""
    return st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(0, 1)),
            st.tuples(st.just("asking"), st.integers(0, 1)),
            st.tuples(st.just("cancel"), st.integers(0, 20)),
            st.tuples(st.just("reply"), st.integers(1, 40)),
            st.tuples(st.just("elapse"), st.sampled_from([1, 10, 40, 1100])),
            st.tuples(st.just("turn"), st.just(0)),
        ),
        max_size=60,
    )


class Shop:
    """Sends what the steps say, answers like a server that is in no hurry, and knows what each future must hold."""

    def __init__(self) -> None:
        self.connection, self.wire, self.lost = connected()
        self.futures: list[asyncio.Future[Any]] = []
        self.answers = b""

    async def step(self, kind: str, number: int) -> None:
        """Do one step."""
        if kind in ("send", "asking"):
            self._send(kind, PATIENCES[number])
        elif kind == "cancel" and self.futures:
            self.futures[number % len(self.futures)].cancel()
        elif kind == "reply":
            self._deliver(number)
        elif kind == "elapse":
            await elapse(number / 1000)
        await turns(1)

    def _send(self, kind: str, patience: float) -> None:
        number = len(self.futures)
        deadline = asyncio.get_running_loop().time() + patience
        send_it = self.connection.send if kind == "send" else self.connection.send_asking
        try:
            self.futures.append(send_it(encoded(("ECHO", f"reply {number}")), deadline))
        except StoreUnavailable:
            return  # Nothing was sent, so nothing is answered.
        # Every third answer is an error: it must find its way just like the others.
        own = b"-ERR reply %d\r\n" % number if number % 3 == 2 else bulk(b"reply %d" % number)
        self.answers += (b"+OK\r\n" if kind == "asking" else b"") + own

    def _deliver(self, size: int) -> None:
        data, self.answers = self.answers[:size], self.answers[size:]
        if data and self.connection.lost is None:
            self.connection.data_received(data)

    def check(self) -> None:
        """Compare every future that is done with the one reply that was its own."""
        for number, future in enumerate(self.futures):
            assert future.done(), f"nobody told request {number} anything"
            if future.cancelled():
                continue
            error = future.exception()
            if isinstance(error, CommandRefused):
                assert str(error) == f"Redis: ERR reply {number}"
            elif error is None:
                assert future.result() == b"reply %d" % number
            else:
                assert isinstance(error, StoreUnavailable)


@given(steps())
@settings(max_examples=100)
def test_every_reply_ends_at_the_request_that_asked(happened: list[Step]) -> None:
    """However calls, cancellations, deadlines and pieces of replies interleave, a reply is one's own or nobody's."""

    async def scenario() -> None:
        shop = Shop()
        for kind, number in happened:
            await shop.step(kind, number)
        while shop.answers and not shop.lost:
            await shop.step("reply", 7)
        if not shop.lost:
            assert not shop.connection._waiting
            last = send(shop.connection, "last")
            await turns()
            shop.connection.data_received(bulk(b"last"))
            assert await last == b"last"
            shop.connection.drop("the end")
        shop.check()

    run(scenario)


@given(
    steps(), st.sampled_from([b"%garbage\r\n", b"$-7\r\n", b"*1\r\n?\r\n", b"HTTP/1.1 400 Bad Request\r\n"])
)
@settings(max_examples=40)
def test_a_connection_that_breaks_answers_nobody_wrongly(happened: list[Step], garbage: bytes) -> None:
    """Garbage, or replies that nobody asked for, end the connection; whoever waited is told so."""

    async def scenario() -> None:
        shop = Shop()
        for kind, number in happened:
            await shop.step(kind, number)
        while shop.answers and not shop.lost:
            await shop.step("reply", 7)
        if not shop.lost:
            waiting = send(shop.connection, "last")
            shop.connection.data_received(garbage)
            assert shop.wire.is_aborted
            assert isinstance(waiting.exception(), StoreUnavailable)
        shop.check()
        assert len(shop.lost) == 1

    run(scenario)


def test_commands_of_one_turn_leave_in_one_write() -> None:
    """What many requests send in the same turn of the loop costs one system call."""

    async def scenario() -> None:
        connection, wire, _ = connected()
        first = [send(connection, f"{number}") for number in range(5)]
        assert wire.written == []
        await turns()
        send(connection, "5").cancel()
        await turns()
        assert [data.count(b"ECHO") for data in wire.written] == [5, 1]
        connection.data_received(b"".join(bulk(b"%d" % number) for number in range(6)))
        assert [future.result() for future in first] == [b"0", b"1", b"2", b"3", b"4"]

    run(scenario)


def test_a_late_reply_ends_in_its_own_place() -> None:
    """Each request is given up at its own deadline, and what comes for it afterwards reaches nobody else."""

    async def scenario() -> None:
        connection, _, _ = connected()
        page, event = send(connection, "page", 0.03), send(connection, "event", 1.0)
        await elapse(0.04)
        assert isinstance(page.exception(), StoreUnavailable)
        assert not event.done()
        connection.data_received(bulk(b"page") + bulk(b"event"))
        assert await event == b"event"

    run(scenario)


def test_one_timer_serves_all_deadlines() -> None:
    """A thousand requests that are answered in time set few timers, and each unanswered one is given up."""

    async def scenario() -> None:
        connection, _, _ = connected(Limits(most_waiting=2000))
        loop = cast("TurnedLoop", asyncio.get_running_loop())
        loop.timers_set = 0
        for _ in range(1000):
            future = send(connection, "x")
            connection.data_received(bulk(b"x"))
            assert await future == b"x"
            await elapse(0.0001)
        assert loop.timers_set < 20
        unanswered = [send(connection, "y") for _ in range(100)]
        await elapse(0.04)
        assert all(isinstance(future.exception(), StoreUnavailable) for future in unanswered)

    run(scenario)


def test_replies_that_wait_in_the_socket_are_read_before_anybody_is_given_up() -> None:
    """When this process itself stood still beyond a deadline, Redis is not to blame for it."""

    async def scenario() -> None:
        connection, _, _ = connected()
        future = send(connection, "x", 0.03)
        loop = cast("TurnedLoop", asyncio.get_running_loop())
        loop.now += 0.5
        await turns()
        connection.data_received(bulk(b"x"))
        assert await future == b"x"

    run(scenario)


def test_an_overdue_oldest_command_ends_the_connection() -> None:
    """A peer that takes commands and answers none is given up, not waited for as long as TCP would."""

    async def scenario() -> None:
        connection, wire, lost = connected(Limits(overdue_seconds=0.5))
        page = send(connection, "x", 0.03)
        await elapse(0.3)
        assert isinstance(page.exception(), StoreUnavailable)
        assert not lost
        event = send(connection, "y", 1.0)
        await elapse(0.4)
        assert lost == ["it has stopped answering; the connection was given up"]
        assert wire.is_aborted
        assert "stopped answering" in str(event.exception())
        with pytest.raises(StoreUnavailable, match="stopped answering"):
            send(connection, "z")

    run(scenario)


def test_the_number_of_waiting_commands_is_bounded() -> None:
    """A server that does not keep up is not sent more and more: one too many fails at once and is not sent."""

    async def scenario() -> None:
        connection, wire, _ = connected(Limits(most_waiting=2))
        waiting = [send(connection, "0"), send(connection, "1")]
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="keep up"):
                send(connection, "2")
        await turns()
        connection.data_received(bulk(b"0") + bulk(b"1"))
        assert [future.result() for future in waiting] == [b"0", b"1"]
        assert b"".join(wire.written).count(b"ECHO") == 2
        connection.pause_writing()
        with pytest.raises(StoreUnavailable, match="keep up"):
            send(connection, "3")
        connection.resume_writing()
        later = send(connection, "4")
        connection.data_received(bulk(b"4"))
        assert later.result() == b"4"

    run(scenario)
