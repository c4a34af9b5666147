"""The contract of what remembers nights, on the embedded Valkey, Debian's Redis, a Redis Cluster and in a process."""

import pytest

from service.stores.connection import Client
from service.stores.keys import Keyspace
from service.stores.nights import MemoryNights, Night, Nights, RedisNights

pytestmark = pytest.mark.anyio

NIGHT = Night(
    started_at=1_763_778_600.25,
    finished_at=1_763_779_000.5,
    result="published",
    version="20251122T023000Z-000",
    holder="vega, process 12",
)


@pytest.fixture(params=["redis", "memory"])
def nights(request: pytest.FixtureRequest, client: Client, keyspace: Keyspace) -> Nights:
    """A store that knows of no night."""
    return RedisNights(client, keyspace) if request.param == "redis" else MemoryNights()


async def test_the_last_completed_night_is_remembered(nights: Nights) -> None:
    """Nothing before the first; then the newest, to the last digit, whatever became of its model."""
    assert await nights.last() is None
    await nights.complete(NIGHT)
    assert await nights.last() == NIGHT
    refused = Night(
        started_at=2e9, finished_at=2e9 + 1, result="refused", version="20330518T033320Z-000", holder="b"
    )
    await nights.complete(refused)
    assert await nights.last() == refused


async def test_waiting_has_begun_once(nights: Nights) -> None:
    """The first to wait for a night says since when; later starts and other machines do not change it."""
    assert await nights.waiting_since(1_763_740_800.125) == 1_763_740_800.125
    assert await nights.waiting_since(1_763_800_000.0) == 1_763_740_800.125


async def test_what_cannot_be_read_counts_as_absent(
    client: Client, keyspace: Keyspace, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody watches at night: a damaged record is said and replaced, it stops nothing."""
    nights = RedisNights(client, keyspace)
    await client.execute_command(
        "HSET", keyspace.nights, "last", b'{"started_at": "\xff', "waiting_since", "soon"
    )
    assert await nights.last() is None
    assert "cannot be read" in caplog.text
    assert await nights.waiting_since(5.0) == 5.0
    await nights.complete(NIGHT)
    assert await nights.last() == NIGHT
