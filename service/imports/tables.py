"""Reading a file of rows, whatever it is written in, one row at a time and with its line number."""

import csv
import gzip
import io
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

DELIMITERS: Final = (",", ";", "\t", "|")
JSON_PEEK: Final = 1_000
"""Lines of a JSON Lines file from which its column names are gathered."""


class TableError(ValueError):
    """The file as a whole cannot be read; the message says why."""


class Row(NamedTuple):
    """One row: its line (its number in a Parquet file), and its cells or what is wrong with it."""

    line: int
    cells: tuple[Any, ...]
    problem: str | None = None


class Table(ABC):
    """A file of rows with named columns."""

    columns: Sequence[str]

    @abstractmethod
    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yield every row of the file, its cells in the order of ``columns``; ``None`` for an absent cell."""

    @abstractmethod
    def share_read(self) -> float:
        """How much of the file has been read, from 0 to 1."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_table(path: Path, *, encoding: str = "utf-8-sig") -> Table:
    """Open a CSV, TSV, JSON Lines or Parquet file, the text formats also compressed as ``.gz``.

    Raises:
        TableError: for a file that is absent, empty or of another kind.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = next((suffix for suffix in reversed(suffixes) if suffix != ".gz"), "")
    try:
        if kind in (".parquet", ".pq"):
            return ParquetTable(path)
        if kind in (".jsonl", ".ndjson", ".json"):
            return JsonLinesTable(path)
        if kind in (".csv", ".tsv", ".txt"):
            return CsvTable(path, encoding=encoding, delimiter="\t" if kind == ".tsv" else None)
    except OSError as error:
        raise TableError(f"{path}: {error.strerror or error}") from None
    raise TableError(
        f"{path}: unknown kind of file; it must end in .csv, .tsv, .jsonl or .parquet (text also in .gz)"
    )


class ParquetTable(Table):
    """A Parquet file, read in batches of rows."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise TableError(f"{path}: no Parquet file: {error}") from None
        self.columns = self._file.schema_arrow.names
        self._read = 0

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows; a row's line is its number from 1."""
        for batch in self._file.iter_batches(batch_size=8_192, columns=list(dict.fromkeys(columns))):
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


class _TextTable(Table):
    """What the text formats share: a stream, plain or compressed, and its place in the file."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._raw = path.open("rb")
        self._size = path.stat().st_size
        is_compressed = path.suffix.lower() == ".gz"
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw) if is_compressed else self._raw)
        # A wrong byte spoils its own row only: it becomes a lone surrogate, which the row's check refuses.
        self._text = io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")

    def share_read(self) -> float:
        """Bytes read over bytes in the file."""
        return min(1.0, self._raw.tell() / max(1, self._size)) if not self._raw.closed else 1.0

    def close(self) -> None:
        """Let go of the file."""
        self._text.close()
        self._raw.close()


class CsvTable(_TextTable):
    """Comma-, semicolon-, tab- or bar-separated values under a header line."""

    def __init__(self, path: Path, *, encoding: str, delimiter: str | None) -> None:
        super().__init__(path, encoding)
        try:
            header = self._text.readline()
        except UnicodeError:
            header = "\0"
        if not header.strip():
            self.close()
            raise TableError(f"{path}: {'the first line' if header else 'the file'} is empty")
        if any(character < " " and character not in "\t\r\n" for character in header):
            self.close()
            raise TableError(
                f"{path}: line 1 is no {encoding} text: export the file as UTF-8, or name its encoding with --encoding"
            )
        delimiter = delimiter or max(DELIMITERS, key=header.count)
        self.columns = next(csv.reader([header.rstrip("\r\n")], delimiter=delimiter))
        if len(set(self.columns)) < len(self.columns):
            self.close()
            raise TableError(f"{path}: line 1: two columns have the same name")
        self._delimiter = delimiter
        self._lines = _Lines(self._text)
        self._reader = csv.reader(self._lines, delimiter=delimiter)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows; a row's line is the last one it occupies.

        A quote that is never closed would swallow the lines after it: where a row of several lines makes no sense,
        only its first line is refused, and the others are read again.
        """
        wanted = [self.columns.index(name) for name in columns]
        width = len(self.columns)
        while True:
            self._lines.start_row()
            problem = None
            cells: list[str] = []
            try:
                cells = next(self._reader)
                self._lines.check_quotes(self._delimiter)
            except StopIteration:
                return
            except csv.Error as error:
                problem = f"not readable as CSV: {error}"
            if self._lines.ended:  # the reader asks for another line only inside quotes
                problem = "a quote is not closed"
            elif cells and len(cells) != width:
                problem = f"{len(cells)} cells where the header has {width}"
            if problem is not None and self._lines.take_back():
                problem = "a quote is not closed on its line"
                self._reader = csv.reader(self._lines, delimiter=self._delimiter)
            line = self._lines.number + 1  # the header was read before
            if problem is not None:
                yield Row(line, (), problem)
            elif cells:
                yield Row(line, tuple(cells[i] or None for i in wanted))


class _Lines(Iterator[str]):
    """The lines of a CSV file, of which those of the row being read can be taken back.

    Attributes:
        number: lines handed out and not taken back.
        ended: whether the file ended while the row was read.
    """

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self.number = 0
        self.ended = False

    def __next__(self) -> str:
        try:
            line = self._again.popleft() if self._again else next(self._text)
        except StopIteration:
            self.ended = True
            raise
        self._row.append(line)
        self.number += 1
        return line

    def start_row(self) -> None:
        """Forget the lines of the row before."""
        self._row.clear()
        self.ended = False

    def check_quotes(self, delimiter: str) -> None:
        """Refuse a row of several lines whose quotes are not where they belong: one was opened by mistake.

        Raises:
            csv.Error: text follows a closing quote.
        """
        if len(self._row) > 1:
            next(csv.reader(iter(self._row), delimiter=delimiter, strict=True))

    def take_back(self) -> bool:
        """Take back all lines of the row but its first; return whether there were any."""
        others = self._row[1:]
        self._again.extendleft(reversed(others))
        self.number -= len(others)
        return bool(others)


class JsonLinesTable(_TextTable):
    """One JSON object a line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "utf-8-sig")
        names: dict[str, None] = {}
        self._peeked: list[str] = []
        for text in self._text:
            self._peeked.append(text)
            parsed = _json_object(text)
            names.update(dict.fromkeys(parsed or ()))
            if len(self._peeked) == JSON_PEEK:
                break
        if not names:
            self.close()
            raise TableError(
                f"{path}: no JSON object in its first {len(self._peeked)} lines (one object a line is expected)"
            )
        self.columns = list(names)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows; blank lines are skipped."""
        line = 0
        for source in (self._peeked, self._text):
            for text in source:
                line += 1
                if not text.strip():
                    continue
                parsed = _json_object(text)
                if parsed is None:
                    yield Row(line, (), "no JSON object")
                else:
                    yield Row(line, tuple(map(parsed.get, columns)))


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(text)
    except ValueError:  # orjson refuses lone surrogates too
        return None
    return parsed if isinstance(parsed, dict) else None


def _cells(column: Any) -> list[Any]:
    # Nanoseconds would become pandas' Timestamp, which Kabin does not depend on.
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    cells: list[Any] = column.to_pylist()
    return cells
