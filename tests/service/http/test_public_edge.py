"""What anybody on the internet can try: guessing keys, forging and swapping ids, and bodies meant for somebody else's browser."""

import asyncio
import hmac
from itertools import pairwise
from typing import Any

import httpx
import pytest

from service.identity.tokens import ServerKey, VisitorTokens
from tests.service.http.conftest import SERVER_KEY, MakeShop, Shop

PUBLIC = "93.184.215.14"
MARKUP = "<script>alert(1)</script>"
VIEW = {"name": "view_item", "event_id": "e1", "params": {"items": [{"item_id": "d1"}]}}


def call(shop: Shop, method: str, path: str, peer: str = PUBLIC, **options: Any) -> httpx.Response:
    """Call from an address of the internet."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(shop.app, client=(peer, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://kabin.example") as client:
            return await client.request(method, path, **options)

    return asyncio.run(run())


def bearer(key: str) -> dict[str, str]:
    """Return the header that carries a key."""
    return {"authorization": f"Bearer {key}"}


class TestServerKey:
    """The key that opens everything."""

    def test_who_guesses_keys_is_limited_by_address(self, make_shop: MakeShop) -> None:
        """Wrong keys count like a browser's calls, on whatever path; the right one is never limited."""
        shop = make_shop(address_rate_per_second=0.01, address_burst=3)
        tries = [
            ("GET", "/visitors/anna"),
            ("PUT", "/catalog"),
            ("POST", "/events"),
            ("GET", "/visitors/anna"),
        ]
        statuses = [
            call(shop, *each, headers=bearer(f"guess-{n}")).status_code for n, each in enumerate(tries)
        ]
        assert statuses == [401, 401, 401, 429]
        assert (
            call(shop, "GET", "/visitors/anna", peer="93.184.215.15", headers=bearer("x")).status_code == 401
        )
        assert call(shop, "GET", "/visitors/anna", headers=bearer(SERVER_KEY)).status_code == 404

    def test_keys_are_compared_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By digests of one length: neither the first wrong character nor the length of a key shows in the time."""
        compared: list[tuple[int, int]] = []
        real = hmac.compare_digest

        def noted(left: bytes, right: bytes) -> bool:
            compared.append((len(left), len(right)))
            return real(left, right)

        monkeypatch.setattr("service.identity.tokens.hmac.compare_digest", noted)
        key = ServerKey(SERVER_KEY)
        for guess in (SERVER_KEY, "x", SERVER_KEY[:-1] + "x", "x" * 10_000):
            key.check(b"Bearer " + guess.encode())
        assert compared == [(32, 32)] * 4

    def test_a_visitors_token_opens_nothing_else(self, shop: Shop) -> None:
        """Neither as a bearer key, nor in the cookie, nor in the query."""
        token = shop.personalize(events=[VIEW]).json()["visitor_id"]
        calls = (
            ("GET", "/visitors/anna"),
            ("DELETE", "/visitors/anna"),
            ("PUT", "/catalog"),
            ("PATCH", "/switches"),
        )
        for method, path in calls:
            for headers in (bearer(token), {"cookie": f"kabin={token}"}, {"x-api-key": SERVER_KEY}):
                assert call(shop, method, path, headers=headers).status_code == 401
            assert call(shop, method, f"{path}?key={SERVER_KEY}").status_code == 401


class TestForgedIds:
    """Whoever claims an id that is not theirs is a new visitor, of whom nothing of the other is read or written."""

    def test_tampered_and_swapped_tokens_name_nobody(self, shop: Shop) -> None:
        """Every byte of a token matters, and the signature of one visitor does not fit the id of another."""
        anna, bert = (shop.personalize(events=[VIEW]).json()["visitor_id"] for _ in range(2))
        (anna_id, anna_mac), (bert_id, bert_mac) = anna.split("."), bert.split(".")
        other_key = VisitorTokens(["another-signing-key"]).sign(anna_id)
        forged = [
            f"{anna_id}.{bert_mac}",
            f"{bert_id}.{anna_mac}",
            other_key,
            anna_id,
            f"{anna_id}.",
            f".{anna_mac}",
            f"{anna}.{anna_mac}",
            f"{anna_id}%20.{anna_mac}",
            f"{anna_id[:-1]}%{ord(anna_id[-1]):02x}.{anna_mac}",
            anna.swapcase(),
            *(anna[:at] + ("A" if anna[at] != "A" else "B") + anna[at + 1 :] for at in (0, 11, 21, 23, 40)),
        ]
        shop.store.asked.clear()
        for claim in forged:
            for answer in (
                shop.personalize(visitor_id=claim, events=[VIEW]),
                shop.personalize({"cookie": f"kabin={claim}"}, events=[VIEW]),
            ):
                assert answer.status_code == 200
                assert answer.json()["visitor_id"] not in (*forged, anna, bert)
        assert not {anna_id, bert_id}.intersection(shop.store.asked)
        assert len(set(shop.store.asked)) == 2 * len(forged)

    def test_ids_of_the_shop_are_out_of_a_browsers_reach(self, shop: Shop) -> None:
        """An id that a server uses without a signature means nothing from a browser."""
        shop.request(
            "POST", "/events", json={"visitor_id": "customer-1", "events": [VIEW]}, headers=shop.trusted
        )
        shop.store.asked.clear()
        for claim in ("customer-1", "customer:1", "c.AAAAAAAAAAAAAAAAAAAAAA"):
            shop.personalize(visitor_id=claim)
        assert not [asked for asked in shop.store.asked if asked.startswith("c") and len(asked) < 22]

    @pytest.mark.parametrize("visitor_id", ["é" * 128, "👗" * 64, "a/b c" * 51])
    def test_a_long_id_of_the_shop_has_a_token_too(self, shop: Shop, visitor_id: str) -> None:
        """However it is written: what the server's answer holds is what a browser is recognised by."""
        events = [VIEW | {"event_id": f"e{n}"} for n in range(2)]
        answer = shop.personalize(shop.trusted, visitor_id=visitor_id, events=events[:1])
        token = answer.json()["visitor_id"]
        assert token.isascii()
        again = shop.personalize(visitor_id=token, events=events)
        assert again.json()["events"] | {"rejected": 0} == {
            "accepted": 1,
            "duplicate": 1,
            "ignored": 0,
            "rejected": 0,
            "retry": False,
        }
        assert f"kabin={token};" in again.headers["set-cookie"]
        assert set(shop.store.asked) == {visitor_id}

    def test_nothing_of_a_claimed_id_comes_back_in_a_header(self, shop: Shop) -> None:
        """A new visitor's own token is all that the cookie ever holds."""
        for claim in ("x\r\nset-cookie: a=b", "x\nset-cookie: a=b", 'x"; a=b', "é.é", "\x00"):
            for visitor_id in (claim, claim + "." + "A" * 43):
                (cookie,) = shop.personalize(visitor_id=visitor_id).headers.get_list("set-cookie")
                assert "a=b" not in cookie
                assert cookie.count("=") == 4  # kabin, Max-Age, Path, SameSite


