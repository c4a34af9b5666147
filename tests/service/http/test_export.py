"""``GET /visitors/{id}?events=1``: what a shop hands to a visitor who asks what is held about them."""

from typing import Any

import jsonschema
import pytest

from service.openapi import build_openapi

VIEWS = [
    {"name": "view_item", "event_id": f"e{number}", "params": {"items": [{"item_id": f"d{number}"}]}}
    for number in range(3)
]


def exported(shop: Any, visitor_id: str, events: str = "1") -> Any:
    """Ask for everything about a visitor."""
    return shop.request("GET", f"/visitors/{visitor_id}?events={events}", headers=shop.trusted)


def test_an_export_has_every_event_of_a_visitor(shop: Any) -> None:
    """As it was kept, named by id or by the token that the visitor's browser holds; the shape is the contract's."""
    token = shop.personalize(events=VIEWS).json()["visitor_id"]
    answer = exported(shop, token)
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert [event["event"]["event_id"] for event in told["events"]] == ["e0", "e1", "e2"]
    assert {(event["place"], event["visitor_id"]) for event in told["events"]} == {
        ("log", told["visitor_id"])
    }
    assert told["events"][0]["event"]["items"] == [{"item_id": "d0"}]
    document = build_openapi(max_events=50)
    schema = {"$ref": "#/components/schemas/VisitorExportAnswer", "components": document["components"]}
    jsonschema.validate(told, schema)
    assert "events" not in exported(shop, token, "0").json()


def test_events_outlive_the_state(shop: Any) -> None:
    """A visitor whose state has expired is still told of, with what little a stranger's page would show."""
    token = shop.personalize(events=VIEWS).json()["visitor_id"]
    held = shop.store.logged(token.partition(".")[0])
    shop.store.drop(token.partition(".")[0])
    assert exported(shop, token).status_code == 404
    shop.store.logged = lambda _visitor_id: held
    told = exported(shop, token).json()
    assert (len(told["events"]), told["last_seen"], told["recently_viewed"]) == (3, 0, [])
    assert exported(shop, token, "0").status_code == 404


@pytest.mark.parametrize("events", ["2", "yes", "11"])
def test_a_wrong_parameter_is_refused(shop: Any, events: str) -> None:
    """Nobody takes a short answer for a whole one."""
    assert exported(shop, "anna", events).status_code == 422


def test_an_export_that_cannot_be_made_says_so(shop: Any) -> None:
    """With Redis away nobody is told that nothing is held."""
    shop.store.is_down = True
    answer = exported(shop, "anna")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
