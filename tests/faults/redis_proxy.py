"""A TCP proxy between the service and Redis: the network, with what can go wrong in one."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

HOST: Final = "127.0.0.1"
LATENCY_SECONDS: Final = 0.2
REPLIES_BEFORE_FAILURE: Final = 20
"""A connection lives long enough to be used, and fails in the middle of it."""

_CHUNK_BYTES: Final = 1 << 16
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST instead of FIN."""

Weather = Literal["fine", "slow", "silent", "resetting", "garbling"]
"""Passes everything; replies 200 ms late; nothing at all, for good on connections of that time (half-open); each
connection's 20th reply is cut in the middle by RST; or is something other than the Redis protocol."""


@dataclass(slots=True, eq=False)
class _Pair:
    """A connection of the service and the one to Redis that belongs to it."""

    service: asyncio.StreamWriter
    redis: asyncio.StreamWriter
    replies: int = 0
    is_dead: bool = False


class RedisProxy:
    """Listens on a port of its own and passes everything on to Redis, as the weather allows.

    Args:
        redis_port: on loopback.

    Attributes:
        port: to connect to.
        weather: may be set at any time.
    """

    def __init__(self, redis_port: int) -> None:
        self._redis_port = redis_port
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._ending = asyncio.Event()
        self.port = 0
        self.weather: Weather = "fine"

    @property
    def url(self) -> str:
        """Redis as the service knows it."""
        return f"redis://{HOST}:{self.port}/0"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run while the block does."""
        thread = threading.Thread(target=self._run, name="Redis proxy")
        thread.start()
        self._ready.wait()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._ending.set)
            thread.join()

    def break_all(self) -> None:
        """Break every connection: whoever still waits for something on a dead one need not any more."""
        self._loop.call_soon_threadsafe(self._break_all)

    def _break_all(self) -> None:
        for pair in list(self._pairs):
            _reset(pair.service)
            _reset(pair.redis)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, HOST)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ending.wait()
        server.close()
        self._break_all()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            redis_reader, redis_writer = await asyncio.open_connection(HOST, self._redis_port)
        except OSError:
            _reset(writer)
            return
        pair = _Pair(writer, redis_writer)
        pair.is_dead = self.weather == "silent"
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, redis_writer, pair, is_reply=False))
                group.create_task(self._pass_on(redis_reader, writer, pair, is_reply=True))
        finally:
            self._pairs.discard(pair)
            with suppress(OSError):
                writer.close()
                redis_writer.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: _Pair, *, is_reply: bool
    ) -> None:
        """Pass on one direction until it ends; a delayed chunk holds up those behind it, as on a line."""
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivery = asyncio.create_task(_deliver(late, writer))
        try:
            with suppress(OSError):
                while chunk := await reader.read(_CHUNK_BYTES):
                    pair.is_dead = pair.is_dead or self.weather == "silent"
                    if pair.is_dead:
                        continue
                    if is_reply and not self._may_pass(pair, chunk):
                        return
                    delay = LATENCY_SECONDS if is_reply and self.weather == "slow" else 0.0
                    late.put_nowait((time.monotonic() + delay, chunk))
        finally:
            delivery.cancel()
            if not (is_reply and pair.is_dead):  # That Redis is gone is not heard of over a dead line.
                _reset(pair.service)
                _reset(pair.redis)

    def _may_pass(self, pair: _Pair, reply: bytes) -> bool:
        """Tell whether a reply arrives whole; break the connection if it does not."""
        pair.replies += 1
        if self.weather in ("fine", "slow") or pair.replies < REPLIES_BEFORE_FAILURE:
            return True
        if self.weather == "garbling":
            pair.service.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return True
        pair.service.write(reply[: len(reply) // 2])
        return False


async def _deliver(late: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
    """Write chunks when their time has come."""
    while True:
        at, chunk = await late.get()
        if (wait := at - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        writer.write(chunk)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection at once."""
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.close()
