"""Reading Merchant Center feeds with all that is odd about real ones."""

import csv
import gzip
import io
import json
from contextlib import suppress
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalog.feed import FeedError
from recommender.catalog.money import Money
from recommender.catalog.rows import Availability, Row, RowError, SalePeriod
from tests.catalog_rows import errors_in, line, patches_in, read, rows_in

HEADER = "id\titem group id\ttitle\tlink\timage_link\tavailability\tprice\tsize\n"
GOOD = "a-38\ta\tDress\thttps://s.example/a\thttps://s.example/a.jpg\tin stock\t59.90 EUR\t38\n"


def one(**changes: object) -> tuple[Row | None, list[RowError]]:
    """Return the row and the reports of a one-line feed."""
    entries = read(json.dumps(line(**changes)).encode())  # type: ignore[arg-type]
    rows = rows_in(entries)
    return (rows[0] if rows else None), errors_in(entries)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|"])
def test_reads_delimited_feeds_of_any_common_make(encoding: str, delimiter: str) -> None:
    """Separator, byte order mark and UTF-16 are recognised without being told."""
    text = (HEADER + GOOD.replace("Dress", "Kleid ä")).replace("\t", delimiter)
    rows = rows_in(read(text.encode(encoding)))
    assert [(row.id, row.item_id, row.title, row.price) for row in rows] == [
        ("a-38", "a", "Kleid ä", Money(5990, "EUR"))
    ]


def test_a_line_of_utf_16_ends_where_a_line_of_utf_8_does() -> None:
    """Line separators inside a title, as texts pasted from a word processor have, do not cut a row in two."""
    text = HEADER + GOOD.replace("Dress", "Dress\u2028red\x0c")
    assert [row.title for row in rows_in(read(text.encode("utf-16")))] == [
        row.title for row in rows_in(read(text.encode()))
    ]


def test_reads_json_lines_and_compressed_files() -> None:
    """JSON Lines is told by its first character, compression by the suffix."""
    feed = json.dumps(line()).encode() + b"\n\n" + json.dumps(line("a-40", size="40")).encode()
    assert [row.size for row in rows_in(read(feed))] == ["38", "40"]
    assert len(rows_in(read(gzip.compress(feed), name="feed.jsonl.gz"))) == 2


def test_understands_json_as_the_content_api_writes_it() -> None:
    """CamelCase keys, price objects, lists and numbers mean what their text form means."""
    values = {
        "offerId": 17,
        "itemGroupId": "a",
        "title": "Dress",
        "link": "https://s.example",
        "availability": "in stock",
        "price": {"value": "59.90", "currency": "EUR"},
        "sizes": ["38"],
        "productTypes": ["Women > Dresses", "Sale"],
        "description": {"any": "thing"},
    }
    (row,) = rows_in(read(json.dumps(values).encode()))
    assert (row.id, row.price, row.size, row.product_type) == (
        "17",
        Money(5990, "EUR"),
        "38",
        "Women > Dresses",
    )


def test_knows_headings_with_prefixes_capitals_and_spaces() -> None:
    """``g:`` prefixes, brackets and any case name the same attribute."""
    header = "g:ID,[Item Group ID],Title,g:link,Availability,g:price,SIZE\n"
    (row,) = rows_in(read((header + "a-38,a,Dress,https://s.example,in_stock,59.90 EUR,38\n").encode()))
    assert (row.item_group_id, row.size) == ("a", "38")


def test_reports_the_line_where_a_bad_row_starts_and_keeps_the_others() -> None:
    """Line numbers count the header and the line breaks inside quoted values."""
    quoted = '"a\n\nb"'
    feed = (
        HEADER
        + GOOD.replace("Dress", quoted)
        + GOOD.replace("59.90", "-1").replace("a-38", "b")
        + GOOD.replace("a-38", "c")
    )
    entries = read(feed.encode())
    assert [row.id for row in rows_in(entries)] == ["a-38", "c"]
    assert rows_in(entries)[0].title == "a b"
    (error,) = errors_in(entries)
    assert (error.line, error.field, error.rejected) == (5, "price", True)
    assert "negative" in error.detail


@pytest.mark.parametrize("at_end", [False, True])
def test_a_quote_never_closed_costs_one_row_at_most(at_end: bool) -> None:
    """The lines after a stray quote are read as rows of their own."""
    stray = GOOD.replace("a-38", "stray").replace("Dress", '"5 inch heel')
    rows = [GOOD.replace("a-38", f"r{i}") for i in range(3)]
    feed = HEADER + "".join([*rows, stray] if at_end else [stray, *rows])
    entries = read(feed.encode())
    assert {row.id for row in rows_in(entries)} == {"r0", "r1", "r2", "stray"}
    assert [error.line for error in errors_in(entries)] == [5 if at_end else 2]


