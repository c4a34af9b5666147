"""Errors of the HTTP contract: RFC 9457 problem details, one line for each wrong field."""

from collections.abc import Sequence
from http import HTTPStatus
from math import ceil
from typing import Final, NamedTuple

import orjson

CONTENT_TYPE: Final = b"application/problem+json"


class FieldError(NamedTuple):
    """What is wrong with one field: its JSON pointer (RFC 6901) and what would be right."""

    pointer: str
    detail: str


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An answer that is an error, raised wherever the cause is found.

    Args:
        status: HTTP status, 4xx for the caller's mistakes.
        detail: one sentence on what was wrong and what to do.
        errors: the wrong fields, where the body has some.
        headers: further headers of the answer, such as ``Retry-After``.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = tuple(headers)

    def body(self) -> bytes:
        """Return the problem as JSON."""
        return orjson.dumps(
            {
                "type": "about:blank",
                "title": HTTPStatus(self.status).phrase,
                "status": self.status,
                "detail": self.detail,
                "errors": [{"pointer": error.pointer, "detail": error.detail} for error in self.errors],
            }
        )


def unauthorized(detail: str) -> Problem:
    """Return the 401 of a call that needs the server key."""
    return Problem(401, detail, headers=[(b"www-authenticate", b'Bearer realm="kabin"')])


def too_many_requests(detail: str, *, retry_after_seconds: float) -> Problem:
    """Return the 429 of who asks more often than they may; the header has whole seconds, at least one."""
    seconds = max(1, ceil(retry_after_seconds))
    return Problem(429, detail, headers=[(b"retry-after", str(seconds).encode())])


def unavailable(detail: str, *, retry_after_seconds: int) -> Problem:
    """Return the 503 of what cannot be done now and may be tried again."""
    return Problem(503, detail, headers=[(b"retry-after", str(retry_after_seconds).encode())])
