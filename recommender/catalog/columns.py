"""Columns of the catalog: strings and repeated values packed into a few large buffers.

A million Python strings cost 60 MB before their first character. A column keeps all of its strings in one
buffer, or the few distinct values once and a code of one, two or four bytes per row.
"""

from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import Any, Generic, Self, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.integer[Any]]
Value = TypeVar("Value", bound=Hashable)


def narrow(numbers: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    """Return the same integers in the smallest type that holds them all.

    Never uint64, which numpy joins with signed columns to floats.
    """
    if not len(numbers):
        return numbers.astype(np.uint8)
    low, high = int(numbers.min()), int(numbers.max())
    types = (
        (np.uint8, np.uint16, np.uint32, np.int64) if low >= 0 else (np.int8, np.int16, np.int32, np.int64)
    )
    fitting = next(kind for kind in types if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return numbers.astype(fitting, copy=False)


def scalars(array: npt.NDArray[Any]) -> "memoryview[Any]":
    """Return a view that reads single values as Python numbers: 50 ns each, 130 through numpy."""
    return memoryview(array)  # type: ignore[arg-type]  # numpy's stubs say Buffer from Python 3.12 on


def offsets_of(lengths: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.uint32]:
    """Return where each of the consecutive pieces starts, and where the last one ends; uint32 [n + 1]."""
    offsets = np.zeros(len(lengths) + 1, np.uint32)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


class Strings:
    """A column of strings: one UTF-8 buffer and uint32 offsets [n + 1] (at most 4 GiB)."""

    __slots__ = ("_offsets", "data", "offsets")

    def __init__(self, data: bytes, offsets: npt.NDArray[np.uint32]) -> None:
        self.data = data
        self.offsets = offsets
        self._offsets = scalars(offsets)

    @classmethod
    def of(cls, strings: Iterable[str]) -> Self:
        """Pack strings."""
        encoded = [string.encode() for string in strings]
        return cls(b"".join(encoded), offsets_of(np.fromiter(map(len, encoded), np.int64, len(encoded))))

    @classmethod
    def concatenated(cls, columns: Sequence[Self]) -> Self:
        """Return the rows of all columns, one column after the other."""
        lengths = [np.diff(column.offsets) for column in columns]
        return cls(b"".join(column.data for column in columns), offsets_of(np.concatenate(lengths)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> str:
        offsets = self._offsets
        return self.data[offsets[row] : offsets[row + 1]].decode()

    def slice(self, start: int, stop: int) -> list[str]:
        """Return the strings of rows ``start`` to ``stop``."""
        bounds = self._offsets[start : stop + 1].tolist()
        data = self.data
        return [data[low:high].decode() for low, high in pairwise(bounds)]

    def take(self, rows: Rows) -> Self:
        """Return the given rows; neighbours that stay neighbours are copied as one piece."""
        if not len(rows):
            return type(self)(b"", np.zeros(1, np.uint32))
        starts, stops = self.offsets[rows], self.offsets[rows.astype(np.int64) + 1]
        breaks = np.flatnonzero(starts[1:] != stops[:-1]) + 1
        lows = starts[np.concatenate(([0], breaks))].tolist()
        highs = stops[np.concatenate((breaks - 1, [len(rows) - 1]))].tolist()
        data = self.data
        joined = b"".join([data[low:high] for low, high in zip(lows, highs, strict=True)])
        return type(self)(joined, offsets_of(stops - starts))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return len(self.data) + self.offsets.nbytes


class Coded(Generic[Value]):
    """A column of few distinct values: a code per row and the values once."""

    __slots__ = ("_codes", "codes", "values")

    def __init__(self, codes: Rows, values: Sequence[Value]) -> None:
        self.codes = codes
        self.values = values
        self._codes = scalars(codes)

    @classmethod
    def of(cls, rows: Iterable[Value]) -> Self:
        """Encode values."""
        code_of: dict[Value, int] = {}
        codes = np.array([code_of.setdefault(value, len(code_of)) for value in rows], np.uint32)
        return cls(narrow(codes), list(code_of))

    @classmethod
    def concatenated(cls, columns: Sequence[Self]) -> Self:
        """Return the rows of all columns; equal values share a code."""
        code_of: dict[Value, int] = {}
        parts = []
        for column in columns:
            new_codes = [code_of.setdefault(value, len(code_of)) for value in column.values]
            parts.append(
                np.array(new_codes, np.uint32)[column.codes] if len(column) else np.zeros(0, np.uint32)
            )
        size = next(kind for kind in (np.uint8, np.uint16, np.uint32) if len(code_of) <= np.iinfo(kind).max)
        codes = np.concatenate([part.astype(size) for part in parts]) if parts else np.zeros(0, np.uint8)
        return cls(codes, list(code_of))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> Value:
        code: int = self._codes[row]
        return self.values[code]

    def slice_codes(self, start: int, stop: int) -> "memoryview[Any]":
        """Return the codes of rows ``start`` to ``stop``."""
        return self._codes[start:stop]

    def slice(self, start: int, stop: int) -> list[Value]:
        """Return the values of rows ``start`` to ``stop``."""
        values = self.values
        return [values[code] for code in self._codes[start:stop]]

    def take(self, rows: Rows) -> Self:
        """Return the given rows, with the values that occur in them."""
        used, codes = np.unique(self.codes[rows], return_inverse=True)
        return type(self)(narrow(codes), [self.values[code] for code in used.tolist()])

    @property
    def nbytes(self) -> int:
        """Bytes of the codes."""
        return self.codes.nbytes


Column: TypeAlias = npt.NDArray[Any] | Strings | Coded[Any]


def concatenate(columns: Sequence[Column]) -> Column:
    """Return the rows of columns of one kind, one column after the other."""
    first = columns[0]
    if isinstance(first, Strings):
        return Strings.concatenated([column for column in columns if isinstance(column, Strings)])
    if isinstance(first, Coded):
        return Coded.concatenated([column for column in columns if isinstance(column, Coded)])
    return np.concatenate([column for column in columns if isinstance(column, np.ndarray)])


def take(column: Column, rows: Rows) -> Column:
    """Return the given rows of a column."""
    return column[rows] if isinstance(column, np.ndarray) else column.take(rows)


def as_array(column: object) -> npt.NDArray[Any]:
    """Return the column, which must be numeric."""
    if not isinstance(column, np.ndarray):
        raise TypeError(f"expected a numeric column, got {type(column).__name__}")
    return column


def as_strings(column: object) -> Strings:
    """Return the column, which must be of strings."""
    if not isinstance(column, Strings):
        raise TypeError(f"expected a column of strings, got {type(column).__name__}")
    return column


def as_coded(column: object) -> Coded[Any]:
    """Return the column, which must be coded."""
    if not isinstance(column, Coded):
        raise TypeError(f"expected a coded column, got {type(column).__name__}")
    return column


def all_values(column: Strings | Coded[Any]) -> list[Any]:
    """Return all values of a column."""
    return column.slice(0, len(column))
