"""What the demo shop's pages load: stylesheets, scripts and drawings of garments."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.demo.assortment import Assortment
from service.demo.shop import DemoItem, color_slug

FOREVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
DRAWING_SECONDS: Final = 300
"""How long a drawing may be kept: another seed's shop has other garments under the same ids."""
DRAWINGS_KEPT: Final = 1_000

_FOLDER: Final = Path(__file__).parent / "static"
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

Draw = Callable[[DemoItem, str], str]
"""Draws an item in a colour: SVG."""


class _Asset(NamedTuple):
    content: bytes
    media_type: str
    version: str


class Assets:
    """The files of ``static/``, read once; their addresses change with their content.

    Raises:
        OSError: they cannot be read.
    """

    def __init__(self) -> None:
        self._assets = {
            path.name: _asset(path.read_bytes(), _MEDIA_TYPES[path.suffix])
            for path in sorted(_FOLDER.iterdir())
            if path.suffix in _MEDIA_TYPES
        }

    def url(self, name: str) -> str:
        """Return the address of a file.

        Raises:
            KeyError: there is none of this name.
        """
        return f"/static/{name}?v={self._assets[name].version}"

    def routes(self) -> list[BaseRoute]:
        """Return where the files are served."""
        return [Route("/static/{name}", self._serve)]

    async def _serve(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return Response("no such file", 404, media_type="text/plain")
        is_current = request.query_params.get("v") == asset.version
        return _answer(request, asset, FOREVER if is_current else ASK_AGAIN)


class Drawings:
    """The garments of the shop, drawn when they are first looked at.

    Args:
        assortment: the shop.
        draw: the draughtsman.
    """

    def __init__(self, assortment: Assortment, draw: Draw) -> None:
        self._assortment = assortment

        @lru_cache(DRAWINGS_KEPT)
        def drawn(item: DemoItem, color: str) -> _Asset:
            return _asset(draw(item, color).encode(), _MEDIA_TYPES[".svg"])

        self._drawn = drawn

    def routes(self) -> list[BaseRoute]:
        """Return where the drawings are served."""
        return [Route("/garments/{item_id}-{color}.svg", self._serve)]

    async def _serve(self, request: Request) -> Response:
        item = self._assortment.item(request.path_params["item_id"])
        slug = request.path_params["color"]
        color = next((one for one in item.colors if color_slug(one) == slug), None) if item else None
        if item is None or color is None:
            return Response("no such garment", 404, media_type="text/plain")
        return _answer(request, self._drawn(item, color), f"public, max-age={DRAWING_SECONDS}")


def _asset(content: bytes, media_type: str) -> _Asset:
    return _Asset(content, media_type, hashlib.sha256(content).hexdigest()[:16])


def _answer(request: Request, asset: _Asset, cache_control: str) -> Response:
    etag = f'"{asset.version}"'
    headers = {
        "ETag": etag,
        "Cache-Control": cache_control,
        "X-Content-Type-Options": "nosniff",
        # Opened by itself, an SVG is a document: it may style itself and nothing else.
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)
