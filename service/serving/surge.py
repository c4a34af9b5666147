"""Shedding before any work: how many requests one turn of the event loop takes."""

from collections.abc import Callable
from typing import Final

_PATIENT_SHARE: Final = 0.75
"""Of a turn's room for calls that can be repeated later: the rest is the pages'."""


def _nobody(_path: str) -> None:
    """Tell nobody."""


class Surge:
    """Counts the requests that have come in this turn of the event loop.

    All of a turn's requests are read before the first is worked on. Those of a thousand clients who call at the same
    instant would so make each other late for Redis; what is more than a turn has room for is told so at once.

    Args:
        most: pages that a turn takes.
        on_shed: is told the path of what it does not take.
    """

    __slots__ = ("_came", "_most_of", "_on_shed", "_turn")

    def __init__(self, most: int, on_shed: Callable[[str], None] = _nobody) -> None:
        self._most_of = {"/personalize": most, "/events": max(1, int(most * _PATIENT_SHARE))}
        self._on_shed = on_shed
        self._turn = 0.0
        self._came = 0

    def takes(self, path: str, now: float) -> bool:
        """Count a request that has arrived, and return whether there is room for it.

        Args:
            path: that it asks for.
            now: by the event loop's clock. That of uvloop stands still during a turn; by another, which does not, each request
                has a turn of its own, and nothing is shed here.
        """
        if now != self._turn:
            self._turn, self._came = now, 1
            return True
        self._came += 1
        if self._came <= self._most_of.get(path, self._came):
            return True
        self._on_shed(path)
        return False
