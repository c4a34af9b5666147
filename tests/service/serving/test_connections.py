"""Connections on a line by script: what is handed on when, and who is ended after how long."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from service.serving.connections import KEEP_ALIVE_SECONDS, RULES, UNFINISHED, Connection, ConnectionRules
from service.serving.drain import Drain
from service.serving.surge import Surge

pytestmark = pytest.mark.anyio

PATIENT_SECONDS = 5.0
REQUEST_SECONDS = 3
HEAD = b"POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 4\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass
class Line:
    """A transport, as far as uvicorn uses it: what was written, and how full its buffer is said to be."""

    written: bytes = b""
    unread_bytes: int = 0
    is_closed: bool = False
    is_aborted: bool = False

    def write(self, data: bytes) -> None:
        """Take data; a transport of uvloop raises once it is closed."""
        if self.is_closed:
            raise RuntimeError("the handler is closed")
        self.written += data

    def close(self) -> None:
        """Close."""
        self.is_closed = True

    def abort(self) -> None:
        """Close at once."""
        self.is_closed = self.is_aborted = True

    def is_closing(self) -> bool:
        """Tell whether it is closed."""
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        """Return what the client has not read."""
        return self.unread_bytes

    def get_extra_info(self, _name: str, default: object = None) -> object:
        """Know nothing."""
        return default

    def pause_reading(self) -> None:
        """Do nothing."""

    resume_reading = pause_reading


@dataclass
class Host:
    """A server's state without the server, and an application that answers with what it was sent.

    Attributes:
        begun: the requests handed on, and whether their bodies were complete.
        ended: what the rules were told of connections.
        gate: what the application waits for.
    """

    most: int = 100
    drain: Drain = field(default_factory=Drain)
    surge: Surge = field(default_factory=lambda: Surge(100))
    begun: list[tuple[str, bool]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    state: ServerState = field(default_factory=ServerState)

    def __post_init__(self) -> None:
        self.config = Config(
            self.answer, interface="asgi3", proxy_headers=False, lifespan="off", log_config=None
        )
        self.config.load()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the body, once it is complete."""
        self.begun.append((scope["path"], UNFINISHED not in scope.get("extensions", ())))
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if self.gate is not None:
            await self.gate.wait()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def connect(self) -> tuple[Connection, Line]:
        """Return a new connection, and its line."""
        line = Line()
        rules = ConnectionRules(self.most, REQUEST_SECONDS, self.drain, self.ended.append, self.surge)
        connection = Connection(config=self.config, server_state=self.state, app_state={RULES: rules})
        connection.connection_made(cast("asyncio.Transport", line))
        return connection, line


