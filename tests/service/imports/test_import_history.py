"""From rows to events: what a row says, when it is refused, and ids that make a second import count nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.events import Event, EventItem, EventName
from recommender.interactions import ColumnMapping
from service.identity.customers import CustomerIds
from service.imports.history import (
    HistoryEvent,
    HistoryForm,
    HistoryReader,
    RowError,
    UnknownEventName,
)
from service.imports.orders import OrderCollector

CUSTOMERS = CustomerIds("a key of these tests")
NOW = 1_763_740_800.0
BASE = {"visitor_id": "u1", "item_id": "i1", "timestamp": "2025-11-01", "event": "purchase"}


def reader_for(columns: list[str], form: HistoryForm | None = None, **constants: str) -> HistoryReader:
    """Return a reader of rows with these columns, each called like its field."""
    return HistoryReader(
        ColumnMapping({name: name for name in columns}, constants),
        form or HistoryForm(),
        NOW,
        customers=CUSTOMERS,
    )


def read_one(**cells: Any) -> list[HistoryEvent]:
    """Read one row that differs from the base row in these cells."""
    row = BASE | cells
    return reader_for(list(row)).read(tuple(row.values()))


def test_a_row_becomes_the_event_that_a_page_would_have_sent() -> None:
    """Every mapped field arrives in its place, with the source that imports have."""
    (line,) = read_one(
        visitor_id=119679,
        item_id=7.0,
        item_variant="i7-red",
        size="38",
        price="59.90",
        discount=10,
        quantity="2",
        currency="EUR",
        coupon="HELLO",
    )
    assert line.visitor_id == "119679"
    assert line.event == Event(
        name=EventName.PURCHASE,
        event_id=line.event.event_id,
        timestamp=1761955200.0,
        source="import",
        items=(EventItem("7", "i7-red", "38", 59.9, 10.0, 2),),
        currency="EUR",
        coupon="HELLO",
    )


def test_empty_cells_say_nothing() -> None:
    """Blank text, an absent cell and pandas' NaN are all no price, no size and no order."""
    for empty in ("", "  ", None, float("nan")):
        (line,) = read_one(size=empty, price=None if empty == "  " else empty, transaction_id=empty)
        assert line.event.items[0] == EventItem("i1")
        assert line.event.transaction_id is None


def test_a_customers_history_has_a_place_of_its_own() -> None:
    """It is the one that the customer has after signing in, and tells nothing of the shop's number."""
    row = {"customer_id": 17850, "item_id": "i1", "timestamp": "2025-11-01", "event": "purchase"}
    (line,) = reader_for(list(row)).read(tuple(row.values()))
    assert line.visitor_id == CUSTOMERS.visitor_id_of("17850")
    assert "17850" not in line.visitor_id
    (named,) = read_one(visitor_id="customer:17850")
    assert named.visitor_id == line.visitor_id
    with pytest.raises(RowError, match="empty"):
        read_one(visitor_id="customer:")


def test_a_fit_becomes_an_event_beside_the_purchase() -> None:
    """``fit`` in the words of the shop is fit feedback for the same item and size, with an id of its own."""
    purchase, feedback = (line.event for line in read_one(size="38", fit="Small", price=10))
    assert purchase.name is EventName.PURCHASE
    assert purchase.fit is None
    assert (feedback.name, feedback.fit, feedback.items) == (
        EventName.FIT_FEEDBACK,
        "small",
        (EventItem("i1", None, "38"),),
    )
    assert feedback.event_id != purchase.event_id
    (alone,) = read_one(event="fit_feedback", fit="too_large", size="38")
    assert alone.event.fit == "large"


def test_the_shops_words_for_events_are_translated() -> None:
    """A click log's ``addtocart`` becomes ``add_to_cart``; Kabin's own names stay understood."""
    form = HistoryForm(event_names={"addtocart": "add_to_cart"})
    reader = reader_for(list(BASE), form)
    for word in ("addtocart", "add_to_cart"):
        (line,) = reader.read(tuple((BASE | {"event": word}).values()))
        assert line.event.name is EventName.ADD_TO_CART
    with pytest.raises(RowError, match="bought"):
        reader_for(list(BASE), HistoryForm(event_names={"x": "bought"}))


def test_an_unknown_event_name_is_counted_not_refused() -> None:
    """The same rule as over HTTP."""
    with pytest.raises(UnknownEventName, match="scroll"):
        read_one(event="scroll")


