"""Recordings hold whatever must not change, and nothing that is drawn at random or measured."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from recommender.decisions.policy import AssignedExperiment
from service.identity.tokens import VisitorTokens
from service.tickets import ExposureTickets
from tests.benchmarks.hot_path.recorded_answers import masked, masked_header, record
from tests.benchmarks.hot_path.recorded_differences import differences
from tests.benchmarks.hot_path.recorded_requests import RequestStream
from tests.benchmarks.hot_path.recorded_shop import NOW, item_sizes

KEY = "a-key-of-the-tests"
EXPERIMENT = AssignedExperiment(
    "e0", 1, "promo", "kabin-homepage", "promo", 0.5, 0, "homepage", is_recorded=False
)


def _answer(decision_id: str, token: str | None) -> dict[str, Any]:
    return {
        "decision_id": decision_id,
        "visitor_id": token,
        "discount_affinity": {"level": "medium"},
        "experiments": [],
        "events": {},
        "model_version": None,
        "degraded": False,
    }


def _masked(answer: dict[str, Any], *, is_assigned: bool = False) -> str:
    return masked(json.dumps(answer), answer, is_assigned=is_assigned)


def _ticket(variation: int) -> str:
    return ExposureTickets([KEY]).issue("recorded-1", [EXPERIMENT._replace(variation_id=variation)], now=NOW)


def test_what_is_drawn_at_random_is_masked() -> None:
    """Two decisions that say the same are the same, whatever their ids and a new visitor's token are."""
    assert _masked(_answer("a" * 22, "n1.sig")) == _masked(_answer("b" * 22, "n2.sig"))
    assert _masked(_answer(_ticket(1), "recorded-1.sig")) == _masked(_answer(_ticket(1), "recorded-1.sig"))


def test_what_a_ticket_says_is_kept() -> None:
    """Another exposure is another answer, and so is another visitor's token."""
    assert _masked(_answer(_ticket(1), "recorded-1.sig")) != _masked(_answer(_ticket(2), "recorded-1.sig"))
    assert _masked(_answer("a" * 22, "recorded-1.sig")) != _masked(_answer("a" * 22, "recorded-2.sig"))


def test_experiments_of_new_visitors_cannot_be_compared() -> None:
    """Their id is drawn, and so is their variation; what does not depend on it is kept."""
    other = _answer("b" * 22, "n2.sig") | {"experiments": [1]}
    assert _masked(_answer("a" * 22, "n1.sig"), is_assigned=True) == _masked(other, is_assigned=True)
    assert _masked(other) != _masked(_answer("a" * 22, "n1.sig"))
    assert _masked(other, is_assigned=True) != _masked(other | {"degraded": True}, is_assigned=True)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("server-timing", "redis;dur=0.51, total;dur=1.20", "redis;dur=#, total;dur=#"),
        ("set-cookie", "kabin=n1.sig; Path=/", "kabin=<new>; Path=/"),
        ("set-cookie", "kabin=recorded-1.sig; Path=/", "kabin=recorded-1.sig; Path=/"),
        ("cache-control", "no-store", "no-store"),
    ],
)
def test_headers_keep_what_is_no_measurement(name: str, value: str, expected: str) -> None:
    """Times are masked, everything else of a header stays."""
    assert masked_header(name, value) == expected


def _written(path: Path, *bodies: str) -> Path:
    lines = (
        {"request": {"phase": "p", "method": "POST", "path": "/personalize", "body": None}, "status": 200}
        | {"headers": [], "body": body}
        for body in bodies
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_difference_names_the_field(tmp_path: Path) -> None:
    """Equal answers are passed over; another value, and other bytes of the same values, are found."""
    before = _written(tmp_path / "before", '{"a":{"b":[1,2]}}', '{"a":1}', '{"a":1}')
    after = _written(tmp_path / "after", '{"a":{"b":[1,3]}}', '{"a":1}', '{"a": 1}')
    first, second = differences(before, after)
    assert (first.number, first.fields) == (0, ("/a/b/1: 2 -> 3",))
    assert second.number == 2
    assert "other bytes" in second.fields[0]


def test_recordings_of_other_requests_are_not_compared(tmp_path: Path) -> None:
    """One that ends early was recorded otherwise."""
    with pytest.raises(ValueError, match="ends after 1 answers"):
        list(differences(_written(tmp_path / "a", "{}"), _written(tmp_path / "b", "{}", "{}")))


def test_the_same_requests_are_drawn_each_time() -> None:
    """Two recordings ask the same, and time only goes on."""
    items = item_sizes()

    def stream() -> list[Any]:
        return list(islice(RequestStream(items, VisitorTokens([KEY]).sign, NOW).phase("p", 200), 200))

    assert stream() == stream()
    times = [request.at for request in stream()]
    assert times == sorted(times)


@pytest.mark.proof
def test_two_recordings_of_the_same_code_are_equal(tmp_path: Path) -> None:
    """Nothing that a recording holds depends on chance, the clock or how busy the machine is."""
    record(tmp_path / "once", 500)
    record(tmp_path / "again", 500)
    assert list(differences(tmp_path / "once", tmp_path / "again")) == []
