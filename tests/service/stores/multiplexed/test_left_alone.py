"""A server that is silent, or slow, behind a real socket: who waits for it, who does not, and how it comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.stores.connection import StoreUnavailable
from service.stores.multiplexed.connection import Limits, TooLate
from service.stores.multiplexed.nodes import OnePrimary
from service.stores.multiplexed.scripts import Multiplexed, MultiplexedScripts
from service.stores.redis_url import RedisUrl
from tests.scripted_redis import ScriptedRedis, always, echo, scripted_redis

pytestmark = pytest.mark.anyio

PATIENT_SECONDS = 20.0
BRIEF_SECONDS = 0.02
PROMPT = Limits(overdue_seconds=60.0, settled_seconds=0.0)


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[ScriptedRedis, Multiplexed, list[tuple[float, bool]]]]:
    """A server that has stopped answering anything, connections to it, and what its breakers told."""
    changes: list[tuple[float, bool]] = []

    def note(patience: float, is_open: bool) -> None:
        changes.append((patience, is_open))

    async with scripted_redis() as server:
        shared = Multiplexed()
        shared.nodes = OnePrimary(RedisUrl.parse(server.url).address(), PROMPT, note)
        await shared.nodes.open()
        server.answer, server.pong = always(None), None
        try:
            yield server, shared, changes
        finally:
            await shared.close()


async def open_breaker(scripts: MultiplexedScripts) -> int:
    """Ask until nobody waits any more; return how many calls have waited in vain."""
    waited = 0
    async with asyncio.timeout(PATIENT_SECONDS):
        while True:
            try:
                await scripts.get("k")
            except StoreUnavailable as error:
                # On a busy machine some are given up for this process's own delay, and blame nobody.
                waited += isinstance(error, TooLate)
                if "left alone" in str(error):
                    return waited


async def answered(scripts: MultiplexedScripts) -> bytes | None:
    """Ask until there is an answer."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while True:
            try:
                return await scripts.get("k")
            except StoreUnavailable:
                await asyncio.sleep(0.002)


async def test_after_a_few_calls_in_vain_nobody_waits_and_nothing_is_sent() -> None:
    """A silent server costs five pages their patience; after them Redis hears only probes."""
    async with silent_server() as (server, shared, changes):
        pages = shared.within(BRIEF_SECONDS)
        assert await open_breaker(pages) == 5
        asked = len(server.asked)
        for _ in range(100):
            with pytest.raises(StoreUnavailable, match="left alone"):
                await pages.get("k")
        assert len(server.asked) == asked
        assert changes == [(BRIEF_SECONDS, True)]


async def test_it_is_asked_again_once_it_answers_a_probe() -> None:
    """Nobody has to do anything for that; the answer is one's own."""
    async with silent_server() as (server, shared, changes):
        pages = shared.within(BRIEF_SECONDS)
        await open_breaker(pages)
        server.answer, server.pong = echo, b"+PONG\r\n"
        server.hang_up()
        assert await answered(pages) == b"k"
        assert changes[-1] == (BRIEF_SECONDS, False)


async def test_who_has_more_patience_goes_on() -> None:
    """What is too slow for pages is waited for by events, on the same connection."""
    async with silent_server() as (server, shared, _):
        await open_breaker(shared.within(BRIEF_SECONDS))
        waiting = asyncio.create_task(shared.within(PATIENT_SECONDS).get("k"))
        await asyncio.sleep(0)
        asked = len(server.asked)
        async with asyncio.timeout(PATIENT_SECONDS):
            while len(server.asked) == asked:  # noqa: ASYNC110 - on the other end of a socket
                await asyncio.sleep(0.002)
        assert not waiting.done()
        waiting.cancel()


async def test_a_silence_is_found_out_for_events_by_the_probe() -> None:
    """A second of it, and they are told at once that they cannot be kept."""
    async with silent_server() as (_, shared, changes):
        events = shared.within(5 * BRIEF_SECONDS)
        assert not shared.nodes.links()[0].breakers[events.seconds].is_open
        await open_breaker(shared.within(BRIEF_SECONDS))
        async with asyncio.timeout(PATIENT_SECONDS):
            while (events.seconds, True) not in changes:  # noqa: ASYNC110 - in the background
                await asyncio.sleep(0.002)
        with pytest.raises(StoreUnavailable, match="left alone"):
            await events.get("k")


async def test_a_ping_says_that_it_is_left_alone() -> None:
    """Readiness must not say that all is well while pages do without Redis."""
    async with silent_server() as (_, shared, _):
        await open_breaker(shared.within(BRIEF_SECONDS))
        with pytest.raises(StoreUnavailable, match="left alone"):
            await shared.ping(PATIENT_SECONDS)
