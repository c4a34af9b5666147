"""A table of items, each with its SKUs: the one shape in which the catalog is stored, sent and held."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from recommender.catalog.columns import Coded, Column, Rows, Strings, concatenate, offsets_of, take

FORMAT: Final = b"\x01"
"""First byte of an encoded table; a reader refuses any other."""
_COMPRESSION_LEVEL: Final = 1
"""Level 6 is 2 % smaller and three times slower on feeds."""


class TableError(ValueError):
    """Bytes that are no table: damaged, or written by another version of Kabin."""


class Table(NamedTuple):
    """Items in ascending order of key, each followed by its SKUs in feed order.

    ``starts`` is int32 [items + 1]: the SKUs of item ``i`` are rows ``starts[i]`` to ``starts[i + 1]`` of the
    SKU columns. Every item has at least one SKU. The item column ``key`` is uint64.
    """

    starts: npt.NDArray[np.integer[Any]]
    items: Mapping[str, Column]
    skus: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def sku_count(self) -> int:
        """Number of SKUs."""
        return int(self.starts[-1])

    def take_items(self, items: Rows) -> "Table":
        """Return the given items with their SKUs, in the given order."""
        counts = np.diff(self.starts)[items]
        starts = offsets_of(counts).astype(np.int32)
        rows = np.arange(int(starts[-1])) + np.repeat(
            self.starts[items].astype(np.int64) - starts[:-1], counts
        )
        return Table(
            starts,
            {name: take(column, items) for name, column in self.items.items()},
            {name: take(column, rows) for name, column in self.skus.items()},
        )

    def sorted_by_key(self) -> "Table":
        """Return the items in ascending order of key (stable)."""
        keys = self.items["key"]
        assert isinstance(keys, np.ndarray)  # noqa: S101 - narrows the type: every table's key column is an array
        if np.all(keys[:-1] <= keys[1:]):
            return self
        return self.take_items(np.argsort(keys, kind="stable"))


def concatenate_tables(tables: Sequence[Table]) -> Table:
    """Return the items of all tables, one table after the other (not sorted)."""
    first = tables[0]
    counts = np.concatenate([np.diff(table.starts) for table in tables])
    return Table(
        offsets_of(counts).astype(np.int32),
        {name: concatenate([table.items[name] for table in tables]) for name in first.items},
        {name: concatenate([table.skus[name] for table in tables]) for name in first.skus},
    )


class _PackedColumn(msgspec.Struct, array_like=True):
    """``kind`` is strings, coded or numbers; ``dtype`` and ``numbers`` are its offsets, codes or values."""

    kind: str
    dtype: str
    numbers: bytes
    data: bytes = b""
    values: list[Any] = []


class _PackedTable(msgspec.Struct, array_like=True):
    starts: bytes
    items: dict[str, _PackedColumn]
    skus: dict[str, _PackedColumn]


def encode_table(table: Table) -> bytes:
    """Return the table as compressed bytes."""
    packed = _PackedTable(
        table.starts.astype("<u4").tobytes(),
        {name: _pack(column) for name, column in table.items.items()},
        {name: _pack(column) for name, column in table.skus.items()},
    )
    return FORMAT + zlib.compress(msgspec.msgpack.encode(packed), _COMPRESSION_LEVEL)


def decode_table(data: bytes) -> Table:
    """Return the table that :func:`encode_table` wrote.

    Raises:
        TableError: the bytes are damaged or of another format.
    """
    if data[:1] != FORMAT:
        raise TableError(
            f"a part of the catalog has format {data[:1].hex() or 'nothing'}, expected {FORMAT.hex()}"
        )
    try:
        packed = msgspec.msgpack.decode(zlib.decompress(data[1:]), type=_PackedTable)
        return Table(
            np.frombuffer(packed.starts, "<u4").astype(np.int32),
            {name: _unpack(column) for name, column in packed.items.items()},
            {name: _unpack(column) for name, column in packed.skus.items()},
        )
    except (zlib.error, msgspec.MsgspecError, ValueError, TypeError) as error:
        raise TableError(f"a part of the catalog is damaged ({error})") from error


def _pack(column: Column) -> _PackedColumn:
    if isinstance(column, Strings):
        return _PackedColumn("strings", "<u4", column.offsets.astype("<u4").tobytes(), column.data)
    if isinstance(column, Coded):
        return _PackedColumn(
            "coded", column.codes.dtype.str, column.codes.tobytes(), b"", list(column.values)
        )
    return _PackedColumn("numbers", column.dtype.str, column.tobytes())


def _unpack(packed: _PackedColumn) -> Column:
    numbers = np.frombuffer(packed.numbers, packed.dtype)
    if packed.kind == "strings":
        return Strings(packed.data, numbers)
    return Coded(numbers, packed.values) if packed.kind == "coded" else numbers
