"""Who sits at the other end, by the user agent: everybody is answered, and nothing is kept of crawlers."""

import re
from enum import Enum
from functools import lru_cache
from typing import Final

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

CACHED_VERDICTS: Final = 4096
MAX_CHARACTERS: Final = 512
"""As much of a user agent as is looked at; those of browsers have about 120."""

_CHUNK_PATTERNS: Final = 25
"""Patterns of one expression: all 1,500 in one are slower to search for than in several."""
_LIBRARY: Final = "http-library"
_AUTOMATION: Final = "browser-automation"
"""These two tags of a pattern tell what a program is made with, all others what it is for."""


class Caller(Enum):
    """Who asks. Only shoppers take part in experiments, and nothing is kept of crawlers."""

    SHOPPER = "shopper"
    PROGRAM = "program"
    """An HTTP library, a headless browser, or nothing: a scraper as well as an app or a test of the shop's own."""
    CRAWLER = "crawler"
    """One that says so: a search engine, a link preview, a monitor, a scanner."""


class Crawlers:
    """Knows crawlers by the patterns of the package ``crawler-user-agents``.

    A verdict costs about 0.4 ms and is remembered for the user agents seen most recently.

    Args:
        cached_verdicts: how many user agents are remembered, of callers and of servers each.
    """

    def __init__(self, cached_verdicts: int = CACHED_VERDICTS) -> None:
        patterns: dict[str, list[str]] = {_LIBRARY: [], _AUTOMATION: [], "": []}
        for entry in CRAWLER_USER_AGENTS_DATA:
            tag = next((tag for tag in entry.get("tags", ()) if tag in patterns), "")
            patterns[tag].append(entry["pattern"])
        self._libraries = _compiled(patterns[_LIBRARY])
        self._automation = _compiled(patterns[_AUTOMATION])
        self._crawlers = _compiled(patterns[""])
        self._verdict_of = lru_cache(cached_verdicts)(self._judge)

    def caller(self, user_agent: bytes | None, *, trusted: bool) -> Caller:
        """Return who asks.

        Args:
            user_agent: the header; browsers always send one, so without it nobody's browser is asking.
            trusted: the request brought the server key. A server that hands on its visitor's header is judged by it,
                while its own HTTP library says nothing about the visitor.
        """
        if not user_agent:
            return Caller.SHOPPER if trusted else Caller.PROGRAM
        return self._verdict_of(user_agent[:MAX_CHARACTERS], trusted)

    def _judge(self, user_agent: bytes, trusted: bool) -> Caller:
        text = user_agent.decode("latin-1")
        if _found(self._crawlers, text):
            return Caller.CRAWLER
        if _found(self._automation, text) or (not trusted and _found(self._libraries, text)):
            return Caller.PROGRAM
        return Caller.SHOPPER


def _found(patterns: list[re.Pattern[str]], text: str) -> bool:
    return any(pattern.search(text) for pattern in patterns)


def _compiled(patterns: list[str]) -> list[re.Pattern[str]]:
    return [
        re.compile("|".join(patterns[start : start + _CHUNK_PATTERNS]))
        for start in range(0, len(patterns), _CHUNK_PATTERNS)
    ]
