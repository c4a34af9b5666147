"""Answers that are written as they are, by the connection itself: nobody has read the request, or will read another."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.contract.problems import CONTENT_TYPE, Problem, unavailable

HEADERS_BYTES: Final = 64 * 1024
"""Browsers and proxies send 16 KiB at most."""


def _written(problem: Problem, *, closes: bool = True) -> bytes:
    body = problem.body()
    headers = [
        *problem.headers,
        (b"content-type", CONTENT_TYPE),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if closes:
        headers.append((b"connection", b"close"))
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return STATUS_LINE[problem.status] + lines + b"\r\n" + body


_OVERLOAD: Final = unavailable("too many requests at once: try again", retry_after_seconds=1)

SHED: Final = _written(_OVERLOAD, closes=False)
SHED_AND_CLOSED: Final = _written(_OVERLOAD)
TOO_MANY: Final = _written(unavailable("too many connections are open: try again", retry_after_seconds=1))
NOT_HTTP: Final = _written(Problem(400, "this is no HTTP request, or not a sound one"))
TOO_SLOW: Final = _written(Problem(408, "the request did not arrive in time"))
LARGE_HEADERS: Final = _written(Problem(431, f"the headers are larger than {HEADERS_BYTES} bytes"))
