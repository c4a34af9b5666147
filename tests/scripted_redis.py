"""A server on loopback that speaks the Redis protocol and answers as a test says, mistakes and all."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hiredis import Reader

Answer = Callable[[list[bytes]], bytes | None]
"""What to send for a command; nothing at all for ``None``."""

OK = b"+OK\r\n"


def bulk(value: bytes) -> bytes:
    """Return ``value`` as the protocol's bulk string."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def echo(command: list[bytes]) -> bytes | None:
    """Answer a command with its last part, as ECHO does."""
    return bulk(command[-1])


def always(reply: bytes | None) -> Answer:
    """Return an answer that is the same for every command."""
    return lambda _command: reply


@dataclass
class ScriptedRedis:
    """What the server was asked, and how it answers from now on.

    Attributes:
        answer: of every command but PING.
        pong: of PING, with which every connection starts.
        asked: commands in the order of their arrival, without PING.
        accepted: connections so far.
    """

    answer: Answer = echo
    pong: bytes | None = b"+PONG\r\n"
    url: str = ""
    asked: list[list[bytes]] = field(default_factory=list)
    accepted: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._writers)

    def send(self, data: bytes) -> None:
        """Send ``data`` on every open connection, asked or not."""
        for writer in self._writers:
            writer.write(data)

    def hang_up(self) -> None:
        """Abort every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def reset(self) -> None:
        """End every connection by RST, as a machine does that knows nothing of it (any more)."""
        for writer in self._writers:
            at_once = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.hang_up()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.accepted += 1
        self._writers.add(writer)
        commands = Reader()
        try:
            while data := await reader.read(65_536):
                commands.feed(data)
                while (command := commands.gets()) is not False:
                    self._reply(writer, command)
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _reply(self, writer: asyncio.StreamWriter, command: list[bytes]) -> None:
        if command == [b"PING"]:
            reply = self.pong
        else:
            self.asked.append(command)
            reply = self.answer(command)
        if reply is not None:
            writer.write(reply)


@asynccontextmanager
async def scripted_redis(port: int = 0) -> AsyncIterator[ScriptedRedis]:
    """Run a server; it ends with the block."""
    script = ScriptedRedis()
    server = await asyncio.start_server(script.handle, "127.0.0.1", port)
    script.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield script
    finally:
        server.close()
        script.hang_up()
        await server.wait_closed()
