"""Leases: one process among all machines does a job, and what it writes can be told from a former holder's.

A lease has a holder, an end, and a *token* that is greater than that of every earlier holder of the same name. A holder
may be paused past its end without noticing; whatever it then writes carries a lower token than its successor's, so
the place that is written to can refuse it (fencing, as Kleppmann describes it in "How to do distributed locking").
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple, Protocol

from service.stores.connection import Client, Script, StoreUnavailable, unavailable_on_error
from service.stores.keys import Keyspace

TTL_SECONDS: Final = 60.0
_RENEWALS_A_TTL: Final = 4
"""So that three failures in a row still leave a try before the lease ends."""


class LeaseTaken(Exception):  # noqa: N818 - what happened, like StoreUnavailable
    """Somebody else holds the lease.

    Attributes:
        holder: who, in their own words.
    """

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(f"the lease {name!r} is held by {holder}")
        self.holder = holder


class Lease(NamedTuple):
    """A lease as it was given out; ``token`` is at most 2⁵³."""

    name: str
    token: int
    holder: str


class LeaseStore(Protocol):
    """What keeps leases; every method raises :class:`StoreUnavailable` if it cannot be asked."""

    async def acquire(self, name: str, *, holder: str, ttl_seconds: float) -> Lease | None:
        """Take a lease that nobody holds; ``None`` if it is taken, by whomever.

        Args:
            name: of the job, in small letters and dashes.
            holder: what others are told of who holds it, such as host and process.
            ttl_seconds: after which it ends by itself.
        """
        ...

    async def renew(self, lease: Lease, *, ttl_seconds: float) -> bool:
        """Let a lease end ``ttl_seconds`` from now; return whether it was still held."""
        ...

    async def release(self, lease: Lease) -> bool:
        """End a lease; return whether it was still held."""
        ...

    async def current(self, name: str) -> Lease | None:
        """Return the lease that is held, if any."""
        ...


class RedisLeases:
    """A :class:`LeaseStore` in Redis or a Cluster, by Redis' clock alone."""

    def __init__(self, client: Client, keyspace: Keyspace) -> None:
        self._client = client
        self._keyspace = keyspace
        self._acquire = Script("lease_acquire")
        self._renew = Script("lease_renew")

    async def acquire(self, name: str, *, holder: str, ttl_seconds: float) -> Lease | None:
        """See :meth:`LeaseStore.acquire`."""
        keys = self._keyspace.of_lease(name)
        with unavailable_on_error():
            token = await self._acquire.run(self._client, keys, [holder, _milliseconds(ttl_seconds)])
        return None if token is None else Lease(name, int(token), holder)

    async def renew(self, lease: Lease, *, ttl_seconds: float) -> bool:
        """See :meth:`LeaseStore.renew`."""
        return await self._live_on(lease, _milliseconds(ttl_seconds))

    async def release(self, lease: Lease) -> bool:
        """See :meth:`LeaseStore.release`."""
        return await self._live_on(lease, 0)

    async def current(self, name: str) -> Lease | None:
        """See :meth:`LeaseStore.current`."""
        with unavailable_on_error():
            stored = await self._client.execute_command("GET", self._keyspace.of_lease(name).lease)
        if stored is None:
            return None
        token, _, holder = bytes(stored).decode().partition(" ")
        return Lease(name, int(token), holder)

    async def _live_on(self, lease: Lease, ttl_ms: int) -> bool:
        keys = [self._keyspace.of_lease(lease.name).lease]
        with unavailable_on_error():
            was_held = await self._renew.run(self._client, keys, [f"{lease.token} {lease.holder}", ttl_ms])
        return bool(was_held)


