"""An import's history in the event log and the visitors' states of Redis."""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Final

from recommender.events import Event
from service.archiving import Archiver
from service.history.rebuild import Rebuilder
from service.stores.archive import Archive
from service.stores.leases import LeaseTaken
from service.stores.log import Appended, EventLog

EVENTS_BETWEEN_DRAINS: Final = 250_000
"""Some 60 MB of Redis' memory."""


class LogHistory:
    """Appends to the event log and rebuilds states; see :class:`service.imports.events.History`.

    Args:
        log: where the events go.
        rebuilder: of the same key space.
        archive: entries that have left the log, so that they are recognised.
        archiver: moves them there.
        now: Unix seconds of the import.
    """

    def __init__(
        self, log: EventLog, rebuilder: Rebuilder, archive: Archive, archiver: Archiver, now: float
    ) -> None:
        self._log = log
        self._rebuilder = rebuilder
        self._archive = archive
        self._archiver = archiver
        self._now = now
        self._appended_at_last_drain = 0

    async def append(self, events: Iterator[tuple[str, Event]]) -> Appended:
        """Append the events that neither the log nor the archive has; a long history is archived on the way."""
        return await self._log.append_history(events, archive=self._archive, make_room=self._make_room)

    async def _make_room(self, appended: int) -> None:
        """Move the log into the archive now and then, so that a history of any length fits into Redis."""
        if appended - self._appended_at_last_drain < EVENTS_BETWEEN_DRAINS:
            return
        self._appended_at_last_drain = appended
        with suppress(LeaseTaken):  # Then the service's own archiver is at it.
            await self._archiver.drain(self._now)

    async def rebuild(self, visitors: Collection[str], progress: Callable[[float], None]) -> None:
        """Recompute and install the states of these visitors."""
        await self._rebuilder.rebuild(
            visitors, now=self._now, progress=lambda read, total: progress(read / max(1, total))
        )