def test_reads_a_line_of_another_encoding_and_says_so() -> None:
    """One latin-1 line in a UTF-8 feed is understood and reported, the others are not touched."""
    latin = GOOD.replace("Dress", "Größe").replace("a-38", "b").encode("latin-1")
    entries = read(HEADER.encode() + GOOD.replace("Dress", "Größe").encode() + latin)
    assert [row.title for row in rows_in(entries)] == ["Größe", "Größe"]
    (error,) = errors_in(entries)
    assert (error.line, error.rejected) == (3, False)


@pytest.mark.parametrize(
    ("feed", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\n \n", "empty"),
        (HEADER.encode(), "no rows"),
        (b"<?xml version='1.0'?><rss/>", "XML"),
        (b'[{"id": "a"}]', "JSON array"),
        (b"id\ttitle\na\tb\n", "no column link and no price"),
        (b"\x1f\x8b\x08\x00garbage", "no column"),
    ],
)
def test_says_what_is_wrong_with_a_whole_feed(feed: bytes, reason: str) -> None:
    """What is no feed at all is refused with one clear reason."""
    with pytest.raises(FeedError, match=reason):
        read(feed)


def test_says_that_a_compressed_feed_is_damaged() -> None:
    """A download cut short is no feed."""
    with pytest.raises(FeedError, match="damaged"):
        read(gzip.compress(GOOD.encode())[:-10], name="feed.tsv.gz")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id_": ""}, "id"),
        ({"id_": "x" * 101}, "id"),
        ({"id_": "a\u0007b"}, "id"),
        ({"title": None}, "title"),
        ({"title": " \t "}, "title"),
        ({"link": None}, "link"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"link": "//cdn.example/x"}, "link"),
        ({"link": "https://s.example/\n"[:-1] + "\u0000"}, "link"),
        ({"link": "https://s.example/" + "x" * 2000}, "link"),
        ({"price": None}, "price"),
        ({"price": "59.90"}, "price"),
        ({"price": "-59.90 EUR"}, "price"),
        ({"price": True}, "price"),
        ({"availability": "perhaps"}, "availability"),
        ({"size": {"eu": 38}}, "size"),
    ],
)
def test_leaves_out_rows_that_cannot_be_sold(changes: dict[str, object], field: str) -> None:
    """A row without what every row needs, or with a dangerous link, is rejected under the field's name."""
    row, errors = one(**changes)
    assert row is None
    assert [(error.line, error.field, error.rejected) for error in errors] == [(1, field, True)]
    assert ":" in errors[0].detail, "it says what to do"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image_link": "data:image/png;base64,xx"}, "image_link"),
        ({"sale_price": "70.00 EUR"}, "sale_price"),
        ({"sale_price": "50.00 USD"}, "sale_price"),
        ({"sale_price": "cheap"}, "sale_price"),
        ({"sale_price": "50 EUR", "sale_price_effective_date": "next week"}, "sale_price_effective_date"),
        (
            {"sale_price": "50 EUR", "sale_price_effective_date": "2026-12-01/2026-11-01"},
            "sale_price_effective_date",
        ),
        ({"gender": "dogs"}, "gender"),
        ({"age_group": "old"}, "age_group"),
        ({"size_system": "XX"}, "size_system"),
        ({"size_type": "huge"}, "size_type"),
        ({"title": "x" * 9999}, "title"),
        ({"color": "red\u0000"}, "color"),
        ({"availability": None}, "availability"),
        ({"first_seen": "yesterday"}, "first_seen"),
    ],
)
def test_keeps_rows_with_an_odd_detail_and_reports_it(changes: dict[str, object], field: str) -> None:
    """What is not needed to sell the SKU costs the field, not the row."""
    row, errors = one(**changes)
    assert row is not None
    assert [(error.field, error.rejected) for error in errors] == [(field, False)]
    if field.startswith("sale_price"):
        assert row.sale_price is None or row.sale_price_effective_date == SalePeriod(0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("in stock", Availability.IN_STOCK),
        ("in_stock", Availability.IN_STOCK),
        ("In Stock", Availability.IN_STOCK),
        ("out of stock", Availability.OUT_OF_STOCK),
        ("out-of-stock", Availability.OUT_OF_STOCK),
        ("preorder", Availability.PREORDER),
        ("backorder", Availability.BACKORDER),
        ("https://schema.org/InStock", Availability.IN_STOCK),
    ],
)
def test_knows_the_spellings_of_availability(text: str, meaning: Availability) -> None:
    """Spaces, underscores, capitals and schema.org addresses mean the same."""
    row, errors = one(availability=text)
    assert row is not None
    assert (row.availability, errors) == (meaning, [])


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-11-20T00:00+0100/2026-11-30T23:59+0100", 1795129200.0, 1796079540.0),
        ("2026-11-20T00:00Z / 2026-11-30T00:00Z", 1795132800.0, 1795996800.0),
        ("2026-11-20T00:00/2026-11-30T00:00", 1795125600.0, 1795989600.0),
        ("2026-11-20/2026-11-20", 1795125600.0, 1795212000.0),
        ("2026-11-20T00:00Z/", 1795132800.0, None),
    ],
)
def test_reads_ranges_of_dates_with_and_without_timezone(text: str, start: float, end: float | None) -> None:
    """A range without timezone is in the shop's; a last day counts whole."""
    feed = json.dumps(line(sale_price="50 EUR", sale_price_effective_date=text)).encode()
    (row,) = rows_in(read(feed, timezone=timezone(timedelta(hours=2))))
    assert row.sale_price_effective_date == SalePeriod(start, end)


