"""HTTP as clients speak it, in what uvicorn takes amiss or without end."""

from collections import deque
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_DROPPED: Final = cast("list[tuple[bytes, bytes]]", deque[Any](maxlen=0))
"""Where trailers go."""


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with these differences.

    - A request that offers another protocol (``Upgrade``) is answered in this one. Java's own client offers HTTP/2 with
      every first request, and uvicorn loses the body of it.
    - Trailers, which may follow a chunked body, are dropped. They would count as headers, which a proxy has not seen.
    - A client that closes its half of the connection behind its request gets its answer.
    - What is no HTTP costs no line in the log.
    """

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.refuse()

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's returns nothing
        """See :class:`asyncio.Protocol`; return whether there is still something to answer."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        return True

    def on_headers_complete(self) -> None:
        """See :class:`httptools.HttpRequestParser`."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()
            self.headers = _DROPPED

    def on_message_complete(self) -> None:
        """See :class:`httptools.HttpRequestParser`."""
        if self.parser.should_upgrade() or self.cycle.response_complete:
            return
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def refuse(self) -> None:
        """Answer what is no HTTP."""
        self.send_400_response("Invalid HTTP request received.")

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read the request once more, as if it had offered nothing: the parser takes what follows for something else."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self.refuse()
            return
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                value = b"close" if b"close" in value.lower() else b"keep-alive"  # noqa: PLW2901 - the rest of it concerns the offer
            if name != b"upgrade":
                lines.append(b"%b: %b" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        HttpProtocol.data_received(self, b"\r\n".join([*lines, b"", rest]))
