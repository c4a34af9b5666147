"""Bots, by their user agents: they are answered like anybody, and take part in no experiment."""

import re
from functools import lru_cache
from typing import Final

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

CACHED_VERDICTS: Final = 4096
MAX_CHARACTERS: Final = 512
"""As much of a user agent as is looked at; those of browsers have about 120."""

_CHUNK_PATTERNS: Final = 25
"""Patterns of one expression: all 1,500 in one are slower to search for than in several."""
_LIBRARIES: Final = ["http-library"]


class Crawlers:
    """Knows crawlers by the patterns of the package ``crawler-user-agents``.

    Headless browsers, monitors and HTTP libraries are among them. A verdict costs about 0.4 ms and is remembered
    for the user agents seen most recently.

    Args:
        cached_verdicts: how many user agents are remembered, of callers and of servers each.
    """

    def __init__(self, cached_verdicts: int = CACHED_VERDICTS) -> None:
        libraries = [
            entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if entry.get("tags") == _LIBRARIES
        ]
        known = set(libraries)
        others = [entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if entry["pattern"] not in known]
        self._libraries = _compiled(libraries)
        self._others = _compiled(others)
        self._verdict_of = lru_cache(cached_verdicts)(self._judge)

    def is_crawler(self, user_agent: bytes | None, *, trusted: bool) -> bool:
        """Return whether a request comes from a program that no shopper sits at.

        Args:
            user_agent: the header; browsers always send one, so without it nobody's browser is asking.
            trusted: the request brought the server key. A server that hands on its visitor's header is judged by it,
                while its own HTTP library says nothing about the visitor.
        """
        if not user_agent:
            return not trusted
        return self._verdict_of(user_agent[:MAX_CHARACTERS], trusted)

    def _judge(self, user_agent: bytes, trusted: bool) -> bool:
        text = user_agent.decode("latin-1")
        patterns = self._others if trusted else [*self._others, *self._libraries]
        return any(pattern.search(text) for pattern in patterns)


def _compiled(patterns: list[str]) -> list[re.Pattern[str]]:
    return [
        re.compile("|".join(patterns[start : start + _CHUNK_PATTERNS]))
        for start in range(0, len(patterns), _CHUNK_PATTERNS)
    ]
