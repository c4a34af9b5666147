"""``POST /personalize`` and ``POST /events``: answers, identity, consent, limits and what happens without Redis."""

import json
from collections.abc import Callable
from typing import Any

import pytest

CARTS = [
    {"name": "add_to_cart", "event_id": f"e{number}", "params": {"items": [{"item_id": f"d{number}-10"}]}}
    for number in (1, 2, 3)
]
EVENTS_OF_NOTHING = {"accepted": 0, "duplicate": 0, "ignored": 0, "rejected": [], "retry": False}


def test_a_first_visit_is_answered_in_full(shop: Any) -> None:
    """Without a model, a visitor or events there is an answer to every part of the question."""
    response = shop.personalize(page={"type": "home"}, limit=3)
    answer = response.json()
    assert response.status_code == 200
    assert answer["size"] == {
        "action": "none",
        "size": None,
        "size_system": None,
        "sku": None,
        "confidence": 0.0,
        "reason": {"code": "no_item", "times": 0, "of": 0},
    }
    assert answer["slots"] == {"homepage": {"variant": "full_price", "reason": "default"}}
    assert answer["discount_affinity"] == {"level": "medium", "index": 1.0, "evidence": 0.0}
    assert [one["item_id"] for one in answer["recommendations"]] == ["d1", "d2", "d4"]
    assert answer["recommendations"][0]["item"] == {
        "title": "Dress 1",
        "link": "https://shop.example/d1",
        "image_link": None,
        "price": 60.0,
        "sale_price": None,
        "currency": "EUR",
    }
    assert (answer["experiments"], answer["events"]) == ([], EVENTS_OF_NOTHING)
    assert (answer["model_version"], answer["degraded"]) == (None, False)


def test_the_size_of_a_visitor_who_keeps_choosing_it_is_preselected(shop: Any) -> None:
    """The events of the very request count, and so they do on the next page."""
    first = shop.personalize(page={"type": "product", "item_id": "d5"}, events=CARTS).json()
    assert (first["size"]["action"], first["size"]["size"], first["size"]["sku"]) == (
        "preselect",
        "10",
        "d5-10",
    )
    assert first["size"]["size_system"] == "US"
    assert first["events"] == EVENTS_OF_NOTHING | {"accepted": 3}
    second = shop.personalize(
        visitor_id=first["visitor_id"], page={"type": "product", "item_id": "d7-8"}
    ).json()
    assert (second["size"]["action"], second["size"]["sku"]) == ("preselect", "d7-10")
    assert second["visitor_id"] == first["visitor_id"]
    assert all(one["in_your_size"] for one in second["recommendations"])


def test_personal_answers_carry_their_time_and_are_not_stored_on_the_way(shop: Any) -> None:
    """Server-Timing and Cache-Control: no-store."""
    headers = shop.personalize(page={"type": "home"}).headers
    assert headers["cache-control"] == "no-store"
    assert "redis;dur=" in headers["server-timing"]
    assert "total;dur=" in headers["server-timing"]
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain;charset=UTF-8", "application/json", None])
def test_json_may_come_as_plain_text(shop: Any, content_type: str | None) -> None:
    """Browsers send text/plain across origins without asking first."""
    headers = {} if content_type is None else {"content-type": content_type}
    assert shop.request(
        "POST", "/personalize", content=b'{"page": {"type": "home"}}', headers=headers
    ).is_success


def test_a_repeated_event_counts_once(shop: Any) -> None:
    """A page that got no answer sends its events again."""
    first = shop.personalize(events=CARTS).json()
    again = shop.personalize(
        visitor_id=first["visitor_id"], events=[*CARTS, {"name": "scroll"}, {"name": "purchase"}]
    )
    assert again.json()["events"] == {
        "accepted": 0,
        "duplicate": 3,
        "ignored": 1,
        "rejected": [{"pointer": "/events/4/event_id", "detail": "is missing"}],
        "retry": False,
    }
    assert shop.metric("kabin_events_total", outcome="accepted") == 3
    assert shop.metric("kabin_events_total", outcome="duplicate") == 3
    assert shop.metric("kabin_events_total", outcome="ignored") == 1
    assert shop.metric("kabin_events_total", outcome="rejected") == 1


def test_of_a_mixed_order_only_the_item_we_preselected_is_weak_evidence(shop: Any) -> None:
    """The page marks the lines whose size it got from Kabin; what the shopper chose counts in full."""
    items = [{"item_id": "d1-10"}, {"item_id": "d2-10", "preselected": True}, {"item_id": "d4-12"}]
    order = {"name": "purchase", "event_id": "p", "params": {"transaction_id": "T", "items": items}}
    visitor_id = shop.personalize(events=[order]).json()["visitor_id"]
    held = shop.request("GET", f"/visitors/{visitor_id}", headers=shop.trusted).json()
    assert {record["item_id"]: record["kind"] for record in held["evidence"]} == {
        "d1": "purchase_unconfirmed",
        "d2": "purchase_preselected",
        "d4": "purchase_unconfirmed",
    }


