"""Reading files of rows: every format, every row accounted for by its line."""

import datetime
import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.imports.table import Row, TableError
from service.imports.tables import open_table


def read(path: Path, columns: list[str]) -> list[Row]:
    """Return all rows of a file."""
    with open_table(path) as table:
        return list(table.rows(columns))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_finds_its_delimiter(tmp_path: Path, delimiter: str) -> None:
    """Commas, semicolons, tabs and bars are told from the header."""
    path = tmp_path / "orders.csv"
    path.write_text(f"user{delimiter}item\nu1{delimiter}i1\nu2{delimiter}\n")
    assert read(path, ["item", "user"]) == [Row(2, ("i1", "u1")), Row(3, (None, "u2"))]


def test_bad_csv_rows_keep_their_line_and_leave_the_others_alone(tmp_path: Path) -> None:
    """A row of the wrong width is reported at its line; a quoted line break does not shift the count."""
    path = tmp_path / "orders.csv"
    path.write_text('user,item\nu1,"a\nb"\nu2\n\nu3,c\n')
    assert read(path, ["user"]) == [
        Row(3, ("u1",)),
        Row(4, (), "1 cells where the header has 2"),
        Row(6, ("u3",)),
    ]


@pytest.mark.parametrize("bad", ['u1,"a', '"u1,a', 'u1,"a,b'])
def test_a_quote_that_is_never_closed_spoils_its_line_only(tmp_path: Path, bad: str) -> None:
    """The lines after it are rows again, even where a later quote would have closed it into a row of the right width."""
    path = tmp_path / "orders.csv"
    path.write_text(f'user,item\nu0,x\n{bad}\nu2,b\n"u3","c\nd"\nu4,e\n')
    first, refused, *others = read(path, ["user"])
    assert first == Row(2, ("u0",))
    assert (refused.line, refused.cells) == (3, ())
    assert "quote is not closed" in str(refused.problem)
    assert others == [Row(4, ("u2",)), Row(6, ("u3",)), Row(7, ("u4",))]


@pytest.mark.parametrize("content", ["user,item\nu1,i1\n".encode("utf-16"), b"\x00\x01\x02,\xff\n\x03"])
def test_a_file_that_is_no_text_is_told_from_a_wrong_column(tmp_path: Path, content: bytes) -> None:
    """UTF-16 and binary content are refused with what to do, without printing them."""
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"line 1 is no utf-8-sig text: .* --encoding$"):
        open_table(path)


def test_a_byte_order_mark_and_wrong_bytes_do_not_stop_a_file(tmp_path: Path) -> None:
    """Excel's mark is skipped, and a byte that is no UTF-8 spoils its own cell only."""
    path = tmp_path / "orders.csv"
    path.write_bytes(b"\xef\xbb\xbfuser,size\nu1,38\nu2,\xff\nu3,40\n")
    rows = read(path, ["user", "size"])
    assert rows[0].cells == ("u1", "38")
    assert not rows[1].cells[1].isprintable()
    assert rows[2].cells == ("u3", "40")


def test_text_may_be_compressed(tmp_path: Path) -> None:
    """``.csv.gz`` and ``.jsonl.gz`` are read as they are."""
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"user,item\nu1,i1\n"))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"user": "u1", "item": "i1"}\n'))
    assert read(tmp_path / "a.csv.gz", ["user", "item"])[0].cells == ("u1", "i1")
    assert read(tmp_path / "b.jsonl.gz", ["user", "item"])[0].cells == ("u1", "i1")


def test_json_lines_may_leave_fields_out(tmp_path: Path) -> None:
    """Columns are gathered over many lines; an absent one is empty, a broken line is reported."""
    path = tmp_path / "events.jsonl"
    path.write_text('{"user": 1}\n\n{"user": 2, "size": "M"}\n{"user": \n[1]\n')
    with open_table(path) as table:
        assert list(table.columns) == ["user", "size"]
        assert list(table.rows(["user", "size"])) == [
            Row(1, (1, None)),
            Row(3, (2, "M")),
            Row(4, (), "no JSON object"),
            Row(5, (), "no JSON object"),
        ]


def test_json_lines_go_on_after_the_lines_that_were_peeked_at(tmp_path: Path) -> None:
    """No line is lost where peeking for column names ends and reading goes on."""
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f'{{"n": {n}}}\n' for n in range(2_500)))
    rows = read(path, ["n"])
    assert [row.cells[0] for row in rows] == list(range(2_500))
    assert [row.line for row in rows] == list(range(1, 2_501))


def test_parquet_keeps_types_and_numbers_its_rows(tmp_path: Path) -> None:
    """Times come as datetimes, also those in nanoseconds, and no column need be read at all."""
    when = datetime.datetime(2025, 11, 21, 12)  # noqa: DTZ001 - a column without a zone
    table = pa.table({"user": [1, 2], "at": pa.array([when, None], pa.timestamp("ns"))})
    path = tmp_path / "orders.parquet"
    pq.write_table(table, path)
    assert read(path, ["at", "user"]) == [Row(1, (when, 1)), Row(2, (None, 2))]
    assert read(path, []) == [Row(1, ()), Row(2, ())]


def test_reading_says_how_far_it_is(tmp_path: Path) -> None:
    """The share read reaches one at the end of every kind of file."""
    pq.write_table(pa.table({"user": [1, 2]}), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("user\nu1\n")
    (tmp_path / "c.jsonl").write_text('{"user": 1}\n')
    for name in ("a.parquet", "b.csv", "c.jsonl"):
        with open_table(tmp_path / name) as table:
            list(table.rows(["user"]))
            assert table.share_read() == 1.0


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"user,user\n", "two columns have the same name"),
        ("a.jsonl", b"", "no JSON object"),
        ("a.jsonl", b"user,item\n", "no JSON object"),
        ("a.parquet", b"user,item\n", "no Parquet file"),
        ("a.xlsx", b"PK", "unknown kind of file"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    """An empty file, one of another kind or with a broken header stops before anything is stored."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=reason):
        open_table(tmp_path / name)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """The reason holds the path."""
    with pytest.raises(TableError, match=r"nothing\.csv"):
        open_table(tmp_path / "nothing.csv")


def _parquet(folder: Path) -> bytes:
    path = folder / "sound.parquet"
    pq.write_table(pa.table({"id": ["hello", "there"]}), path, compression="none", use_dictionary=False)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("cut.csv.gz", lambda _: gzip.compress(b"id,n\n" + b"a,1\n" * 999)[:-30]),
        ("odd.csv.gz", lambda _: gzip.compress(b"id,n\na,1\n")[:-12] + b"\xff" * 12),
        ("plain.jsonl.gz", lambda _: b'{"id": "a"}\n'),
        ("wide.csv", lambda _: b'"' + b"a" * 200_000 + b'",b\n1,2\n'),
        ("text.parquet", lambda folder: _parquet(folder).replace(b"there", b"the\xffe")),
        ("column.parquet", lambda folder: _parquet(folder).replace(b"id", b"i\xff")),
        ("pages.parquet", lambda folder: b"PAR1" + b"\xff" * 9 + _parquet(folder)[13:]),
    ],
)
def test_a_damaged_file_is_told_in_one_line_and_closed(
    tmp_path: Path, name: str, damaged: Callable[[Path], bytes]
) -> None:
    """Wherever the damage is: at the start, in a row, or in what the file says of itself."""
    path = tmp_path / name
    path.write_bytes(damaged(tmp_path))
    with pytest.raises(TableError, match=name) as told, open_table(path) as table:
        list(table.rows(table.columns))
    assert "\n" not in str(told.value).strip()
