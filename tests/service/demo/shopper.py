"""A shopper's browser without a browser: httpx on the demo shop's routes, in this process, with cookies."""

import asyncio
from collections.abc import Sequence

import httpx
from starlette.applications import Starlette

from service.demo.shop import DemoItem
from service.demo.site import shop_routes

BASE_URL = "http://127.0.0.1:8000"
NOW = 1_763_740_800.0
SNIPPET = "<script>/* loader */</script>\n<script async src=/kabin.js></script>"


class InProcess(httpx.BaseTransport):
    """Answers each request by running an application to its end."""

    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        content = b"".join([part async for part in answer.stream])  # type: ignore[union-attr]
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


def enter_shop(items: Sequence[DemoItem]) -> httpx.Client:
    """Return somebody on a page of the shop, who has put nothing anywhere and follows no redirects."""
    routes = shop_routes(
        items,
        draw=lambda item, color: f"<svg><title>{item.item_id} {color}</title></svg>",
        snippet=SNIPPET,
        clock=lambda: NOW,
        base_url=BASE_URL,
    )
    return httpx.Client(
        transport=InProcess(Starlette(routes=routes)),
        base_url=BASE_URL,
        headers={"Sec-Fetch-Site": "same-origin"},
    )
