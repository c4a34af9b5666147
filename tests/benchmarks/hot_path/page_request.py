"""What a browser sends when a product page opens: a whole HTTP request, headers and all."""

import json
from typing import Any, Final

HOST: Final = "www.shop.example"
LIMIT: Final = 12
"""Recommendations that the page has room for."""

_HEAD: Final = (
    "POST {path} HTTP/1.1\r\n"
    f"Host: {HOST}\r\n"
    "User-Agent: Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36\r\n"
    "Accept: */*\r\n"
    "Accept-Language: de-DE,de;q=0.9,en;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Content-Type: application/json\r\n"
    f"Origin: https://{HOST}\r\n"
    f"Referer: https://{HOST}/\r\n"
    "Sec-Fetch-Dest: empty\r\n"
    "Sec-Fetch-Mode: cors\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "X-Forwarded-For: 44.128.{high}.{low}\r\n"
    "Content-Length: {length}\r\n\r\n"
)
"""What Chrome on a phone sends through a proxy that keeps the host and tells the address. Addresses are public ones,
because no rate is kept of others; nothing is sent there."""


def http_request(path: str, body: object, visitor: int) -> bytes:
    """Return a browser's request through the shop's proxy; each of 62,500 visitors has an address of their own."""
    content = json.dumps(body, separators=(",", ":")).encode()
    head = _HEAD.format(path=path, length=len(content), high=visitor // 250 % 250, low=visitor % 250 + 1)
    return head.encode() + content


def product_page(item_id: str, token: str, event_id: str, at: float) -> dict[str, Any]:
    """Return the body of a page that shows an item and tells that it was viewed; ``at`` in Unix seconds."""
    item = {"item_id": item_id, "item_name": "Dress in washed linen", "price": 59.9, "quantity": 1}
    params = {"currency": "EUR", "value": 59.9, "items": [item]}
    return {
        "page": {"type": "product", "item_id": item_id},
        "events": [{"name": "view_item", "event_id": event_id, "timestamp": at, "params": params}],
        "visitor_id": token,
        "consent": {"storage": True},
        "limit": LIMIT,
    }
