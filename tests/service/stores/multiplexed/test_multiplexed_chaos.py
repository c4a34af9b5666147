"""A real server behind a bad line: pieces of any size, stalls, resets in the middle of replies; callers that hang up."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from service.stores.connection import StoreUnavailable
from service.stores.multiplexed.connection import Limits
from service.stores.multiplexed.nodes import OnePrimary
from service.stores.multiplexed.scripts import Multiplexed, MultiplexedScripts
from service.stores.redis_url import RedisUrl
from tests.lua_script import LuaScript

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.parametrize(
        "anyio_backend", [("asyncio", {"use_uvloop": True})], ids=["uvloop"], indirect=True
    ),
]

PATIENT_SECONDS = 20.0
CALLERS, CALLS = 24, 60


class BadLine:
    """A proxy between a client and a server on a Unix socket.

    Args:
        server: the server's socket.
        dice: decides what goes wrong.

    Attributes:
        is_bad: whether anything goes wrong at the moment.
        resets: connections cut so far.
        stalls: pauses so far.
    """

    def __init__(self, server: str, dice: random.Random) -> None:
        self._server = server
        self._dice = dice
        self.is_bad = True
        self.resets = 0
        self.stalls = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection, as long as it lasts."""
        from_server, to_server = await asyncio.open_unix_connection(self._server)
        there = asyncio.create_task(self._pass_on(reader, to_server))
        try:
            await self._pass_back(from_server, writer)
        except ConnectionError:
            writer.transport.abort()
        finally:
            there.cancel()
            to_server.close()
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            while data:
                size = self._dice.randint(1, 400) if self.is_bad else len(data)
                piece, data = data[:size], data[size:]
                writer.write(piece)
                await writer.drain()
                await self._misbehave()

    async def _misbehave(self) -> None:
        fate = self._dice.random()
        if not self.is_bad or fate > 0.05:
            return
        if fate < 0.025:
            self.resets += 1
            raise ConnectionResetError("by the dice")
        self.stalls += 1
        await asyncio.sleep(0.02)


@asynccontextmanager
async def bad_line(server_url: str) -> AsyncIterator[tuple[BadLine, str]]:
    """Run the proxy; the URL to it is yielded too."""
    path = RedisUrl.parse(server_url).address().path
    assert path is not None
    line = BadLine(path, random.Random(20_251_121))
    proxy = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    async with proxy:
        yield line, f"redis://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"


async def call(scripts: MultiplexedScripts, number: int, dice: random.Random) -> str:
    """Ask for a reply that nobody else asks for, perhaps hang up, and say how it went."""
    mine = f"reply {number} " + "x" * dice.choice((0, 3, 900))
    asking = asyncio.create_task(scripts.run(LuaScript("return ARGV[1]"), ["k"], [mine]))
    if dice.random() < 0.2:
        await asyncio.sleep(dice.choice((0, 0.001, 0.01)))
        asking.cancel()
    try:
        reply = await asking
    except StoreUnavailable:
        await asyncio.sleep(0.005)
        return "unavailable"
    except asyncio.CancelledError:
        return "cancelled"
    assert reply == mine.encode(), "another request's reply"
    return "answered"


async def test_on_a_bad_line_every_reply_is_still_ones_own(valkey_url: str) -> None:
    """Over a thousand calls in all: answered rightly, unavailable or cancelled; on a good line all are answered again."""
    shared = Multiplexed()
    outcomes: Counter[str] = Counter()
    async with bad_line(valkey_url) as (line, url):
        shared.nodes = OnePrimary(RedisUrl.parse(url).address(), Limits(settled_seconds=0.0))
        with suppress(StoreUnavailable):  # The dice may be against the first attempt too.
            await shared.nodes.open()

        async def caller(name: int) -> None:
            dice, scripts = random.Random(name), shared.within(0.03)
            for turn in range(CALLS):
                outcomes[await call(scripts, name * CALLS + turn, dice)] += 1

        await asyncio.gather(*(caller(name) for name in range(CALLERS)))
        assert outcomes.total() == CALLERS * CALLS
        assert min(outcomes["answered"], outcomes["unavailable"], outcomes["cancelled"]) > 10, outcomes
        assert min(line.resets, line.stalls) > 3
        line.is_bad = False
        async with asyncio.timeout(PATIENT_SECONDS):
            while await call(shared.within(PATIENT_SECONDS), 1_000_000, random.Random(1)) != "answered":
                pass
        await shared.close()
