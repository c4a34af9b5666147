"""The test shop's pages, served as a shop would: under a strict content security policy, with a nonce."""

import html
import re
from pathlib import Path
from typing import Final

from starlette.responses import Response

PAGES: Final = Path(__file__).parent / "pages"
BUILT: Final = Path(__file__).parents[2] / "service" / "storefront" / "built"
NONCE: Final = "bm9uY2Ugb2YgdGhlIHRlc3Q"

_MEDIA_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
_INLINE_SCRIPT: Final = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)

_SCRIPT: Final = re.compile(r"(kabin(?:-[a-z]+)?)(?:-[0-9a-f]{12})?\.js")
_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        f"script-src 'nonce-{NONCE}'",
        "connect-src 'self' http://127.0.0.1:* http://localhost:*",
        "img-src 'self'",
        f"style-src 'nonce-{NONCE}'",
        "base-uri 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
        "report-uri /csp-report",
    ]
)


class ShopPages:
    """Pages of ``tests/storefront/pages`` and the built script, with what a test changes of them.

    Attributes:
        attributes: of the element that loads kabin.js.
        script_origin: where that element's ``src`` points; empty is the page's own origin.
        loader: what stands inline before that element; empty is none.
        is_async: whether that element lets the page go on without it.
        script_count: how many of these elements a page has.
        has_script: whether there is a kabin.js to load.
        has_second_script: whether there is the one that kabin.js fetches.
    """

    def __init__(self) -> None:
        self.attributes: dict[str, str] = {}
        self.script_origin = ""
        self.loader = loader_source()
        self.is_async = True
        self.script_count = 1
        self.has_script = True
        self.has_second_script = True
        self._edits: dict[str, str] = {}
        self._used: set[str] = set()

    @property
    def unused_edits(self) -> set[str]:
        """What was to be replaced and stood in no page that was served."""
        return self._edits.keys() - self._used

    def edit(self, old: str, new: str) -> None:
        """Serve the pages that hold ``old`` with ``new`` in its place, wherever it stands."""
        self._edits[old] = new

    def serve(self, path: str) -> Response:
        """Answer a GET."""
        name = path.strip("/") or "plain.html"
        if is_script := _SCRIPT.fullmatch(name):
            name = f"{is_script[1]}.js"
        file = (BUILT if is_script else PAGES) / name
        is_there = self.has_script if name == "kabin.js" else self.has_second_script or not is_script
        if not file.is_file() or not is_there:
            return Response("there is no such file", 404, media_type="text/plain")
        headers = {"cache-control": "no-store", "access-control-allow-origin": "*"}
        content = file.read_text()
        if name == "shop.js":
            content = content.replace("SECOND_SCRIPT", second_script())
        if file.suffix == ".html":
            headers["content-security-policy"] = _POLICY
            content = self._render(content)
        return Response(content, headers=headers, media_type=_MEDIA_TYPES[file.suffix])

    def _render(self, page: str) -> str:
        for old, new in self._edits.items():
            if old in page:
                self._used.add(old)
                page = page.replace(old, new)
        loader = f"<script>{self.loader}</script>\n" if self.loader else ""
        attributes = "".join(f' {name}="{html.escape(value)}"' for name, value in self.attributes.items())
        is_async = " async" if self.is_async else ""
        element = f'<script{is_async} src="{self.script_origin}/kabin.js"{attributes}></script>\n'
        page = page.replace("<!-- kabin -->", loader + element * self.script_count)
        return re.sub(r"<script(?=[\s>])", f'<script nonce="{NONCE}"', page)


def second_script() -> str:
    """Return the path of the script that kabin.js fetches for pages that have something for it."""
    found = re.search(r"kabin-[a-z]+-[0-9a-f]{12}\.js", (BUILT / "kabin.js").read_text())
    assert found, "built/kabin.js names no second script"
    return f"/{found[0]}"


def loader_source() -> str:
    """Return the inline script of the built loader."""
    found = _INLINE_SCRIPT.search((BUILT / "loader.html").read_text())
    assert found, "built/loader.html holds no inline script"
    return found[1]
