"""What callers see while there is no room for events: a clear refusal, and pages that work all the same."""

from typing import Any

from service.redis_link.log_pressure import Limits, Pressure

FULL = Pressure(Limits(log_events=1000, memory_percent=85)).with_log(1000).with_memory(40.0)
VIEW = {"name": "view_item", "event_id": "v1", "params": {"items": [{"item_id": "d1"}]}}
CART = {"name": "add_to_cart", "event_id": "c1", "params": {"items": [{"item_id": "d2-10"}]}}


def _events(shop: Any, *events: dict[str, Any]) -> Any:
    body = {"visitor_id": "anna", "events": list(events)}
    return shop.request("POST", "/events", json=body, headers=shop.trusted)


def _refused(shop: Any) -> float:
    count: float = shop.metric("kabin_events_total", outcome="refused")
    return count


def test_events_are_refused_with_the_time_to_come_again(shop: Any) -> None:
    """503, a sentence, and ``Retry-After``; what was refused is counted and nowhere kept."""
    shop.pressure[0] = FULL
    response = _events(shop, VIEW, CART)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "60"
    assert "no room for events" in response.json()["detail"]
    assert _refused(shop) == 2
    assert shop.store.logged("anna") == ()


def test_a_page_is_answered_from_what_is_known(shop: Any) -> None:
    """Its visitor's past counts as ever; its events are to be sent again. That is no degraded answer."""
    _events(shop, CART)
    shop.pressure[0] = FULL
    response = shop.personalize(
        headers=shop.trusted, visitor_id="anna", page={"type": "product", "item_id": "d1"}, events=[VIEW]
    )
    answer = response.json()
    assert response.status_code == 200
    assert answer["degraded"] is False
    assert answer["events"] == {"accepted": 0, "duplicate": 0, "ignored": 0, "rejected": [], "retry": True}
    assert "d2" not in [one["item_id"] for one in answer["recommendations"]]  # It lies in the cart.
    assert _refused(shop) == 1
    assert len(shop.store.logged("anna")) == 1


def test_a_page_of_a_stranger_is_answered_from_its_own_events(shop: Any) -> None:
    """As with Redis down, they are all that is known of the visitor."""
    shop.pressure[0] = FULL
    answer = shop.personalize(
        headers=shop.trusted, visitor_id="anna", page={"type": "home"}, events=[CART]
    ).json()
    assert "d2" not in [one["item_id"] for one in answer["recommendations"]]
    assert (answer["degraded"], answer["events"]["retry"]) == (False, True)


def test_a_page_without_events_has_nothing_to_send_again(shop: Any) -> None:
    """Nothing is refused where nothing was brought."""
    shop.pressure[0] = FULL
    answer = shop.personalize(headers=shop.trusted, visitor_id="anna", page={"type": "home"}).json()
    assert answer["events"]["retry"] is False
    assert _events(shop).status_code == 202
    assert _refused(shop) == 0


def test_refused_events_count_once_they_are_taken(shop: Any) -> None:
    """Sent again with the same ids after there is room, they are new."""
    shop.pressure[0] = FULL
    _events(shop, VIEW, CART)
    shop.pressure[0] = FULL.with_log(10)
    assert _events(shop, VIEW, CART).json()["accepted"] == 2


def test_with_redis_down_a_page_is_degraded_also_under_pressure(shop: Any) -> None:
    """What is known of the visitor cannot be read then."""
    shop.pressure[0] = FULL
    shop.store.is_down = True
    answer = shop.personalize(visitor_id=None, page={"type": "home"}, events=[VIEW]).json()
    assert (answer["degraded"], answer["events"]["retry"]) == (True, True)


def test_readiness_tells_how_full_redis_is(shop: Any) -> None:
    """Degraded while events are refused, with what to do; a warning before that."""
    shop.pressure[0] = FULL
    ready = shop.request("GET", "/readyz").json()
    assert ready["status"] == "degraded"
    detail = ready["log"].pop("detail")
    assert ready["log"] == {
        "events": 1000,
        "limit_events": 1000,
        "memory_percent": 40.0,
        "memory_limit_percent": 85,
        "refusing": True,
    }
    assert "refused" in detail
    assert "KABIN_LOG_LIMIT_EVENTS" in detail
    shop.pressure[0] = FULL.with_log(800)
    ready = shop.request("GET", "/readyz").json()
    assert (ready["status"], ready["log"]["refusing"]) == ("ready", False)
    assert "holds 800 of the 1,000 events" in ready["log"]["detail"]
    shop.pressure[0] = FULL.with_log(799)
    assert shop.request("GET", "/readyz").json()["log"]["detail"] is None