def test_an_order_is_not_offered_again_on_its_thank_you_page(shop: Any) -> None:
    """What this very request reports as bought is left out, sized or not."""
    purchase = {
        "name": "purchase",
        "event_id": "p",
        "params": {"transaction_id": "T", "items": [{"item_id": "d1"}]},
    }
    answer = shop.personalize(page={"type": "order"}, events=[purchase], limit=20).json()
    assert "d1" not in [one["item_id"] for one in answer["recommendations"]]
    assert len(answer["recommendations"]) == 11


def test_a_preview_forces_the_variant(shop: Any) -> None:
    """Quality assurance sees the other homepage, with its items."""
    answer = shop.personalize(page={"type": "home"}, preview={"homepage": "promo"}, limit=2).json()
    assert answer["slots"]["homepage"] == {"variant": "promo", "reason": "preview"}
    assert [one["item_id"] for one in answer["recommendations"]] == ["d0", "d3"]
    assert answer["recommendations"][0]["item"]["sale_price"] == 40.0


def test_the_homepage_is_pinned_once_for_the_session(shop: Any) -> None:
    """A known visitor's variant is written down on the first home page, and then read."""
    token = shop.personalize(events=CARTS).json()["visitor_id"]
    for _ in range(3):
        shop.personalize(visitor_id=token, page={"type": "home"})
    assert len(shop.store.asked) == 1 + 3 + 1


class TestIdentity:
    """Who is read, and who never is."""

    def test_the_cookie_stands_in_for_the_token(self, shop: Any) -> None:
        """A page of the same site need not know its token."""
        first = shop.personalize(events=CARTS)
        cookie = first.headers["set-cookie"]
        assert cookie.startswith(
            f"kabin={first.json()['visitor_id']}; Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax"
        )
        headers = {"cookie": "other=1; " + cookie.partition(";")[0]}
        again = shop.personalize(headers, page={"type": "product", "item_id": "d5"}).json()
        assert again["size"]["action"] == "preselect"

    def test_a_forged_id_is_a_new_visitor(self, shop: Any) -> None:
        """Neither the bare id nor a wrong signature reads the visitor that it names."""
        token = shop.personalize(events=CARTS).json()["visitor_id"]
        visitor_id = token.partition(".")[0]
        for forged in (visitor_id, visitor_id + "." + "A" * 43, token[:-2]):
            answer = shop.personalize(visitor_id=forged, page={"type": "product", "item_id": "d5"})
            assert answer.json()["size"]["action"] == "none"
            assert answer.json()["visitor_id"].partition(".")[0] != visitor_id
        assert shop.store.asked.count(visitor_id) == 1

    def test_the_server_key_may_name_anybody_and_gets_no_cookie(self, shop: Any) -> None:
        """The shop's server uses its own ids, and learns the token that a browser may hold."""
        first = shop.personalize(shop.trusted, visitor_id="customer-7", events=CARTS)
        assert "set-cookie" not in first.headers
        token = first.json()["visitor_id"]
        assert token.startswith("customer-7.")
        again = shop.personalize(visitor_id=token, page={"type": "product", "item_id": "d5"}).json()
        assert again["size"]["action"] == "preselect"
        assert set(shop.store.asked) == {"customer-7"}

    def test_a_wrong_server_key_is_refused_everywhere(self, shop: Any) -> None:
        """A misconfigured server is told, and not taken for a browser."""
        response = shop.personalize({"authorization": "Bearer wrong"}, page={"type": "home"})
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")

    def test_a_restart_with_a_new_key_keeps_visitors_of_the_old_one(
        self, make_shop: Callable[..., Any]
    ) -> None:
        """Keys rotate without anybody being forgotten."""
        old = make_shop(signing_keys=("an-old-signing-key",)).personalize().json()["visitor_id"]
        rotated = make_shop(signing_keys=("a-new-signing-key", "an-old-signing-key"))
        renewed = rotated.personalize(visitor_id=old).json()["visitor_id"]
        assert renewed.split(".")[0] == old.split(".")[0]
        dropped = make_shop(signing_keys=("a-new-signing-key",))
        assert dropped.personalize(visitor_id=renewed).json()["visitor_id"] == renewed
        assert dropped.personalize(visitor_id=old).json()["visitor_id"].split(".")[0] != old.split(".")[0]

    def test_an_id_that_no_url_can_name_is_refused(self, shop: Any) -> None:
        """The shop's server cannot keep a visitor whom it could neither read nor erase afterwards."""
        response = shop.personalize(shop.trusted, visitor_id="two\nlines", page={"type": "home"})
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "/visitor_id"


