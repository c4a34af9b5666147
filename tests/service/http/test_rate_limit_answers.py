"""429: a browser that asks too often, for one visitor or from one address, and who is never told so."""

import asyncio
from typing import Any

import httpx

from tests.service.http.conftest import BROWSER, MakeShop, Shop

VIEW = {"name": "view_item", "params": {"items": [{"item_id": "d1"}]}}


def ask(shop: Shop, peer: str, path: str = "/personalize", **headers: str) -> httpx.Response:
    """Send a body without events from an address, as a browser that has no visitor yet."""

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(shop.app, client=(peer, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://kabin.example") as client:
            return await client.post(path, json={"events": []}, headers={"user-agent": BROWSER} | headers)

    return asyncio.run(call())


def visitor_of(shop: Shop) -> str:
    """Return the token of a visitor who has looked at something."""
    token: str = shop.personalize(events=[VIEW]).json()["visitor_id"]
    return token


def test_a_visitor_who_asks_too_often_is_told_when_to_come_again(make_shop: MakeShop) -> None:
    """Beyond the burst both calls answer 429 with Retry-After, keep nothing, and go on after that time."""
    shop = make_shop(visitor_rate_per_second=0.25, visitor_burst=2)
    token = visitor_of(shop)
    event = VIEW | {"event_id": "again"}
    assert [shop.personalize(visitor_id=token).status_code for _ in range(3)] == [200, 200, 429]
    for path in ("/personalize", "/events"):
        refused = shop.request("POST", path, json={"visitor_id": token, "events": [event]})
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"] == "4"
        assert "Retry-After" in refused.json()["detail"]
    assert shop.metric("kabin_rate_limited_total", scope="visitor") == 3
    shop.now[0] += 4
    answer = shop.personalize(visitor_id=token, events=[event])
    assert answer.json()["events"]["accepted"] == 1


def test_visitors_do_not_limit_each_other(make_shop: MakeShop) -> None:
    """Each has a rate of their own, and who may not be stored has none."""
    shop = make_shop(visitor_rate_per_second=0.25, visitor_burst=1)
    first, second = visitor_of(shop), visitor_of(shop)
    assert [shop.personalize(visitor_id=token).status_code for token in (first, first, second)] == [
        200,
        429,
        200,
    ]
    refusing: dict[str, Any] = {"visitor_id": first, "consent": {"storage": False}}
    assert [shop.personalize(**refusing).status_code for _ in range(4)] == [200] * 4


def test_the_shops_servers_are_never_limited(make_shop: MakeShop) -> None:
    """With the server key any number of requests is answered, and none of them counts against the visitor."""
    shop = make_shop(
        visitor_rate_per_second=0.25, visitor_burst=2, address_rate_per_second=0.25, address_burst=2
    )
    token = visitor_of(shop)
    for _ in range(4):
        assert shop.personalize(visitor_id=token, headers=shop.trusted).status_code == 200
        body = {"visitor_id": token, "events": [VIEW]}
        assert shop.request("POST", "/events", json=body, headers=shop.trusted).status_code == 202
        assert ask(shop, "8.8.8.8", **shop.trusted).status_code == 200
    assert shop.personalize(visitor_id=token).status_code == 200


def test_an_address_that_asks_too_often_is_told_when_to_come_again(make_shop: MakeShop) -> None:
    """All calls of browsers count together; other addresses, and what is not public, go on."""
    shop = make_shop(address_rate_per_second=0.25, address_burst=2)
    assert ask(shop, "8.8.8.8").status_code == 200
    assert ask(shop, "8.8.8.8", "/events").status_code == 202
    refused = ask(shop, "8.8.8.8")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "4")
    assert ask(shop, "8.8.4.4").status_code == 200
    assert [ask(shop, "127.0.0.1").status_code for _ in range(4)] == [200] * 4
    assert shop.metric("kabin_rate_limited_total", scope="address") == 1
    shop.now[0] += 4
    assert ask(shop, "8.8.8.8").status_code == 200


def test_behind_a_trusted_proxy_the_address_that_it_tells_counts(make_shop: MakeShop) -> None:
    """The shop's proxy passes everybody's requests on; each of them has a rate of their own."""
    shop = make_shop(address_rate_per_second=0.25, address_burst=1, trusted_proxies="127.0.0.1,10.0.0.0/8")
    told = ["8.8.8.8", "8.8.4.4", "6.6.6.6, 8.8.8.8, 10.1.1.1"]
    asked = [ask(shop, "127.0.0.1", **{"x-forwarded-for": forwarded}) for forwarded in told]
    assert [answer.status_code for answer in asked] == [200, 200, 429]


def test_a_rate_of_nought_is_no_limit(make_shop: MakeShop) -> None:
    """Whoever limits in front of Kabin switches both limits off."""
    shop = make_shop(visitor_rate_per_second=0, visitor_burst=1, address_rate_per_second=0, address_burst=1)
    token = visitor_of(shop)
    assert [shop.personalize(visitor_id=token).status_code for _ in range(3)] == [200] * 3
    assert [ask(shop, "8.8.8.8").status_code for _ in range(3)] == [200] * 3