async def settled(condition: Callable[[], Any]) -> None:
    """Let the loop turn until ``condition`` holds."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for is the loop's own
            await asyncio.sleep(0)


def looks(connection: Connection, line: Line, *, crowded: bool = False, most: int = 200) -> int:
    """Look once a second until the connection is ended; return how many looks that took."""
    for number in range(most):
        if line.is_closed:
            return number
        connection.look(is_crowded=crowded)
    return most


@pytest.fixture
def host() -> Host:
    """A host without anything special."""
    return Host()


async def test_a_request_is_handed_on_when_it_is_complete(host: Host) -> None:
    """However it is cut into pieces; until then the application knows nothing of it."""
    connection, line = host.connect()
    request = HEAD + b"body"
    for place in range(len(request) - 1):
        connection.data_received(request[place : place + 1])
        await asyncio.sleep(0)
    assert host.begun == []
    connection.data_received(request[-1:])
    await settled(lambda: line.written.endswith(b"\r\n\r\nbody"))
    assert host.begun == [("/", True)]


async def test_requests_in_one_piece_are_answered_in_turn(host: Host) -> None:
    """Also if the last one is complete only later."""
    connection, line = host.connect()
    connection.data_received(HEAD + b"one " + HEAD + b"two " + HEAD + b"th")
    await settled(lambda: line.written.endswith(b"two "))
    assert len(host.begun) == 2
    connection.data_received(b"ree!"[:2])
    await settled(lambda: line.written.endswith(b"thre"))


async def test_a_large_body_is_handed_on_as_it_arrives(host: Host) -> None:
    """And marked, so that it keeps nobody out; so is one whose client waits to be told to go on."""
    connection, line = host.connect()
    connection.data_received(b"PUT /feed HTTP/1.1\r\ncontent-length: 100000\r\n\r\n")
    connection.data_received(b"x" * 60_000)
    assert host.begun == []
    connection.data_received(b"x" * 10_000)
    await settled(lambda: host.begun)
    connection.data_received(b"x" * 30_000)
    await settled(lambda: line.written.endswith(b"x" * 100_000))
    hesitant, line = host.connect()
    hesitant.data_received(b"PUT /100 HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
    await settled(lambda: line.written.startswith(b"HTTP/1.1 100 Continue"))
    hesitant.data_received(b"body")
    await settled(lambda: line.written.endswith(b"body"))
    assert host.begun == [("/feed", False), ("/100", False)]


@pytest.mark.parametrize(
    ("sent", "waited_for"),
    [(b"G", "headers"), (HEAD[:-1], "headers"), (HEAD, "body"), (HEAD + b"bod", "body")],
)
async def test_a_request_that_does_not_arrive_ends_its_connection(
    host: Host, sent: bytes, waited_for: str
) -> None:
    """408 and a closed connection, however many bytes trickle in meanwhile."""
    connection, line = host.connect()
    connection.data_received(sent)
    assert looks(connection, line) == REQUEST_SECONDS + 1
    assert line.written.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert (host.begun, host.ended) == ([], [waited_for])


async def test_bytes_that_trickle_in_buy_no_time(host: Host) -> None:
    """The time is for the whole of the headers, not for each piece of them."""
    connection, line = host.connect()
    connection.data_received(b"GET / HTTP/1.1\r\nx: ")
    for _ in range(REQUEST_SECONDS + 1):
        connection.look(is_crowded=False)
        connection.data_received(b"y")
    assert line.is_closed


async def test_a_body_that_nobody_waits_for_ends_its_connection_too(host: Host) -> None:
    """What was answered before its body had come could trickle for ever."""
    host.config.loaded_app = _answer_at_once
    connection, line = host.connect()
    connection.data_received(b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n")
    await settled(lambda: b"200 OK" in line.written)
    assert looks(connection, line) == REQUEST_SECONDS + 1
    assert host.ended == ["body"]


async def _answer_at_once(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def test_a_client_that_does_not_read_is_hung_up_on(host: Host) -> None:
    """Also if the connection is closed already, which would wait for it for ever."""
    connection, line = host.connect()
    connection.data_received(HEAD + b"body")
    await settled(lambda: line.written.endswith(b"body"))
    line.unread_bytes = 5
    assert looks(connection, line) > 10
    assert (line.is_aborted, host.ended) == (True, ["reader"])


@pytest.mark.parametrize(("crowded", "seconds"), [(False, KEEP_ALIVE_SECONDS), (True, 5)])
async def test_a_connection_without_a_request_makes_room_in_time(
    host: Host, crowded: bool, seconds: int
) -> None:
    """Sooner where room is running out; that is no fault of its client, and not counted."""
    connection, line = host.connect()
    assert looks(connection, line, crowded=crowded) == seconds + 1
    assert (line.written, host.ended) == (b"", [])


async def test_a_request_at_work_is_not_looked_at(host: Host) -> None:
    """How long it may take is the application's to say."""
    host.gate = asyncio.Event()
    connection, line = host.connect()
    connection.data_received(HEAD + b"body")
    await settled(lambda: host.begun)
    assert looks(connection, line) == 200
    host.gate.set()
    await settled(lambda: line.written.endswith(b"body"))


async def test_waiting_begins_anew_with_each_request(host: Host) -> None:
    """Two requests that each take a while are not one that takes too long."""
    connection, line = host.connect()
    for turn in range(1, 6):
        connection.data_received(HEAD[:10])
        for _ in range(REQUEST_SECONDS):
            connection.look(is_crowded=False)
        connection.data_received(HEAD[10:] + b"body")
        await settled(lambda: line.written.count(b"200 OK") == turn)  # noqa: B023 - awaited here
    assert not line.is_closed


