"""The harness sees what it is there to see: each wrong answer and each wrong count is told."""

import json
from collections import Counter
from typing import Any

import pytest

from tests.faults.operators import Operators
from tests.faults.row import Row, row_of
from tests.faults.shop import SOLD_OUT, visitors
from tests.faults.traffic import Asked, Traffic

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.fixture
def traffic() -> Traffic:
    """Traffic that has asked nothing yet."""
    return Traffic("row", visitors())


def _ask(traffic: Traffic, *, is_page: bool) -> Asked:
    """Return the next page about an item, or the next batch of events."""
    while True:
        asked, _ = traffic.next(0.0)
        if asked.is_page == is_page and asked.is_product == is_page:
            return asked


def _page(asked: Asked, **changes: Any) -> bytes:
    answer = {
        "visitor_id": asked.visitor.token,
        "size": {"action": "preselect", "size": asked.visitor.size},
        "slots": {"homepage": {"variant": "full_price"}},
        "recommendations": [{"item_id": "dress-5"}],
        "events": {"accepted": len(asked.event_ids), "duplicate": 0, "retry": False},
        "degraded": False,
    }
    return json.dumps(answer | changes).encode()


def _receipt(asked: Asked, accepted: int, *, retry: bool = False) -> bytes:
    counts = {"accepted": accepted, "duplicate": 0, "retry": retry}
    return json.dumps({"visitor_id": asked.visitor.token, **counts}).encode()


def test_a_page_as_promised_is_no_complaint(traffic: Traffic) -> None:
    """Its events count as acknowledged, to the visitor who sent them."""
    asked = _ask(traffic, is_page=True)
    traffic.answered(asked, 200, HEAD, _page(asked))
    assert asked.is_healthy
    assert traffic.acknowledged == {asked.event_ids[0]: asked.visitor.visitor_id}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"visitor_id": "somebody"}, "token of another visitor"),
        ({"size": {"action": "hint", "size": "none of theirs"}}, "another visitor's size"),
        ({"size": {"action": "none", "size": None}}, "not recognised"),
        ({"recommendations": []}, "no recommendations"),
        ({"recommendations": [{"item_id": SOLD_OUT}]}, "sold out"),
        ({"degraded": True}, "not the default"),
        ({"events": {"accepted": 0, "duplicate": 0, "retry": False}}, "neither kept nor to be sent again"),
        ({"events": None}, "cannot be understood"),
    ],
)
def test_a_page_that_is_wrong_is_told(traffic: Traffic, changes: dict[str, Any], complaint: str) -> None:
    """Another visitor's data, a default that is none, events in nobody's hands."""
    asked = _ask(traffic, is_page=True)
    traffic.answered(asked, 200, HEAD, _page(asked, **changes))
    assert complaint in asked.complaint


def test_a_visitor_may_be_a_stranger_while_the_data_are_gone_and_at_no_other_time(traffic: Traffic) -> None:
    """What Redis has lost is nobody's fault until it has been rebuilt."""
    stranger = {"size": {"action": "none", "size": None}}
    asked = _ask(traffic, is_page=True)
    traffic.forgotten = (asked.due - 1.0, asked.due + 1.0)
    traffic.answered(asked, 200, HEAD, _page(asked, **stranger))
    assert not asked.complaint
    later = _ask(traffic, is_page=True)
    later.due = asked.due + 2.0
    traffic.answered(later, 200, HEAD, _page(later, **stranger))
    assert "not recognised" in later.complaint


@pytest.mark.parametrize(("status", "head"), [(500, HEAD), (404, HEAD), (503, HEAD)])
def test_other_answers_are_failures(traffic: Traffic, status: int, head: bytes) -> None:
    """Every 5xx but a 503 that says when to come back, and every 4xx, as nobody made a mistake."""
    asked = _ask(traffic, is_page=False)
    traffic.answered(asked, status, head, b"{}")
    assert asked.is_failed


def test_what_is_not_acknowledged_is_sent_again_under_the_same_ids(traffic: Traffic) -> None:
    """After a 503, after no answer, and after a page that says so; then nothing waits."""
    refused, silent, page = (_ask(traffic, is_page=is_page) for is_page in (False, False, True))
    traffic.answered(refused, 503, b"HTTP/1.1 503 \r\nRetry-After: 5\r\n\r\n", b"{}")
    traffic.unanswered(silent, "reset")
    retry = {"accepted": 0, "duplicate": 0, "retry": True}
    traffic.answered(page, 200, HEAD, _page(page, events=retry))
    assert traffic.waiting == 5
    brought: set[str] = set()
    while (waiting := traffic.next_waiting(1.0)) is not None:
        again, _ = waiting
        traffic.answered(again, 202, HEAD, _receipt(again, len(again.event_ids)))
        brought.update(again.event_ids)
    assert brought == {*refused.event_ids, *silent.event_ids, *page.event_ids} == traffic.acknowledged.keys()


def _row(traffic: Traffic, found: dict[tuple[str, str], int]) -> Row:
    return row_of(
        "a fault",
        traffic,
        Counter(found),
        began=0.0,
        ended=0.0,
        tracebacks=0,
        may_send_again=False,
        notes=[],
        complaints=[],
        operators=Operators(lambda: 0),
    )


def test_a_lost_a_repeated_and_a_misplaced_event_are_told(traffic: Traffic) -> None:
    """Acknowledged and nowhere, there twice, or with somebody else; events of other rows do not count."""
    asked = _ask(traffic, is_page=False)
    traffic.answered(asked, 202, HEAD, _receipt(asked, len(asked.event_ids)))
    first, second = asked.event_ids
    owner = asked.visitor.visitor_id
    assert _row(traffic, {(owner, first): 1, (owner, second): 1, (owner, "another-row-1"): 2}).broken == []
    assert _row(traffic, {(owner, first): 1}).lost == {second}
    assert _row(traffic, {(owner, first): 2, (owner, second): 1}).repeated == {first}
    misplaced = _row(traffic, {(owner, first): 1, (owner, second): 1, ("somebody", second): 1})
    assert misplaced.misplaced == {second}
    assert len(misplaced.broken) == 1
