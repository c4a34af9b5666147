"""The whole application on a real Redis, in the test's own process; what it sends there can be watched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from redis.asyncio import Redis

from service.app import build
from service.settings import Settings

SERVER_KEY = "a-server-key-for-tests"
TRUSTED = {"authorization": f"Bearer {SERVER_KEY}"}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

_END = "end-of-what-is-watched"
_prefixes = count()


@dataclass
class Watched:
    """Commands that a Redis carried out, scripts' own among them: name in lower case, and the whole line."""

    writing: frozenset[str]
    names: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def writes(self) -> list[str]:
        """The lines that could have changed anything."""
        return [line for name, line in zip(self.names, self.lines, strict=True) if name in self.writing]


@dataclass
class LiveApp:
    """An application, a browser's client of it, and its Redis."""

    browser: httpx.AsyncClient
    redis: "Redis"
    prefix: str
    folder: Path

    async def personalize(self, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """Call ``POST /personalize`` with no more cookies than ``headers`` has."""
        return await self.call("POST", "/personalize", json=body, headers=headers)

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call with no more cookies than ``headers`` has."""
        self.browser.cookies.clear()
        return await self.browser.request(method, path, **options)

    async def keys(self, kind: str) -> list[str]:
        """Return the keys of a kind: ``v`` states, ``d`` rings, ``o`` orders."""
        found = self.redis.scan_iter(f"{self.prefix}:{{p*}}:{kind}:*", count=1000)
        return sorted([key.decode() async for key in found])

    async def logs(self) -> list[str]:
        """Return the keys of the log."""
        found = self.redis.scan_iter(f"{self.prefix}:{{p*}}:log", count=1000)
        return [key.decode() async for key in found]

    async def logged(self) -> list[str]:
        """Return the events in the log, as JSON."""
        entries: list[Any] = [
            entry for log in await self.logs() for entry in await self.redis.xrange(log) or ()
        ]
        return [fields[b"e"].decode() for _, fields in entries]

    async def forget(self) -> None:
        """Delete everything of all visitors."""
        for key in [*await self.logs(), *await self.keys("v"), *await self.keys("d"), *await self.keys("o")]:
            await self.redis.delete(key)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Watched]:
        """Watch all that Redis does while the block runs."""
        writing: Any = await self.redis.acl_cat("write")
        seen = Watched(frozenset(writing))
        async with self.redis.monitor() as monitor:
            listening = asyncio.create_task(_listen(monitor, seen))
            yield seen
            await self.redis.echo(_END)
            await asyncio.wait_for(listening, 20)


async def _listen(monitor: Any, seen: Watched) -> None:
    async for told in monitor.listen():
        line: str = told["command"]
        if _END in line:
            return
        seen.names.append(line.partition(" ")[0].lower())
        seen.lines.append(line)


@asynccontextmanager
async def live_app(url: str, folder: Path, **settings: Any) -> AsyncIterator[LiveApp]:
    """Run an application on the Redis at ``url``, under a prefix of its own."""
    prefix = f"live-{next(_prefixes)}"
    defaults: dict[str, Any] = {
        "data_dir": folder,
        "redis_url": url,
        "redis_prefix": prefix,
        "server_key": SERVER_KEY,
        "allowed_origins": ("https://shop.example",),
        "redis_timeout_ms": 5000,
        "events_timeout_ms": 5000,
    }
    app = build(Settings(**(defaults | settings)))
    transport = httpx.ASGITransport(app)
    headers = {"user-agent": BROWSER}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://kabin.example", headers=headers) as browser,
        Redis.from_url(url) as redis,
    ):
        yield LiveApp(browser, redis, prefix, folder)
    with suppress(FileNotFoundError):
        (folder / "signing.key").unlink()
