"""``POST /identify``: who may say who a visitor is, and what follows."""

import base64
import json
from typing import Any
from unittest.mock import AsyncMock

import httpx
import jwt
import pytest

from service.identity.customers import CustomerIds
from service.stores.connection import StoreUnavailable
from service.stores.memory_identifications import MemoryIdentifications
from tests.service.http.conftest import NOW, TRUSTED, MakeShop, Shop

KEY = "the key of customer tokens in tests"
CUSTOMER_KEY = "the key of customers in tests"
ORIGIN = {"origin": "https://shop.example"}
CARL = CustomerIds(CUSTOMER_KEY).visitor_id_of("carl")

VIEW = {"name": "view_item", "event_id": "e1", "params": {"items": [{"item_id": "d1"}]}}


@pytest.fixture
def shop(make_shop: MakeShop) -> Shop:
    """A shop whose backend signs customer tokens."""
    return make_shop(customer_token_key=KEY, customer_key=CUSTOMER_KEY)


def token_of(customer_id: str = "carl", *, key: str = KEY, **changes: Any) -> str:
    """Return a customer token as the shop's backend signs it; a claim that is ``None`` is left out."""
    claims = {"sub": customer_id, "aud": "kabin", "iat": NOW, "exp": NOW + 300, "jti": "jti-1"} | changes
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key, algorithm="HS256")