class TestConsent:
    """What happens when nothing may be stored."""

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            ({"sec-gpc": "1"}, {}),
            ({}, {"consent": {"storage": False}}),
            ({"sec-gpc": "1"}, {"consent": {"storage": True}}),
        ],
    )
    def test_an_objection_is_answered_from_the_request_alone(
        self, shop: Any, headers: dict[str, str], body: Any
    ) -> None:
        """Nothing is read, nothing is written, no cookie; the request's own events still inform its answer."""
        token = shop.personalize(events=CARTS).json()["visitor_id"]
        asked = len(shop.store.asked)
        page = {"type": "product", "item_id": "d5"}
        response = shop.personalize(headers, visitor_id=token, page=page, **body)
        assert response.json()["size"]["action"] == "none"
        assert response.json()["visitor_id"] is None
        assert "set-cookie" not in response.headers
        informed = shop.personalize(headers, visitor_id=token, page=page, events=CARTS, **body).json()
        assert informed["size"]["action"] == "preselect"
        assert informed["events"] == EVENTS_OF_NOTHING | {"ignored": 3}
        assert not informed["degraded"]
        assert len(shop.store.asked) == asked

    def test_events_of_an_objector_are_not_kept(self, shop: Any) -> None:
        """POST /events says so: ignored, not accepted."""
        response = shop.request("POST", "/events", json={"events": CARTS}, headers={"sec-gpc": "1"})
        assert response.status_code == 202
        assert response.json() == EVENTS_OF_NOTHING | {"ignored": 3, "visitor_id": None}
        assert shop.store.asked == []
        assert "set-cookie" not in response.headers

    def test_a_shop_may_require_an_explicit_yes(self, make_shop: Callable[..., Any]) -> None:
        """With storage_consent=required silence is no consent."""
        shop = make_shop(storage_consent="required")
        assert shop.personalize(events=CARTS).json()["visitor_id"] is None
        assert shop.personalize(events=CARTS, consent={"storage": True}).json()["events"]["accepted"] == 3


class TestWithoutRedis:
    """Degraded, but an answer."""

    def test_a_page_is_answered_from_its_own_events(self, shop: Any) -> None:
        """200, degraded, and the page is asked to send its events again."""
        shop.store.is_down = True
        response = shop.personalize(page={"type": "product", "item_id": "d5"}, events=CARTS)
        answer = response.json()
        assert response.status_code == 200
        assert (answer["degraded"], answer["events"]) == (True, EVENTS_OF_NOTHING | {"retry": True})
        assert answer["size"]["action"] == "preselect"
        assert len(answer["recommendations"]) > 0
        assert shop.metric("kabin_degraded_answers_total") == 1
        shop.store.is_down = False
        retried = shop.personalize(visitor_id=answer["visitor_id"], events=CARTS).json()
        assert (retried["degraded"], retried["events"]["accepted"]) == (False, 3)

    def test_events_alone_are_refused_until_they_can_be_kept(self, shop: Any) -> None:
        """503 with Retry-After: 202 would be a lie."""
        shop.store.is_down = True
        response = shop.request("POST", "/events", json={"events": CARTS})
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert response.headers["content-type"] == "application/problem+json"

    def test_readiness_says_so_and_pages_are_still_sent(self, shop: Any) -> None:
        """Redis down is degraded, not unready: every worker would be taken out of service at once."""
        assert shop.request("GET", "/readyz").json()["status"] == "ready"
        shop.store.is_down = True
        response = shop.request("GET", "/readyz")
        assert (response.status_code, response.json()["status"]) == (200, "degraded")
        assert not response.json()["redis"]["ok"]

    def test_visitors_cannot_be_read(self, shop: Any) -> None:
        """503, not an empty answer."""
        shop.store.is_down = True
        assert shop.request("GET", "/visitors/v", headers=shop.trusted).status_code == 503


