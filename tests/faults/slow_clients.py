"""Clients that hold connections and give nothing for them: heads and bodies byte by byte, answers that nobody reads."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_HEAD: Final = b"POST /personalize HTTP/1.1\r\nHost: shop.example\r\nContent-Type: text/plain\r\nX-Slow: "
_BODY: Final = b"POST /personalize HTTP/1.1\r\nHost: shop.example\r\nContent-Type: text/plain\r\nContent-Length: 9999\r\n\r\n{"
_UNREAD: Final = b"GET /openapi.json HTTP/1.1\r\nHost: shop.example\r\n\r\n" * 50
"""Some megabytes of answers: more than fits into the buffers in between."""
_RECEIVE_BYTES: Final = 4096


class SlowClients:
    """Connections of three kinds, a third each.

    Args:
        port: of the service.
        number: of connections.
    """

    def __init__(self, port: int, number: int) -> None:
        self._port = port
        self._number = number
        self._trickling: list[socket.socket] = []
        self._not_reading: list[socket.socket] = []

    @contextmanager
    def connected(self) -> Iterator["SlowClients"]:
        """Connect all of them and send what is sent at once; they are closed with the block."""
        try:
            for number in range(self._number):
                connection = socket.socket()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
                connection.connect(("127.0.0.1", self._port))
                connection.setblocking(False)
                kind = number % 3
                with suppress(OSError):
                    connection.send((_HEAD, _BODY, _UNREAD)[kind])
                (self._not_reading if kind == 2 else self._trickling).append(connection)
            yield self
        finally:
            for connection in (*self._trickling, *self._not_reading):
                connection.close()

    def trickle(self) -> None:
        """Send a byte on every connection that trickles."""
        for connection in self._trickling:
            with suppress(OSError):
                connection.send(b"x")

    @property
    def still_trickling(self) -> int:
        """How many heads and bodies the service still waits for."""
        return sum(not _is_closed(connection) for connection in self._trickling)

    @property
    def still_unread(self) -> int:
        """How many connections it still keeps whose answers nobody reads."""
        return sum(not _is_closed(connection) for connection in self._not_reading)


def _is_closed(connection: socket.socket) -> bool:
    """Tell whether the other side has closed or reset a connection; what it sent before is thrown away."""
    try:
        while connection.recv(1 << 16):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
