"""Every event held of a visitor, from the event log and the archive: what a shop hands to a visitor who asks for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from service.history.transfers import Transfers
from service.stores.connection import Client, StoreUnavailable
from service.stores.keys import Keyspace
from service.stores.log import EventLog

if TYPE_CHECKING:
    from service.stores.archive import Archive


class HeldEvent(NamedTuple):
    """One event as it is stored.

    Attributes:
        visitor_id: under which it is.
        place: where it is.
        received_at: Unix seconds.
        json: of :class:`recommender.events.Event`.
    """

    visitor_id: str
    place: Literal["log", "archive"]
    received_at: float
    json: bytes


class VisitorEvents(Protocol):
    """What knows the events of visitors."""

    async def of(self, visitor_id: str) -> list[HeldEvent]:
        """Return all that is held of a visitor, by arrival; what has been erased is not.

        What visitors did until they were recognised as a customer is the customer's, and no longer theirs: whoever sits at
        that computer next may be somebody else.

        Raises:
            StoreUnavailable: log or archive cannot be read now.
        """
        ...


class StoredVisitorEvents:
    """:class:`VisitorEvents` of Redis and the archive.

    Reading takes as long as the partition of the visitor is large, 1/256 of log and archive: it is for those who ask, not
    for pages.

    Args:
        client: with a patience of seconds.
        keyspace: of the log.
        open_archive: returns the archive without what has been erased.
    """

    def __init__(
        self, client: Client, keyspace: Keyspace, open_archive: Callable[[], Awaitable["Archive"]]
    ) -> None:
        self._log = EventLog(client, keyspace)
        self._keyspace = keyspace
        self._open_archive = open_archive

    async def of(self, visitor_id: str) -> list[HeldEvent]:
        """See :meth:`VisitorEvents.of`."""
        transfers = Transfers()
        events = [
            event
            for event in await self._held([visitor_id], transfers)
            if transfers.part_of(visitor_id, event.received_at) is None
        ]
        parts = transfers.merged.get(visitor_id, set())
        if parts:
            found = await self._held({part.visitor_id for part in parts}, transfers)
            events += [
                event for event in found if transfers.part_of(event.visitor_id, event.received_at) in parts
            ]
        return sorted(events, key=lambda event: event.received_at)

    async def _held(self, visitor_ids: Collection[str], transfers: Transfers) -> Collection[HeldEvent]:
        """Return what is stored under some ids, and note in ``transfers`` who of them became whom."""
        # The log is read before the archive: what is moved in between is then found twice instead of not at all.
        logged = [event async for event in self._logged(visitor_ids)]
        archived = await self._archived(visitor_ids)
        by_arrival = {
            (event.visitor_id, event.received_at, event.json): event for event in [*logged, *archived]
        }
        for event in by_arrival.values():
            transfers.note_entry(event.visitor_id, event.json)
        return by_arrival.values()

    async def _logged(self, visitor_ids: Collection[str]) -> AsyncIterator[HeldEvent]:
        for partition in self._partitions(visitor_ids):
            async for page in self._log.entries(partition):
                for entry in page:
                    if entry.visitor_id in visitor_ids:
                        yield HeldEvent(entry.visitor_id, "log", entry.received_at, entry.json)

    async def _archived(self, visitor_ids: Collection[str]) -> list[HeldEvent]:
        # Few workers ever need pyarrow, and its import takes 0.2 s that no page has to wait for.
        await asyncio.to_thread(import_module, "service.archiving.opening")
        from service.stores.archive import ArchiveError  # noqa: PLC0415 - as above

        try:
            archive = await self._open_archive()
            return await asyncio.to_thread(lambda: list(self._rows_of(archive, visitor_ids)))
        except ArchiveError as error:
            raise StoreUnavailable(str(error)) from error

    def _rows_of(self, archive: "Archive", visitor_ids: Collection[str]) -> Iterator[HeldEvent]:
        for rows in archive.rows(self._partitions(visitor_ids), visitor_ids=visitor_ids):
            for row in rows:
                yield HeldEvent(row.visitor_id, "archive", row.received_at, row.json)

    def _partitions(self, visitor_ids: Collection[str]) -> list[int]:
        return sorted({self._keyspace.partition_of(visitor_id) for visitor_id in visitor_ids})
