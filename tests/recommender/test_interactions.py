"""Interactions: every source gives the same table, bad rows are told, orders count once."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recommender.events import Event, EventItem, EventName
from recommender.interactions import (
    ColumnMapping,
    InteractionError,
    InteractionKind,
    Interactions,
    InteractionsBuilder,
    RowError,
    interactions_of_events,
    interactions_of_file,
    interactions_of_sessions,
    read_event_rows,
)
from recommender.interactions.table import UNKNOWN
from tests.recommender.fake_catalog import FakeCatalog, FakeItem, FakeSku

NOON = 1_763_726_400.0


def event(
    name: EventName, *items: EventItem, source: str = "browser", at: float = NOON, order: str | None = None
) -> Event:
    """Return an event of today."""
    return Event(name, f"{name}-{at}-{source}", at, source, items, transaction_id=order)  # type: ignore[arg-type]


def rows_of(interactions: Interactions) -> list[tuple[str, str, float, int]]:
    """Return what a table says, in words."""
    return [
        (interactions.visitor_ids[visitor], interactions.item_ids[item], timestamp, kind)
        for visitor, item, timestamp, kind in zip(
            interactions.visitor.tolist(),
            interactions.item.tolist(),
            interactions.timestamp.tolist(),
            interactions.kind.tolist(),
            strict=True,
        )
    ]


def test_events_become_a_row_for_each_item() -> None:
    """Lists shown and checkout steps say nothing about an item."""
    table = interactions_of_events(
        [
            ("ann", event(EventName.VIEW_ITEM, EventItem("a"))),
            ("ann", event(EventName.VIEW_ITEM_LIST, EventItem("a"), EventItem("b"))),
            (
                "bob",
                event(
                    EventName.PURCHASE, EventItem("a", size="M", discount=5.0), EventItem("c", discount=0.0)
                ),
            ),
        ]
    )
    assert rows_of(table) == [
        ("ann", "a", NOON, InteractionKind.VIEW),
        ("bob", "a", NOON, InteractionKind.PURCHASE),
        ("bob", "c", NOON, InteractionKind.PURCHASE),
    ]
    assert table.discounted.tolist() == [UNKNOWN, 1, 0]
    assert [table.size_labels[code] for code in table.size.tolist() if code != UNKNOWN] == ["M"]


def test_rows_once_built_stay_as_they_are_when_more_is_added() -> None:
    """Building shares no memory with what goes on being collected, also before the first event."""
    builder = InteractionsBuilder()
    assert len(builder.build()) == 0
    builder.add("ann", event(EventName.VIEW_ITEM, EventItem("a")))
    first = builder.build()
    for number in range(1000):
        builder.add("bob", event(EventName.ADD_TO_CART, EventItem(str(number))))
    assert rows_of(first) == [("ann", "a", NOON, InteractionKind.VIEW)]
    assert len(builder.build()) == 1001


@pytest.mark.parametrize("server_first", [True, False])
def test_an_order_counts_once_and_the_servers_copy_before_the_browsers(server_first: bool) -> None:
    """Whichever arrives first, the shop's own word stands."""
    copies = [
        (
            "ann",
            event(
                EventName.PURCHASE, EventItem("a"), EventItem("b"), source="server", at=NOON + 60, order="T1"
            ),
        ),
        ("ann", event(EventName.PURCHASE, EventItem("a"), source="browser", order="T1")),
        ("ann", event(EventName.PURCHASE, EventItem("z"), source="browser", order="T2")),
        ("ann", event(EventName.PURCHASE, EventItem("n"))),
    ]
    table = interactions_of_events(copies if server_first else copies[::-1])
    assert sorted(item for _, item, _, _ in rows_of(table)) == ["a", "b", "n", "z"]
    assert {when for _, item, when, _ in rows_of(table) if item in {"a", "b"}} == {NOON + 60}


def test_of_two_equal_copies_the_earlier_counts() -> None:
    """A browser that reloads the thank-you page does not buy twice."""
    table = interactions_of_events(
        [
            ("ann", event(EventName.PURCHASE, EventItem("a"), at=NOON + 9, order="T1")),
            ("ann", event(EventName.PURCHASE, EventItem("a"), at=NOON, order="T1")),
        ]
    )
    assert rows_of(table) == [("ann", "a", NOON, InteractionKind.PURCHASE)]


