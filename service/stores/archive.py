"""The archive: log entries that have left Redis, in Parquet files under ``<data_dir>/archive/date=YYYY-MM-DD/``.

============= ======= =========================================================================================
column        type    content
============= ======= =========================================================================================
partition     int16   the visitor's partition
log_id        string  id of the entry in its partition's stream, such as ``1763740800500-0``
visitor_id    string
received_at   float64 when the event arrived, Unix seconds
event         string  JSON of :class:`recommender.events.Event`, as it was in the log
============= ======= =========================================================================================

``date`` is the UTC day of arrival. Files whose rows are sorted by partition are read back fastest, because a
reader skips the row groups of others. An entry may be in the log and in the archive (an archiver that died
before trimming), or in two files: readers go by the event's id.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds

_FIELDS: Final[Any] = [
    pa.field("partition", pa.int16(), nullable=False),
    pa.field("log_id", pa.string(), nullable=False),
    pa.field("visitor_id", pa.string(), nullable=False),
    pa.field("received_at", pa.float64(), nullable=False),
    pa.field("event", pa.string(), nullable=False),
]
ARCHIVE_SCHEMA: Final = pa.schema(_FIELDS)


class ArchiveError(Exception):
    """A file of the archive cannot be read; the message names it."""


class ArchivedRow(NamedTuple):
    """One archived entry."""

    visitor_id: str
    received_at: float
    json: bytes


class Archive:
    """Reads the files in ``folder`` that are there when asked; a folder that is absent is empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def count(self, partitions: Collection[int] | None = None) -> int:
        """Return the number of archived entries, of some partitions or all.

        Raises:
            ArchiveError: a file cannot be read.
        """
        dataset = self._dataset()
        if dataset is None:
            return 0
        try:
            return int(dataset.count_rows(filter=_of(partitions)))
        except (pa.ArrowException, OSError) as error:
            raise ArchiveError(f"archive {self._folder}: {error}") from error

    def rows(self, partitions: Collection[int] | None = None) -> Iterator[list[ArchivedRow]]:
        """Yield archived entries in batches, of some partitions or all, by file name and place in the file.

        Raises:
            ArchiveError: a file cannot be read.
        """
        dataset = self._dataset()
        if dataset is None:
            return
        columns = ["visitor_id", "received_at", "event"]
        try:
            for batch in dataset.to_batches(columns=columns, filter=_of(partitions)):
                values: list[list[Any]] = [batch.column(name).to_pylist() for name in columns]
                yield [
                    ArchivedRow(visitor_id, received_at, event.encode())
                    for visitor_id, received_at, event in zip(*values, strict=True)
                ]
        except (pa.ArrowException, OSError) as error:
            raise ArchiveError(f"archive {self._folder}: {error}") from error

    def _dataset(self) -> ds.Dataset | None:
        paths = sorted(str(path) for path in self._folder.glob("date=*/*.parquet"))
        return ds.dataset(paths, schema=ARCHIVE_SCHEMA, format="parquet") if paths else None


def _of(partitions: Collection[int] | None) -> ds.Expression | None:
    return None if partitions is None else ds.field("partition").isin(sorted(partitions))
