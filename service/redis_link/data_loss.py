"""Noticing that Redis has come back without its data, and saying what was lost: nobody else would.

A restart of a Redis without persistence, or with another disk, looks like a short absence: every command works again, and
every visitor is a stranger. So each worker knows the data by an id, and keeps it over its own restarts.
"""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from service.metrics.metrics import Metrics
from service.stores.installation import Installation

ADVICE: Final = "put the catalog again (PUT /catalog or `kabin import catalog`), then run `kabin rebuild`"
"""What brings back all that can be."""

_log = logging.getLogger(__name__)


class KnownId:
    """The id of the data as this service knows them, kept in a file; where none can be written, in memory.

    Args:
        path: of the file, which the workers share.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._id = ""
        with suppress(OSError):
            self._id = path.read_text("ascii", "ignore").strip()

    def read(self) -> str:
        """Return the id; empty before the first."""
        return self._id

    def write(self, installation_id: str) -> None:
        """Keep an id from now on."""
        self._id = installation_id
        written = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            written.write_text(installation_id, "ascii")
            written.replace(self._path)
        except OSError as error:
            _log.warning(
                "%s cannot be written, a loss of Redis' data over a restart goes unnoticed: %s",
                self._path,
                error,
            )


class LossWatch:
    """Compares the data in Redis with those known, and counts what was lost.

    Events that were archived are not lost. Of the others it is known how many there were at the last look at the log, and
    how many this worker has accepted since; what was archived in between is counted all the same, so it is the most there
    can have been.

    Args:
        installation: of the data.
        known: id of the data as they were.
        metrics: tells how many events were accepted, and is told how many were lost.
        clock: Unix seconds now.

    Attributes:
        lost_at: Unix seconds at which a loss was found that has not been made good; ``None`` without one.
    """

    def __init__(
        self, installation: Installation, known: KnownId, metrics: Metrics, clock: Callable[[], float]
    ) -> None:
        self._installation = installation
        self._known = known
        self._metrics = metrics
        self._clock = clock
        self._in_log = 0
        self._accepted_before = 0
        self.lost_at: float | None = None

    async def look(self) -> None:
        """Look once; a look at the log may follow.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        known_id = self._known.read()
        standing = await self._installation.look(known_id, now=self._clock())
        if standing.installation_id != known_id:
            self._known.write(standing.installation_id)
            if known_id:
                self._report(is_lost=standing.lost_at is not None, is_first=standing.is_news)
        self.lost_at = standing.lost_at

    def note_log(self, events: int) -> None:
        """Take note of how many events wait in the log."""
        self._in_log = events
        self._accepted_before = self._metrics.accepted_events

    def _report(self, *, is_lost: bool, is_first: bool) -> None:
        """Count what was in the log once, whichever worker finds it lost, and what was accepted since by each."""
        if not is_lost:
            _log.warning("this Redis has other data than the one that was used before")
            return
        lost = self._metrics.accepted_events - self._accepted_before + (self._in_log if is_first else 0)
        self._metrics.resilience.events_lost(lost)
        if is_first:
            _log.error(
                "Redis has come back without its data: all states, the catalog and up to %d events that were not archived "
                "yet are lost; %s",
                lost,
                ADVICE,
            )
