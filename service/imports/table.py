"""A file of rows, whatever it is written in: what its readers have in common."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa


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

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yield every row of the file, its cells in the order of ``columns``; ``None`` for an absent cell.

        Raises:
            TableError: the file is damaged from here on.
        """
        with readable(self._path):
            yield from self._rows(columns)

    @abstractmethod
    def _rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows; whatever reading a damaged file raises is explained by :meth:`rows`."""

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


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say of a file that cannot be read what is the matter with it, in one line."""
    try:
        yield
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.strerror:
            raise TableError(f"{path}: {error.strerror}") from None
        reason = " ".join(str(error).split())
        raise TableError(f"{path}: damaged or cut off ({reason}): export it again") from error