@pytest.mark.parametrize(
    ("cells", "field", "reason"),
    [
        ({"visitor_id": None}, "visitor_id", "is empty"),
        ({"visitor_id": "x" * 200}, "visitor_id", "longer than"),
        ({"visitor_id": True}, "visitor_id", "is no text"),
        ({"item_id": " "}, "item_id", "is empty"),
        ({"item_id": "a\udcffb"}, "item_id", "do not print"),
        ({"event": ""}, "event", "is empty"),
        ({"timestamp": None}, "timestamp", "is empty"),
        ({"timestamp": "01/02/2025"}, "timestamp", "--timestamp-format"),
        ({"timestamp": NOW + 3600}, "timestamp", "future"),
        ({"price": "12,50"}, "price", "is no number"),
        ({"price": "-1"}, "price", "is negative"),
        ({"price": "inf"}, "price", "is no number"),
        ({"discount": -0.5}, "discount", "is negative"),
        ({"quantity": -1}, "quantity", "refund"),
        ({"quantity": 1.5}, "quantity", "positive whole number"),
        ({"currency": "euro"}, "currency", "ISO 4217"),
        ({"fit": "comfy"}, "fit", "neither small, true nor large"),
    ],
)
def test_a_row_that_cannot_be_an_event_names_its_field(
    cells: dict[str, Any], field: str, reason: str
) -> None:
    """Nothing is guessed: the reason says which field and why."""
    with pytest.raises(RowError, match=reason) as caught:
        read_one(**cells)
    assert caught.value.field == field


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2"]),
        st.sampled_from(["i1", "i2"]),
        st.sampled_from(["2025-11-01", "2025-11-02"]),
        st.sampled_from(["view_item", "purchase"]),
    ),
    max_size=30,
)


@given(ROWS)
def test_every_row_of_a_file_has_an_id_that_the_next_import_repeats(rows: list[tuple[str, ...]]) -> None:
    """Ids are unique within a file, also for equal rows, and the same when it is read again."""
    first, second = reader_for(list(BASE)), reader_for(list(BASE))
    ids = [first.read(row)[0].event.event_id for row in rows]
    assert ids == [second.read(row)[0].event.event_id for row in rows]
    assert len(set(ids)) == len(ids)


@given(ROWS, ROWS, st.randoms())
def test_an_overlapping_export_in_another_order_adds_only_what_is_new(
    old: list[tuple[str, ...]], new: list[tuple[str, ...]], shuffler: Any
) -> None:
    """A later export that repeats the earlier rows, in any order, gives their ids again."""
    earlier = reader_for(list(BASE))
    known = {earlier.read(row)[0].event.event_id for row in old}
    later = [*old, *new]
    shuffler.shuffle(later)
    reader = reader_for(list(BASE))
    ids = {reader.read(row)[0].event.event_id for row in later}
    assert known <= ids
    assert len(ids - known) == len(new)


def test_an_event_id_of_the_file_is_kept() -> None:
    """A shop that numbers its events decides what is a repetition; the fit beside one has an id derived from it."""
    purchase, feedback = (line.event.event_id for line in read_one(event_id="e-1", fit="true"))
    assert (purchase, feedback) == ("e-1", "e-1.fit")


# ---------------------------------------------------------------- orders


def collect(collector: OrderCollector, lines: list[HistoryEvent]) -> list[HistoryEvent]:
    """Return everything that comes out of the collector for these rows."""
    ready = [event for line in lines for event in collector.add(line)]
    return ready + list(collector.rest())


def order_line(item_id: str, transaction_id: str | None = "t1", **cells: Any) -> HistoryEvent:
    """Return the event of one order line."""
    (line,) = read_one(item_id=item_id, transaction_id=transaction_id, **cells)
    return line


def test_the_lines_of_an_order_become_one_purchase() -> None:
    """Three lines of one order, another order's between them, are one event with three items."""
    lines = [order_line("i1"), order_line("i9", "t2"), order_line("i2"), order_line("i3")]
    whole = collect(OrderCollector(), lines)
    assert [[item.item_id for item in line.event.items] for line in whole] == [["i1", "i2", "i3"], ["i9"]]


def test_the_order_of_an_orders_lines_does_not_change_its_id() -> None:
    """An export that lists the lines the other way round is the same order."""
    there = collect(OrderCollector(), [order_line("i1"), order_line("i2")])
    back = collect(OrderCollector(), [order_line("i2"), order_line("i1")])
    assert there[0].event.event_id == back[0].event.event_id


def test_orders_of_two_visitors_with_one_number_stay_apart() -> None:
    """A transaction id is the visitor's own."""
    whole = collect(OrderCollector(), [order_line("i1"), order_line("i2", visitor_id="u2")])
    assert [line.visitor_id for line in whole] == ["u1", "u2"]
    assert whole[0].event.event_id != whole[1].event.event_id


def test_two_refunds_of_an_order_on_two_days_are_two_events() -> None:
    """A partial return does not swallow the next one."""
    lines = [
        order_line("i1", event="refund", timestamp="2025-11-02"),
        order_line("i2", event="refund", timestamp="2025-11-05"),
    ]
    assert len(collect(OrderCollector(), lines)) == 2


def test_rows_without_an_order_number_pass_straight_through() -> None:
    """Views, and purchases whose order the file does not say, are complete at once."""
    collector = OrderCollector()
    assert [line.event.items[0].item_id for line in collector.add(order_line("i1", None))] == ["i1"]


def test_an_order_torn_too_far_apart_is_refused_not_lost() -> None:
    """A late line of an order that was given out already is reported with what to do."""
    collector = OrderCollector(open_rows=2)
    collect(collector, [])
    for number in range(4):
        list(collector.add(order_line(f"i{number}", f"t{number}")))
    with pytest.raises(RowError, match="sort the file by order"):
        list(collector.add(order_line("i9", "t0")))
