"""The demo shop's accounts: who is signed in, and what its pages tell Kabin of them."""

import re

import httpx
import pytest
from starlette.applications import Starlette

from service.demo.accounts import ACCOUNTS, Accounts
from service.demo.shop import simulate_shop
from service.demo.site import shop_routes
from service.identity.customer_tokens import CustomerTokens
from tests.service.demo.shopper import BASE_URL, NOW, SNIPPET, InProcess

KEY = "a key of thirty-two characters, made up"
TOKEN = re.compile(r'kabin\?\.identify\("([^"]+)"\)')


@pytest.fixture
def shop() -> httpx.Client:
    """Somebody on a page of a shop with accounts; nobody is signed in."""
    accounts = Accounts(KEY, lambda: NOW)
    routes = shop_routes(
        simulate_shop(7),
        draw=lambda _item, _color: "",
        snippet=SNIPPET,
        clock=lambda: NOW,
        base_url=BASE_URL,
        panel={"accounts": accounts},
    )
    return httpx.Client(
        transport=InProcess(Starlette(routes=[*routes, *accounts.routes()])),
        base_url=BASE_URL,
        headers={"Sec-Fetch-Site": "same-origin"},
    )


@pytest.mark.parametrize("name", ACCOUNTS)
def test_every_page_tells_who_is_signed_in(shop: httpx.Client, name: str) -> None:
    """With a token of its own each, signed as Kabin reads it; after signing out no page tells anything."""
    signed_in = shop.post("/demo/sign-in", data={"account": name, "back": "/category/sale"})
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/category/sale")
    tokens = [TOKEN.findall(shop.get(path).text) for path in ("/", "/category/sale", "/cart")]
    proofs = [CustomerTokens([KEY]).read(token, now=NOW) for (token,) in tokens]
    assert {proof.customer_id for proof in proofs} == {ACCOUNTS[name].customer_id}
    assert len({proof.token_id for proof in proofs}) == 3
    assert f"{ACCOUNTS[name].name} is signed in." in shop.get("/").text
    assert shop.post("/demo/sign-out", data={"back": "//elsewhere.example"}).headers["location"] == "/"
    page = shop.get("/").text
    assert "Nobody is signed in." in page
    assert not TOKEN.search(page)


def test_nobody_else_can_be_signed_in(shop: httpx.Client) -> None:
    """Neither an account that there is not, nor by another site's form, nor by a cookie that names nobody."""
    assert shop.post("/demo/sign-in", data={"account": "admin"}).status_code == 422
    for path in ("/demo/sign-in", "/demo/sign-out"):
        answer = shop.post(path, data={"account": "ada"}, headers={"Sec-Fetch-Site": "cross-site"})
        assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)
    shop.cookies.set("shop_account", "<script>")
    assert "Nobody is signed in." in shop.get("/").text
