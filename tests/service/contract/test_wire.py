"""Bodies and events on the wire: what is believed, what is refused, and where the mistake was."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.events import ACTS, EventName
from service.contract.problems import FieldError, Problem
from service.contract.wire import BodyDecoder, CheckedEvents
from service.contract.wire_events import Source

NOW = 1_763_740_800.0
DECODER = BodyDecoder()


def add_to_cart(**changes: Any) -> dict[str, Any]:
    """Return a good event with some fields changed."""
    items = [{"item_id": "a", "size": "M"}]
    return {"name": "add_to_cart", "event_id": "e1", "timestamp": NOW, "params": {"items": items}} | changes


def check(*events: object, source: Source = "browser") -> CheckedEvents:
    """Check events as they come in one body."""
    body = DECODER.events(json.dumps({"events": events}).encode())
    return DECODER.check(body.events, now=NOW, source=source)


def test_a_number_that_no_computer_holds_is_refused_by_itself() -> None:
    """The detail names what is wrong, and an event of an unknown name is ignored with it."""
    price = (
        b'{"name": "view_item", "event_id": "e1", "params": {"items": [{"item_id": "a", "price": 1e400}]}}'
    )
    body = DECODER.events(b'{"events": [%b, {"name": "custom", "x": 1e400}]}' % price)
    checked = DECODER.check(body.events, now=NOW, source="browser")
    assert checked == CheckedEvents((), 1, (FieldError("/events/0", "unreadable: Number out of range"),))


def test_a_good_event_keeps_all_it_says() -> None:
    """Every field of the wire that the core knows arrives there."""
    params = {
        "currency": "eur",
        "transaction_id": "T1",
        "coupon": "SPRING",
        "decision_id": "D1",
        "preselected": True,
        "items": [
            {
                "item_id": "a",
                "item_variant": "a-m",
                "size": "M",
                "price": 9.5,
                "discount": 1,
                "quantity": 2,
                "coupon": "X",
                "preselected": True,
            },
            {"item_id": "b"},
        ],
        "a_custom_parameter": {"is": "ignored"},
    }
    (event,) = check({"name": "purchase", "event_id": "e1", "timestamp": NOW - 5, "params": params}).events
    assert event.name is EventName.PURCHASE
    assert (event.source, event.timestamp, event.currency) == ("browser", NOW - 5, "EUR")
    assert (event.transaction_id, event.coupon, event.decision_id, event.preselected) == (
        "T1",
        "SPRING",
        "D1",
        True,
    )
    item, other = event.items
    assert (item.item_id, item.item_variant, item.size) == ("a", "a-m", "M")
    assert (item.price, item.discount, item.quantity, item.coupon) == (9.5, 1.0, 2, "X")
    assert (item.preselected, other.preselected) == (True, False)


def test_one_bad_event_never_rejects_its_neighbours() -> None:
    """Good events before and after a bad one count, and the bad one is named by its pointer."""
    checked = check(add_to_cart(event_id="1"), 7, add_to_cart(event_id="2"))
    assert [event.event_id for event in checked.events] == ["1", "2"]
    assert checked.rejected == (FieldError("/events/1", "expected an object with a `name`"),)


def test_unknown_names_are_ignored_and_counted_whatever_they_carry() -> None:
    """A shop's own events may have any shape."""
    checked = check({"name": "scroll", "params": 5}, {"name": "scroll"}, add_to_cart())
    assert (len(checked.events), checked.ignored, checked.rejected) == (1, 2, ())


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        (add_to_cart(event_id=None), "/events/0/event_id"),
        ({"name": "add_to_cart", "params": {"items": [{"item_id": "a"}]}}, "/events/0/event_id"),
        (add_to_cart(event_id=""), "/events/0/event_id"),
        (add_to_cart(event_id="e" * 129), "/events/0/event_id"),
        (add_to_cart(timestamp="yesterday"), "/events/0/timestamp"),
        (add_to_cart(timestamp=True), "/events/0/timestamp"),
        (add_to_cart(params={"items": [{"item_id": "a", "price": -1}]}), "/events/0/params/items/0/price"),
        (
            add_to_cart(params={"items": [{"item_id": "a", "discount": "1"}]}),
            "/events/0/params/items/0/discount",
        ),
        (add_to_cart(params={"items": [{"item_id": "a"}, {"size": "M"}]}), "/events/0/params/items/1"),
        (
            add_to_cart(params={"items": [{"item_id": "a", "preselected": 1}]}),
            "/events/0/params/items/0/preselected",
        ),
        (
            add_to_cart(params={"items": [{"item_id": "a", "quantity": 0}]}),
            "/events/0/params/items/0/quantity",
        ),
        (add_to_cart(params={"items": []}), "/events/0/params/items"),
        (add_to_cart(params={"items": [{"item_id": "a"}], "currency": "euros"}), "/events/0/params/currency"),
        (add_to_cart(name="purchase"), "/events/0/params/transaction_id"),
        (
            add_to_cart(name="fit_feedback", params={"items": [{"item_id": "a"}], "fit": "odd"}),
            "/events/0/params/fit",
        ),
        (add_to_cart(name="sort_items"), "/events/0/params/sort_by"),
        (add_to_cart(name="decision_shown"), "/events/0/params/decision_id"),
        ({"name": 5, "event_id": "e"}, "/events/0"),
        ({"event_id": "e"}, "/events/0"),
    ],
)
def test_a_wrong_field_is_named_by_its_pointer(event: object, pointer: str) -> None:
    """The rejection points at the field, as RFC 6901 spells it."""
    checked = check(event)
    assert checked.events == ()
    assert [error.pointer for error in checked.rejected] == [pointer]


