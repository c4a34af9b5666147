"""Circuit breakers: a server that does not answer in time is left alone until it does again.

Pages wait 30 ms for Redis. If it is silent, each of them would, and then do without: so after a few that have waited in
vain no page waits any more, and a probe in the background finds out when Redis is there again. Pure: times are arguments.
"""

from collections.abc import Callable, Collection
from typing import Final

STRIKES: Final = 5
"""Calls in vain, net of those answered in time, after which a breaker opens: five in a row, or most of a few dozen."""

SETTLED_SECONDS: Final = 1.0
"""A breaker that has been closed for less opens at the first call in vain: what a probe found was not so."""

SHORTEST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 1.0
"""Between two probes: the longest is what a recovery may go unnoticed for."""

Changed = Callable[[float, bool], None]
"""Is told the patience in seconds of a breaker that has opened or closed, and whether it is open."""


class Breaker:
    """Whether callers of one patience may ask one server.

    Attributes:
        is_open: whether they may not.
        strikes: calls that were not answered in time, less those that were; never below 0.
    """

    __slots__ = ("_changed_at", "is_open", "strikes")

    def __init__(self) -> None:
        self.is_open = False
        self.strikes = 0
        self._changed_at = float("-inf")

    def answered(self) -> None:
        """Take note of a call that was answered in time; to be spared while there are no strikes."""
        if self.strikes:
            self.strikes -= 1

    def missed(self, *, sent_at: float, now: float) -> bool:
        """Take note of a call that was not answered in time.

        Calls that were on their way when the breaker last changed tell nothing new.

        Args:
            sent_at: by the event loop's clock.
            now: likewise.

        Returns:
            whether this has opened the breaker.
        """
        if self.is_open or sent_at < self._changed_at:
            return False
        self.strikes += 1
        if self.strikes < STRIKES and not self.was_open_lately(now):
            return False
        self.turn(is_open=True, now=now)
        return True

    def was_open_lately(self, now: float) -> bool:
        """Return whether it has not been closed for long."""
        return now - self._changed_at < SETTLED_SECONDS

    def turn(self, *, is_open: bool, now: float) -> None:
        """Open or close."""
        self.is_open = is_open
        self.strikes = 0
        self._changed_at = now


class Breakers(dict[float, Breaker]):
    """The breakers of one server by the patience of who asks, in seconds; one probe serves all of them.

    A Redis that takes 200 ms is out of reach for pages and not for events. One that is silent is so for both, and that the
    probe finds out for events as well, before many of them have waited for a second.

    Args:
        on_change: is told of each breaker that opens or closes.
    """

    def __init__(self, on_change: Changed) -> None:
        super().__init__()
        self._on_change = on_change
        self._pause_seconds = SHORTEST_PAUSE_SECONDS

    def __missing__(self, patience_seconds: float) -> Breaker:
        breaker = self[patience_seconds] = Breaker()
        return breaker

    @property
    def are_open(self) -> bool:
        """Whether any is."""
        return any(breaker.is_open for breaker in self.values())

    def missed(self, patience_seconds: float, *, deadline: float, now: float) -> bool:
        """Take note of a call that was not answered by its deadline; return whether probing has to begin."""
        breaker = self[patience_seconds]
        is_back = breaker.was_open_lately(now)
        if not breaker.missed(sent_at=deadline - patience_seconds, now=now):
            return False
        if not is_back:
            self._pause_seconds = SHORTEST_PAUSE_SECONDS
        self._on_change(patience_seconds, True)
        return True

    def probed(self, answered: Collection[float], *, now: float) -> float:
        """Open and close by what a probe has found.

        Args:
            answered: the patiences within which it was answered.
            now: by the event loop's clock.

        Returns:
            the pause in seconds before the next probe, if any is open.
        """
        for patience_seconds, breaker in self.items():
            is_open = patience_seconds not in answered
            if is_open != breaker.is_open:
                breaker.turn(is_open=is_open, now=now)
                self._on_change(patience_seconds, is_open)
        pause_seconds = self._pause_seconds
        self._pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
        return pause_seconds

    def close(self, *, now: float) -> None:
        """Close all of them: the server is not asked any more."""
        self.probed(self, now=now)
