"""Which web pages may call: exact origins with credentials, never a wildcard (CORS, Fetch standard)."""

from collections.abc import Collection
from typing import Final

from service.contract.problems import Problem

_PREFLIGHT_SECONDS: Final = b"7200"
"""How long a browser may remember a preflight; Chrome caps it at two hours."""
_VARY: Final = (b"vary", b"Origin")


class OriginPolicy:
    """The allow-list of origins.

    Args:
        allowed: exact origins, such as ``https://www.shop.example``.
    """

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = frozenset(origin.encode() for origin in allowed)

    def check(self, origin: bytes | None, host: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
        """Return the CORS headers of an answer to ``origin``.

        A request without an origin comes from no foreign page, and a page of this very host needs no headers.

        Raises:
            Problem: 403 for any other page.
        """
        if origin is None:
            return (_VARY,) if self._allowed else ()
        if origin.lower() in self._allowed:
            return (
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", b"server-timing, retry-after"),
                _VARY,
            )
        if host is not None and origin.partition(b"://")[2].lower() == host.lower():
            return (_VARY,)
        raise Problem(
            403,
            "pages of this origin may not call Kabin: add it to KABIN_ALLOWED_ORIGINS",
            headers=[_VARY],
        )

    def preflight(
        self, origin: bytes, host: bytes | None, methods: Collection[str]
    ) -> tuple[tuple[bytes, bytes], ...]:
        """Return the headers that answer a preflight.

        Raises:
            Problem: 403 for a page that may not call.
        """
        return (
            *self.check(origin, host),
            (b"access-control-allow-methods", ", ".join(sorted(methods)).encode()),
            (b"access-control-allow-headers", b"content-type"),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        )
