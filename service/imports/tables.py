"""Reading a file of rows, whatever it is written in, one row at a time and with its line number."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.imports.table import Row, Table, TableError, readable
from service.imports.text_tables import CsvTable, JsonLinesTable


def open_table(path: Path, *, encoding: str = "utf-8-sig") -> Table:
    """Open a CSV, TSV, JSON Lines or Parquet file, the text formats also compressed as ``.gz``.

    Raises:
        TableError: for a file that is absent, empty or of another kind.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = next((suffix for suffix in reversed(suffixes) if suffix != ".gz"), "")
    with readable(path):
        if kind in (".parquet", ".pq"):
            return ParquetTable(path)
        if kind in (".jsonl", ".ndjson", ".json"):
            return JsonLinesTable(path)
        if kind in (".csv", ".tsv", ".txt"):
            return CsvTable(path, encoding=encoding, delimiter="\t" if kind == ".tsv" else None)
    raise TableError(
        f"{path}: unknown kind of file; it must end in .csv, .tsv, .jsonl or .parquet (text also in .gz)"
    )


class ParquetTable(Table):
    """A Parquet file, read in batches of rows."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise TableError(f"{path}: no Parquet file: {error}") from None
        self.columns = self._file.schema_arrow.names
        self._read = 0

    def _rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows; a row's line is its number from 1."""
        for batch in self._file.iter_batches(batch_size=8_192, columns=list(dict.fromkeys(columns))):
            # Whoever wrote the file promised UTF-8, and nothing has checked it so far.
            batch.validate(full=True)
            by_name = {name: _cells(batch.column(i)) for i, name in enumerate(batch.schema.names)}
            # A file may be read for no column at all where every field is a constant.
            cells = (
                zip(*(by_name[name] for name in columns), strict=True) if columns else [()] * batch.num_rows
            )
            for row in cells:
                self._read += 1
                yield Row(self._read, row)

    def share_read(self) -> float:
        """Rows read over rows in the file."""
        count: int = self._file.metadata.num_rows
        return self._read / max(1, count)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _cells(column: Any) -> list[Any]:
    # Nanoseconds would become pandas' Timestamp, which Kabin does not depend on.
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    cells: list[Any] = column.to_pylist()
    return cells
