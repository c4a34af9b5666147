"""Which column of a shop's file means what, and the conversion of whole columns at a time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

REQUIRED: Final = ("visitor_id", "item_id", "timestamp", "event")
TEXTS: Final = ("item_variant", "size", "transaction_id", "fit")
NUMBERS: Final = ("price", "discount", "quantity")
FIELDS: Final = (*REQUIRED, *TEXTS, *NUMBERS)
"""The fields of an event that training reads; a mapping may fill others too."""

LARGEST_WHOLE: Final = 2.0**53
"""Floats below it hold whole numbers exactly."""

Column: TypeAlias = Any
"""A pyarrow array; it is generic in the type hints of new releases only, and never when running."""


class InteractionError(ValueError):
    """A file or event log that cannot be read as interactions at all; says what to do about it."""


class RowError(NamedTuple):
    """One row that was left out: its line (from 1; the row number in Parquet), the field, what is wrong."""

    line: int
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Where each field of an event comes from.

    Attributes:
        columns: the file's column for each field that has one.
        constants: the value of each field that is the same in all rows.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, str]

    @classmethod
    def by_name(cls, available: Iterable[str]) -> Self:
        """Return the mapping of a file whose columns are called as the fields."""
        names = {*available}
        return cls({name: name for name in ("customer_id", *FIELDS) if name in names}, {})

    def with_visitor(self) -> Self:
        """Return the mapping with customers as visitors, where a file knows nothing else."""
        if "visitor_id" in self.columns or "customer_id" not in self.columns:
            return self
        return replace(self, columns={**self.columns, "visitor_id": self.columns["customer_id"]})

    def check(self, available: Sequence[str]) -> None:
        """Refuse a mapping that a file cannot fulfil.

        Args:
            available: the file's columns.

        Raises:
            InteractionError: a column that the file does not have, or a required field without any source.
        """
        has = f"the file has {', '.join(available) or 'no columns'}"
        for name, column in self.columns.items():
            if column not in available:
                raise InteractionError(f"{name}: no column {column!r}; {has}")
        missing = [name for name in REQUIRED if name not in self.columns and name not in self.constants]
        if missing:
            raise InteractionError(
                f"nothing says which column is {' and '.join(missing)}; {has}. "
                "Map them, as in visitor_id=user_id,item_id=sku,timestamp=date,event=purchase"
            )
        if "timestamp" in self.constants:
            raise InteractionError("timestamp: a constant gives no order in time; map it to a column")


def texts_of(column: Column) -> Column:
    """Return a column as trimmed text, null where empty; whole floats (pandas' way of nulls) lose their ``.0``."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        whole = pc.round(column)
        exact = pc.and_(pc.equal(whole, column), pc.less(pc.abs(column), LARGEST_WHOLE))
        if pc.all(exact, min_count=0).as_py():
            column = pc.cast(whole, pa.int64())
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = pa.array(
            [None if value is None else value.decode("utf-8", "replace") for value in column.to_pylist()],
            pa.string(),
        )
    text: Column = pc.utf8_trim_whitespace(_cast(column, pa.string()))
    return pc.if_else(pc.equal(text, pa.scalar("")), pa.scalar(None, pa.string()), text)


def numbers_of(column: Column) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return (float64 values, NaN where empty; mask of the values that are no number of 0 or more).

    Text may carry a currency after the number, as in ``59.90 EUR``.
    """
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = _floats(column)
        bad = ~(values >= 0) & ~np.isnan(values)
    else:
        values, bad = _each_distinct(texts_of(column), lambda text: float(text.split()[0]))
        bad |= values < 0
    return values, bad | np.isinf(values)


def seconds_of(column: Column) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return (float64 Unix seconds, mask of the values that are no time).

    Understood: timestamps and dates, numbers in seconds, milliseconds, microseconds or nanoseconds (told by
    their size), and ISO 8601 text; a time without zone is UTC.
    """
    if pa.types.is_temporal(column.type):
        values = _floats(_cast(_cast(column, pa.timestamp("us"), safe=False), pa.int64())) / 1e6
        return values, ~np.isfinite(values)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = _to_seconds(_floats(column))
        return values, ~np.isfinite(values)
    values, bad = _each_distinct(texts_of(column), _parse_time)
    return values, bad | ~np.isfinite(values)


def _cast(column: Column, to: Column, *, safe: bool = True) -> Column:
    """Convert a column, or say that its type (a list, a struct, a time of day) holds no such values."""
    try:
        return pc.cast(column, to, safe=safe)
    except pa.ArrowNotImplementedError as error:
        raise InteractionError(
            f"a column of {column.type} cannot be read as {to}: map another one"
        ) from error


def _floats(column: Column) -> NDArray[np.float64]:
    """Return a numeric column as float64, NaN where null."""
    cast: Column = pc.cast(column, pa.float64(), safe=False)
    return np.asarray(cast.to_numpy(zero_copy_only=False), dtype=np.float64)


def _parse_time(text: str) -> float:
    """Return the Unix seconds of a number or an ISO 8601 time."""
    try:
        return float(_to_seconds(np.array([float(text)]))[0])
    except ValueError:
        moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _to_seconds(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale times whose size shows that they are finer than seconds (1e11 s is the year 5138)."""
    for unit in (1e17, 1e14, 1e11):
        values = np.where(np.abs(values) >= unit, values / (unit / 1e8), values)
    return values


def _each_distinct(
    text: Column, parse: Callable[[str], float]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Parse each distinct text once; return (values, NaN where null; mask of texts that do not parse)."""
    encoded = text.dictionary_encode()
    distinct: list[Any] = encoded.dictionary.to_pylist()
    values = np.full(len(distinct) + 1, np.nan)
    bad = np.zeros(len(distinct) + 1, dtype=np.bool_)
    for code, value in enumerate(distinct):
        try:
            values[code] = parse(value)
        except (ValueError, OverflowError, IndexError):
            bad[code] = True
    indices: Column = pc.fill_null(encoded.indices, len(distinct))
    codes = indices.to_numpy(zero_copy_only=False)
    return values[codes], bad[codes]