class MemoryLeases:
    """A :class:`LeaseStore` within one process.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens: dict[str, int] = {}
        self._held: dict[str, tuple[Lease, float]] = {}

    async def acquire(self, name: str, *, holder: str, ttl_seconds: float) -> Lease | None:
        """See :meth:`LeaseStore.acquire`."""
        ttl_ms = _milliseconds(ttl_seconds)
        Keyspace().of_lease(name)
        if await self.current(name) is not None:
            return None
        self._tokens[name] = self._tokens.get(name, 0) + 1
        lease = Lease(name, self._tokens[name], holder)
        self._held[name] = lease, self._clock() + ttl_ms / 1000
        return lease

    async def renew(self, lease: Lease, *, ttl_seconds: float) -> bool:
        """See :meth:`LeaseStore.renew`."""
        ttl_ms = _milliseconds(ttl_seconds)
        if await self.current(lease.name) != lease:
            return False
        self._held[lease.name] = lease, self._clock() + ttl_ms / 1000
        return True

    async def release(self, lease: Lease) -> bool:
        """See :meth:`LeaseStore.release`."""
        if await self.current(lease.name) != lease:
            return False
        del self._held[lease.name]
        return True

    async def current(self, name: str) -> Lease | None:
        """See :meth:`LeaseStore.current`."""
        lease, ends_at = self._held.get(name, (None, -math.inf))
        return lease if self._clock() < ends_at else None


class HeldLease:
    """A lease within the block of :func:`held`; once lost, it stays lost.

    Attributes:
        token: to be shown wherever the holder writes.
    """

    def __init__(self, lease: Lease, ends_at: float, clock: Callable[[], float]) -> None:
        self.token = lease.token
        self._ends_at = ends_at
        self._clock = clock
        self._is_lost = False

    @property
    def is_held(self) -> bool:
        """Whether nobody else can hold the lease now, as far as this process's clock can tell."""
        self._is_lost = self._is_lost or self._clock() >= self._ends_at
        return not self._is_lost

    def extend(self, ends_at: float) -> None:
        """Note a renewal; it does not bring back what was lost."""
        self._ends_at = ends_at

    def lose(self) -> None:
        """Note that the lease is over."""
        self._is_lost = True


@asynccontextmanager
async def held(
    leases: LeaseStore,
    name: str,
    *,
    holder: str,
    ttl_seconds: float = TTL_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[HeldLease]:
    """Hold a lease for the length of a ``with`` block, renewing it in the background.

    The block is not interrupted when the lease is lost: before anything that only its holder may do, it looks at
    ``is_held``, and shows ``token`` where that is compared. It must leave the event loop free (long work in a thread):
    otherwise nothing is renewed.

    Args:
        leases: where the lease is kept.
        name: of the job.
        holder: what others are told.
        ttl_seconds: how long others wait for a holder that died.
        clock: seconds that only grow.

    Raises:
        LeaseTaken: somebody else holds it.
        StoreUnavailable: it cannot be asked for.
    """
    asked_at = clock()
    lease = await _acquired(leases, name, holder, ttl_seconds)
    mine = HeldLease(lease, asked_at + ttl_seconds, clock)
    renewing = asyncio.create_task(_renew(leases, lease, mine, ttl_seconds, clock), name=f"lease {name}")
    try:
        yield mine
    finally:
        mine.lose()
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        with suppress(StoreUnavailable):  # It ends by itself.
            await leases.release(lease)


async def _acquired(leases: LeaseStore, name: str, holder: str, ttl_seconds: float) -> Lease:
    while True:
        lease = await leases.acquire(name, holder=holder, ttl_seconds=ttl_seconds)
        if lease is not None:
            return lease
        other = await leases.current(name)
        if other is not None:  # Else it has ended between the two questions.
            raise LeaseTaken(name, other.holder)


async def _renew(
    leases: LeaseStore, lease: Lease, mine: HeldLease, ttl_seconds: float, clock: Callable[[], float]
) -> None:
    while mine.is_held:
        await asyncio.sleep(ttl_seconds / _RENEWALS_A_TTL)
        asked_at = clock()
        with suppress(StoreUnavailable):
            if not await leases.renew(lease, ttl_seconds=ttl_seconds):
                mine.lose()
            mine.extend(asked_at + ttl_seconds)


def _milliseconds(ttl_seconds: float) -> int:
    ttl_ms = round(ttl_seconds * 1000)
    if ttl_ms < 1:
        raise ValueError(f"a lease of {ttl_seconds:g} s: must be at least a millisecond")
    return ttl_ms
