"""What ``/readyz`` says of ending and of lost data, and who counts as being at work."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from service.serving.connections import RULES, UNFINISHED
from tests.service.http.conftest import NOW


def of_path(shop: Any, path: str) -> Any:
    """Return the resource of a path."""
    return next(route.app for route in shop.app.routes if route.path == path)


def test_a_service_that_ends_says_so_first(shop: Any) -> None:
    """503 and ``stopping``, so that load balancers look elsewhere, while pages are still answered."""

    async def begin_to_end() -> None:
        async with shop.app.router.lifespan_context(shop.app) as state:
            state[RULES].drain.begin()

    anyio.run(begin_to_end)
    ready = shop.request("GET", "/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "stopping")
    assert shop.personalize(page={"type": "home"}).status_code == 200
    assert shop.request("GET", "/healthz").status_code == 200


def test_lost_data_are_said_to_be_lost_until_they_are_restored(shop: Any) -> None:
    """Degraded, with since when and what to do; it goes on serving."""
    status = of_path(shop, "/readyz")._handlers["GET"].__self__
    status._lost_at = lambda: NOW
    ready = shop.request("GET", "/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["redis"]["ok"]
    assert "2025-11-21T16:00:00+00:00" in ready.json()["redis"]["detail"]
    assert "`kabin rebuild`" in ready.json()["redis"]["detail"]


def test_breakers_are_counted_by_whom_they_concern(shop: Any) -> None:
    """How many are open now, and how often any has opened."""
    for is_open in (True, False, True):
        shop.metrics.resilience.breaker("pages", is_open)
    assert shop.metric("kabin_redis_breakers_open", caller="pages") == 1
    assert shop.metric("kabin_redis_breakers_opened_total", caller="pages") == 2
    assert shop.metric("kabin_redis_breakers_opened_total", caller="events") == 0


@pytest.mark.parametrize("extensions", [{UNFINISHED: {}}, {}])
def test_neither_slow_bodies_nor_slow_readers_keep_others_out(
    make_shop: Callable[..., Any], extensions: dict[str, Any]
) -> None:
    """A body that is still arriving is no request at work, nor is one whose answer is being read."""
    shop = make_shop(max_in_flight=1)
    resource = of_path(shop, "/personalize")
    seen: list[tuple[str, int]] = []

    async def receive() -> dict[str, Any]:
        seen.append(("reading", resource._edge.in_flight))
        return {"type": "http.request", "body": b"{}"}

    async def send(_message: Any) -> None:
        seen.append(("sending", resource._edge.in_flight))

    async def call() -> None:
        scope = {"type": "http", "method": "POST", "path": "/personalize", "extensions": extensions}
        await shop.app(scope | {"headers": [], "query_string": b""}, receive, send)

    anyio.run(call)
    assert seen[0] == ("reading", 0 if extensions else 1)
    assert seen[1:] == [("sending", 0)] * len(seen[1:])
    assert resource._edge.in_flight == 0