@pytest.mark.parametrize("server_first", [True, False])
def test_what_the_browser_says_of_preselection_holds_for_the_servers_copy(server_first: bool) -> None:
    """Only the page knows whose choice a size was: it says so item by item, and the shop's copy counts."""
    items = (EventItem("a", size="M"), EventItem("b", size="L"), EventItem("a", size="S"))
    ours = (EventItem("a", size=" m ", preselected=True), EventItem("b", size="L"))
    copies = [
        ("ann", event(EventName.PURCHASE, *items, source="server", at=NOON + 60, order="T1")),
        ("ann", event(EventName.PURCHASE, *ours, order="T1")),
        ("bob", event(EventName.PURCHASE, *items, source="server", order="T2")),
        ("bob", event(EventName.ADD_TO_CART, EventItem("a", size="M", preselected=True))),
    ]
    table = interactions_of_events(copies if server_first else copies[::-1])
    marked = [
        (table.visitor_ids[visitor], table.item_ids[item], table.size_labels[size], kind)
        for visitor, item, size, kind, preselected in zip(
            *(
                column.tolist()
                for column in (table.visitor, table.item, table.size, table.kind, table.preselected)
            ),
            strict=True,
        )
        if preselected
    ]
    assert sorted(marked) == [
        ("ann", "a", "M", InteractionKind.PURCHASE),
        ("bob", "a", "M", InteractionKind.CART),
    ]
    assert len(table) == 7


def test_skus_become_items_and_bring_their_size() -> None:
    """A page that names SKUs teaches the same as one that names items and sizes."""
    catalog = FakeCatalog((FakeItem("dress", (FakeSku("dress-m", "M"), FakeSku("dress-l", "L"))),))
    table = interactions_of_events(
        [
            ("ann", event(EventName.ADD_TO_CART, EventItem("dress-m"))),
            ("ann", event(EventName.ADD_TO_CART, EventItem("dress", item_variant="dress-l"), at=NOON + 1)),
            ("ann", event(EventName.ADD_TO_CART, EventItem("dress", size="XS"), at=NOON + 2)),
            ("ann", event(EventName.ADD_TO_CART, EventItem("new style"), at=NOON + 3)),
        ],
        catalog,
    )
    assert table.item_ids == ["dress", "new style"]
    assert [None if code == UNKNOWN else table.size_labels[code] for code in table.size.tolist()] == [
        "M",
        "L",
        "XS",
        None,
    ]


def test_weights_follow_kind_and_age() -> None:
    """A purchase counts ten views, and half of that after a half-life."""
    table = interactions_of_events(
        [
            ("ann", event(EventName.VIEW_ITEM, EventItem("a"))),
            ("ann", event(EventName.PURCHASE, EventItem("a"), at=NOON - 10 * 86_400)),
            ("ann", event(EventName.REFUND, EventItem("a"))),
        ]
    )
    assert table.weights(now=table.newest, half_life_days=None).tolist() == [1, 10, 0]
    assert table.weights(now=table.newest, half_life_days=10).tolist() == pytest.approx([1, 5, 0])


CSV = """user,product,when,what,size
1,10,2025-11-21T12:00:00Z,purchase,M
2,11,1763726401,view_item,
,12,1763726402,view_item,
3,13,yesterday,view_item,
4,14,1763726403
5,15,1763726404,page_scroll,
6,16,1763726405,add_to_cart,"L, tall"
"""
MAPPING = ColumnMapping(
    {"visitor_id": "user", "item_id": "product", "timestamp": "when", "event": "what", "size": "size"}, {}
)


