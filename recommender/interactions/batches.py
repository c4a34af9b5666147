"""Raw columns of event files, batch by batch, each row with its line number."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recommender.catalog.delimited import Line, Record, records
from recommender.interactions.columns import Column, InteractionError, RowError

BATCH_ROWS: Final = 65_536
HEAD_LINES: Final = 1000
"""Lines of a JSON Lines file whose keys are its columns."""

OnRowError = Callable[[RowError], None]


class Batch(NamedTuple):
    """Raw columns of some rows: their line numbers and how much of the file has been read (0 to 1)."""

    lines: NDArray[np.int64]
    columns: dict[str, Column]
    share_read: float


def open_batches(
    path: Path, on_error: OnRowError
) -> tuple[list[str], Callable[[list[str]], Iterator[Batch]]]:
    """Return the file's columns, and the function that streams some of them."""
    if not path.is_file():
        raise InteractionError(f"{path}: no such file")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = next((suffix for suffix in reversed(suffixes) if suffix != ".gz"), "")
    if kind == ".parquet":
        try:
            parquet = pq.ParquetFile(path)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise InteractionError(f"{path}: not a readable Parquet file: {error}") from error
        return list(parquet.schema_arrow.names), lambda wanted: _whole(
            path, _parquet_batches(parquet, wanted)
        )
    if kind in {".csv", ".tsv", ".txt"}:
        with _readable(path):
            header, delimiter = _csv_header(path)
        return header, lambda _wanted: _whole(path, _csv_batches(path, header, delimiter, on_error))
    if kind in {".jsonl", ".ndjson", ".json"}:
        with _readable(path):
            columns = _json_columns(path)
        return columns, lambda wanted: _whole(path, _json_batches(path, wanted, on_error))
    raise InteractionError(
        f"{path}: expected .parquet, .csv, .tsv, .txt, .jsonl or .ndjson (or .gz of the last five)"
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of a damaged file that it is damaged."""
    try:
        yield
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise InteractionError(f"{path}: damaged or cut off ({error}): export it again") from error


def _whole(path: Path, batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the batches of a file that may turn out to be damaged."""
    with _readable(path):
        yield from batches


def _parquet_batches(parquet: Any, wanted: list[str]) -> Iterator[Batch]:
    """Stream columns of a Parquet file."""
    done, of = 0, max(parquet.metadata.num_rows, 1)
    for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
        # Whoever wrote the file promised UTF-8, and nothing has checked it so far.
        batch.validate(full=True)
        lines = np.arange(done + 1, done + 1 + batch.num_rows, dtype=np.int64)
        done += batch.num_rows
        yield Batch(lines, dict(zip(batch.schema.names, batch.columns, strict=True)), done / of)


def _open_text(path: Path) -> tuple[BinaryIO, io.TextIOWrapper]:
    """Open a text file, unpacked if it is gzip; also return the raw file, whose position tells progress."""
    raw = path.open("rb")
    unpacked: Any = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
    # Bytes that are no UTF-8 become U+FFFD: one odd name must not stop an import.
    return raw, io.TextIOWrapper(unpacked, encoding="utf-8-sig", errors="replace", newline="")


def _csv_header(path: Path) -> tuple[list[str], str]:
    """Return the column names in the first line, and the delimiter that splits it best."""
    raw, text = _open_text(path)
    with raw, text:
        first = text.readline()
    delimiter = max("\t,;|", key=first.count)
    try:
        header = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error as error:
        raise InteractionError(f"{path}: the first line cannot be read as CSV: {error}") from None
    if not first.strip():
        raise InteractionError(f"{path}: the file is empty; its first line must name the columns")
    return [name.strip() for name in header], delimiter


def _csv_batches(path: Path, header: list[str], delimiter: str, on_error: OnRowError) -> Iterator[Batch]:
    """Stream a CSV file; the standard reader is slower than Arrow's but knows the line of every row."""
    size = max(path.stat().st_size, 1)
    raw, text = _open_text(path)
    with raw, text:
        lines: list[int] = []
        rows: list[list[str]] = []

        def batch() -> Batch:
            arrays: list[Column] = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            columns = dict(zip(header, arrays, strict=True))
            return Batch(np.array(lines, dtype=np.int64), columns, min(raw.tell() / size, 1.0))

        numbered = map(Line._make, enumerate(text, start=1))
        next(numbered, None)
        for record in records(numbered, delimiter, len(header)):
            if not isinstance(record, Record):
                if record.rejected:
                    on_error(RowError(record.line, "row", record.detail))
                continue
            if len(record.cells) != len(header):
                detail = f"{len(record.cells)} fields where the header has {len(header)}"
                on_error(RowError(record.line, "row", detail))
                continue
            rows.append(record.cells)
            lines.append(record.line)
            if len(rows) == BATCH_ROWS:
                yield batch()
                lines, rows = [], []
        if rows:
            yield batch()


def _json_columns(path: Path) -> list[str]:
    """Return the keys of the first objects of a JSON Lines file; a field may be missing from many of them."""
    raw, text = _open_text(path)
    keys: dict[str, None] = {}
    with raw, text:
        for line in islice(text, HEAD_LINES):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                keys.update(dict.fromkeys(row))
    if not keys:
        raise InteractionError(f"{path}: none of the first {HEAD_LINES:,} lines is a JSON object")
    return list(keys)


def _json_batches(path: Path, wanted: list[str], on_error: OnRowError) -> Iterator[Batch]:
    """Stream some keys of the objects of a JSON Lines file, as text."""
    size = max(path.stat().st_size, 1)
    raw, text = _open_text(path)
    with raw, text:
        lines: list[int] = []
        rows: list[list[str | None]] = []

        def batch() -> Batch:
            arrays: list[Column] = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            columns = dict(zip(wanted, arrays, strict=True))
            return Batch(np.array(lines, dtype=np.int64), columns, min(raw.tell() / size, 1.0))

        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
                rows.append([_json_text(found.get(key)) for key in wanted])
            except (ValueError, AttributeError, TypeError, RecursionError) as error:
                on_error(RowError(number, "row", f"not a flat JSON object: {error}"))
                continue
            lines.append(number)
            if len(rows) == BATCH_ROWS:
                yield batch()
                lines, rows = [], []
        if rows:
            yield batch()


def _json_text(value: object) -> str | None:
    """Return a JSON scalar as text."""
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is no text; refused here, it costs its own row alone
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise TypeError("a value is a list or an object")
    return str(value)
