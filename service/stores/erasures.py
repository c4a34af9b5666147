"""Erasures: forgetting a visitor in Redis, and remembering who asked for it for those who read what left it before.

Deleting what Redis holds of a visitor cannot reach the archive's files. So an erasure is also *recorded*, by a hash of
the visitor's id: readers of the archive skip what the visitor did up to then, compaction removes it, and the record
can then be forgotten. Its time is Redis' clock, as every log entry's is, so the two compare exactly.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Protocol

from service.stores.connection import Client, Script, unavailable_on_error
from service.stores.keys import IdentityKeys, Keyspace

_PAGE: Final = 250
"""Log entries looked at in one command: 0.2 ms of the server's time, and 2 ms of this process's."""


def visitor_hash(visitor_id: str) -> str:
    """Return what stands for a visitor in records of erasures: 128 bits of BLAKE2b in hexadecimal.

    It does not tell an id that was drawn at random, as browsers' are; one that can be guessed can be recognised.
    """
    return blake2b(visitor_id.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Erased:
    """Which entries readers skip.

    Attributes:
        at: Unix seconds of the erasure by :func:`visitor_hash`.
        expired_before: Unix seconds; what arrived earlier is skipped whoever did it, as its time is over.
    """

    at: Mapping[str, float] = field(default_factory=dict)
    expired_before: float = 0.0

    def __bool__(self) -> bool:
        """Return whether anything may be skipped."""
        return bool(self.at) or self.expired_before > 0.0

    def covers(self, visitor_id: str, received_at: float) -> bool:
        """Return whether an entry that arrived at ``received_at`` (Unix seconds) has been erased, or is too old."""
        if received_at < self.expired_before:
            return True
        erased_at = self.at.get(visitor_hash(visitor_id)) if self.at else None
        return erased_at is not None and received_at <= erased_at

    def with_more(self, at: Mapping[str, float]) -> "Erased":
        """Return these erasures and others; of two of one visitor the later."""
        later = {name: max(when, self.at.get(name, when)) for name, when in at.items()}
        return Erased({**self.at, **later}, self.expired_before)


class Erasure(NamedTuple):
    """One erasure: when (Unix seconds by Redis' clock), and what was deleted."""

    at: float
    events: int
    was_known: bool


class Erasures(Protocol):
    """What erases visitors and remembers it; every method raises StoreUnavailable if it cannot be done."""

    async def erase(self, visitor_id: str) -> Erasure:
        """Delete a visitor's state, ring, orders and log entries, and record it; all or nothing, any number of times.

        Of a customer, what visitors did until they became this customer is deleted and recorded first. Where one of them
        became another customer before, with the same id, that customer loses it too when states are rebuilt.
        What arrives afterwards starts a new story that the record does not cover.
        """
        ...

    async def all(self) -> Mapping[str, float]:
        """Return the recorded erasures: Unix seconds by :func:`visitor_hash`."""
        ...

    async def forget(self, done: Mapping[str, float]) -> None:
        """Drop records as :meth:`all` returned them, once nothing they cover exists; one renewed since then stays."""
        ...


class RedisErasures:
    """:class:`Erasures` in Redis or a Cluster, recorded beside the visitor, so one script does it all."""

    def __init__(self, client: Client, keyspace: Keyspace) -> None:
        self._client = client
        self._keyspace = keyspace
        self._erase = Script("erase")
        self._erase_merged = Script("erase_merged")
        self._forget = Script("erasures_forget")

    async def erase(self, visitor_id: str) -> Erasure:
        """See :meth:`Erasures.erase`."""
        partition = self._keyspace.partition_of(visitor_id)
        identity = self._keyspace.of_identity(visitor_id)
        keys = [*self._keyspace.of_visitor(visitor_id), self._keyspace.erasures(partition), *identity]
        with unavailable_on_error():
            merged_events = 0
            for name, until_ms in (await self._merged_into(visitor_id, identity)).items():
                merged_events += await self._erase_until(name, until_ms, visitor_id)
            log_ids, last = await self._entries_of(visitor_id, self._keyspace.log(partition))
            arguments: list[str | bytes | int] = [visitor_id, visitor_hash(visitor_id), last, *log_ids]
            at_ms, events, states = await self._erase.run(self._client, keys, arguments)
        return Erasure(int(at_ms) / 1000, merged_events + int(events), bool(states))

    async def all(self) -> Mapping[str, float]:
        """See :meth:`Erasures.all`."""
        return {name: int(at) / 1000 async for _, records in self._records() for name, at in records.items()}

    async def forget(self, done: Mapping[str, float]) -> None:
        """See :meth:`Erasures.forget`."""
        async for key, records in self._records():
            over = {name: at for name, at in records.items() if done.get(name) == int(at) / 1000}
            if over:
                with unavailable_on_error():
                    await self._forget.run(
                        self._client, [key], [part for pair in over.items() for part in pair]
                    )

    async def _merged_into(self, customer: str, identity: IdentityKeys) -> Mapping[str, int]:
        """Return who became a customer, and until which millisecond of their log their events are the customer's."""
        stored: Any = await self._client.hgetall(identity.merged)
        until_ms = {name.decode(): int(at) for name, at in stored.items()}
        announced: Any = await self._client.hkeys(identity.announced)
        for name in (visitor.decode() for visitor in announced):
            at, to = await self._client.hmget(self._keyspace.of_identity(name).transfer, ["at", "customer"])
            if at is not None and to == customer.encode():
                until_ms[name] = int(at)
        return until_ms

    async def _erase_until(self, visitor_id: str, until_ms: int, customer: str) -> int:
        """Erase what a visitor did before they became a customer; return the number of deleted log entries."""
        partition = self._keyspace.partition_of(visitor_id)
        log = self._keyspace.log(partition)
        keys = [log, self._keyspace.erasures(partition), self._keyspace.of_identity(visitor_id).transfer]
        log_ids, _ = await self._entries_of(visitor_id, log, until=str(until_ms))
        arguments: list[str | bytes | int] = [visitor_hash(visitor_id), until_ms, customer, *log_ids]
        return int(await self._erase_merged.run(self._client, keys, arguments))

    async def _entries_of(
        self, visitor_id: str, log: str, *, until: str = "+"
    ) -> tuple[Sequence[bytes], bytes]:
        """Return the ids of a visitor's log entries, and that of the last entry looked at.

        A whole partition in one script would hold up every page: some 20 ms of the server's time at 20,000 entries.
        """
        mine: list[bytes] = []
        last = b"0-0"
        name = visitor_id.encode()
        while True:
            page: Any = await self._client.xrange(log, min=b"(" + last, max=until, count=_PAGE)
            mine += [log_id for log_id, fields in page if fields.get(b"v") == name]
            if page:
                last = page[-1][0]
            if len(page) < _PAGE:
                return mine, last

    async def _records(self) -> AsyncIterator[tuple[str, dict[str, str]]]:
        for partition in range(self._keyspace.partitions):
            key = self._keyspace.erasures(partition)
            with unavailable_on_error():
                stored: Any = await self._client.hgetall(key)
            yield key, {name.decode(): at.decode() for name, at in stored.items()}
