"""The demonstration's clock: the real time, and as much later as its visitors have skipped."""

import time
from collections.abc import Callable
from typing import Final

NEXT_VISIT_SECONDS: Final = 25 * 3_600.0
"""How far "next visit" jumps: into another session, and over the 24 hours for which a browser's own clock is believed.

The browser's clock does not jump along. An event that seems over a day old counts as happening when it arrives,
which after such a jump is the demonstration's now.
"""


class DemoClock:
    """Tells the time of the simulated shop; one for all its visitors.

    Args:
        real: Unix seconds now.
    """

    def __init__(self, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self._ahead_seconds = 0.0

    def __call__(self) -> float:
        """Return Unix seconds now, as the shop counts them."""
        return self._real() + self._ahead_seconds

    @property
    def ahead_seconds(self) -> float:
        """How much has been skipped since the start."""
        return self._ahead_seconds

    def jump(self, seconds: float) -> None:
        """Skip some time.

        Raises:
            ValueError: backwards; visitors would have done things in their future.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock of visitors' histories goes forward only, not by {seconds!r} s")
        self._ahead_seconds += seconds
