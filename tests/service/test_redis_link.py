"""The link to Redis, made when there is something to link to."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from recommender.departments import DepartmentTable
from service.redis_link import RedisLink
from service.settings import Settings
from service.stores.connection import StoreUnavailable, connected
from service.stores.embedded import EmbeddedValkey


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - Redis tells nobody that its settings change
            await asyncio.sleep(0.02)


def test_a_redis_that_may_evict_is_used_as_soon_as_it_no_longer_may(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Found only after the start, it is refused with its reason, which is logged once, and tried again."""

    async def scenario(url: str) -> None:
        settings = Settings(data_dir=tmp_path, redis_url=SecretStr(url))
        link = RedisLink(settings, DepartmentTable.default())

        async def reason() -> str:
            try:
                await link.ping()
            except StoreUnavailable as error:
                return str(error)
            return ""

        async def is_refused() -> bool:
            return "maxmemory-policy" in await reason()

        async def is_used() -> bool:
            return await reason() == ""

        async with connected(url, timeout_seconds=20) as client:
            await client.config_set("maxmemory-policy", "allkeys-lru")
            task = asyncio.create_task(link.open_patiently())
            await _until(is_refused)
            await client.config_set("maxmemory-policy", "noeviction")
            await _until(is_used)
            await task
        await link.close()

    with EmbeddedValkey(tmp_path / "valkey", append_only=False) as server:
        asyncio.run(scenario(server.url))
    assert len([record for record in caplog.records if "maxmemory-policy" in record.getMessage()]) == 1
