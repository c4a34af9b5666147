"""The shop of the benchmarks is what they say it is, in small."""

import json
from collections import Counter
from dataclasses import replace
from ipaddress import ip_address

import numpy as np
import pytest

from recommender.recommendations.neighbours import NO_ITEM
from tests.benchmarks.hot_path.answers import WrongAnswer, check
from tests.benchmarks.hot_path.latency import run_of
from tests.benchmarks.hot_path.load import Outcome
from tests.benchmarks.hot_path.shop import ReferenceShop

SHOP = ReferenceShop(items=1000, visitors=3)
GOOD = {
    "degraded": False,
    "events": {"accepted": 1},
    "recommendations": [{}] * 12,
    "size": {"action": "preselect"},
    "experiments": [{}] * 3,
}


def test_equal_numbers_make_equal_shops() -> None:
    """Every process makes its own copy, so the copies must agree."""
    twin = ReferenceShop(items=1000, visitors=3)
    assert list(twin.feed()) == list(SHOP.feed())
    assert np.array_equal(twin.model().neighbours["blend"].items, SHOP.model().neighbours["blend"].items)
    assert list(replace(SHOP, seed=7).feed()) != list(SHOP.feed())


def test_lists_name_each_neighbour_once_and_never_the_item_itself() -> None:
    """That is how trained lists are; padding stands at their end."""
    for lists in SHOP.model().neighbours.values():
        for row, neighbours in enumerate(lists.items.tolist()):
            named = [each for each in neighbours if each != NO_ITEM]
            assert row not in named
            assert len(set(named)) == len(named) >= 40
            assert neighbours == named + [NO_ITEM] * (len(neighbours) - len(named))


def test_three_of_ten_items_come_in_eight_sizes_and_most_are_in_stock() -> None:
    """The filters by stock and by size have something to do."""
    rows = [json.loads(row) for row in SHOP.feed()]
    sizes = Counter(row["item_group_id"] for row in rows)
    assert Counter(sizes.values()) == {8: 300, 1: 700}
    assert 0.8 < np.mean([row["availability"] == "in_stock" for row in rows]) < 0.9


def test_a_visitor_has_exactly_the_history_asked_for() -> None:
    """Thirty events by default, each with an id of its own, the newest an hour ago."""
    events = SHOP.visitor_history(1, now=1e9)
    assert len({event["event_id"] for event in events}) == 30
    assert max(event["timestamp"] for event in events) == 1e9 - 3600
    assert len(replace(SHOP, history=100).visitor_history(1, now=1e9)) == 100


def test_requests_are_whole_and_no_event_is_sent_twice() -> None:
    """A request announces the length that it has, and repeating a stream repeats no event."""
    requests = SHOP.requests(20, stream=1) + SHOP.requests(20, stream=1)
    bodies = []
    for request in requests:
        head, _, body = request.partition(b"\r\n\r\n")
        assert int(head.partition(b"Content-Length: ")[2]) == len(body)
        bodies.append(json.loads(body))
        address = head.partition(b"X-Forwarded-For: ")[2].partition(b"\r\n")[0].decode()
        assert ip_address(address).is_global, "no rate is kept of a private address"
    assert len({body["events"][0]["event_id"] for body in bodies}) == 40
    assert [body["page"] for body in bodies[:20]] == [body["page"] for body in bodies[20:]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"degraded": True},
        {"events": {"accepted": 0}},
        {"recommendations": [{}] * 11},
        {"size": {"action": "none"}},
        {"experiments": []},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_answer_stops_a_benchmark(wrong: dict[str, object]) -> None:
    """What is faster because it leaves work out is no result."""
    check("kabin", outcome_of(GOOD))
    with pytest.raises(WrongAnswer):
        check("kabin", outcome_of(GOOD | wrong))


def test_percentiles_include_what_was_never_answered() -> None:
    """A request without an answer took infinitely long, and is an error; the first ones are left out."""
    outcome = outcome_of(*[GOOD] * 102)
    outcome.latencies_ms[:] = [500.0, 500.0, *map(float, range(1, 101))]
    outcome.latencies_ms[-1], outcome.statuses[-1] = float("inf"), 0
    run = run_of(outcome, skipped=2)
    assert (run.p50_ms, run.p90_ms, run.p99_ms, run.max_ms) == (50, 90, 99, float("inf"))
    assert (run.errors, run.degraded) == (1, 0)


def outcome_of(*answers: dict[str, object]) -> Outcome:
    """Return a load's outcome with these answers."""
    count = len(answers)
    bodies = [json.dumps(answer).encode() for answer in answers]
    return Outcome([1.0] * count, [200] * count, bodies, [0.0] * count)