def test_keeps_the_first_of_two_rows_with_one_id() -> None:
    """The second is reported with its line."""
    entries = read(b"\n".join(json.dumps(line(title=title)).encode() for title in ("first", "second")))
    assert [row.title for row in rows_in(entries)] == ["first"]
    assert [(error.line, error.field) for error in errors_in(entries)] == [(2, "id")]


def test_takes_missing_apparel_fields_for_unknown() -> None:
    """Size, gender and age group may be absent, as in many feeds."""
    row, errors = one(size=None, gender=None, product_type=None)
    assert row is not None
    assert (row.size, row.gender, row.age_group, errors) == (None, None, None, [])


def test_reads_patches_of_single_fields() -> None:
    """A patch needs an id and a field; null clears, an unknown value changes nothing."""
    feed = b"\n".join(
        json.dumps(values).encode()
        for values in (
            {"id": "a", "price": "10 EUR"},
            {"id": "b", "sale_price": None, "gender": "dogs"},
            {"id": "c"},
            {"price": "10 EUR"},
        )
    )
    entries = read(feed, partial=True)
    assert [(patch.id, patch.fields) for patch in patches_in(entries)] == [
        ("a", {"price": Money(1000, "EUR")}),
        ("b", {"sale_price": None}),
    ]
    assert [(error.line, error.rejected) for error in errors_in(entries)] == [
        (2, False),
        (3, True),
        (4, True),
    ]


def test_empty_cells_of_a_patch_change_nothing() -> None:
    """A supplemental TSV has gaps where it has nothing to say."""
    (patch,) = patches_in(read(b"id\tprice\tavailability\na\t\tout_of_stock\n", partial=True))
    assert patch.fields == {"availability": Availability.OUT_OF_STOCK}


def test_skips_a_line_beyond_a_megabyte() -> None:
    """An endless line is reported and costs no memory; the next one is read."""
    feed = b'{"id": "' + b"x" * 3_000_000 + b'"}\n' + json.dumps(line()).encode()
    entries = read(feed, name="feed.jsonl")
    assert [(error.line, error.rejected) for error in errors_in(entries)] == [(1, True)]
    assert len(rows_in(entries)) == 1


@given(
    st.binary(max_size=400),
    st.sampled_from(["", "feed.jsonl", "feed.csv", "feed.tsv", "feed.csv.gz"]),
    st.booleans(),
)
def test_any_bytes_are_rows_reports_or_a_feed_error(data: bytes, name: str, partial: bool) -> None:
    """Nothing that arrives makes the reader fail otherwise."""
    for prefix in (b"", HEADER.encode(), HEADER.replace("\t", ",").encode()):
        with suppress(FeedError):
            read(prefix + data, name=name, partial=partial)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from([*line(), "sale_price", "g:size", "Size"]), json_values), max_size=6
    )
)
def test_good_rows_survive_among_any_json(odd: list[dict[str, object]]) -> None:
    """Whatever stands between them, good lines are all kept."""
    lines = [json.dumps(values) for values in odd]
    feed = "\n".join([json.dumps(line("first")), *lines, json.dumps(line("last"))])
    entries = read(feed.encode())
    kept = {row.id for row in rows_in(entries)}
    assert {"first", "last"} <= kept
    reported = {error.line for error in errors_in(entries) if error.rejected}
    assert len(rows_in(entries)) + len(reported) == len(odd) + 2


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@given(st.lists(st.tuples(cells, cells), max_size=8), st.sampled_from(["\t", ","]))
def test_quoted_cells_come_back_as_they_were(texts: list[tuple[str, str]], delimiter: str) -> None:
    """Separators, quotes and line breaks inside quoted values neither split nor lose a row."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "title", "link", "price", "color"])
    for number, (title, color) in enumerate(texts):
        writer.writerow([f"r{number}", f"T{title}", "https://s.example", "1 EUR", color])
    writer.writerow(["last", "Last", "https://s.example", "1 EUR", ""])
    rows = rows_in(read(out.getvalue().encode()))
    assert [row.id for row in rows] == [*(f"r{number}" for number in range(len(texts))), "last"]


@given(st.lists(st.text("ab\"'\t,;\r €", max_size=30), max_size=6), st.sampled_from(["\t", ","]))
def test_good_rows_survive_among_any_lines(odd: list[str], delimiter: str) -> None:
    """Lines with stray quotes and separators cost themselves alone."""
    header, good = HEADER.replace("\t", delimiter), GOOD.replace("\t", delimiter)
    middle = "".join(text + "\n" for text in odd)
    feed = header + good.replace("a-38", "first") + middle + good.replace("a-38", "last")
    assert {"first", "last"} <= {row.id for row in rows_in(read(feed.encode()))}