def test_every_wrong_field_of_a_body_gets_its_line() -> None:
    """The caller mends all mistakes at once; several fields of one event are several lines as well."""
    with pytest.raises(Problem) as caught:
        DECODER.personalize(b'{"page": {"type": "shelf", "sku": 4}, "limit": -1, "events": {}}')
    problem = caught.value
    assert problem.status == 422
    assert [error.pointer for error in problem.errors] == ["/page/type", "/page/sku", "/events", "/limit"]
    rejected = check(add_to_cart(event_id=5, timestamp=[])).rejected
    assert [error.pointer for error in rejected] == ["/events/0/event_id", "/events/0/timestamp"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"limit": "many", "limit": 3}', "/limit"),
        (b'{"page": {"type": "moon", "type": "home"}}', "/page/type"),
        (b'{"page": {"type": "moon"}, "page": {}}', "/page/type"),
    ],
)
def test_a_name_that_comes_twice_is_refused_for_either_value(body: bytes, pointer: str) -> None:
    """Although the last value alone, which is all that parsed JSON keeps, would be good."""
    with pytest.raises(Problem) as refused:
        DECODER.personalize(body)
    assert (refused.value.status, [error.pointer for error in refused.value.errors]) == (422, [pointer])


def test_an_event_with_a_name_twice_is_rejected_not_ignored() -> None:
    """It is one that Kabin knows."""
    event = b'{"name": "view_item", "event_id": 5, "event_id": "e1", "params": {"items": [{"item_id": "a"}]}}'
    body = DECODER.events(b'{"events": [%b]}' % event)
    checked = DECODER.check(body.events, now=NOW, source="browser")
    assert (checked.ignored, [error.pointer for error in checked.rejected]) == (0, ["/events/0/event_id"])


@pytest.mark.parametrize("body", [{"attributes": {}}, {"preview": {"experiments": {}}}])
def test_thousands_of_wrong_names_are_told_in_one_line(body: dict[str, Any]) -> None:
    """A body of 32 KB must not get an answer of 300, for which a worker would work for 80 ms."""
    names: dict[str, Any] = {f"{number:x}": [] for number in range(3000)}
    wrong = json.dumps(body).replace("{}", json.dumps(names)).encode()
    with pytest.raises(Problem) as refused:
        DECODER.personalize(wrong)
    assert len(refused.value.errors) == 1
    assert len(refused.value.body()) < 1024


