"""What holds for every page of every test: no error, no CSP violation, no global but ``kabin``."""

from typing import Final

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, WebError

_NETWORK_LINE: Final = "Failed to load resource"
"""How Chromium itself reports a request that failed; scripts cannot keep it silent."""

_ALLOWED_GLOBALS: Final = {"kabin", "dataLayer", "gtag", "shopLayer", "axe", "__core-js_shared__"}
"""Ours, those that the test shop's pages create, and what axe-core leaves where a test let it look."""


def globals_of(page: Page) -> set[str]:
    """Return the names of a page's global variables."""
    names: list[str] = page.evaluate("Object.getOwnPropertyNames(window)")
    return set(names)


class Watch:
    """Collects what goes wrong on the pages of a context."""

    def __init__(self, context: BrowserContext) -> None:
        self.errors: list[str] = []
        context.on("weberror", self._note_error)
        context.on("console", self._note_message)

    def check(self, pages: list[Page], plain_globals: set[str]) -> None:
        """Assert that nothing went wrong, and that the pages still open have no further globals."""
        for page in pages:
            if page.url.startswith("http") and not page.is_closed():
                surplus = globals_of(page) - plain_globals - _ALLOWED_GLOBALS
                assert not surplus, f"globals besides kabin: {sorted(surplus)}"
        assert not self.errors, "\n".join(self.errors)

    def _note_error(self, error: WebError) -> None:
        self.errors.append(f"uncaught: {error.error}")

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_NETWORK_LINE):
            self.errors.append(f"console: {message.text}")
