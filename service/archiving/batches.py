"""Reading the log from its start, in batches that fit into memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from service.stores.archive.reading import EntryKey
from service.stores.log import FIRST
from service.stores.log_drain import PAGE, LogHead

BYTES_A_BATCH: Final = 64_000_000
"""So many rows of 300 bytes are a batch by their number; a browser may send events of 30,000."""

_CALLS_AT_ONCE: Final = 16


class DrainableLog(Protocol):
    """What draining needs of :class:`service.stores.log_drain.LogDrain`."""

    async def head(self, partition: int, *, after: str = FIRST, count: int = PAGE) -> LogHead:
        """See :meth:`service.stores.log_drain.LogDrain.head`."""
        ...

    async def trim(self, partition: int, *, through: str, server: bytes) -> bool:
        """See :meth:`service.stores.log_drain.LogDrain.trim`."""
        ...


@dataclass(slots=True)
class LogBatch:
    """Entries of several partitions, each partition's without a gap after what was read of it before.

    Attributes:
        entries: by partition, oldest first.
        pages: by partition, the id of the last entry of each page.
        size: entries read, events or not.
        size_bytes: of the events' JSON.
    """

    entries: dict[int, list[EntryKey]] = field(default_factory=dict)
    pages: dict[int, list[str]] = field(default_factory=dict)
    size: int = 0
    size_bytes: int = 0

    def add(self, partition: int, head: LogHead) -> None:
        """Take in a page."""
        if head.last_id is None:
            return
        # Bytes that are no UTF-8 cannot be Parquet text; every reading of the entry replaces them alike.
        self.entries.setdefault(partition, []).extend(
            EntryKey(partition, entry.log_id, entry.visitor_id, entry.json.decode("utf-8", "replace"))
            for entry in head.entries
        )
        self.pages.setdefault(partition, []).append(head.last_id)
        self.size += head.size
        self.size_bytes += sum(len(entry.json) for entry in head.entries)

    def in_order(self) -> list[EntryKey]:
        """Return all entries by partition."""
        return [entry for partition in sorted(self.entries) for entry in self.entries[partition]]


class LogReading:
    """One way through the whole log.

    Args:
        log: the event log.
        partitions: how many it has.
        rows: a batch is given out once it has so many, or :data:`BYTES_A_BATCH`.
    """

    def __init__(self, log: DrainableLog, partitions: int, rows: int) -> None:
        self._log = log
        self._rows = rows
        self._page = min(PAGE, rows)
        self._waiting = deque((partition, FIRST) for partition in range(partitions))
        self._servers: dict[int, bytes] = {}

    async def batches(self) -> AsyncIterator[LogBatch]:
        """Yield every entry that was there when its partition was read; an idle log yields nothing.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        batch = LogBatch()
        while self._waiting:
            several = [self._waiting.popleft() for _ in range(min(_CALLS_AT_ONCE, len(self._waiting)))]
            heads = await asyncio.gather(
                *(self._log.head(partition, after=after, count=self._page) for partition, after in several)
            )
            for (partition, _), head in zip(several, heads, strict=True):
                self._take(batch, partition, head)
            if batch.size >= self._rows or batch.size_bytes >= BYTES_A_BATCH:
                yield batch
                batch = LogBatch()
        if batch.size:
            yield batch

    async def trim(self, batch: LogBatch) -> None:
        """Drop a batch from the log; a partition that another server answers for by now is left for the next way through.

        Page by page, because dropping all that a busy partition has would keep Redis from others for too long.

        Raises:
            StoreUnavailable: Redis did not carry it out.
        """
        waiting = deque(batch.pages.items())
        while waiting:
            several = [waiting.popleft() for _ in range(min(_CALLS_AT_ONCE, len(waiting)))]
            await asyncio.gather(*(self._trim(partition, pages) for partition, pages in several))

    async def _trim(self, partition: int, pages: list[str]) -> None:
        for through in pages:
            if not await self._log.trim(partition, through=through, server=self._servers[partition]):
                self._waiting = deque(pair for pair in self._waiting if pair[0] != partition)
                return

    def _take(self, batch: LogBatch, partition: int, head: LogHead) -> None:
        if head.last_id is None or head.server != self._servers.setdefault(partition, head.server):
            return
        batch.add(partition, head)
        if head.size == self._page:
            self._waiting.appendleft((partition, head.last_id))