@pytest.mark.parametrize("packed", [False, True])
def test_a_csv_file_keeps_good_rows_and_names_the_lines_of_bad_ones(tmp_path: Path, packed: bool) -> None:
    """Nothing is lost silently: each row is read, ignored by name, or refused with its line."""
    path = tmp_path / ("events.csv.gz" if packed else "events.csv")
    path.write_bytes(gzip.compress(CSV.encode()) if packed else CSV.encode())
    table, summary = interactions_of_file(path, MAPPING)
    assert [(visitor, item) for visitor, item, _, _ in rows_of(table)] == [
        ("1", "10"),
        ("2", "11"),
        ("6", "16"),
    ]
    assert table.timestamp.tolist() == [NOON, NOON + 1, NOON + 5]
    assert table.size_labels == ["M", "L, tall"]
    assert (summary.rows, summary.ignored, summary.refused) == (3, 1, 3)
    assert sorted((error.line, error.field) for error in summary.errors or []) == [
        (4, "visitor_id"),
        (5, "timestamp"),
        (6, "row"),
    ]


def test_json_lines_and_parquet_read_like_csv(tmp_path: Path) -> None:
    """The format of a shop's export makes no difference."""
    lines = tmp_path / "events.jsonl"
    lines.write_text(
        '{"visitor_id": 1, "item_id": "a", "timestamp": 1763726400, "event": "view_item"}\n'
        "\n"
        "{broken\n"
        '{"visitor_id": 2, "item_id": "b", "timestamp": "2025-11-21 12:00:01", "event": "purchase"}\n'
        '{"visitor_id": [2], "item_id": "b", "timestamp": 1, "event": "purchase"}\n'
    )
    table, summary = interactions_of_file(lines)
    assert rows_of(table) == [("1", "a", NOON, 1), ("2", "b", NOON + 1, 5)]
    assert [error.line for error in summary.errors or []] == [3, 5]
    parquet = tmp_path / "events.parquet"
    pq.write_table(
        pa.table(
            {
                "visitor_id": pa.array([1.0, 2.0, None]),
                "item_id": ["a", "b", "c"],
                "timestamp": pa.array([NOON, NOON + 1, NOON], pa.float64()),
                "event": ["view_item", "purchase", "view_item"],
            }
        ),
        parquet,
    )
    again, summary = interactions_of_file(parquet)
    assert rows_of(again) == rows_of(table)
    assert [(error.line, error.field) for error in summary.errors or []] == [(3, "visitor_id")]


@pytest.mark.parametrize(
    "value",
    [
        1_763_726_400,
        1_763_726_400_000,
        1_763_726_400_000_000,
        "1763726400",
        "2025-11-21T12:00:00",
        "2025-11-21T13:00:00+01:00",
    ],
)
def test_times_are_understood_by_size_and_form(tmp_path: Path, value: object) -> None:
    """Seconds, milliseconds, microseconds and ISO 8601; a time without zone is UTC."""
    path = tmp_path / "events.parquet"
    pq.write_table(pa.table({"v": ["1"], "i": ["a"], "t": [value]}), path)
    mapping = ColumnMapping({"visitor_id": "v", "item_id": "i", "timestamp": "t"}, {"event": "purchase"})
    table, _ = interactions_of_file(path, mapping)
    assert table.timestamp.tolist() == [NOON]
    assert table.kind.tolist() == [InteractionKind.PURCHASE]


def test_lines_of_one_order_stay_together_and_repeated_lines_count_once(tmp_path: Path) -> None:
    """An export that holds an order twice, or one article on two lines, counts it once."""
    path = tmp_path / "orders.csv"
    path.write_text(
        "visitor_id,item_id,timestamp,event,transaction_id,size\n"
        "1,a,1763726400,purchase,T1,M\n1,b,1763726400,purchase,T1,M\n"
        "1,a,1763726400,purchase,T1,M\n1,a,1763726400,purchase,T1,L\n1,a,1763726400,purchase,,M\n1,a,1763726400,purchase,,M\n"
    )
    table, _ = interactions_of_file(path)
    assert len(table) == 5


def test_a_clock_gone_wrong_is_refused(tmp_path: Path) -> None:
    """A row from the future would become the "now" of a training on old data."""
    path = tmp_path / "events.csv"
    path.write_text(
        "visitor_id,item_id,timestamp,event\n1,a,1763726400,view_item\n1,a,4000000000,view_item\n"
    )
    errors: list[RowError] = []
    batches = list(read_event_rows(path, on_error=errors.append, latest=NOON + 60))
    assert [batch.lines.tolist() for batch in batches] == [[2]]
    assert [error.detail for error in errors] == ["in the future ('4000000000')"]


