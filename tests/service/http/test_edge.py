"""What every path has in common: methods, origins, keys, errors, metrics."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SHOP = "https://shop.example"
SERVER_CALLS = [("GET", "/visitors/v"), ("PUT", "/catalog"), ("PATCH", "/catalog"), ("DELETE", "/items/d1")]


def test_a_page_of_an_allowed_origin_may_read_its_answer(shop: Any) -> None:
    """With credentials, for exactly this origin."""
    headers = shop.personalize({"origin": SHOP}).headers
    assert headers["access-control-allow-origin"] == SHOP
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["vary"] == "Origin"


def test_errors_can_be_read_by_pages_too(shop: Any) -> None:
    """A developer sees what was wrong, not an opaque network error."""
    response = shop.request("POST", "/personalize", content=b"{", headers={"origin": SHOP})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (400, SHOP)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://shop.example.evil.example", "null", "http://shop.example", "é"],
)
def test_a_page_of_another_origin_is_refused(shop: Any, origin: str) -> None:
    """Nothing is done for it, and its browser is told nothing."""
    response = shop.personalize({"origin": origin.encode("latin-1")}, page={"type": "home"})
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers
    assert shop.store.asked == []


def test_a_page_of_the_services_own_host_needs_no_permission(make_shop: Callable[..., Any]) -> None:
    """Behind one reverse proxy shop and service are one origin; a request without an origin comes from no page."""
    shop = make_shop(allowed_origins=())
    assert shop.personalize({"origin": "http://kabin.example"}).status_code == 200
    assert shop.personalize().status_code == 200


def test_a_preflight_is_answered_for_allowed_origins_only(shop: Any) -> None:
    """What may be sent: POST with a content type."""
    headers = {
        "origin": SHOP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    response = shop.request("OPTIONS", "/personalize", headers=headers)
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == SHOP
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["access-control-allow-methods"] == "POST"
    assert response.headers["access-control-allow-headers"] == "content-type"
    assert (
        shop.request(
            "OPTIONS", "/personalize", headers=headers | {"origin": "https://evil.example"}
        ).status_code
        == 403
    )
    assert shop.request("OPTIONS", "/catalog", headers=headers).status_code == 403


def test_options_without_a_preflight_names_the_methods(shop: Any) -> None:
    """For whoever explores the service by hand."""
    response = shop.request("OPTIONS", "/catalog")
    assert (response.status_code, response.headers["allow"]) == (204, "OPTIONS, PATCH, PUT")


@pytest.mark.parametrize(("method", "path"), SERVER_CALLS)
def test_the_shops_own_calls_need_its_key(
    shop: Any, make_shop: Callable[..., Any], method: str, path: str
) -> None:
    """401 without or with a wrong key; 403 while no key is configured at all."""
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic eDp5"}):
        response = shop.request(method, path, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
    keyless = make_shop(server_key=None)
    assert keyless.request(method, path).status_code == 403
    assert shop.store.asked == []


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/personalize", "OPTIONS, POST"),
        ("PUT", "/events", "OPTIONS, POST"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ("TRACE", "/readyz", "GET, HEAD, OPTIONS"),
        ("BREW", "/personalize", "OPTIONS, POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(shop: Any, method: str, path: str, allow: str) -> None:
    """405 as a problem, with Allow."""
    response = shop.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/personalize/", "/items", "/items/d1/other", "/%ff%fe", "/visitors"]
)
def test_an_unknown_path_is_a_problem(shop: Any, path: str) -> None:
    """404 in the same form as every other error, and no redirects."""
    response = shop.request("GET", path, headers=shop.trusted)
    assert response.status_code in {404, 405}
    assert response.headers["content-type"] == "application/problem+json"


def test_head_is_get_without_the_body(shop: Any) -> None:
    """Same status, same length, nothing to read."""
    get, head = shop.request("GET", "/openapi.json"), shop.request("HEAD", "/openapi.json")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_a_content_type_that_is_no_json_is_refused(shop: Any) -> None:
    """415 names what would do."""
    response = shop.request(
        "POST", "/personalize", content=b"<x/>", headers={"content-type": "application/xml"}
    )
    assert response.status_code == 415
    assert "application/json" in response.json()["detail"]


HEADERS = ["cookie", "authorization", "origin", "sec-gpc", "content-type", "accept", "host"]
TEXT = st.text(max_size=30)
BYTES = st.binary(max_size=30).filter(lambda value: not set(value) & {0, 10, 13})


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.tuples(
        st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]),
        st.sampled_from(
            ["/personalize", "/events", "/items/{}", "/items/{}/similar?limit={}", "/visitors/{}", "/{}"]
        ),
    ),
    TEXT,
    st.dictionaries(st.sampled_from(HEADERS), BYTES),
    st.binary(max_size=60),
)
def test_no_request_is_a_server_error(
    shop: Any, call: tuple[str, str], text: str, headers: dict[str, bytes], body: bytes
) -> None:
    """Whatever bytes come: the caller's mistake is never a 500."""
    method, template = call
    path = template.replace("{}", quote(text, safe="") or "x")
    response = shop.request(method, path, headers=shop.trusted | headers, content=body)
    assert response.status_code < 500 or response.status_code == 503
    assert method == "HEAD" or response.status_code < 400 or response.json()["status"] == response.status_code


