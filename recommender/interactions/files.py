"""Event files in Parquet, CSV and JSON Lines, streamed batch by batch; bad rows are told, never lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.events import ACTS
from recommender.interactions.batches import Batch, OnRowError, open_batches
from recommender.interactions.columns import (
    FIELDS,
    NUMBERS,
    TEXTS,
    Column,
    ColumnMapping,
    RowError,
    numbers_of,
    seconds_of,
    texts_of,
)

_FITS: Final = {"fit": "true", "true": "true", "true to size": "true", "small": "small", "large": "large"}


@dataclass(frozen=True, slots=True, eq=False)
class EventRows:
    """Checked rows of an event file, one event with one item each.

    Attributes:
        lines: int64 ``[rows]``, line in the file from 1 (row number in Parquet).
        timestamp: float64 ``[rows]``, Unix seconds.
        texts: for ``visitor_id``, ``item_id``, ``event`` and every optional text the mapping has: a pyarrow
            string array ``[rows]``, null where empty (never in the first three).
        numbers: for every optional number the mapping has: float64 ``[rows]``, NaN where empty.
        ignored: rows left out of this batch because their event name is none that Kabin knows.
        share_read: how much of the file has been read, 0 to 1.
    """

    lines: NDArray[np.int64]
    timestamp: NDArray[np.float64]
    texts: dict[str, Column]
    numbers: dict[str, NDArray[np.float64]]
    ignored: int
    share_read: float


def read_event_rows(
    path: Path, mapping: ColumnMapping | None = None, *, on_error: OnRowError, latest: float | None = None
) -> Iterator[EventRows]:
    """Stream the rows of an event file.

    Args:
        path: ``.parquet``, ``.csv``, ``.tsv``, ``.txt``, ``.jsonl``, ``.ndjson`` or ``.json`` (one object a line);
            the text formats also with ``.gz``.
        mapping: where the fields come from; by the columns' names if None.
        on_error: is told of each row that is left out.
        latest: Unix seconds after which a timestamp is refused (a clock gone wrong would become "now").

    Raises:
        InteractionError: the file is missing, of an unknown format, unreadable, or the mapping does not fit.
    """
    columns_of, batches = open_batches(path, on_error)
    mapping = (mapping or ColumnMapping.by_name(columns_of)).with_visitor()
    mapping.check(columns_of)
    wanted = {column for name, column in mapping.columns.items() if name in FIELDS}
    for batch in batches(sorted(wanted)):
        yield _checked(batch, mapping, on_error, latest)


def _checked(batch: Batch, mapping: ColumnMapping, on_error: OnRowError, latest: float | None) -> EventRows:
    """Convert a batch and drop its bad rows, telling each once, and its unknown events, counting them."""
    size = batch.lines.size
    good = np.ones(size, dtype=np.bool_)

    def refuse(bad: NDArray[np.bool_], name: str, detail: str) -> None:
        for row in np.flatnonzero(bad & good):
            source = mapping.columns.get(name)
            shown = "" if source is None else f" ({batch.columns[source][int(row)].as_py()!r})"
            on_error(RowError(int(batch.lines[row]), name, detail + shown))
        good[bad] = False

    texts = _texts(batch, mapping)
    for name in ("visitor_id", "item_id", "event"):
        refuse(np.asarray(texts[name].is_null()), name, "missing")
    timestamp, bad = seconds_of(batch.columns[mapping.columns["timestamp"]])
    refuse(bad, "timestamp", "neither a number of seconds nor an ISO 8601 time")
    if latest is not None:
        refuse(timestamp > latest, "timestamp", "in the future")
    numbers: dict[str, NDArray[np.float64]] = {}
    for name in NUMBERS:
        if name in mapping.columns:
            numbers[name], bad = numbers_of(batch.columns[mapping.columns[name]])
            refuse(bad, name, "not a number of 0 or more")
    known = np.asarray(pc.is_in(texts["event"], pa.array([name.value for name in ACTS])))
    keep = good & known
    rows = pa.array(keep)
    return EventRows(
        batch.lines[keep],
        timestamp[keep],
        {name: text.filter(rows) for name, text in texts.items()},
        {name: values[keep] for name, values in numbers.items()},
        int(np.count_nonzero(good & ~known)),
        batch.share_read,
    )


def _texts(batch: Batch, mapping: ColumnMapping) -> dict[str, Column]:
    """Return every text field that the mapping has, from a column or the same in all rows."""
    texts: dict[str, Column] = {}
    for name in ("visitor_id", "item_id", "event", *TEXTS):
        if name in mapping.columns:
            texts[name] = texts_of(batch.columns[mapping.columns[name]])
        elif name in mapping.constants:
            texts[name] = pa.repeat(pa.scalar(mapping.constants[name], pa.string()), batch.lines.size)
    if "fit" in texts:
        fits = [_FITS.get((fit or "").lower()) for fit in texts["fit"].to_pylist()]
        texts["fit"] = pa.array(fits, pa.string())
    return texts
