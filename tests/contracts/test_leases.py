"""The contract of leases, on the embedded Valkey, Debian's Redis, a Redis Cluster and within a process."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from service.stores.connection import Client, StoreUnavailable
from service.stores.keys import Keyspace
from service.stores.leases import HeldLease, Lease, LeaseStore, LeaseTaken, MemoryLeases, RedisLeases, held

pytestmark = pytest.mark.anyio

TIMEOUT_SECONDS = 20.0
LONG_SECONDS = 600.0
SHORT_SECONDS = 0.03


@pytest.fixture(params=["redis", "memory"])
def leases(request: pytest.FixtureRequest, client: Client, keyspace: Keyspace) -> LeaseStore:
    """A store that has given out nothing."""
    return RedisLeases(client, keyspace) if request.param == "redis" else MemoryLeases()


async def _acquired_at_last(leases: LeaseStore, name: str, *, holder: str) -> Lease:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            lease = await leases.acquire(name, holder=holder, ttl_seconds=LONG_SECONDS)
            if lease is not None:
                return lease
            await asyncio.sleep(0.005)


async def test_a_lease_has_one_holder(leases: LeaseStore) -> None:
    """While somebody holds it, nobody gets it, not even under the same words; other names are free."""
    lease = await leases.acquire("nightly", holder="a machine, 12", ttl_seconds=LONG_SECONDS)
    assert lease is not None
    assert await leases.acquire("nightly", holder="b", ttl_seconds=LONG_SECONDS) is None
    assert await leases.acquire("nightly", holder="a machine, 12", ttl_seconds=LONG_SECONDS) is None
    assert await leases.current("nightly") == lease == Lease("nightly", lease.token, "a machine, 12")
    assert await leases.acquire("archive", holder="b", ttl_seconds=LONG_SECONDS) is not None


async def test_only_its_holder_renews_or_releases_a_lease(leases: LeaseStore) -> None:
    """Another token, or another holder's words, change nothing; a released lease is free and cannot be renewed."""
    lease = await leases.acquire("nightly", holder="a", ttl_seconds=LONG_SECONDS)
    assert lease is not None
    for other in (lease._replace(token=lease.token - 1), lease._replace(holder="b")):
        assert not await leases.renew(other, ttl_seconds=LONG_SECONDS)
        assert not await leases.release(other)
    assert await leases.renew(lease, ttl_seconds=LONG_SECONDS)
    assert await leases.release(lease)
    assert await leases.current("nightly") is None
    assert not await leases.renew(lease, ttl_seconds=LONG_SECONDS)
    assert not await leases.release(lease)


async def test_a_lease_ends_by_itself_and_a_renewed_one_later(leases: LeaseStore) -> None:
    """A holder that died holds nobody up for longer than it said; its lease cannot be renewed after that."""
    lease = await leases.acquire("nightly", holder="a", ttl_seconds=LONG_SECONDS)
    assert lease is not None
    assert await leases.renew(lease, ttl_seconds=SHORT_SECONDS)
    successor = await _acquired_at_last(leases, "nightly", holder="b")
    assert not await leases.renew(lease, ttl_seconds=LONG_SECONDS)
    assert not await leases.release(lease)
    assert await leases.current("nightly") == successor


async def test_tokens_rise_with_every_holder(leases: LeaseStore) -> None:
    """Whether a lease was released or ran out, the next token is greater; names do not share theirs."""
    tokens = []
    for number in range(6):
        ttl_seconds = SHORT_SECONDS if number % 2 else LONG_SECONDS
        lease = await _acquired_at_last(leases, "nightly", holder=f"{number}")
        tokens.append(lease.token)
        if number % 2:
            assert await leases.renew(lease, ttl_seconds=ttl_seconds)
        else:
            assert await leases.release(lease)
    assert tokens == sorted(set(tokens))


async def test_of_many_who_ask_at_once_one_gets_it(leases: LeaseStore) -> None:
    """Asked by twenty at the same time, a lease is given out once."""
    asked = [leases.acquire("nightly", holder=f"{i}", ttl_seconds=LONG_SECONDS) for i in range(20)]
    given = [lease for lease in await asyncio.gather(*asked) if lease is not None]
    assert len(given) == 1


@pytest.mark.parametrize("name", ["", "Nightly", "a:token", "a b", "x" * 41])
async def test_a_name_that_could_be_another_key_is_refused(leases: LeaseStore, name: str) -> None:
    """A lease's name is a word, so that no lease can stand where another's token stands."""
    with pytest.raises(ValueError, match="lease name"):
        await leases.acquire(name, holder="a", ttl_seconds=LONG_SECONDS)


