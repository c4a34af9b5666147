"""Files of rows that are text: CSV and JSON Lines, plain or compressed, in spite of stray quotes and wrong bytes."""

import csv
import gzip
import io
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, cast

import orjson

from service.imports.table import Row, Table, TableError

DELIMITERS: Final = (",", ";", "\t", "|")
JSON_PEEK: Final = 1_000
"""Lines of a JSON Lines file from which its column names are gathered."""


class _TextTable(Table):
    """What the text formats share: a stream, plain or compressed, and its place in the file."""

    def __init__(self, path: Path, encoding: str) -> None:
        super().__init__(path)
        self._raw = path.open("rb")
        self._size = path.stat().st_size
        is_compressed = path.suffix.lower() == ".gz"
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw) if is_compressed else self._raw)
        # A wrong byte spoils its own row only: it becomes a lone surrogate, which the row's check refuses.
        self._text = io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")
        self._encoding = encoding
        try:
            self.columns = self._read_columns()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _read_columns(self) -> list[str]:
        """Return the columns' names, having read as much of the text as that takes."""

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
        self._delimiter = delimiter or ","
        self._is_delimiter_known = delimiter is not None
        super().__init__(path, encoding)
        self._lines = _Lines(self._text)
        self._reader = csv.reader(self._lines, delimiter=self._delimiter)

    def _read_columns(self) -> list[str]:
        """Read the header line."""
        try:
            header = self._text.readline()
        except UnicodeError:
            header = "\0"
        if not header.strip():
            raise TableError(f"{self._path}: {'the first line' if header else 'the file'} is empty")
        if any(character < " " and character not in "\t\r\n" for character in header):
            raise TableError(
                f"{self._path}: line 1 is no {self._encoding} text: export the file as UTF-8, or name its encoding "
                "with --encoding"
            )
        if not self._is_delimiter_known:
            self._delimiter = max(DELIMITERS, key=header.count)
        try:
            columns = next(csv.reader([header.rstrip("\r\n")], delimiter=self._delimiter))
        except csv.Error as error:
            raise TableError(f"{self._path}: line 1 is not readable as CSV: {error}") from None
        if len(set(columns)) < len(columns):
            raise TableError(f"{self._path}: line 1: two columns have the same name")
        return columns

    def _rows(self, columns: Sequence[str]) -> Iterator[Row]:
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
        self._peeked: list[str] = []
        super().__init__(path, "utf-8-sig")

    def _read_columns(self) -> list[str]:
        """Read the first lines, and gather the names in them."""
        names: dict[str, None] = {}
        for text in self._text:
            self._peeked.append(text)
            parsed = _json_object(text)
            names.update(dict.fromkeys(parsed or ()))
            if len(self._peeked) == JSON_PEEK:
                break
        if not names:
            raise TableError(
                f"{self._path}: no JSON object in its first {len(self._peeked)} lines (one object a line is expected)"
            )
        return list(names)

    def _rows(self, columns: Sequence[str]) -> Iterator[Row]:
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
