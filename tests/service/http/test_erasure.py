"""``DELETE /visitors/{id}``: what a shop does for a visitor who asks to be forgotten."""

from typing import Any
from urllib.parse import quote

import pytest

from service.stores.erasures import visitor_hash


def _buy(shop: Any, visitor_id: str, *event_ids: str) -> None:
    events = [
        {"name": "add_to_cart", "event_id": event_id, "params": {"items": [{"item_id": "d1-10"}]}}
        for event_id in event_ids
    ]
    body = {"visitor_id": visitor_id, "events": events}
    assert shop.request("POST", "/events", json=body, headers=shop.trusted).status_code == 202


def _erase(shop: Any, visitor_id: str) -> Any:
    return shop.request("DELETE", f"/visitors/{quote(visitor_id, safe='')}", headers=shop.trusted)


@pytest.mark.parametrize("visitor_id", ["anna", "kunde:ä/ö?"])
def test_an_erased_visitor_is_gone(shop: Any, visitor_id: str) -> None:
    """The answer says what was deleted; afterwards nothing is held, and nothing of the id is repeated in storage."""
    _buy(shop, visitor_id, "e1", "e2")
    response = _erase(shop, visitor_id)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"visitor_id": visitor_id, "erased_at": shop.now[0], "known": True, "events": 2}
    path = f"/visitors/{quote(visitor_id, safe='')}"
    assert shop.request("GET", path, headers=shop.trusted).status_code == 404


def test_erasing_may_be_repeated(shop: Any) -> None:
    """A visitor of whom nothing is known is erased too: the archive may hold what Redis has forgotten."""
    _buy(shop, "anna", "e1")
    _erase(shop, "anna")
    again = _erase(shop, "anna")
    assert again.status_code == 200
    assert (again.json()["known"], again.json()["events"]) == (False, 0)


def test_a_visitor_may_be_named_by_the_token_that_a_page_holds(shop: Any) -> None:
    """As `GET` understands it: what a visitor can read out of their browser is what they are known by."""
    answer = shop.personalize(
        page={"type": "home"},
        events=[{"name": "view_item", "event_id": "e1", "params": {"items": [{"item_id": "d1"}]}}],
    ).json()
    token = answer["visitor_id"]
    erased = _erase(shop, token).json()
    assert (erased["known"], erased["events"]) == (True, 1)
    assert erased["visitor_id"] != token
    assert visitor_hash(erased["visitor_id"]) != visitor_hash(token)


def test_what_comes_after_an_erasure_starts_a_new_story(shop: Any) -> None:
    """The same page may go on: its visitor is a stranger to whom everything is new."""
    _buy(shop, "anna", "e1", "e2")
    _erase(shop, "anna")
    _buy(shop, "anna", "e2", "e3")
    report = shop.request("GET", "/visitors/anna", headers=shop.trusted).json()
    assert report["last_seen"] == shop.now[0]
    assert _erase(shop, "anna").json()["events"] == 2


def test_only_the_shop_may_erase(shop: Any) -> None:
    """Anybody's browser knows its own id, and could guess another's."""
    assert shop.request("DELETE", "/visitors/anna").status_code == 401


def test_an_erasure_that_cannot_be_made_says_so(shop: Any) -> None:
    """Nobody is told that they were forgotten while Redis is away."""
    shop.store.is_down = True
    response = _erase(shop, "anna")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert "ask again" in response.json()["detail"]