async def test_a_lease_of_no_time_is_refused(leases: LeaseStore) -> None:
    """It would be over before it began."""
    with pytest.raises(ValueError, match="at least a millisecond"):
        await leases.acquire("nightly", holder="a", ttl_seconds=0.0)


async def test_a_redis_that_lost_everything_gives_out_higher_tokens_all_the_same(
    client: Client, keyspace: Keyspace
) -> None:
    """What a file on disk has seen of tokens outlives Redis: the next one is above it by Redis' clock."""
    leases = RedisLeases(client, keyspace)
    lease = await leases.acquire("nightly", holder="a", ttl_seconds=LONG_SECONDS)
    assert lease is not None
    await client.delete(*keyspace.of_lease("nightly"))
    successor = await leases.acquire("nightly", holder="b", ttl_seconds=LONG_SECONDS)
    assert successor is not None
    assert successor.token > lease.token
    assert not await leases.renew(lease, ttl_seconds=LONG_SECONDS)


async def test_a_block_holds_its_lease(leases: LeaseStore) -> None:
    """It is kept from others, who are told by whom, and free right after the block."""
    async with held(leases, "nightly", holder="a") as mine:
        assert mine.is_held
        with pytest.raises(LeaseTaken, match="held by a") as taken:
            async with held(leases, "nightly", holder="b"):
                pass
        assert taken.value.holder == "a"
        assert await leases.current("nightly") == Lease("nightly", mine.token, "a")
    assert not mine.is_held
    assert await leases.current("nightly") is None


async def test_a_block_that_fails_releases_its_lease(leases: LeaseStore) -> None:
    """Its error comes through as it is, and the next holder need not wait."""
    with pytest.raises(KeyError, match="a defect"):
        async with held(leases, "nightly", holder="a"):
            raise KeyError("a defect")
    assert await leases.current("nightly") is None


class _Watched(MemoryLeases):
    """Leases by a clock that stands still, which can be cut off, and count what is asked of them."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now)
        self.now = 1000.0
        self.is_down = False
        self.renewals = 0

    async def renew(self, lease: Lease, *, ttl_seconds: float) -> bool:
        """Renew, unless cut off."""
        self._reach()
        self.renewals += 1
        return await super().renew(lease, ttl_seconds=ttl_seconds)

    async def release(self, lease: Lease) -> bool:
        """Release, unless cut off."""
        self._reach()
        return await super().release(lease)

    def hold(self, ttl_seconds: float) -> AbstractAsyncContextManager[HeldLease]:
        """Hold a lease by the same clock."""
        return held(self, "nightly", holder="a", ttl_seconds=ttl_seconds, clock=lambda: self.now)

    def _reach(self) -> None:
        if self.is_down:
            raise StoreUnavailable("Redis: cut off by a test")


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():  # noqa: ASYNC110 - the condition is a moment of the code under test
            await asyncio.sleep(0.002)


async def test_a_block_renews_its_lease_until_it_is_left() -> None:
    """Time that passes between renewals takes nothing away; after the block nothing is renewed."""
    leases = _Watched()
    others = asyncio.all_tasks()
    async with leases.hold(0.02) as mine:
        for renewals in range(1, 6):
            leases.now += 0.015
            await _until(lambda renewals=renewals: leases.renewals >= renewals)  # type: ignore[misc]
        assert mine.is_held
    assert asyncio.all_tasks() == others


async def test_a_block_notices_that_its_lease_was_lost() -> None:
    """Once another holds it, ``is_held`` is false, and leaving the block does not end the other's lease."""
    leases = _Watched()
    async with leases.hold(0.02) as mine:
        assert await leases.release(Lease("nightly", mine.token, "a"))
        successor = await leases.acquire("nightly", holder="b", ttl_seconds=LONG_SECONDS)
        await _until(lambda: not mine.is_held)
    assert successor is not None
    assert successor.token > mine.token
    assert await leases.current("nightly") == successor


async def test_without_redis_a_lease_is_held_to_its_end_and_never_again() -> None:
    """The holder counts by its own clock, stops trusting the lease in time, and leaves its block without an error."""
    leases = _Watched()
    async with leases.hold(60.0) as mine:
        leases.is_down = True
        leases.now += 59.9
        assert mine.is_held
        leases.now += 0.2
        assert not mine.is_held
        mine.extend(leases.now + 60)
        assert not mine.is_held
