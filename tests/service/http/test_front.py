"""The front: fixed paths skip Starlette, and nobody can tell but by the time that it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from service.contract.problems import Problem
from service.routes.exchange import Request
from tests.service.http.conftest import Shop

CALLS = [
    ("POST", "/personalize", {}),
    ("GET", "/personalize", {}),
    ("OPTIONS", "/events", {}),
    ("HEAD", "/openapi.json", {}),
    ("GET", "/kabin.json?x=1", {}),
    ("PUT", "/catalog", {}),
    ("GET", "/experiments", {"authorization": "Bearer a-server-key-for-tests"}),
    ("GET", "/personalize/", {}),
    ("GET", "/items/d1/similar", {}),
]


def through_starlette(app: Starlette) -> Starlette:
    """Return the same resources in an ordinary application."""
    plain = Starlette(routes=app.routes, exception_handlers=app.exception_handlers)
    plain.router.redirect_slashes = False
    return plain


@pytest.mark.parametrize(("method", "path", "headers"), CALLS)
def test_an_answer_is_the_same_as_through_starlette(
    shop: Shop, method: str, path: str, headers: dict[str, str]
) -> None:
    """Status, headers and body, whatever the method; ids and times apart."""
    answers = []
    for app in (shop.app, through_starlette(shop.app)):
        shop.app = app
        answer = shop.request(method, path, headers=headers, **({"json": {}} if method == "POST" else {}))
        kept = {name: value for name, value in answer.headers.items() if name not in _DRAWN}
        content = answer.json() if answer.content else {}
        answers.append((answer.status_code, kept, {**content, "decision_id": "", "visitor_id": ""}))
    assert answers[0] == answers[1]


_DRAWN = {"server-timing", "set-cookie"}
"""Headers with ids that are drawn and times that are measured."""


@pytest.mark.parametrize("path", ["/personalize", "/items/d1/similar"])
def test_a_defect_is_answered_as_a_problem_and_left_to_the_server_to_log(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Pages can read that it was none of theirs, operators count it, and the traceback is not swallowed."""

    def broken(*_arguments: Any, **_options: Any) -> None:
        raise ArithmeticError("a defect")

    monkeypatch.setattr("service.personalization.decide", broken)
    monkeypatch.setattr("service.routes.items.select_similar", broken)
    method = "POST" if path == "/personalize" else "GET"
    options: dict[str, Any] = {"headers": {"origin": "https://shop.example"}}
    answer = shop.request(method, path, **options | ({"json": {}} if method == "POST" else {}))
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "defect" in answer.json()["detail"]
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    route = path.replace("d1", "{id}")
    count = "kabin_http_request_duration_seconds_count"
    assert shop.metric(count, method=method, route=route, status="500") == 1

    async def call() -> None:
        transport = httpx.ASGITransport(shop.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://kabin.example") as client:
            await client.request(method, path, content=b"{}" if method == "POST" else None)

    with pytest.raises(ArithmeticError):
        asyncio.run(call())


def exchange(app: Starlette, receive: Callable[[], Awaitable[Message]]) -> list[Message]:
    """Send ``POST /personalize`` with whatever ``receive`` brings, and return what is answered."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/personalize", "headers": [], "query_string": b""}
    asyncio.run(app(scope, receive, send))
    return sent


def test_a_body_in_several_pieces_is_one_body(shop: Shop) -> None:
    """However the network cuts it, and without an address of the client, as over a Unix socket."""
    pieces = [b'{"page": {"ty', b'pe": "home"}', b"}"]

    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    assert exchange(shop.app, receive)[0]["status"] == 200


@pytest.mark.parametrize("first", [b"", b"{"])
def test_a_body_that_does_not_arrive_is_given_up(first: bytes) -> None:
    """408 after the time that is granted, whether nothing of it has come or a part."""
    started = [first] if first else []

    async def receive() -> Message:
        if not started:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": started.pop(), "more_body": True}

    request = Request({"type": "http", "headers": []}, receive)
    with pytest.raises(Problem, match=r"within 0\.02 seconds") as refused:
        asyncio.run(request.body(max_bytes=100, timeout_seconds=0.02))
    assert refused.value.status == 408


def test_nobody_is_answered_who_has_hung_up(shop: Shop) -> None:
    """Before the body had come there is nothing to do, and nothing is done."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    assert exchange(shop.app, receive) == []
    assert shop.store.asked == []
