"""The catalog in Redis, as a worker's replica reads it: its version, the steps since one, or all of it."""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple, Protocol

import msgspec

from recommender.catalog.buckets import Step
from recommender.catalog.table import TableError
from service.stores.connection import (
    Client,
    StoreUnavailable,
    drop_idle_connections,
    unavailable_on_error,
)
from service.stores.keys import CatalogKeys, Keyspace

_BUCKETS_AT_ONCE: Final = 16
_STEPS_AT_ONCE: Final = 50


class CatalogState(NamedTuple):
    """Which catalog is stored: ``generation`` is ``None`` if there is none, ``version`` grows with every change."""

    generation: str | None
    version: int
    items: int
    skus: int


class VersionedStep(NamedTuple):
    """A step of the change log and the version it leads to."""

    version: int
    step: Step


class CatalogSource(Protocol):
    """What a replica reads; every method may raise StoreUnavailable."""

    async def state(self) -> CatalogState:
        """Return which catalog is stored."""
        ...

    async def steps_after(self, version: int) -> list[VersionedStep] | None:
        """Return the next steps after a version (some of them if there are many), ``None`` if the log lost one."""
        ...

    def segments(self, generation: str) -> AsyncIterator[list[bytes]]:
        """Yield a generation's encoded tables, some at a time; they may contain later steps.

        Nothing is yielded if the generation is gone; one that goes while it is read is a TableError.
        """
        ...


class RedisCatalogSource:
    """A :class:`CatalogSource` in Redis or a Cluster.

    Args:
        client: with the patience that a megabyte of catalog needs.
        keyspace: of the shop.
        impatient: of the same server, to look for changes with: with the other's patience a connection that has gone
            silent would keep a replica stale for half a minute. The same client by default.
    """

    def __init__(self, client: Client, keyspace: Keyspace, *, impatient: "Client | None" = None) -> None:
        self._client = client
        self._impatient = impatient or client
        self._keys = CatalogKeys(keyspace)
        self._decoder = msgspec.msgpack.Decoder(Step)

    async def state(self) -> CatalogState:
        """See :meth:`CatalogSource.state`."""
        try:
            with unavailable_on_error():
                fields = await self._impatient.execute_command(
                    "HMGET", self._keys.meta, "generation", "version", "items", "skus"
                )
        except StoreUnavailable:
            # Whatever silenced this connection will have silenced the idle ones, which nobody should wait for.
            await drop_idle_connections(self._client)
            raise
        generation = None if fields[0] is None else bytes(fields[0]).decode()
        return CatalogState(generation, *(int(field or 0) for field in fields[1:]))

    async def steps_after(self, version: int) -> list[VersionedStep] | None:
        """See :meth:`CatalogSource.steps_after`."""
        with unavailable_on_error():
            entries = await self._client.execute_command(
                "XRANGE", self._keys.changes, f"{version + 1}-0", "+", "COUNT", _STEPS_AT_ONCE
            )
        steps = []
        for expected, (entry_id, fields) in enumerate(entries, version + 1):
            if int(bytes(entry_id).split(b"-")[0]) != expected:
                return None
            try:
                steps.append(VersionedStep(expected, self._decoder.decode(fields[b"step"])))
            except (msgspec.MsgspecError, KeyError) as error:
                raise TableError(f"step {expected} of the catalog's log is damaged ({error})") from error
        return steps or None

    async def segments(self, generation: str) -> AsyncIterator[list[bytes]]:
        """See :meth:`CatalogSource.segments`."""
        key = self._keys.items(generation)
        with unavailable_on_error():
            fields = await self._client.execute_command("HKEYS", key)
        buckets = sorted(int(field) for field in fields)
        for start in range(0, len(buckets), _BUCKETS_AT_ONCE):
            with unavailable_on_error():
                stored = await self._client.execute_command(
                    "HMGET", key, *buckets[start : start + _BUCKETS_AT_ONCE]
                )
            yield [data for data in stored if data is not None]
        with unavailable_on_error():
            if buckets and not await self._client.execute_command("EXISTS", key):
                raise TableError("the catalog was replaced while it was read")
