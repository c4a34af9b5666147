"""The link to Redis, made when there is something to link to."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from recommender.departments import DepartmentTable
from recommender.events import Event, EventItem, EventName
from service.redis_link.link import RedisLink
from service.settings import Settings
from service.stores.connection import StoreUnavailable, connected
from service.stores.embedded import EmbeddedValkey
from tests.visitor_events import START, effect


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


def test_visits_go_on_when_the_server_comes_back(tmp_path: Path) -> None:
    """While Redis is away visits are unavailable at once; restarted without its scripts it counts nothing twice."""

    async def scenario(server: EmbeddedValkey) -> None:
        settings = Settings(
            data_dir=tmp_path,
            redis_url=SecretStr(server.url),
            redis_timeout_ms=10_000,
            events_timeout_ms=60_000,
        )
        link = RedisLink(settings, DepartmentTable.default())
        batch = [effect(Event(EventName.VIEW_ITEM, "e", START, "browser", (EventItem("i1"),)))]
        with pytest.raises(StoreUnavailable, match="not been reached"):
            await link.visitors.apply("anna", batch, now=START)
        await link.open()
        assert (await link.visitors.apply("anna", batch, now=START)).accepted == 1

        async def is_away() -> bool:
            try:
                await link.patient_visitors.read("anna")
            except StoreUnavailable:
                return True
            return False

        async def is_back() -> bool:
            return not await is_away()

        await asyncio.to_thread(server.stop)
        await _until(is_away)
        with pytest.raises(StoreUnavailable):
            await link.ping()
        server.start()
        await _until(is_back)
        for visitors in (link.visitors, link.patient_visitors):
            assert (await visitors.apply("anna", batch, now=START)).duplicate == 1
        await link.ping()
        await link.close()

    with EmbeddedValkey(tmp_path / "valkey") as server:
        asyncio.run(scenario(server))
