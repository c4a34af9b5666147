"""``/kabin.js`` and what belongs to it: the storefront script that every page loads."""

import hashlib
from collections.abc import Sequence
from typing import Final

from service.contract.operator_answers import StorefrontAnswer
from service.contract.problems import Problem
from service.routes.exchange import NO_STORE, Reply, Request
from service.storefront.bundle import Bundle, Script

Headers = Sequence[tuple[bytes, bytes]]

_JAVASCRIPT: Final = b"text/javascript; charset=utf-8"
_TEXT: Final = b"text/plain; charset=utf-8"
"""What TypeScript's declarations are sent as; the type registered for ``.ts`` is a video's."""

_MOVING: Final = (b"cache-control", b"public, max-age=300")
"""A new release reaches every page within five minutes: an older script would ask for widgets that are gone."""
_IMMUTABLE: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_VARY: Final = (b"vary", b"accept-encoding")


class StorefrontRoutes:
    """The handlers of the storefront script; every answer lies ready.

    Args:
        bundle: of this installation.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._script_name = f"kabin-{bundle.script.hash}.js"
        self._types_tag = f'"{hashlib.sha256(bundle.types).hexdigest()[:12]}"'.encode()

    async def script(self, request: Request) -> Reply:
        """Answer the script of this release."""
        return _script(request, self._bundle.script, _MOVING)

    async def pinned_script(self, request: Request) -> Reply:
        """Answer the script by its hash, for good; one of another release is sent to the present one.

        Raises:
            Problem: 404 for what is no hash.
        """
        asked = request.path_parameter("hash")
        script = self._bundle.script
        if asked == script.hash:
            return _script(request, script, _IMMUTABLE)
        if len(asked) != len(script.hash) or set(asked) - set("0123456789abcdef"):
            raise Problem(404, f"there is no such script: /kabin.json names {self._script_name}")
        # Relative, so that it holds below a reverse proxy's prefix; never kept, because while a release is
        # rolled out a worker of the old one is asked for the new script.
        return Reply(b"", 302, [(b"location", b"kabin.js"), NO_STORE])

    async def widgets(self, request: Request) -> Reply:
        """Answer the part that the script fetches for pages with widgets.

        Raises:
            Problem: 404 for another release's: the two parts of a script belong together, and a page goes without
                rather than with half of each.
        """
        if request.path_parameter("hash") != self._bundle.widgets.hash:
            raise Problem(404, "there are no such widgets: /kabin.js fetches those of its own release")
        return _script(request, self._bundle.widgets, _IMMUTABLE)

    async def types(self, request: Request) -> Reply:
        """Answer the script's TypeScript declarations."""
        return _tagged(request, self._bundle.types, self._types_tag, [_MOVING], _TEXT)

    async def release(self, _request: Request) -> Reply:
        """Answer the immutable name of the script, its integrity, and the loader for a page's head."""
        answer: StorefrontAnswer = {
            "script": self._script_name,
            "integrity": self._bundle.script.integrity,
            "loader": self._bundle.loader,
        }
        return Reply.of_json(answer, headers=[NO_STORE])


def accepts_gzip(accept_encoding: bytes | None) -> bool:
    """Tell whether ``Accept-Encoding`` allows gzip (RFC 9110 §12.5.3); without the header it is not sent."""
    weights: dict[bytes, bool] = {}
    for choice in (accept_encoding or b"").lower().split(b","):
        coding, _, parameters = choice.partition(b";")
        name, _, weight = parameters.strip().partition(b"=")
        # A weight of 0, however many decimals it has, forbids the coding.
        weights[coding.strip()] = name.strip() != b"q" or bool(weight.strip(b" 0."))
    return weights.get(b"gzip", weights.get(b"*", False))


def _script(request: Request, script: Script, caching: tuple[bytes, bytes]) -> Reply:
    if accepts_gzip(request.headers.get(b"accept-encoding")):
        headers = [caching, _VARY, (b"content-encoding", b"gzip")]
        return _tagged(request, script.packed, f'"{script.hash}-gzip"'.encode(), headers, _JAVASCRIPT)
    return _tagged(request, script.source, f'"{script.hash}"'.encode(), [caching, _VARY], _JAVASCRIPT)


def _tagged(request: Request, body: bytes, tag: bytes, headers: Headers, content_type: bytes) -> Reply:
    """Return a body with its entity tag, or 304 to whoever has it already."""
    if _has(request.headers.get(b"if-none-match"), tag):
        kept = [header for header in headers if header[0] != b"content-encoding"]
        return Reply(b"", 304, [*kept, (b"etag", tag)])
    return Reply(body, headers=[*headers, (b"etag", tag)], content_type=content_type)


def _has(if_none_match: bytes | None, tag: bytes) -> bool:
    """Compare weakly, as RFC 9110 §13.1.2 has it for this header."""
    if if_none_match is None:
        return False
    known = [one.strip().removeprefix(b"W/") for one in if_none_match.split(b",")]
    return tag in known or known == [b"*"]
