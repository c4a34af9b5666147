"""What callers ask during a soak: pages of known visitors above all, and a little of everything else."""

import base64
import json
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tests.benchmarks.hot_path.page_request import http_request, product_page
from tests.benchmarks.hot_path.shop import SERVER_KEY, ReferenceShop

KNOWN: Final = 0.75
"""Share of the pages whose visitor comes back with a token; the others are asked by somebody new, or wrongly."""

_BASIC: Final = "{method} {path} HTTP/1.1\r\nHost: www.shop.example\r\n{more}Content-Length: {length}\r\n\r\n"


def requests(shop: ReferenceShop, count: int, *, stream: int) -> list[bytes]:
    """Return so many requests: three quarters are pages of known visitors, the rest one of :data:`_OTHERS` each.

    Args:
        shop: whose pages they are.
        count: how many.
        stream: of the same shop and stream come the same visitors and kinds, with events of their own.
    """
    rng = np.random.default_rng((shop.seed, 9, stream))
    known = shop.requests(count, stream=stream)
    kinds = rng.integers(0, len(_OTHERS), count)
    is_known = rng.random(count) < KNOWN
    made = {
        number: _OTHERS[kinds[number]](shop, int(kinds[number]) + number)
        for number in np.flatnonzero(~is_known).tolist()
    }
    return [made.get(number, request) for number, request in enumerate(known)]


def _plain(method: str, path: str, body: bytes = b"", more: str = "") -> bytes:
    return _BASIC.format(method=method, path=path, more=more, length=len(body)).encode() + body


def _page(shop: ReferenceShop, number: int, **changes: Any) -> bytes:
    item = shop.item_id(number % shop.items)
    body = product_page(item, "", secrets.token_hex(8), round(time.time(), 3)) | changes
    return http_request("/personalize", body, number)


def _new_visitor(shop: ReferenceShop, number: int) -> bytes:
    return _page(shop, number, visitor_id=None)


def _without_consent(shop: ReferenceShop, number: int) -> bytes:
    return _page(shop, number, consent={"storage": False})


def _forged(shop: ReferenceShop, number: int) -> bytes:
    return _page(shop, number, visitor_id=f"{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(32)}")


def _own_id(shop: ReferenceShop, number: int) -> bytes:
    """The shop's server asks for somebody whom nobody has heard of, with an attribute of its own."""
    body = product_page(
        shop.item_id(number % shop.items), secrets.token_hex(12), secrets.token_hex(8), time.time()
    )
    content = json.dumps(body | {"attributes": {secrets.token_hex(4): secrets.token_hex(16)}}).encode()
    return _plain("POST", "/personalize", content, f"Authorization: Bearer {SERVER_KEY}\r\n")


def _events(shop: ReferenceShop, number: int) -> bytes:
    page = product_page(
        shop.item_id(number % shop.items), shop.token(number % shop.visitors), "", time.time()
    )
    events = [page["events"][0] | {"event_id": secrets.token_hex(8), "name": name} for name in _ACTS]
    body = {"visitor_id": page["visitor_id"], "events": events, "consent": {"storage": True}}
    return http_request("/events", body, number)


_ACTS: Final = ("view_item", "add_to_cart", "select_size", "never_heard_of")


def _half(shop: ReferenceShop, number: int) -> bytes:
    """A body that is cut off."""
    whole = json.dumps(product_page(shop.item_id(number % shop.items), "", "e", 0)).encode()
    return _plain("POST", "/personalize", whole[: number % len(whole)], "Content-Type: text/plain\r\n")


def _wrong(_shop: ReferenceShop, number: int) -> bytes:
    return _plain("POST", "/personalize", b'{"page":{"type":"%d"},"limit":-1,"events":[1,{}]}' % number)


def _similar(shop: ReferenceShop, number: int) -> bytes:
    return _plain("GET", f"/items/{shop.item_id(number % shop.items)}/similar?limit={number % 20}")


def _unknown_item(_shop: ReferenceShop, _number: int) -> bytes:
    return _plain("GET", f"/items/{secrets.token_hex(8)}/similar")


def _nothing(_shop: ReferenceShop, _number: int) -> bytes:
    return _plain("GET", f"/{secrets.token_hex(8)}")


def _exported(shop: ReferenceShop, number: int) -> bytes:
    return _plain(
        "GET",
        f"/visitors/{shop.visitor_id(number % shop.visitors)}",
        more=f"Authorization: Bearer {SERVER_KEY}\r\n",
    )


def _wrong_key(_shop: ReferenceShop, _number: int) -> bytes:
    guess = base64.b64encode(secrets.token_bytes(12)).decode()
    return _plain(
        "GET", "/experiments", more=f"Authorization: Bearer {guess}\r\nX-Forwarded-For: 44.1.2.3\r\n"
    )


def _status(_shop: ReferenceShop, number: int) -> bytes:
    return _plain("GET", ("/readyz", "/metrics", "/kabin.js", "/openapi.json")[number % 4])


_OTHERS: Final[tuple[Callable[[ReferenceShop, int], bytes], ...]] = (
    *(_new_visitor,) * 8, *(_events,) * 6, *(_own_id,) * 3, *(_without_consent,) * 2, _forged, _half, _wrong, _similar,
    _unknown_item, _nothing, _exported, _wrong_key, _status,
)  # fmt: skip