def test_metrics_are_labelled_by_route_template(shop: Any) -> None:
    """Never by path: ids in labels would fill the memory of Prometheus, and show in its graphs."""
    shop.request("GET", "/items/d1/similar")
    shop.request("GET", "/items/d2/similar")
    shop.request("GET", "/nowhere")
    shop.personalize(page={"type": "product", "item_id": "d1"})
    count = "kabin_http_request_duration_seconds_count"
    assert shop.metric(count, method="GET", route="/items/{id}/similar", status="200") == 2
    assert shop.metric(count, method="GET", route="unmatched", status="404") == 1
    assert shop.metric(count, method="POST", route="/personalize", status="200") == 1
    assert shop.metric("kabin_decisions_total", decision="size", outcome="none") == 1
    assert shop.metric("kabin_decisions_total", decision="homepage", outcome="full_price") == 1
    assert shop.metric("kabin_recommendations_total", source="newest") == 11
    text = shop.request("GET", "/metrics").text
    assert "d1" not in text


def test_metrics_come_in_the_format_that_is_asked_for(shop: Any) -> None:
    """Prometheus asks for OpenMetrics; people get the plain text."""
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    assert shop.request("GET", "/metrics", headers=accept).text.endswith("# EOF\n")
    assert shop.request("GET", "/metrics").headers["content-type"].startswith("text/plain")


def test_readiness_says_that_there_is_no_model(shop: Any) -> None:
    """The service answers without one, and says what to do about it."""
    answer = shop.request("GET", "/readyz").json()
    assert answer["status"] == "ready"
    assert answer["model"]["version"] is None
    assert "kabin train" in answer["model"]["detail"]
    assert answer["catalog"] == {"items": 12, "skus": 36, "version": 1, "age_seconds": 0.0}


def test_similar_items_need_no_visitor(shop: Any) -> None:
    """Item-to-item, by an item's or a SKU's id; an unknown one is a 404."""
    response = shop.request("GET", "/items/d1-10/similar?limit=3")
    assert [one["item_id"] for one in response.json()["recommendations"]] == ["d0", "d2", "d3"]
    assert shop.request("GET", "/items/d99/similar").status_code == 404
    for limit in ("-1", "101", "many", "1.5", ""):
        assert shop.request("GET", f"/items/d1/similar?limit={limit}").status_code == 422
    assert shop.store.asked == []


def test_a_report_of_a_visitor_tells_everything_and_changes_nothing(shop: Any) -> None:
    """By id or by token, with the server key."""
    events = [
        {"name": "view_item", "event_id": "v", "params": {"items": [{"item_id": "d4"}]}},
        {"name": "add_to_cart", "event_id": "c", "params": {"items": [{"item_id": "d1-10"}]}},
    ]
    token = shop.personalize(events=events).json()["visitor_id"]
    visitor_id = token.partition(".")[0]
    report = shop.request("GET", f"/visitors/{visitor_id}", headers=shop.trusted).json()
    assert report["visitor_id"] == visitor_id
    assert report["cart"] == [{"item_id": "d1", "sku": "d1-10", "at": shop.now[0]}]
    assert report["recently_viewed"] == [{"item_id": "d4", "at": shop.now[0]}]
    assert [one["size"] for one in report["evidence"]] == ["10"]
    assert shop.request("GET", f"/visitors/{token}", headers=shop.trusted).json() == report
    assert shop.request("GET", "/visitors/nobody", headers=shop.trusted).status_code == 404


def test_a_report_tells_the_homepage_that_the_next_page_would_show(shop: Any) -> None:
    """A variant pinned in a session that is over binds nobody: the report says what that page then says."""
    purchases = [
        {
            "name": "purchase",
            "event_id": f"p{number}",
            "params": {"transaction_id": f"t{number}", "items": [{"item_id": f"d{number % 4 * 3}-10"}]},
        }
        for number in range(20)
    ]
    view = {"name": "view_item", "event_id": "v", "params": {"items": [{"item_id": "d4"}]}}
    home = {"visitor_id": "c1", "page": {"type": "home"}}
    shop.personalize(shop.trusted, **home, events=[view])
    shop.request("POST", "/events", json={"visitor_id": "c1", "events": purchases}, headers=shop.trusted)
    for later, variant in ((0, "full_price"), (3600, "promo")):
        shop.now[0] += later
        report = shop.request("GET", "/visitors/c1", headers=shop.trusted).json()
        shown = shop.personalize(shop.trusted, **home).json()
        assert report["slots"] == shown["slots"]
        assert shown["slots"]["homepage"]["variant"] == variant