def test_a_negative_price_is_refused(tmp_path: Path) -> None:
    """Prices may carry a currency, but no minus."""
    path = tmp_path / "events.csv"
    path.write_text(
        "visitor_id,item_id,timestamp,event,price,discount\n1,a,1,purchase,59.90 EUR,5\n1,b,1,purchase,-3,0\n1,c,1,purchase,,x\n"
    )
    table, summary = interactions_of_file(path)
    assert table.item_ids == ["a"]
    assert table.discounted.tolist() == [1]
    assert [(error.line, error.field) for error in summary.errors or []] == [(3, "price"), (4, "discount")]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("gone.csv", None, "no such file"),
        ("empty.csv", "", "empty"),
        ("header.csv", "visitor_id,item_id,timestamp,event\n", "no rows"),
        ("odd.xlsx", "x", "expected .parquet"),
        ("none.jsonl", "[]\nnull\n", "lines is a JSON object"),
        ("broken.parquet", "PAR0", "not a readable Parquet file"),
        ("other.csv", "a,b\n1,2\n", "nothing says which column is visitor_id"),
    ],
)
def test_unreadable_files_say_what_is_wrong(
    tmp_path: Path, name: str, content: str | None, complaint: str
) -> None:
    """One line, with what to do about it where that is known."""
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InteractionError, match=complaint):
        interactions_of_file(tmp_path / name)


def test_a_file_of_customers_takes_them_as_visitors(tmp_path: Path) -> None:
    """Order exports know accounts, not browsers."""
    path = tmp_path / "orders.csv"
    path.write_text("customer_id,item_id,timestamp,event\n7,a,1763726400,purchase\n")
    table, _ = interactions_of_file(path)
    assert rows_of(table) == [("7", "a", NOON, InteractionKind.PURCHASE)]


def test_a_mapping_to_a_column_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    """A typing error in a mapping is found before anything is read."""
    path = tmp_path / "events.csv"
    path.write_text("user,product\n1,2\n")
    with pytest.raises(InteractionError, match="no column 'usr'; the file has user, product"):
        interactions_of_file(path, ColumnMapping({"visitor_id": "usr"}, {"event": "purchase"}))


def test_bytes_that_are_no_utf8_do_not_stop_a_file(tmp_path: Path) -> None:
    """One odd name in a large export is kept, readable or not."""
    path = tmp_path / "events.csv"
    path.write_bytes(b"visitor_id,item_id,timestamp,event\n1,caf\xe9,1763726400,view_item\n")
    table, summary = interactions_of_file(path)
    assert (len(table), summary.refused) == (1, 0)


def test_session_files_keep_order_without_times(tmp_path: Path) -> None:
    """Each line is one visitor; positions stand in for times."""
    path = tmp_path / "sessions.txt.gz"
    path.write_bytes(gzip.compress(b"1 2 2\n\n3\n"))
    table = interactions_of_sessions(path)
    assert not table.timed
    assert table.visitor.tolist() == [0, 0, 0, 1]
    assert [table.item_ids[code] for code in table.item.tolist()] == ["1", "2", "2", "3"]
    assert np.all(np.diff(table.timestamp) > 0)
    assert table.weights(now=0, half_life_days=1).tolist() == [1, 1, 1, 1]
    path.write_bytes(gzip.compress(b"\n"))
    with pytest.raises(InteractionError, match="no session"):
        interactions_of_sessions(path)


