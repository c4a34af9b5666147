"""What an archiver does to the event log: it reads entries from the start, and drops them once they are archived."""

from typing import Final, NamedTuple

from service.stores.connection import Client, Script, unavailable_on_error
from service.stores.keys import Keyspace
from service.stores.log import FIRST, LogEntry, entries_of

PAGE: Final = 500
"""Entries read by one call: they keep Redis from others for half a millisecond."""


class LogHead(NamedTuple):
    """The oldest entries of a partition, or those after them.

    Attributes:
        entries: oldest first; what is no event is left out.
        size: how many were read, events or not.
        last_id: of the last one read; ``None`` at the end of the log.
        server: the process, and its history of replication, that they were read from.
    """

    entries: list[LogEntry]
    size: int
    last_id: str | None
    server: bytes


class LogDrain:
    """Empties the log of one key space."""

    def __init__(self, client: Client, keyspace: Keyspace) -> None:
        self._client = client
        self._keyspace = keyspace
        self._head = Script("log_head")
        self._trim = Script("log_trim")

    async def head(self, partition: int, *, after: str = FIRST, count: int = PAGE) -> LogHead:
        """Return up to ``count`` of the oldest entries after ``after``, with what :meth:`trim` needs to know.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        with unavailable_on_error():
            server, found = await self._head.run(
                self._client, [self._keyspace.log(partition)], [f"({after}", count]
            )
        pairs = [(log_id, dict(zip(fields[::2], fields[1::2], strict=True))) for log_id, fields in found]
        return LogHead(entries_of(pairs), len(found), found[-1][0].decode() if found else None, server)

    async def trim(self, partition: int, *, through: str, server: bytes) -> bool:
        """Drop the entries up to ``through``, which must have been read from the start of the partition.

        A server that was restarted after losing its last second, or a replica that took over, may have given new entries
        ids that lie before ``through``. So nothing is dropped unless the server is the one that was read from.

        Args:
            partition: whose entries.
            through: id of the last entry to be dropped.
            server: as :meth:`head` returned it when the first entry was read.

        Returns:
            whether it was done; if not, the log has to be read from its start again.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        keys = [self._keyspace.log(partition), self._keyspace.archived(partition)]
        with unavailable_on_error():
            trimmed = await self._trim.run(self._client, keys, [server, through])
        return bool(trimmed)