def identify(shop: Shop, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    """Call ``POST /identify``."""
    return shop.request("POST", "/identify", json=body, headers=headers)


def visit(shop: Shop, **body: Any) -> str:
    """Let a browser view an item; return its token."""
    token = shop.personalize(events=[VIEW], **body).json()["visitor_id"]
    assert isinstance(token, str)
    return token


def viewed(shop: Shop, visitor: str) -> list[str]:
    """Return what a visitor has viewed, as the shop's server is told."""
    answer = shop.request("GET", f"/visitors/{visitor}", headers=TRUSTED)
    return [entry["item_id"] for entry in answer.json().get("recently_viewed", [])]


def test_a_browser_identifies_its_visitor_by_the_backends_word(shop: Shop) -> None:
    """The answer has the customer's token, which tells nothing of the shop's id, and the cookie carries it."""
    token = visit(shop)
    answer = identify(shop, ORIGIN, visitor_id=token, customer_token=token_of())
    body = answer.json()
    assert (answer.status_code, body["is_customer"], body["merged"]) == (200, True, True)
    assert body["visitor_id"].startswith(CARL + ".")
    assert answer.headers["cache-control"] == "no-store"
    assert "server-timing" in answer.headers
    assert answer.headers["set-cookie"].startswith(f"kabin={body['visitor_id']};")
    assert "carl" not in answer.text + str(answer.headers)
    assert viewed(shop, "customer:carl") == viewed(shop, body["visitor_id"]) == ["d1"]
    held = shop.request("GET", "/visitors/customer:carl", headers=TRUSTED).json()
    assert [merged["until"] for merged in held["merged_visitors"]] == [NOW]
    assert viewed(shop, token) == []


def test_the_shops_server_identifies_any_visitor(shop: Shop) -> None:
    """By the shop's own id; asking again merges nothing more and gives the same token."""
    token = visit(shop)
    first, again = (identify(shop, TRUSTED, visitor_id=token, customer_id="carl").json() for _ in range(2))
    assert (first["merged"], again["merged"]) == (True, False)
    assert first["visitor_id"] == again["visitor_id"]
    assert viewed(shop, "customer:carl") == ["d1"]


def test_the_cookie_names_the_visitor_where_the_body_does_not(shop: Shop) -> None:
    """As on every other call of a page."""
    cookie = {"cookie": f"kabin={visit(shop)}"}
    assert identify(shop, ORIGIN | cookie, customer_token=token_of()).json()["merged"]


def test_the_customers_token_is_one_read(shop: Shop) -> None:
    """The next page asks with it, and nothing but the customer's own state is read."""
    answer = identify(shop, ORIGIN, visitor_id=visit(shop), customer_token=token_of()).json()
    shop.store.asked.clear()
    shop.personalize(visitor_id=answer["visitor_id"])
    assert set(shop.store.asked) == {CARL}


def test_signing_out_starts_a_fresh_visitor(shop: Shop) -> None:
    """Nothing of the customer is read for whoever sits at the computer next, and nothing of theirs becomes the customer's."""
    signed_in = identify(shop, ORIGIN, visitor_id=visit(shop), customer_token=token_of()).json()["visitor_id"]
    answer = identify(shop, ORIGIN | {"cookie": f"kabin={signed_in}"}, sign_out=True)
    body = answer.json()
    assert (body["is_customer"], body["merged"]) == (False, False)
    assert answer.headers["set-cookie"].startswith(f"kabin={body['visitor_id']};")
    assert viewed(shop, body["visitor_id"]) == []
    assert identify(shop, ORIGIN, sign_out=True).json()["visitor_id"] != body["visitor_id"]


def test_on_a_shared_computer_one_customer_is_never_merged_into_another(shop: Shop) -> None:
    """Who signs in while another is signed in still is given their own token, and the other keeps what they have."""
    carl = identify(shop, ORIGIN, visitor_id=visit(shop), customer_token=token_of()).json()["visitor_id"]
    dora = identify(shop, ORIGIN, visitor_id=carl, customer_token=token_of("dora", jti="2")).json()
    assert (dora["is_customer"], dora["merged"]) == (True, False)
    assert viewed(shop, dora["visitor_id"]) == []
    assert viewed(shop, carl) == ["d1"]


@pytest.mark.parametrize("headers", [{"sec-gpc": "1"}, {}])
def test_without_consent_nothing_is_stored(shop: Shop, headers: dict[str, str]) -> None:
    """Nor read: there is no token to use, and no cookie."""
    token = visit(shop)
    shop.store.asked.clear()
    consent = {"storage": bool(headers)}
    for body in ({"customer_token": token_of()}, {"sign_out": True}):
        answer = identify(shop, ORIGIN | headers, visitor_id=token, consent=consent, **body)
        assert answer.json() == {"visitor_id": None, "is_customer": False, "merged": False}
        assert "set-cookie" not in answer.headers
    assert shop.store.asked == []


BAD_TOKENS = [
    (token_of(key="another key of the same length, forged"), "signature is wrong"),
    (token_of(exp=NOW - 61, iat=NOW - 300), "has expired"),
    (token_of(exp=NOW + 601), "at most 600 seconds"),
    (token_of(exp=NOW - 1), "at most 600 seconds"),
    (token_of(iat=NOW + 120, exp=NOW + 300), "not valid yet"),
    (token_of(nbf=NOW + 120), "not valid yet"),
    (token_of(aud="another service"), "another audience"),
    (token_of(aud=None), "no aud"),
    (token_of(jti=None), "no jti"),
    (token_of(exp=None), "no exp"),
    (token_of(sub=None), "no sub"),
    (token_of(""), "sub is no text"),
    (token_of("x" * 129), "sub is no text"),
    (token_of("\ud800"), "sub is no text"),
    (token_of(jti="\udfff"), "jti is no text"),
    (token_of(exp=10**400), "exp is no number"),
    (token_of(exp=float("inf")), "exp is no number"),
    (token_of(jti=""), "jti is no text"),
    (token_of(iat=True), "iat is no number"),
    (token_of(exp="tomorrow"), "exp is no number"),
    (token_of()[:-2], "no JWT"),
    (token_of() + "x" * 1000, "no JWT"),
    ("x" * 4096, "no JWT"),
    ("a.b.c", "no JWT"),
    ("☂.☂.☂", "no JWT"),
]


def test_a_token_that_proves_nothing_is_refused_by_name(shop: Shop) -> None:
    """Nothing of the visitor or the customer is touched, and the answer repeats nothing of the token."""
    visitor = visit(shop)
    shop.store.asked.clear()
    for token, because in BAD_TOKENS:
        answer = identify(shop, ORIGIN, visitor_id=visitor, customer_token=token)
        assert answer.status_code == 401, because
        assert because in answer.json()["detail"]
        assert answer.json()["errors"][0]["pointer"] == "/customer_token"
        assert "set-cookie" not in answer.headers
    assert shop.store.asked == []


def _unsigned(algorithm: str) -> str:
    parts = [{"alg": algorithm, "typ": "JWT"}, jwt.decode(token_of(), options={"verify_signature": False})]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


def test_no_other_algorithm_and_no_swapped_part_is_believed(shop: Shop) -> None:
    """Neither a token without a signature nor one whose parts come from two."""
    for token in [
        _unsigned("none"),
        _unsigned("None"),
        _unsigned("HS256"),
        jwt.encode({"sub": "carl"}, KEY * 2, algorithm="HS512"),
        jwt.encode(jwt.decode(token_of(), options={"verify_signature": False}), KEY * 2, algorithm="HS384"),
        token_of().split(".")[0] + "." + token_of("dora").split(".")[1] + "." + token_of().split(".")[2],
        jwt.encode({"sub": "carl"}, KEY, algorithm="HS256", headers={"crit": ["b64"], "b64": False}),
    ]:
        assert identify(shop, ORIGIN, customer_token=token).status_code == 401, token


def test_a_replayed_token_is_refused(shop: Shop) -> None:
    """The visitor who used it, or has become the customer by it, may send it again; who overheard it gets nothing."""
    visitor, token = visit(shop), token_of()
    signed_in = identify(shop, ORIGIN, visitor_id=visitor, customer_token=token).json()["visitor_id"]
    for again in (visitor, signed_in):
        answer = identify(shop, ORIGIN, visitor_id=again, customer_token=token)
        assert (answer.status_code, answer.json()["visitor_id"]) == (200, signed_in)
    for thief in (visit(shop), None, "forged." + "A" * 43):
        answer = identify(shop, ORIGIN, visitor_id=thief, customer_token=token)
        assert answer.status_code == 401
        assert "another visitor has used" in answer.json()["detail"]
    assert identify(shop, ORIGIN, customer_token=token_of(jti="jti-2")).status_code == 200


def test_a_token_that_the_customer_has_used_is_used_up(shop: Shop) -> None:
    """A page of who is signed in already sends each token that it is given; whoever overhears one gets nothing."""
    signed_in = identify(shop, ORIGIN, visitor_id=visit(shop), customer_token=token_of()).json()["visitor_id"]
    next_page = token_of(jti="jti-2")
    for _ in range(2):
        assert identify(shop, ORIGIN, visitor_id=signed_in, customer_token=next_page).status_code == 200
    for thief in (visit(shop), None):
        assert identify(shop, ORIGIN, visitor_id=thief, customer_token=next_page).status_code == 401


def test_a_stranger_may_ask_again_after_a_503(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose first call is to sign in has no id until it is answered: the token is not used up by a call that failed."""
    monkeypatch.setattr(MemoryIdentifications, "announce", AsyncMock(side_effect=StoreUnavailable("down")))
    assert identify(shop, ORIGIN, customer_token=token_of()).status_code == 503
    monkeypatch.undo()
    assert identify(shop, ORIGIN, customer_token=token_of()).status_code == 200


def test_signing_out_takes_the_cookie_back_where_nothing_may_be_stored(make_shop: MakeShop) -> None:
    """Else the next person at the computer who consents would be the customer."""
    shop = make_shop(customer_token_key=KEY, storage_consent="required")
    consent = {"storage": True}
    signed_in = identify(shop, ORIGIN, customer_token=token_of(), consent=consent).json()["visitor_id"]
    cookie = ORIGIN | {"cookie": f"kabin={signed_in}"}
    for headers in (cookie, cookie | {"sec-gpc": "1"}):
        answer = identify(shop, headers, sign_out=True)
        assert answer.json()["visitor_id"] is None
        assert answer.headers["set-cookie"].startswith("kabin=; Max-Age=0;")


def test_what_becomes_of_calls_is_counted(shop: Shop) -> None:
    """Operators see whether customers are recognised, and whether somebody tries what is none of their business."""
    visitor = visit(shop)
    for _ in range(2):
        identify(shop, ORIGIN, visitor_id=visitor, customer_token=token_of())
    identify(shop, ORIGIN, sign_out=True)
    identify(shop, ORIGIN, sign_out=True, consent={"storage": False})
    identify(shop, ORIGIN, customer_id="carl")
    shop.store.is_down = True
    identify(shop, ORIGIN, visitor_id=visitor, customer_token=token_of())
    for outcome in ("merged", "known", "signed_out", "not_stored", "refused", "unavailable"):
        assert shop.metric("kabin_identifications_total", outcome=outcome) == 1, outcome


def test_keys_of_customer_tokens_can_be_changed(make_shop: MakeShop) -> None:
    """While both are configured, tokens of either are believed."""
    new = "a new key of customer tokens in tests"
    shop = make_shop(customer_token_key=f"{new},{KEY}")
    for number, key in enumerate((KEY, new)):
        assert identify(shop, ORIGIN, customer_token=token_of(key=key, jti=f"{number}")).status_code == 200
    changed = make_shop(customer_token_key=new)
    assert identify(changed, ORIGIN, customer_token=token_of()).status_code == 401


def test_who_may_say_what(shop: Shop, make_shop: MakeShop) -> None:
    """An id needs the server key, a token a key to judge it by, and a page an allowed origin."""
    assert identify(shop, ORIGIN, customer_id="carl").status_code == 401
    assert identify(shop, TRUSTED | {"authorization": "Bearer wrong"}, customer_id="carl").status_code == 401
    assert identify(make_shop(), ORIGIN, customer_token=token_of()).status_code == 403
    assert identify(shop, {"origin": "https://evil.example"}, customer_token=token_of()).status_code == 403


def test_exactly_one_of_three(shop: Shop) -> None:
    """Anything else is the caller's mistake, told field by field."""
    mistakes: list[tuple[dict[str, Any], list[str]]] = [
        ({}, [""]),
        ({"sign_out": False}, [""]),
        ({"customer_id": "carl", "sign_out": True}, ["/customer_id", "/sign_out"]),
        ({"customer_id": "carl", "customer_token": "x"}, ["/customer_id", "/customer_token"]),
        ({"customer_id": ""}, ["/customer_id"]),
        ({"customer_id": "x" * 129}, ["/customer_id"]),
        ({"customer_token": "x" * 4097}, ["/customer_token"]),
        ({"customer_id": 17}, ["/customer_id"]),
        ({"customer_id": "carl", "visitor_id": "customer:"}, ["/visitor_id"]),
    ]
    for body, pointers in mistakes:
        answer = identify(shop, TRUSTED, **body)
        assert answer.status_code == 422, body
        assert [error["pointer"] for error in answer.json()["errors"]] == pointers


def test_without_redis_nothing_is_lost(shop: Shop) -> None:
    """The page is told to ask again, which does no harm."""
    visitor = visit(shop)
    shop.store.is_down = True
    answer = identify(shop, ORIGIN, visitor_id=visitor, customer_token=token_of())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "set-cookie" not in answer.headers
    shop.store.is_down = False
    assert identify(shop, ORIGIN, visitor_id=visitor, customer_token=token_of()).json()["merged"]


def test_the_shops_server_names_customers_everywhere(shop: Shop) -> None:
    """``customer:ID`` as a visitor id is the customer, for whoever has the server key and nobody else; no cookie says it."""
    events = {"visitor_id": "customer:carl", "events": [VIEW]}
    assert shop.request("POST", "/events", json=events, headers=TRUSTED).json()["accepted"] == 1
    assert viewed(shop, "customer:carl") == viewed(shop, CARL) == ["d1"]
    shop.store.asked.clear()
    shop.personalize(visitor_id="customer:carl")
    shop.personalize(visitor_id=CARL)
    for unsigned in ("customer:carl", CARL):
        cookie = TRUSTED | {"cookie": f"kabin={unsigned}"}
        assert shop.request(
            "POST", "/personalize", json={"page": {"type": "home"}}, headers=cookie
        ).is_success
    assert CARL not in shop.store.asked
    assert shop.request("DELETE", "/visitors/customer:carl", headers=TRUSTED).json()["known"]
    assert shop.request("GET", "/visitors/customer:", headers=TRUSTED).status_code == 404