def test_sku_ids_in_a_file_become_items_with_sizes(tmp_path: Path) -> None:
    """Order exports name what was in the box: the SKU."""
    catalog = FakeCatalog((FakeItem("dress", (FakeSku("dress-m", "M"), FakeSku("dress-l", "L"))),))
    path = tmp_path / "orders.csv"
    path.write_text(
        "visitor_id,item_id,timestamp,event,size\n"
        "1,dress-m,1,purchase,\n1,dress-l,2,purchase,XL\n1,dress,3,purchase,\n1,gone,4,purchase,S\n"
    )
    table, _ = interactions_of_file(path, catalog=catalog)
    assert [table.item_ids[code] for code in table.item.tolist()] == ["dress", "dress", "dress", "gone"]
    labels = [None if code == UNKNOWN else table.size_labels[code] for code in table.size.tolist()]
    assert labels == ["M", "XL", None, "S"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_large_files_stream_in_batches(tmp_path: Path, suffix: str) -> None:
    """Batches join without a seam: codes, lines and progress run on."""
    count = 70_000
    path = tmp_path / f"events.{suffix}"
    columns = {
        "visitor_id": [str(number % 9) for number in range(count)],
        "item_id": [f"i{number % 7}" for number in range(count)],
        "timestamp": [str(NOON + number) if number != 69_000 else "never" for number in range(count)],
        "event": ["view_item"] * count,
    }
    rows = zip(*columns.values(), strict=True)
    if suffix == "csv":
        path.write_text("\n".join([",".join(columns), *(",".join(row) for row in rows)]))
    elif suffix == "jsonl":
        path.write_text("\n".join(json.dumps(dict(zip(columns, row, strict=True))) for row in rows))
    else:
        pq.write_table(pa.table(columns), path)
    shares: list[float] = []
    table, summary = interactions_of_file(path, progress=shares.append)
    assert len(table) == count - 1
    assert sorted(table.item_ids) == [f"i{number}" for number in range(7)]
    assert [error.line for error in summary.errors or []] == [69_001 + (suffix == "csv")]
    assert len(shares) == 2
    assert shares[-1] == 1.0
    np.testing.assert_array_equal(np.diff(table.timestamp)[:68_000], 1.0)


def test_a_runaway_field_is_one_bad_row(tmp_path: Path) -> None:
    """A field beyond the CSV reader's limit does not end the file."""
    path = tmp_path / "events.csv"
    path.write_text(
        "visitor_id,item_id,timestamp,event\n1,a,1,view_item\n"
        + "x" * 200_000
        + ",b,2,view_item\n3,c,3,view_item\n"
    )
    table, summary = interactions_of_file(path)
    assert table.item_ids == ["a", "c"]
    assert [(error.line, error.field) for error in summary.errors or []] == [(3, "row")]


def test_dates_and_nanoseconds_in_parquet(tmp_path: Path) -> None:
    """A date is its midnight in UTC."""
    for number, column in enumerate(
        [
            pa.array([datetime(2025, 11, 21, tzinfo=UTC).date()]),
            pa.array([1_763_683_200 * 10**9], pa.timestamp("ns")),
        ]
    ):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"visitor_id": [1], "item_id": [2], "timestamp": column}), path)
        mapping = ColumnMapping(
            {name: name for name in ("visitor_id", "item_id", "timestamp")}, {"event": "purchase"}
        )
        table, _ = interactions_of_file(path, mapping)
        assert table.timestamp.tolist() == [1_763_683_200.0]
        assert (table.visitor_ids, table.item_ids) == (["1"], ["2"])


def test_a_constant_timestamp_is_refused(tmp_path: Path) -> None:
    """It would give no order."""
    path = tmp_path / "events.csv"
    path.write_text("visitor_id,item_id\n1,2\n")
    mapping = ColumnMapping(
        {"visitor_id": "visitor_id", "item_id": "item_id"}, {"event": "purchase", "timestamp": "1"}
    )
    with pytest.raises(InteractionError, match="no order in time"):
        interactions_of_file(path, mapping)


def test_a_field_that_the_first_object_lacks_is_a_column_all_the_same(tmp_path: Path) -> None:
    """JSON Lines leave out what is empty, and the first event of a log may well be a view without an order."""
    lines = tmp_path / "events.jsonl"
    lines.write_text(
        '{"visitor_id": 1, "item_id": "a", "timestamp": 1763726400, "event": "view_item"}\n'
        '{"visitor_id": 1, "item_id": "a", "timestamp": 1763726401, "event": "purchase", "transaction_id": "t"}\n'
        '{"visitor_id": 1, "item_id": "a", "timestamp": 1763726402, "event": "purchase", "transaction_id": "t"}\n'
    )
    table, _ = interactions_of_file(lines)
    assert rows_of(table) == [("1", "a", NOON, 1), ("1", "a", NOON + 1, 5)]