def test_unknown_fields_of_a_body_are_skipped() -> None:
    """A newer page may say more than an older service understands."""
    body = DECODER.personalize(b'{"page": {"type": "home", "theme": "dark"}, "extra": [1]}')
    assert body.page.type == "home"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nul",
        b"\xff\xfe",
        b'{"visitor_id": "\xff"}',
        b'{"visitor_id": "\\ud800"}',
        b'{"visitor_id": "\\udc00"}',
        b'{"limit": NaN}',
        b"\xef\xbb\xbf{}",
        b'{"x":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"events": [' + b"[" * 3000 + b"]" * 3000 + b"]}",
        b'{"limit": "' + b'", "limit": "'.join([b"a"] * 3),
    ],
)
def test_what_is_not_json_is_a_400(body: bytes) -> None:
    """Bytes that no JSON parser should accept are the caller's mistake, not a crash."""
    with pytest.raises(Problem) as caught:
        DECODER.personalize(body)
    assert caught.value.status == 400


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(body: bytes) -> None:
    """Whatever arrives is decoded or refused."""
    status = 200
    try:
        DECODER.personalize(body)
    except Problem as problem:
        status = problem.status
    assert status in {200, 400, 422}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["event_id", "timestamp", "timestamp_micros", "params"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.sampled_from(list(ACTS)))
def test_every_event_is_accepted_or_rejected_with_a_pointer(fields: dict[str, Any], name: EventName) -> None:
    """No value of any field breaks the check, and none is lost: each event comes out on one side."""
    checked = check({"name": name.value, **fields}, source="server")
    assert checked.ignored == 0
    assert len(checked.events) + bool(checked.rejected) == 1
    assert all(error.pointer.startswith("/events/0") for error in checked.rejected)


@pytest.mark.parametrize(
    ("claimed", "believed"),
    [
        ({"timestamp": NOW - 3600}, NOW - 3600),
        ({"timestamp": NOW - 86_399}, NOW - 86_399),
        ({"timestamp": NOW - 86_401}, NOW),
        ({"timestamp": NOW + 299}, NOW + 299),
        ({"timestamp": NOW + 301}, NOW),
        ({"timestamp": NOW * 1000}, NOW),
        ({"timestamp": -1}, NOW),
        ({"timestamp": None}, NOW),
        ({"timestamp": None, "timestamp_micros": int((NOW - 60) * 1e6)}, NOW - 60),
        ({"timestamp": "2025-11-21T16:00:00Z"}, NOW),
        ({"timestamp": "2025-11-21T17:59:00+02:00"}, NOW - 60),
        ({"timestamp": "2025-11-21T15:59:00"}, NOW - 60),
        ({"timestamp": "2010-01-01"}, NOW),
    ],
)
def test_a_browser_is_believed_for_a_day_back_and_five_minutes_ahead(
    claimed: dict[str, Any], believed: float
) -> None:
    """Beyond that its clock is wrong, and the time of arrival counts."""
    assert datetime.fromtimestamp(NOW, UTC).isoformat() == "2025-11-21T16:00:00+00:00"
    (event,) = check(add_to_cart(**claimed)).events
    assert event.timestamp == pytest.approx(believed)


def test_the_server_may_report_any_past_but_no_future() -> None:
    """History can be sent in; milliseconds taken for seconds are refused, not hidden."""
    assert (
        check(add_to_cart(timestamp="1999-12-31T23:59:59Z"), source="server").events[0].timestamp
        == 946_684_799
    )
    for future in (NOW + 301, NOW * 1000, "2100-01-01"):
        (error,) = check(add_to_cart(timestamp=future), source="server").rejected
        assert error.pointer == "/events/0/timestamp"
    (error,) = check(add_to_cart(timestamp="0001-01-01T00:00:00+23:59"), source="server").rejected
    assert "1970" in error.detail
