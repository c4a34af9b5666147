"""Nothing of a visitor appears in the logs and metrics of a real service, whatever is sent to it."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

MARKS = [
    "anna.example@mail.example",
    "203.0.113.77",
    "order-4711-secret",
    "secret-event",
    "secret-item",
    "kunde-8812",
    "Geheim/5.0",
    "secret-attribute",
    "guessed-key",
    "secret-path",
    "secret-query",
]
"""What could name a person, one mark for each place of a request."""


def attack(server: Any) -> list[str]:
    """Send what browsers, servers and attackers send, with marks wherever something can be written; return the tokens given."""
    browser = {"user-agent": "Mozilla/5.0 Geheim/5.0", "x-forwarded-for": "203.0.113.77", "from": MARKS[0]}
    params = {"transaction_id": "order-4711-secret", "items": [{"item_id": "secret-item"}, {"item_id": "d1"}]}
    events = [
        {"name": name, "event_id": f"secret-event-{name}", "params": params}
        for name in ("purchase", "nonsense")
    ]
    page = {"type": "product", "item_id": "secret-item"}
    body = {"page": page, "events": events, "attributes": {"email": MARKS[0], "secret-attribute": 1}}
    tokens = []
    with httpx.Client(base_url=server.url, headers=browser, timeout=20) as client:
        for _ in range(3):
            answer = client.post("/personalize", json=body)
            assert answer.status_code == 200
            tokens.append(answer.json()["visitor_id"])
        tokens.append(client.post("/events", json={"events": events}).json()["visitor_id"])
        for wrong in ({"page": {"type": MARKS[0]}}, {"visitor_id": 4711}, {"limit": MARKS[0]}):
            assert client.post("/personalize", json=body | wrong).status_code == 422
        client.post("/personalize", content=b'{"visitor_id": "kunde-8812", "events": [')
        client.post("/personalize", json=body | {"visitor_id": "kunde-8812"}, headers=server.trusted)
        client.get("/visitors/kunde-8812?events=1&secret-query=1", headers=server.trusted)
        client.get("/visitors/kunde-8812", headers={"authorization": "Bearer guessed-key"})
        client.delete("/visitors/kunde-8812", headers=server.trusted)
        client.get("/secret-path/anna.example@mail.example?secret-query=1")
        client.request("PROPFIND", "/secret-path?secret-query")
        client.get("/items/secret-item/similar?limit=secret-query")
        client.put("/catalog", content=b"secret-item\n{", headers=server.trusted)
    host, _, port = server.url.removeprefix("http://").partition(":")
    for raw in (
        b"GET /secret-path HTTP/1.1\r\nhost: x\r\ncookie: kabin=kunde-8812\r\n\x00: y\r\n\r\n",
        b"\x16\x03\x01 secret-path\r\n\r\n",
        b"POST /personalize HTTP/1.1\r\nhost: x\r\ncontent-length: 400\r\n\r\n{secret-item",
        b"GET /secret-path" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):
                pass
    return tokens


@pytest.mark.slow
def test_logs_and_metrics_name_nobody(start_server: Callable[..., Any], tmp_path: Path) -> None:
    """Neither ids, tokens, addresses, user agents, cookies, bodies, paths nor query strings come out anywhere but in answers."""
    server = start_server(tmp_path, archive_interval_seconds=1)
    server.put_feed()
    tokens = attack(server)
    assert all(tokens)
    told = server.log() + "".join(
        httpx.get(f"{server.url}{path}").text for path in ("/metrics", "/readyz", "/healthz")
    )
    for mark in (*MARKS, *tokens, *(token.partition(".")[0] for token in tokens)):
        assert mark not in told
