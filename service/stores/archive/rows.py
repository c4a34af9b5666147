"""The rows of the archive: one for each event that was in the log.

============= ======= =========================================================================================
column        type    content
============= ======= =========================================================================================
partition     int16   the visitor's partition
log_id        string  id of the entry in its partition's stream, such as ``1763740800500-0``
visitor_id    string
received_at   float64 when the event arrived, Unix seconds
name          string  of the event; null if the entry cannot be read
timestamp     float64 when the event happened, Unix seconds; of an entry that cannot be read, when it arrived
event         string  JSON of :class:`recommender.events.Event`, as it was in the log
============= ======= =========================================================================================

A file holds the events of one UTC day (by ``timestamp``: late ones land in their own day) sorted by partition, so a
reader of some partitions skips the row groups of others.
"""

from typing import Any, Final, NamedTuple

import pyarrow as pa

_FIELDS: Final[Any] = [
    pa.field("partition", pa.int16(), nullable=False),
    pa.field("log_id", pa.string(), nullable=False),
    pa.field("visitor_id", pa.string(), nullable=False),
    pa.field("received_at", pa.float64(), nullable=False),
    pa.field("name", pa.string()),
    pa.field("timestamp", pa.float64(), nullable=False),
    pa.field("event", pa.string(), nullable=False),
]
ARCHIVE_SCHEMA: Final = pa.schema(_FIELDS)

ROW_GROUP_ROWS: Final = 65_536
"""Rows that a reader takes or leaves together; some 10 MB of them in memory."""


class ArchivedRow(NamedTuple):
    """One archived entry."""

    visitor_id: str
    received_at: float
    json: bytes