async def test_one_connection_too_many_is_refused() -> None:
    """503 at once; those that are open are not concerned."""
    host = Host(most=2)
    lines = [host.connect()[1] for _ in range(3)]
    assert [line.is_closed for line in lines] == [False, False, True]
    assert lines[2].written.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n")
    assert host.ended == ["room"]


@pytest.mark.parametrize("count", [1, 100])
async def test_headers_have_an_end(host: Host, count: int) -> None:
    """One that is too long, or too many of them: 431, before they fill the memory."""
    connection, line = host.connect()
    connection.data_received(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * count + b"z: ")
    for _ in range(70):
        if not line.is_closed:
            connection.data_received(b"z" * 1000)
    assert line.written.startswith(b"HTTP/1.1 431 ")
    assert host.ended == ["headers"]


async def test_requests_that_nobody_waits_for_the_answers_of_are_no_more_than_a_few(host: Host) -> None:
    """Whoever sends a hundred at once and reads none would have them all answered into a buffer."""
    connection, line = host.connect()
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n" * 100)
    assert (line.is_aborted, host.ended) == (True, ["reader"])


async def test_an_answer_to_somebody_who_is_gone_is_dropped_quietly(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    """A reset in the moment of the answer is no defect, and no traceback in the log."""
    host.gate = asyncio.Event()
    connection, line = host.connect()
    connection.data_received(HEAD + b"body")
    await settled(lambda: host.begun)
    line.is_closed = True
    host.gate.set()
    await settled(lambda: not host.state.tasks)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n",
        HEAD + b"body\x00nonsense\r\n",
        HEAD.replace(b"host", b"transfer-encoding: chunked\r\nhost"),
        b"CONNECT shop:443 HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_answered_400(
    host: Host, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """In the middle of a body and behind a request, too; it is counted, and fills no log."""
    connection, line = host.connect()
    connection.data_received(sent)
    await asyncio.sleep(0)
    assert line.written.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n")
    assert (line.is_closed, host.begun, host.ended) == (True, [], ["http"])
    assert caplog.text == ""


async def test_an_offer_of_another_protocol_is_ignored(host: Host) -> None:
    """And the body that comes with it is read, however it is cut: Java's client offers HTTP/2 with its first request."""
    offer = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n"
    request = HEAD.replace(b"host", offer + b"host") + b"body"
    for cut in (0, 20, len(request) - 2):
        connection, line = host.connect()
        connection.data_received(request[:cut])
        connection.data_received(request[cut:] + HEAD + b"next")
        await settled(lambda line=line: line.written.endswith(b"next"))  # type: ignore[misc]
        assert line.written.count(b"200 OK") == 2
        assert not line.is_closed
    connection, line = host.connect()
    connection.data_received(request.replace(b"HTTP2-Settings", b"close"))
    await settled(lambda: line.is_closed)
    assert line.written.endswith(b"body")


async def test_trailers_are_no_headers(host: Host) -> None:
    """A proxy that judges headers has not judged them."""
    scopes: list[Any] = []
    answer = host.answer

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(dict(scope["headers"]))
        await answer(scope, receive, send)

    host.config.loaded_app = noting
    connection, line = host.connect()
    connection.data_received(CHUNKED + b"4\r\nbody\r\n0\r\nauthorization: Bearer key\r\n\r\n")
    await settled(lambda: line.written.endswith(b"body"))
    assert scopes == [{b"transfer-encoding": b"chunked"}]


@pytest.mark.parametrize("field", [b"x: y\r\n", b"z"])
async def test_trailers_have_an_end(host: Host, field: bytes) -> None:
    """Be there many or a long one: the body's own size says nothing of them."""
    connection, line = host.connect()
    connection.data_received(CHUNKED + b"4\r\nbody\r\n0\r\n")
    for _ in range(70):
        if not line.is_closed:
            connection.data_received(field * (1000 // len(field)))
    assert line.written.startswith(b"HTTP/1.1 431 ")
    assert (host.begun, host.ended) == ([], ["headers"])


async def test_a_large_body_in_large_pieces_has_no_such_end(host: Host) -> None:
    """However large they are, and whether or not the application reads them in between."""
    connection, line = host.connect()
    connection.data_received(b"PUT /feed HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n")
    for number in range(10):
        connection.data_received(b"x" * 100_000)
        if number % 2:
            await asyncio.sleep(0)
    await settled(lambda: line.written.endswith(b"x" * 1_000_000))


async def test_a_client_that_says_it_is_done_gets_its_answer(host: Host) -> None:
    """Closing the sending half behind a request is no hanging up; before its end it is."""
    host.gate = asyncio.Event()
    connection, line = host.connect()
    connection.data_received(HEAD + b"body")
    assert connection.eof_received()
    host.gate.set()
    await settled(lambda: line.is_closed)
    assert line.written.endswith(b"body")
    connection, line = host.connect()
    assert not connection.eof_received()
    connection.data_received(HEAD)
    assert not connection.eof_received()


async def test_more_at_once_than_a_turn_has_room_for_is_shed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the application hears of it; a turn later there is room again, and operators always get through."""
    shed: list[str] = []
    surge = Surge(4, shed.append)
    takes, turn = surge.takes, 1.0
    monkeypatch.setattr(Surge, "takes", lambda _surge, path, _now: takes(path, turn))
    host = Host(surge=surge)
    page = HEAD.replace(b"POST /", b"POST /personalize") + b"page"
    event = HEAD.replace(b"POST /", b"POST /events") + b"some"
    connections = [host.connect() for _ in range(4)]
    for (connection, _), sent in zip(connections, (page * 3, event, page * 2, page), strict=True):
        connection.data_received(sent)
    await settled(lambda: connections[0][1].written.count(b"200 OK") + len(shed) == 4)
    assert connections[1][1].written.startswith(b"HTTP/1.1 200")
    late, line = host.connect()
    late.data_received(page.replace(b"host", b"connection: close\r\nhost"))
    assert line.written.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n")
    assert line.is_closed
    operator, line = host.connect()
    operator.data_received(b"GET /readyz HTTP/1.1\r\n\r\n")
    await settled(lambda: b"200 OK" in line.written)
    turn = 2.0
    again, line = connections[3]
    again.data_received(page)
    await settled(lambda: line.written.endswith(b"page"))
    assert not line.is_closed


async def test_a_client_that_hangs_up_before_its_request_is_complete_is_forgotten(host: Host) -> None:
    """Nothing was begun, nothing is left."""
    connection, _ = host.connect()
    connection.data_received(HEAD)
    connection.connection_lost(None)
    assert (host.begun, host.state.connections) == ([], set())


class TestEnding:
    """When the process ends."""

    async def test_every_answer_closes_its_connection_from_the_beginning_on(self, host: Host) -> None:
        """So that the next request goes to another process."""
        connection, line = host.connect()
        host.drain.begin()
        connection.data_received(HEAD + b"body")
        await settled(lambda: line.is_closed)
        assert b"connection: close\r\n" in line.written

    async def test_a_request_that_is_arriving_is_answered(self, host: Host) -> None:
        """Whether its headers or its body are still on their way."""
        lines = []
        for cut in (10, len(HEAD)):
            connection, line = host.connect()
            connection.data_received(HEAD[:cut])
            host.drain.begin()
            connection.shutdown()
            assert not line.is_closed
            connection.data_received(HEAD[cut:] + b"body")
            lines.append(line)
        await settled(lambda: all(line.is_closed for line in lines))
        assert all(line.written.endswith(b"body") and b"connection: close" in line.written for line in lines)

    async def test_a_request_sent_in_the_last_moment_is_answered(self, host: Host) -> None:
        """An idle connection is not closed at once: its client may have sent one before it could know."""
        connection, line = host.connect()
        host.drain.begin()
        connection.shutdown()
        assert not line.is_closed
        connection.data_received(HEAD + b"body")
        await settled(lambda: line.is_closed)
        assert line.written.endswith(b"body")

    async def test_an_idle_connection_is_closed_soon(self, host: Host) -> None:
        """Nobody waits for a client that has nothing to ask."""
        connection, line = host.connect()
        connection.shutdown()
        await settled(lambda: line.is_closed)
        assert line.written == b""