@pytest.mark.parametrize("name", ["events.csv.gz", "events.jsonl.gz"])
@pytest.mark.parametrize("cut", ["no gzip at all", "cut off"])
def test_a_damaged_compressed_file_is_a_clear_error(tmp_path: Path, name: str, cut: str) -> None:
    """A transfer that broke off says so, and does not end in a traceback."""
    path = tmp_path / name
    row = {"visitor_id": "1", "item_id": "a", "timestamp": "1763726400", "event": "view_item"}
    lines = [",".join(row), ",".join(row.values())] if "csv" in name else [json.dumps(row)]
    packed = gzip.compress("\n".join([*lines, *[lines[-1]] * 50_000]).encode())
    path.write_bytes(b"not packed" if cut == "no gzip at all" else packed[:-20])
    with pytest.raises(InteractionError, match="damaged or cut off"):
        interactions_of_file(path)


def test_a_parquet_file_damaged_inside_is_a_clear_error(tmp_path: Path) -> None:
    """The footer of such a file reads well; its pages do not."""
    path = tmp_path / "events.parquet"
    many = 20_000
    columns = {
        "visitor_id": [str(n * 7919 % 9973) for n in range(many)],
        "item_id": ["a"] * many,
        "timestamp": [NOON] * many,
    }
    pq.write_table(pa.table({**columns, "event": ["view_item"] * many}), path)
    damaged = bytearray(path.read_bytes())
    damaged[200:2000] = b"\xff" * 1800
    path.write_bytes(damaged)
    with pytest.raises(InteractionError, match="damaged or cut off"):
        interactions_of_file(path)


@pytest.mark.parametrize("odd", ["[" * 100_000, '{"visitor_id": "\\ud800", "item_id": "a"}'])
def test_an_odd_line_of_json_costs_itself_alone(tmp_path: Path, odd: str) -> None:
    """Endless nesting and half a surrogate pair are bad rows like any other."""
    path = tmp_path / "events.jsonl"
    good = '{"visitor_id": 1, "item_id": "a", "timestamp": 1763726400, "event": "view_item"}'
    path.write_text(f"{good}\n{odd}\n{good}\n")
    table, summary = interactions_of_file(path)
    assert (len(table), summary.refused) == (2, 1)


def test_a_number_that_is_none_is_no_identifier(tmp_path: Path) -> None:
    """NaN is how pandas writes an empty cell of a column of numbers: no visitor is called so."""
    path = tmp_path / "events.parquet"
    columns = {"visitor_id": pa.array([7.0, float("nan")]), "item_id": ["a", "b"], "timestamp": [NOON, NOON]}
    pq.write_table(pa.table({**columns, "event": ["view_item"] * 2}), path)
    table, summary = interactions_of_file(path)
    assert (table.visitor_ids, summary.refused) == (["7"], 1)


def test_a_column_of_lists_is_refused_by_its_type(tmp_path: Path) -> None:
    """What cannot be read as text is named, so that another column can be mapped."""
    path = tmp_path / "events.parquet"
    columns = {"visitor_id": ["1"], "item_id": [["a"]], "timestamp": [NOON], "event": ["view_item"]}
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InteractionError, match="list<"):
        interactions_of_file(path)


def test_a_quote_never_closed_costs_no_other_row(tmp_path: Path) -> None:
    """Rows after a stray quote are read, not swallowed as part of one value."""
    path = tmp_path / "events.csv"
    rows = "".join(f"{n},a,1763726400,view_item\n" for n in range(50))
    path.write_text(f'visitor_id,item_id,timestamp,event\n"x,a,1763726400,view_item\n{rows}')
    table, summary = interactions_of_file(path)
    assert (len(table), summary.refused) == (51, 0)
