"""An import's history in the event log and the visitors' states of Redis."""

from collections.abc import Callable, Collection, Iterator

from recommender.events import Event
from service.rebuild import Rebuilder
from service.stores.archive import Archive
from service.stores.log import Appended, EventLog


class LogHistory:
    """Appends to the event log and rebuilds states; see :class:`service.imports.events.History`.

    Args:
        log: where the events go.
        rebuilder: of the same key space.
        archive: entries that have left the log, so that they are recognised.
        now: Unix seconds of the import.
    """

    def __init__(self, log: EventLog, rebuilder: Rebuilder, archive: Archive, now: float) -> None:
        self._log = log
        self._rebuilder = rebuilder
        self._archive = archive
        self._now = now

    async def append(self, events: Iterator[tuple[str, Event]]) -> Appended:
        """Append the events that neither the log nor the archive has."""
        return await self._log.append_history(events, archive=self._archive)

    async def rebuild(self, visitors: Collection[str], progress: Callable[[float], None]) -> None:
        """Recompute and install the states of these visitors."""
        await self._rebuilder.rebuild(
            visitors, now=self._now, progress=lambda read, total: progress(read / max(1, total))
        )
