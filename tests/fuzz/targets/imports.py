"""Histories: files of events in any format, their mapping of columns, and their points in time."""

import gzip
import io
from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from recommender.events import Event
from recommender.interactions.columns import InteractionError
from recommender.interactions.files import read_event_rows
from service.identity.customers import CustomerIds
from service.imports.events import HistoryCounts, RejectedRow, _events
from service.imports.history import HistoryForm, HistoryReader
from service.imports.mapping import MappingError, bind_mapping, parse_mapping
from service.imports.table import TableError
from service.imports.tables import open_table
from service.imports.timestamps import EARLIEST, timestamp_parser
from tests.fuzz.target import Attempt, Target, check_told, cut
from tests.fuzz.targets.shop import NOW, catalog

_HEADER: Final = (
    "visitor_id,item_id,timestamp,event,event_id,item_variant,size,quantity,price,currency,transaction_id,fit"
)
_ROWS: Final = (
    "v1,a,2025-11-20T10:00:00Z,purchase,e1,a-38,38,1,59.90,EUR,t1,small",
    'v1,b,1763640000000,purchase,e2,b-38,"38",2,39.90,EUR,t1,"fits"',
    "v2,s-8.5,1763640000,view_item,,,,,,,,",
    "v2,a,2025-11-20,refund,e4,,,1,,,t1,",
    "v3,unknown,2025-11-20 10:00:00.5+03:00,scroll,,,,,,,,",
)
CSV: Final = "\n".join((_HEADER, *_ROWS)).encode() + b"\n"
_CELLS: Final = [dict(zip(_HEADER.split(","), row.replace('"', "").split(","), strict=True)) for row in _ROWS]
JSONL: Final = (
    b'{"visitor_id":"v1","item_id":"a","timestamp":1763640000.5,"event":"add_to_cart","quantity":2,"price":"9.9"}\n'
    b'\n{"visitor_id":7,"item_id":8.0,"timestamp":"2025-11-20T10:00:00Z","event":"purchase","transaction_id":"t"}\n'
    b'{"visitor_id":null,"item_id":["a"],"timestamp":{},"event":true}\n'
)
WORDS: Final = tuple(
    word.encode() for word in (*_HEADER.split(","), "customer_id", "purchase", "nan", "inf", "1e19")
)


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(_CELLS), out, compression="none")
    return out.getvalue()


def _reading(name: str) -> Callable[[Path], Attempt]:
    """Return what reads a file of this name as ``kabin import events`` and as ``kabin train`` do."""

    def prepare(folder: Path) -> Attempt:
        path = folder / name

        def attempt(data: bytes) -> None:
            path.write_bytes(data)
            _import(path)
            _train(path)

        return attempt

    return prepare


def _import(path: Path) -> None:
    counts = HistoryCounts()
    rejected: list[RejectedRow] = []
    try:
        with open_table(path) as table:
            reader = HistoryReader(
                bind_mapping({}, table.columns), HistoryForm(), NOW, customers=CustomerIds("fuzz")
            )
            for visitor_id, event in _events(
                table,
                reader,
                counts,
                is_known_item=lambda item_id: catalog().resolve(item_id) is not None,
                reject=rejected.append,
                progress=lambda _what, share: _check_share(share),
            ):
                assert visitor_id.encode()
                assert isinstance(event, Event)
                assert EARLIEST <= event.timestamp <= NOW + 300
    except (TableError, MappingError) as error:
        check_told(error)
        return
    assert counts.rejected == len(rejected)


def _check_share(share: float) -> None:
    assert 0.0 <= share <= 1.0


def _train(path: Path) -> None:
    try:
        for rows in read_event_rows(path, on_error=lambda _error: None, latest=NOW):
            assert len(rows.lines) == len(rows.timestamp) == len(rows.texts["visitor_id"])
    except InteractionError as error:
        check_told(error)


def mapping(_folder: Path) -> Attempt:
    """Parse ``--map`` options for a file with some columns: option, column and column, separated by NUL."""

    def attempt(data: bytes) -> None:
        option, *columns = data.decode("utf-8", "surrogateescape").split("\0")
        try:
            bind_mapping(parse_mapping([option]), columns)
        except MappingError as error:
            check_told(error)

    return attempt


def timestamp(_folder: Path) -> Attempt:
    """Parse a point in time: its form, which may be none, and a cell, separated by NUL."""
    zones = (UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12)))

    def attempt(data: bytes) -> None:
        form, cell = (part.decode("utf-8", "surrogateescape") for part in cut(data, 2))
        for zone in zones:
            try:
                seconds = timestamp_parser(form or None, zone)(cell)
            except (ValueError, OverflowError):
                continue
            assert seconds >= EARLIEST

    return attempt


TARGETS: Final = (
    Target("history-csv", "history as CSV", _reading("history.csv"), (CSV, CSV.replace(b",", b";")), WORDS),
    Target("history-tsv-gz", "history as TSV, compressed", _reading("history.tsv.gz"), (gzip.compress(CSV.replace(b",", b"\t"), mtime=0),)),
    Target("history-jsonl", "history as JSON Lines", _reading("history.jsonl"), (JSONL,), tuple(b'"%b"' % word for word in WORDS)),
    Target("history-parquet", "history as Parquet", _reading("history.parquet"), (_parquet(),)),
    Target(
        "mapping", "--map", mapping,
        (b"visitor_id=user,item_id=@Item,event==purchase,\"timestamp=when, exactly\"\0user\0Item\0when, exactly",
         b"customer_id=c\0c\0item_id\0timestamp\0event"),
        (b"=", b"==", b"=@", b'"', b","),
    ),
    Target(
        "timestamp", "times in a history", timestamp,
        (b"\x002025-11-21T16:00:00+01:00", b"ms\x001763740800000", b"%d/%m/%Y %H:%M\x0021/11/2025 17:20", b"\x001763740800.5"),
        (b"9999-12-31", b"0001-01-01", b"T24:00", b"%Y", b"%j", b"%z", b"W53", b"1e300", b"nan"),
    ),
)  # fmt: skip
