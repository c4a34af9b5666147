"""Reading a Google Merchant Center product feed: TSV, CSV or JSON Lines, row by row.

Each row comes out checked, or as a report of its line, field and reason; the rows around it are kept.
The attributes are Merchant Center's (https://support.google.com/merchants/answer/7052112) plus an optional
``first_seen``, when the shop first listed the item.

Of two rows with one id the first is kept and the second reported, so that what a feed means does not depend on
how much of it was read. In a patch they are applied one after the other.
"""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, tzinfo
from itertools import chain
from pathlib import PurePath
from typing import Any, BinaryIO, Final, TypeAlias

import msgspec

from recommender.catalog.delimited import Line, delimiter_of, records
from recommender.catalog.fields import Field, canonical_name, fields
from recommender.catalog.rows import REQUIRED_FIELDS, Row, RowError, RowPatch, full_row, with_valid_sale

MAX_LINE_BYTES: Final = 1 << 20
_JSON_SUFFIXES: Final = frozenset({".jsonl", ".ndjson", ".json"})
_BYTE_ORDER_MARKS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}

FeedEntry: TypeAlias = Row | RowPatch | RowError


class FeedError(ValueError):
    """The whole feed cannot be read; the message says why and what to do."""


class FeedReader:
    """Iterates over a feed once: rows (patches, if ``partial``) and reports, in the order of the lines.

    A rejected row yields reports alone; a row kept in spite of a fault yields the report first
    (``rejected=False``), then the row.

    Args:
        stream: the feed's bytes: UTF-8 (with or without byte order mark), UTF-16 with one, or, line by line,
            Windows-1252 where a line is no UTF-8, which is reported.
        name: its file name or path; the suffix says JSON Lines, and ``.gz`` that it is compressed.
        default_currency: for prices without a currency (ISO 4217); without it such rows are rejected.
        timezone: for dates without one.
        partial: read patches, which need no more than an ``id``. In JSON ``null`` clears a field; an empty cell
            of a CSV or TSV patch changes nothing.

    Raises:
        FeedError: on iteration, if the feed is empty, no feed at all, or lacks a column that every row needs.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        name: str = "",
        default_currency: str | None = None,
        timezone: tzinfo = UTC,
        partial: bool = False,
    ) -> None:
        path = PurePath(name)
        self._compressed = path.suffix.lower() == ".gz"
        self._suffix = (path.with_suffix("") if self._compressed else path).suffix.lower()
        self._stream = stream
        self._partial = partial
        self._fields = fields(default_currency=default_currency, timezone=timezone)
        self._faults: list[RowError] = []
        self._ids: set[int] = set()
        self._says_availability = True

    def __iter__(self) -> Iterator[FeedEntry]:
        stream = gzip.GzipFile(fileobj=self._stream) if self._compressed else self._stream
        try:
            yield from self._entries(self._lines(stream))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FeedError(f"the compressed feed is damaged ({error}): export it again") from error

    def _entries(self, lines: Iterator[Line]) -> Iterator[FeedEntry]:
        first = next((line for line in lines if line.text.strip()), None)
        if first is None:
            yield from self._reported()
            raise FeedError("the feed is empty: expected a header and rows, or one JSON object a line")
        start = first.text.lstrip()[0]
        if start == "<":
            raise FeedError("the feed is XML: export it as TSV, CSV or JSON Lines")
        if start == "[" and self._suffix not in {".csv", ".tsv", ".txt"}:
            raise FeedError(
                "the feed is a JSON array: write JSON Lines, one object a line, without commas between"
            )
        is_json = start == "{" or self._suffix in _JSON_SUFFIXES
        empty = True
        for row in self._json(chain([first], lines)) if is_json else self._delimited(first, lines):
            empty = False
            if self._faults:
                yield from self._reported()
            if row is not None:
                yield row
        yield from self._reported()
        if empty:
            raise FeedError("the feed has a header but no rows: nothing to read")

    def _reported(self) -> list[RowError]:
        """Return what has been noted since the last time."""
        noted, self._faults = self._faults, []
        return noted

    def _note(self, line: int, field: str | None, detail: str, *, rejected: bool = True) -> None:
        self._faults.append(RowError(line, field, detail, rejected))

    # --- lines ------------------------------------------------------------------------------------------------

    def _lines(self, stream: BinaryIO | gzip.GzipFile) -> Iterator[Line]:
        start = stream.readline(MAX_LINE_BYTES)
        encoding = _BYTE_ORDER_MARKS.get(start[:2])
        if encoding is not None:
            rest = (start[2:] + stream.read()).decode(encoding, "replace")
            yield from map(Line._make, enumerate(io.StringIO(rest, newline=""), 1))
            return
        raw = start.removeprefix(b"\xef\xbb\xbf")
        number = 0
        while raw:
            number += 1
            if len(raw) >= MAX_LINE_BYTES - 3 and not raw.endswith(b"\n"):
                self._note(number, None, f"the line is longer than {MAX_LINE_BYTES:,} bytes: shorten it")
                while raw and not raw.endswith(b"\n"):
                    raw = stream.readline(MAX_LINE_BYTES)
            else:
                yield Line(number, self._decoded(raw, number))
            raw = stream.readline(MAX_LINE_BYTES)

    def _decoded(self, raw: bytes, number: int) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            detail = "the line is not UTF-8: read as Windows-1252 (latin-1); save the feed as UTF-8"
            self._note(number, None, detail, rejected=False)
            try:
                return raw.decode("cp1252")
            except UnicodeDecodeError:
                return raw.decode("latin-1")

    # --- delimited --------------------------------------------------------------------------------------------

    def _delimited(self, first: Line, lines: Iterator[Line]) -> Iterator[Row | RowPatch | None]:
        delimiter = delimiter_of(first.text)
        header = next(records(iter([first]), delimiter))
        if isinstance(header, RowError):
            raise FeedError(f"the header cannot be read: {header.detail}")
        names = [canonical_name(cell) for cell in header.cells]
        self._require_columns(names)
        columns = [
            (place, name, self._fields[name])
            for place, name in enumerate(names)
            if name in self._fields and names.index(name) == place
        ]
        if "availability" not in names and not self._partial:
            detail = "there is no such column: all rows are taken for in_stock"
            self._note(first.number, "availability", detail, rejected=False)
            self._says_availability = False
        for record in records(lines, delimiter, len(names)):
            if isinstance(record, RowError):
                self._faults.append(record)
                yield None
                continue
            line, cells = record
            count = len(cells)
            texts = [(name, field, cells[place]) for place, name, field in columns if place < count]
            yield self._entry(line, texts, {})

    def _require_columns(self, names: list[str]) -> None:
        required = ("id",) if self._partial else REQUIRED_FIELDS
        missing = [name for name in required if name not in names]
        if missing:
            found = ", ".join(repr(name) for name in names[:20])
            raise FeedError(
                f"the feed has no column {' and no '.join(missing)}: its header reads {found:.300}"
            )

    # --- JSON Lines -------------------------------------------------------------------------------------------

    def _json(self, lines: Iterable[Line]) -> Iterator[Row | RowPatch | None]:
        decoder = msgspec.json.Decoder()
        known: dict[str, str] = {}
        for number, text in lines:
            if not text.strip():
                continue
            try:
                values = decoder.decode(text)
            except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
                self._note(number, None, f"the line is no JSON ({error}): write one object a line")
                yield None
                continue
            if isinstance(values, dict):
                yield self._json_entry(number, values, known)
            else:
                self._note(number, None, 'the line is no JSON object: write {"id": …, "price": …}')
                yield None

    def _json_entry(self, line: int, values: dict[str, Any], known: dict[str, str]) -> Row | RowPatch | None:
        texts: list[tuple[str, Field, str]] = []
        cleared: dict[str, Any] = {}
        for key, value in values.items():
            name = known.get(key)
            if name is None:
                name = canonical_name(key)
                if len(known) < 1000:
                    known[key] = name
            field = self._fields.get(name)
            if field is None:
                continue
            text = value if type(value) is str else _text_of(value)
            if text is None:
                self._note(line, name, f"{name} is {_kind_of(value)}: write it as text")
                return None
            texts.append((name, field, text))
            if not text:
                cleared[name] = None
        return self._entry(line, texts, cleared)

    # --- rows -------------------------------------------------------------------------------------------------

    def _entry(
        self, line: int, texts: list[tuple[str, Field, str]], values: dict[str, Any]
    ) -> Row | RowPatch | None:
        """Check the texts of one row, add their values to ``values`` and make the row; note what is wrong."""
        faults: list[RowError] = []
        for name, field, text in texts:
            if not text:
                continue
            remembered = field.remembered
            parsed = (remembered.get(text) if remembered is not None else None) or field.read(text)
            if parsed.fault is not None:
                faults.append(RowError(line, name, parsed.fault, parsed.rejects))
            if parsed.value is not None or not self._partial:
                values[name] = parsed.value
        if faults:
            rejecting = [fault for fault in faults if fault.rejected]
            self._faults += rejecting or faults
            if rejecting:
                return None
        return self._patch(line, values) if self._partial else self._row(line, values)

    def _patch(self, line: int, values: dict[str, Any]) -> RowPatch | None:
        id_ = values.pop("id", None)
        if not id_:
            self._note(line, "id", "id is missing: say which SKU to change")
        elif not values:
            self._note(line, None, "nothing but an id: name the fields to change")
        else:
            return RowPatch(line, id_, values)
        return None

    def _row(self, line: int, values: dict[str, Any]) -> Row | None:
        made = full_row(values, line)
        if isinstance(made, RowError):
            self._faults.append(made)
            return None
        number = hash(made.id)
        if number in self._ids:
            self._note(line, "id", f"id {made.id!r} occurs again: make ids unique; the first row is kept")
            return None
        self._ids.add(number)
        if self._says_availability and values.get("availability") is None:
            self._note(line, "availability", "availability is missing: taken for in_stock", rejected=False)
        if made.sale_price is None:
            return made
        row, fault = with_valid_sale(made, line)
        if fault is not None:
            self._faults.append(fault)
        return row


def _text_of(value: object) -> str | None:
    """Return a JSON value as the text a CSV would hold; ``None`` if it is no such value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return "" if not value else (value[0] if isinstance(value[0], str) else None)
    if isinstance(value, dict) and isinstance(value.get("value"), str | int | float):
        return f"{value['value']} {value.get('currency', '')}"
    return value if isinstance(value, str) else None


def _kind_of(value: object) -> str:
    return {bool: "true or false", list: "a list", dict: "an object"}.get(type(value), "no text")