class TestOrigins:
    """Which pages may read answers."""

    def test_credentials_never_go_with_any_origin(self, shop: Shop) -> None:
        """On every path and method: where credentials are allowed stands one exact origin, where * stands none are."""
        allowed = "https://shop.example"
        paths: tuple[str, ...] = (
            "/personalize",
            "/events",
            "/items/d1/similar",
            "/visitors/v",
            "/catalog",
            "/kabin.js",
        )
        paths += ("/kabin.json", "/metrics", "/healthz", "/openapi.json", "/experiments", "/nowhere")
        for path in paths:
            for method in ("POST", "OPTIONS"):
                for origin in ("https://shop.example", "https://evil.example", "null"):
                    headers = {"origin": origin, "access-control-request-method": "POST"}
                    answer = shop.request(method, path, headers=headers)
                    said = answer.headers.get("access-control-allow-origin")
                    assert said in {None, "*", allowed}
                    if "access-control-allow-credentials" in answer.headers:
                        assert said == allowed

    def test_near_misses_are_no_matches(self, make_shop: MakeShop) -> None:
        """Neither prefixes, ports, schemes, users nor paths make another origin the allowed one."""
        shop = make_shop(allowed_origins=("https://shop.example",))
        near = [
            "http://shop.example",
            "https://shop.example:8443",
            "https://shop.example.",
            "https://www.shop.example",
        ]
        near += [
            "https://shop.example/",
            "https://user@shop.example",
            "https://shop.example, https://evil.example",
        ]
        for origin in [*near, "https://shop.exampl", "//shop.example", "shop.example", ""]:
            assert shop.personalize({"origin": origin}).status_code == 403, origin
        assert shop.store.asked == []


class TestAnswers:
    """Nothing that somebody sends is run in somebody else's browser."""

    def test_markup_is_never_served_as_markup(self, shop: Shop) -> None:
        """Whatever is wrong is told as JSON that no browser takes for HTML, and paths come back from no error."""
        event = VIEW | {"event_id": MARKUP, "name": MARKUP}
        answers = [
            shop.personalize(page={"type": MARKUP}),
            shop.personalize(page={"category": MARKUP, "item_id": MARKUP}, events=[event, {"name": MARKUP}]),
            shop.request("POST", "/personalize", content=MARKUP),
            shop.request("POST", "/personalize", json={}, headers={"content-type": MARKUP}),
            shop.request("GET", f"/{MARKUP}"),
            shop.request("GET", f"/items/{MARKUP}/similar?limit={MARKUP}"),
            shop.request("GET", f"/visitors/{MARKUP}", headers=shop.trusted),
            shop.request("GET", f"/kabin-{MARKUP}.js"),
        ]
        for answer in answers:
            assert answer.headers["content-type"] in {"application/json", "application/problem+json"}
        for answer in answers[:4]:
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert not [answer for answer in answers[4:] if MARKUP in answer.text]

    def test_enums_are_closed(self, shop: Shop) -> None:
        """What is not in the contract is refused with its place, and nothing is done for it."""
        wrong: dict[str, dict[str, Any]] = {
            "/page/type": {"page": {"type": "__class__"}},
            "/preview/homepage": {"preview": {"homepage": "red"}},
            "/limit": {"limit": "12; DROP"},
            "/consent/storage": {"consent": {"storage": "yes"}},
        }
        for pointer, body in wrong.items():
            refused = shop.personalize(**body)
            assert refused.status_code == 422
            assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
        assert shop.store.asked == []

    def test_a_burst_of_new_ids_is_random(self, shop: Shop) -> None:
        """No id tells the next: 128 bits of the system's randomness each."""
        ids = [shop.personalize().json()["visitor_id"].partition(".")[0] for _ in range(50)]
        assert len(set(ids)) == 50
        assert all(len(one) == 22 and one[:4] != other[:4] for one, other in pairwise(ids))