class TestEvents:
    """``POST /events``."""

    def test_a_batch_is_receipted_once_it_is_kept(self, shop: Any) -> None:
        """202 with the counts and the visitor's token."""
        response = shop.request("POST", "/events", json={"events": [*CARTS, {"name": "scroll"}]})
        assert response.status_code == 202
        token = response.json().pop("visitor_id")
        assert {**response.json(), "visitor_id": None} == EVENTS_OF_NOTHING | {
            "accepted": 3,
            "ignored": 1,
            "visitor_id": None,
        }
        page = {"type": "product", "item_id": "d5"}
        assert shop.personalize(visitor_id=token, page=page).json()["size"]["action"] == "preselect"

    def test_the_server_may_send_history(self, shop: Any) -> None:
        """Its timestamps are believed, its purchases are the shop's word."""
        event = {
            "name": "purchase",
            "event_id": "h",
            "timestamp": "2020-02-03",
            "params": {"transaction_id": "T", "items": [{"item_id": "d1-8"}]},
        }
        body = {"visitor_id": "c1", "events": [event]}
        assert shop.request("POST", "/events", json=body, headers=shop.trusted).json()["accepted"] == 1
        report = shop.request("GET", "/visitors/c1", headers=shop.trusted).json()
        assert report["evidence"] == [
            {
                "date": "2020-02-03",
                "kind": "purchase",
                "item_id": "d1",
                "department": "female adult dresses",
                "size": "8",
                "size_system": "US",
            }
        ]

    def test_a_body_without_events_is_refused(self, shop: Any) -> None:
        """The field is what the call is for."""
        response = shop.request("POST", "/events", json={})
        assert response.status_code == 422
        assert response.json()["errors"] == [{"pointer": "/events", "detail": "is missing"}]


class TestLimits:
    """Too much, too many."""

    def test_fifty_one_events_are_too_many(self, shop: Any) -> None:
        """413, and none of them is kept."""
        events = [{"name": "scroll"}] * 51
        assert shop.personalize(events=events[:50]).status_code == 200
        for path in ("/personalize", "/events"):
            response = shop.request("POST", path, json={"events": events})
            assert response.status_code == 413
            assert response.json()["errors"][0]["pointer"] == "/events"

    @pytest.mark.parametrize("size", [33 * 1024, 1024 * 1024, 6 * 1024 * 1024])
    def test_a_large_body_is_refused(self, shop: Any, size: int) -> None:
        """413 from 32 KB on, whether its length was announced or not."""
        body = json.dumps({"x": "a" * size}).encode()

        async def chunks() -> Any:
            for start in range(0, len(body), 8192):
                yield body[start : start + 8192]

        assert shop.request("POST", "/personalize", content=body).status_code == 413
        assert shop.request("POST", "/personalize", content=chunks()).status_code == 413

    def test_a_body_of_just_32_kb_is_read(self, shop: Any) -> None:
        """The limit itself is allowed."""
        body = b'{"x": "' + b"a" * (32 * 1024 - 9) + b'"}'
        assert len(body) == 32 * 1024
        assert shop.request("POST", "/personalize", content=body).status_code == 200

    def test_more_requests_than_the_service_can_take_are_shed(self, make_shop: Callable[..., Any]) -> None:
        """503 with Retry-After for pages, while operators and the storefront script still get through."""
        shop = make_shop(max_in_flight=1)
        resource = next(route.app for route in shop.app.routes if route.path == "/personalize")
        resource._edge.in_flight = 1
        response = shop.personalize(page={"type": "home"})
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert shop.request("GET", "/healthz").status_code == 200
        assert shop.request("GET", "/kabin.js").status_code == 200

    def test_events_that_wait_leave_places_for_pages(self, make_shop: Callable[..., Any]) -> None:
        """A Redis that is too slow for pages lets events pile up for up to a second each."""
        shop = make_shop(max_in_flight=4)
        resource = next(route.app for route in shop.app.routes if route.path == "/events")
        resource._edge.in_flight = 3
        assert shop.request("POST", "/events", json={"events": []}).status_code == 503
        assert shop.personalize(page={"type": "home"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "pointers"),
    [
        (b"{", 400, []),
        (b"", 400, []),
        (b"\xff", 400, []),
        (b"[]", 422, [""]),
        (b'{"page": {"type": "shelf"}}', 422, ["/page/type"]),
        (b'{"page": 5, "limit": 101, "visitor_id": {}}', 422, ["/visitor_id", "/page", "/limit"]),
        (b'{"preview": {"homepage": "sale"}}', 422, ["/preview/homepage"]),
        (b'{"consent": {"storage": "yes"}}', 422, ["/consent/storage"]),
        (b'{"events": {"name": "x"}}', 422, ["/events"]),
        (b'{"page": {"item_id": "' + b"x" * 129 + b'"}}', 422, ["/page/item_id"]),
    ],
)
def test_a_wrong_body_is_a_problem_with_a_line_per_field(
    shop: Any, body: bytes, status: int, pointers: list[str]
) -> None:
    """RFC 9457, pointing at every mistake."""
    response = shop.request("POST", "/personalize", content=body)
    problem = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["type"]) == (status, "about:blank")
    assert sorted(error["pointer"] for error in problem["errors"]) == sorted(pointers)
    assert problem["detail"]
