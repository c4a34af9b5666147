"""What a flood of requests without cookies leaves in Redis: each of them makes a visitor who never comes back.

    python -m tests.benchmarks.flood [--calls 100000]

The store takes that many first requests, each of another new visitor, on a redis-server of its own: with one event each,
and a thirtieth as many with the largest body that is taken (32 KiB).
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from redis.asyncio import Redis

from recommender.events import Event, EventItem, EventName
from service.identity.tokens import VisitorTokens
from service.settings import Settings
from service.stores.connection import connected
from service.stores.keys import Keyspace
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from tests.redis_servers import debian_server
from tests.visitor_events import effect

_AT_ONCE: Final = 8
_MIB: Final = 2**20


def first_request(events: int, items: int) -> list[Event]:
    """Return the events of a new visitor: views of so many items each."""
    lines = tuple(EventItem(f"i{number % 8}-10", f"variant-{number}") for number in range(items))
    return [Event(EventName.VIEW_ITEM, f"event-{n}", time.time(), "browser", lines) for n in range(events)]


async def flood(url: str, calls: int, events: Sequence[Event]) -> None:
    """Send so many first requests and print what each leaves for its hour, and what an address can make of it."""
    settings = Settings()
    tokens, batch = VisitorTokens(["a-signing-key-of-the-flood"]), [effect(event) for event in events]
    seconds = settings.first_visit_ttl_minutes * 60
    async with connected(url, timeout_seconds=60) as client, Redis.from_url(url) as redis:
        store = RedisVisitorStore(ClientScripts(client), Keyspace())
        await store.apply("first", batch, now=time.time())
        await redis.flushall()
        before = await _used(redis)

        async def caller(number: int) -> None:
            for _ in range(number, calls, _AT_ONCE):
                visitor_id = tokens.issue().visitor_id
                await store.apply(visitor_id, batch, now=time.time(), ttl_seconds=seconds)

        await asyncio.gather(*(caller(number) for number in range(_AT_ONCE)))
        with_log = await _used(redis)
        logs = [key async for key in redis.scan_iter("kabin:{p*}:log", count=1000)]
        await redis.delete(*logs)
        visitors = await _used(redis) - before
        log = with_log - before - visitors
        lives = [await redis.pttl(await redis.randomkey() or "") for _ in range(1000)]
    an_hour = settings.address_rate_per_second * seconds
    print(
        f"{calls:,} first requests of {len(events)} events, {sum(len(msgspec.json.encode(each)) for each in events):,} bytes: "
        f"visitors {visitors / _MIB:,.1f} MiB ({visitors / calls:,.0f} bytes each), gone after {max(lives) / 60_000:.0f} min; "
        f"log {log / _MIB:,.1f} MiB ({log / calls:,.0f} bytes each), gone when archived. "
        f"An address at its rate all the time holds {an_hour * visitors / calls / _MIB:,.0f} MiB of visitors."
    )


async def _used(redis: "Redis") -> int:
    return int((await redis.info("memory"))["used_memory"])


def main() -> None:
    """Flood and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=100_000)
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder, debian_server(Path(folder)) as url:
        asyncio.run(flood(url, calls, first_request(1, 1)))
        asyncio.run(flood(url, max(1, calls // 30), first_request(50, 9)))


if __name__ == "__main__":
    main()
