"""A shop as large as wanted, made of Diginetica's real sessions, as the archive that `kabin archive` leaves.

Where more events are wanted than the 906,140 clicks that there are, every session is repeated by visitors of their
own on the same day: visitors grow with the events, the catalog of 43,097 items does not. Where fewer are wanted,
they are the newest. The file has no times, so the sessions are spread evenly over 90 days.
"""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.evaluation.sessions import read_diginetica
from recommender.events import SECONDS_PER_DAY
from recommender.recommendations.sessions import Sessions
from service.stores.archive import ARCHIVE_SCHEMA, ArchiveFile, Manifest, Manifests, open_storage
from service.stores.archive.manifest import FORMAT
from service.stores.archive.writing import write_day
from service.stores.keys import Keyspace

DAYS: Final = 90
FIRST_DAY: Final = date(2025, 1, 1)
CLICK_SECONDS: Final = 30.0
"""Between two clicks of a session."""


def write_archive(folder: Path, events: int) -> int:
    """Write the compacted archive of a shop of so many events, one file a day, and return its bytes."""
    split = read_diginetica(Path(os.environ.get("KABIN_DATA", "../shared/data")))
    sessions, times = repeated(split.train, events)
    storage = open_storage(folder)
    files: dict[str, tuple[ArchiveFile, ...]] = {}
    for offset, table in enumerate(day_tables(sessions, times, split.item_ids)):
        day = date.fromordinal(FIRST_DAY.toordinal() + offset)
        files[day.isoformat()] = (write_day(storage, day, 1, [table]),)
    keyspace = Keyspace()
    manifest = Manifest(
        FORMAT, 1, "benchmark", keyspace.prefix, _start_of(DAYS), ("0-0",) * keyspace.partitions, files
    )
    Manifests(storage).commit(manifest)
    return manifest.size_bytes


def repeated(sessions: Sessions, clicks: int) -> tuple[Sessions, int]:
    """Return the sessions that together hold some clicks, and how many visitors live each of them.

    Args:
        sessions: in time order.
        clicks: wanted; the newest sessions where there are more.
    """
    times = -(-clicks // sessions.items.size)
    first = int(np.searchsorted(sessions.indptr, sessions.items.size - clicks / times, side="right")) - 1
    return sessions.take(np.arange(max(first, 0), len(sessions))), times


def day_tables(sessions: Sessions, times: int, item_ids: list[str]) -> Iterator[pa.Table]:
    """Yield one day after another of the archive's rows.

    Args:
        sessions: spread evenly over the days.
        times: visitors that live each of them.
        item_ids: identifier of each item row.
    """
    items = pa.array(item_ids, pa.string())
    partitions = Keyspace().partitions
    for number, mine in enumerate(np.array_split(np.arange(len(sessions)), DAYS)):
        of_day = sessions.take(np.tile(mine, times))
        # They begin in the first nine tenths of the day, so that none runs into the next.
        begins = _start_of(number) + np.linspace(0, 0.9 * SECONDS_PER_DAY, len(of_day))
        within = np.arange(of_day.items.size) - np.repeat(of_day.indptr[:-1], of_day.lengths)
        happened = np.repeat(begins, of_day.lengths) + CLICK_SECONDS * within
        visitors = np.arange(len(of_day)) + times * int(mine[0])
        yield _rows(visitors[of_day.session_of_click], items.take(of_day.items), happened, within, partitions)


def _rows(
    visitors: NDArray[np.int64],
    items: Any,
    happened: NDArray[np.float64],
    within: NDArray[np.int64],
    partitions: int,
) -> pa.Table:
    """Return rows of views as the archive holds them."""
    milliseconds = np.round(happened * 1000).astype(np.int64)
    visitor_ids = pc.binary_join_element_wise("visitor", pa.array(visitors).cast(pa.string()), "-")
    event_ids = pc.binary_join_element_wise(visitor_ids, pa.array(within).cast(pa.string()), "-")
    events = pc.binary_join_element_wise(
        *('{"name":"view_item","event_id":"', event_ids),
        *('","timestamp":', pa.array(milliseconds / 1000).cast(pa.string())),
        *(',"source":"browser","items":[{"item_id":"', items, '"}]}', ""),
    )
    columns: list[Any] = [
        pa.array(visitors % partitions, pa.int16()),
        pc.binary_join_element_wise(pa.array(milliseconds).cast(pa.string()), "0", "-"),
        visitor_ids,
        pa.array(milliseconds / 1000),
        pa.repeat("view_item", visitors.size),
        pa.array(milliseconds / 1000),
        events,
    ]
    return pa.table(columns, schema=ARCHIVE_SCHEMA)


def _start_of(day: int) -> float:
    """Return the Unix second at which a day begins, counted from the first."""
    return datetime.combine(FIRST_DAY, datetime.min.time(), UTC).timestamp() + day * SECONDS_PER_DAY
