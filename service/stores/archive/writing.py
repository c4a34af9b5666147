"""Writing the archive's files: one for each UTC day of the events, sorted by partition."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recommender.events import SECONDS_PER_DAY
from service.stores.archive.errors import ArchiveError
from service.stores.archive.manifest import ArchiveFile, data_name
from service.stores.archive.reading import EntryKey
from service.stores.archive.rows import ARCHIVE_SCHEMA, ROW_GROUP_ROWS
from service.stores.archive.storage import ArchiveStorage

_EPOCH: Final = date(1970, 1, 1)
_YEAR_1: Final = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_YEAR_10000: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp() + SECONDS_PER_DAY


class _Outline(msgspec.Struct):
    name: str
    timestamp: float


_decode_outline = msgspec.json.Decoder(_Outline).decode


def table_of(entries: Sequence[EntryKey]) -> pa.Table:
    """Return entries as rows, in the order given; what cannot be read is kept as it is."""
    outlines = [_outline_of(entry) for entry in entries]
    columns: list[Any] = [
        [entry.partition for entry in entries],
        [entry.log_id for entry in entries],
        [entry.visitor_id for entry in entries],
        [entry.received_at for entry in entries],
        [name for name, _ in outlines],
        [timestamp for _, timestamp in outlines],
        [entry.event for entry in entries],
    ]
    return pa.table(columns, schema=ARCHIVE_SCHEMA)


def write_days(storage: ArchiveStorage, number: int, rows: pa.Table) -> list[ArchiveFile]:
    """Write rows into a new file for each day that they belong to, for manifest ``number`` to list.

    Raises:
        ArchiveError: a file cannot be written.
    """
    days = np.floor_divide(rows.column("timestamp").to_numpy(), SECONDS_PER_DAY).astype(np.int64)
    files: list[ArchiveFile] = []
    try:
        for day in np.unique(days).tolist():
            mine = rows.filter(pa.array(days == day))
            files.append(write_day(storage, _EPOCH + timedelta(days=day), number, [mine]))
    except ArchiveError:
        with suppress(ArchiveError):  # Tried again every minute, they would fill what is left of a disk.
            storage.delete([file.name for file in files])
        raise
    return files


def write_day(storage: ArchiveStorage, day: date, number: int, tables: Iterable[pa.Table]) -> ArchiveFile:
    """Write a new file of one day's rows, piece by piece; each piece is sorted by partition and follows the one before.

    Raises:
        ArchiveError: the file cannot be written, or there is no row.
    """
    name = data_name(day, number)
    rows, first, last = 0, np.inf, -np.inf
    with storage.writing(name) as file:
        with pq.ParquetWriter(file, ARCHIVE_SCHEMA, compression="zstd") as writer:
            for table in tables:
                in_order = table.take(pc.sort_indices(table, [("partition", "ascending")]))
                writer.write_table(in_order, row_group_size=ROW_GROUP_ROWS)
                arrivals = table.column("received_at")
                rows += table.num_rows
                first = min(first, pc.min(arrivals).as_py())
                last = max(last, pc.max(arrivals).as_py())
        size_bytes = file.tell()
        if not rows:
            raise ArchiveError(f"archive {storage.url_of(name)}: a file without rows")
    return ArchiveFile(name, rows, size_bytes, round(first * 1000), round(last * 1000))


def _outline_of(entry: EntryKey) -> tuple[str | None, float]:
    """Return the event's name and time; of an entry that cannot be read or placed in a year, when it arrived."""
    try:
        outline = _decode_outline(entry.event)
    except msgspec.MsgspecError:
        return None, entry.received_at
    if not _YEAR_1 <= outline.timestamp < _YEAR_10000:
        return outline.name, entry.received_at
    return outline.name, outline.timestamp
