"""Ending without failing anybody: first the load balancer is told, then requests run out, then the process ends."""

import time
from collections.abc import Callable
from math import inf


class Drain:
    """Whether this process is about to end.

    From its beginning ``/readyz`` says 503 and every answer closes its connection, so that callers go elsewhere; what
    still comes is answered like any other request.

    Args:
        grace_seconds: from its beginning until no more requests are taken.
        clock: monotonic, in seconds.

    Attributes:
        is_begun: whether the process is about to end.
    """

    def __init__(self, grace_seconds: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._ends_at = inf
        self.is_begun = False

    @property
    def is_over(self) -> bool:
        """Whether no more requests are to be taken."""
        return self._clock() >= self._ends_at

    def begin(self) -> None:
        """Begin; doing so again changes nothing."""
        if not self.is_begun:
            self.is_begun = True
            self._ends_at = self._clock() + self._grace_seconds
