"""The catalog in Redis, as those who change it see it: replace it, patch rows, remove an item.

A generation is one whole catalog: a hash of 1,024 tables of items and a hash that says which item a SKU belongs
to. A replacement uploads a new generation and then switches to it in one step; a patch rewrites the buckets it
touches and appends what changed to a short log, from which workers keep their replicas fresh
(:mod:`service.stores.catalog_source`). Everything is under one hash tag: a million SKUs are some 80 MB, and one
slot makes switching atomic, also on a Cluster.

Writers take turns (:mod:`service.stores.catalog_turns`), so two never interleave, and one that lost its turn
cannot write. No write is ever repeated on its own: after an error that leaves the outcome open, sending the same
feed or patch again is safe, because both say what is to be, not what to add.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from recommender.catalog.buckets import BUCKETS
from recommender.catalog.feed import FeedReader
from recommender.catalog.patching import Outcome
from recommender.catalog.rows import RowError, RowPatch
from recommender.catalog.staging import Staging
from service.stores.catalog_steps import (
    Buckets,
    Drafted,
    Homes,
    Reports,
    buckets_of,
    buckets_of_item,
    build,
    coalesced,
    count_missing,
    draft,
    encoded_index,
    homes_in,
    staged,
    steps,
    touched_buckets,
)
from service.stores.catalog_turns import CatalogBusy, WriterTurns
from service.stores.connection import Client, Script, unavailable_on_error
from service.stores.keys import CatalogKeys, Keyspace

MAX_SHRINKAGE: Final = 0.3
LOG_LENGTH: Final = 512
"""Steps the change log keeps; a worker further behind loads everything."""
_BUCKETS_AT_ONCE: Final = 16
"""Buckets read or written in one command: 1 MB of a million SKUs, so that other commands wait 1 ms at most."""
_OLD_GENERATION_MS: Final = 60_000
_UPLOAD_MS: Final = 3_600_000
"""How long what a writer uploaded stays if it dies before the switch."""


class CatalogShrinks(Exception):  # noqa: N818 - what happened, like StoreUnavailable
    """A replacement would drop over 30 % of the SKUs and was not forced; nothing was changed."""


class CatalogChange(NamedTuple):
    """What became of a feed, a patch or a removal.

    ``accepted`` and ``rejected_count`` count lines, ``removed`` SKUs that are gone. ``rejected`` and
    ``warnings`` (rows kept without a field) hold the first thousand reports. ``items`` and ``skus`` are what the
    catalog has at ``version``.
    """

    accepted: int
    removed: int
    rejected_count: int
    rejected: list[RowError]
    warning_count: int
    warnings: list[RowError]
    version: int
    items: int
    skus: int


class CatalogStore(Protocol):
    """What changes the catalog; every method may raise StoreUnavailable, or CatalogBusy while others write."""

    async def replace(self, feed: BinaryIO, *, name: str = "", force: bool = False) -> CatalogChange:
        """Make a feed the catalog; what it does not list is gone. Known items keep their ``first_seen``.

        Args:
            feed: the feed's bytes, read once, in another thread.
            name: its file name; see :class:`recommender.catalog.feed.FeedReader`.
            force: also if over 30 % of the SKUs would go.

        Raises:
            FeedError: the feed is empty or unreadable, or no row of it is good.
            CatalogShrinks: over 30 % of the SKUs would go.
        """
        ...

    async def patch(self, feed: BinaryIO, *, name: str = "") -> CatalogChange:
        """Add rows and change the fields that rows of known SKUs name.

        Long patches are applied in steps of a thousand rows, each of them whole.

        Raises:
            FeedError: the feed is empty or unreadable.
        """
        ...

    async def remove(self, id_: str) -> CatalogChange:
        """Remove an item with all its SKUs, or one SKU; ``removed`` is 0 if neither is known."""
        ...


class _Meta(NamedTuple):
    generation: str | None
    version: int
    items: int
    skus: int


class RedisCatalogStore:
    """A :class:`CatalogStore` in Redis or a Cluster.

    Args:
        client: must not retry; commands of a large catalog carry 1 MB, so allow them some seconds.
        keyspace: whose prefix the keys take.
        default_currency: for prices that name none.
        timezone: for dates that name none.
        patience_seconds: how long a writer waits for others.
        impatient: of the same server, to take turns with, so that whoever begins while Redis is silent is told soon. The
            same client by default.
        clock: Unix seconds.
    """

    def __init__(
        self,
        client: Client,
        keyspace: Keyspace,
        *,
        default_currency: str | None = None,
        timezone: tzinfo = UTC,
        patience_seconds: float = 30.0,
        impatient: "Client | None" = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._keys = CatalogKeys(keyspace)
        self._default_currency = default_currency
        self._timezone = timezone
        self._clock = clock
        self._turns = WriterTurns(impatient or client, self._keys, patience_seconds=patience_seconds)
        self._commit_script = Script("catalog_commit")
        self._replace_script = Script("catalog_replace")
        self._upload_script = Script("catalog_upload")

    def _reader(self, feed: BinaryIO, name: str, *, partial: bool) -> FeedReader:
        return FeedReader(
            feed, name=name, default_currency=self._default_currency, timezone=self._timezone, partial=partial
        )

    async def _read(self, key: str, buckets: Sequence[int]) -> dict[int, bytes]:
        """Return the stored bytes of buckets that exist."""
        found: dict[int, bytes] = {}
        for start in range(0, len(buckets), _BUCKETS_AT_ONCE):
            some = buckets[start : start + _BUCKETS_AT_ONCE]
            with unavailable_on_error():
                stored = await self._client.execute_command("HMGET", key, *some)
            found |= {bucket: data for bucket, data in zip(some, stored, strict=True) if data is not None}
        return found

    async def _meta(self) -> _Meta:
        with unavailable_on_error():
            fields = await self._client.execute_command(
                "HMGET", self._keys.meta, "generation", "version", "items", "skus"
            )
        generation = None if fields[0] is None else bytes(fields[0]).decode()
        return _Meta(generation, *(int(field or 0) for field in fields[1:]))

    # --- replacing --------------------------------------------------------------------------------------------

    async def replace(self, feed: BinaryIO, *, name: str = "", force: bool = False) -> CatalogChange:
        """See :meth:`CatalogStore.replace`."""
        reports = Reports()
        staging = await asyncio.to_thread(staged, self._reader(feed, name, partial=False), reports)
        async with self._turns.turn() as token:
            before = await self._meta()
            _refuse_shrinking(before, len(staging), force=force)
            generation = secrets.token_hex(8)
            items, old_sku_keys = await self._upload_items(staging, before.generation, generation)
            await self._upload_index(staging, generation)
            version = await self._switch(token, before.generation, generation, items, len(staging))
        removed = await asyncio.to_thread(count_missing, old_sku_keys, staging)
        return _answer(reports, len(staging), removed, _Meta(generation, version, items, len(staging)))

    async def _upload_items(
        self, staging: Staging, before: str | None, generation: str
    ) -> tuple[int, list[npt.NDArray[np.uint64]]]:
        """Store the tables of a new generation; return the number of items and the old generation's SKU keys."""
        items = 0
        old_sku_keys: list[npt.NDArray[np.uint64]] = []
        now = self._clock()
        for start in range(0, BUCKETS, _BUCKETS_AT_ONCE):
            some = range(start, start + _BUCKETS_AT_ONCE)
            old = await self._read(self._keys.items(before), some) if before else {}
            memory = await self._read(self._keys.memory, some)
            built = await asyncio.to_thread(build, staging, some, old, memory, now)
            items += built.items
            old_sku_keys += built.old_sku_keys
            await self._upload(self._keys.items(generation), built.segments)
            await self._remember(built.memory)
        return items, old_sku_keys

    async def _upload_index(self, staging: Staging, generation: str) -> None:
        encoded = await asyncio.to_thread(encoded_index, staging)
        for start in range(0, BUCKETS, _BUCKETS_AT_ONCE):
            some = {bucket: encoded[bucket] for bucket in range(start, start + _BUCKETS_AT_ONCE)}
            some = {bucket: data for bucket, data in some.items() if data}
            await self._upload(self._keys.index(generation), some)

    async def _upload(self, key: str, buckets: dict[int, bytes]) -> None:
        if buckets:
            arguments: list[bytes | int] = [part for bucket in buckets.items() for part in bucket]
            with unavailable_on_error():
                await self._upload_script.run(self._client, [key], [_UPLOAD_MS, *arguments])

    async def _remember(self, memory: dict[int, bytes]) -> None:
        if memory:
            arguments: list[bytes | int] = [part for bucket in memory.items() for part in bucket]
            with unavailable_on_error():
                await self._client.execute_command("HSET", self._keys.memory, *arguments)

    async def _switch(self, token: str, before: str | None, generation: str, items: int, skus: int) -> int:
        old = before or "none"
        keys = [self._keys.meta, self._keys.writer, self._keys.changes]
        keys += [self._keys.items(generation), self._keys.index(generation)]
        keys += [self._keys.items(old), self._keys.index(old)]
        arguments: list[str | bytes | int] = [token, generation, repr(self._clock()), items, skus]
        with unavailable_on_error():
            return _version(
                await self._replace_script.run(self._client, keys, [*arguments, _OLD_GENERATION_MS])
            )

    # --- patching and removing --------------------------------------------------------------------------------

    async def patch(self, feed: BinaryIO, *, name: str = "") -> CatalogChange:
        """See :meth:`CatalogStore.patch`."""
        reports = Reports()
        patches = await asyncio.to_thread(coalesced, self._reader(feed, name, partial=True), reports)
        accepted = 0
        async with self._turns.turn() as token:
            meta = await self._meta()
            homes = await self._homes([patch.id for patch in patches], meta)
            for step in await asyncio.to_thread(steps, patches, homes):
                outcome, meta = await self._change(token, meta, step, homes)
                accepted += outcome.accepted
                for report in outcome.reports:
                    reports.add(report)
        return _answer(reports, accepted, 0, meta)

    async def remove(self, id_: str) -> CatalogChange:
        """See :meth:`CatalogStore.remove`."""
        async with self._turns.turn() as token:
            before = await self._meta()
            homes = await self._homes([id_], before)
            _, meta = await self._change(token, before, id_, homes)
        return _answer(Reports(), 0, before.skus - meta.skus, meta)

    async def _homes(self, sku_ids: Sequence[str], meta: _Meta) -> Homes:
        """Return, for each SKU id, the keys of the items that may have it."""
        if meta.generation is None:
            return {id_: [] for id_ in sku_ids}
        buckets = await asyncio.to_thread(buckets_of, sku_ids)
        index = await self._read(self._keys.index(meta.generation), buckets)
        return await asyncio.to_thread(homes_in, index, sku_ids)

    async def _change(
        self, token: str, meta: _Meta, change: Sequence[RowPatch] | str, homes: Homes
    ) -> tuple[Outcome, _Meta]:
        """Carry out one step: patches, or the removal of an id."""
        generation = meta.generation or secrets.token_hex(8)
        item_buckets, sku_buckets = await asyncio.to_thread(touched_buckets, change, homes)
        items = await self._read(self._keys.items(generation), item_buckets)
        memory = await self._read(self._keys.memory, item_buckets)
        if isinstance(change, str):  # an item takes all its SKUs with it
            sku_buckets = sorted({*sku_buckets, *await asyncio.to_thread(buckets_of_item, items, change)})
        index = await self._read(self._keys.index(generation), sku_buckets)
        read = Buckets(item_buckets, items, memory, sku_buckets, index)
        drafted = await asyncio.to_thread(draft, read, change, self._clock())
        if drafted.step is None:
            return drafted.outcome, meta
        version = await self._commit(token, generation, drafted)
        outcome = drafted.outcome
        items_now, skus_now = meta.items + outcome.items_added, meta.skus + outcome.skus_added
        return outcome, _Meta(generation, version, items_now, skus_now)

    async def _commit(self, token: str, generation: str, drafted: Drafted) -> int:
        keys = [self._keys.meta, self._keys.writer, self._keys.changes]
        keys += [self._keys.items(generation), self._keys.index(generation), self._keys.memory]
        outcome = drafted.outcome
        arguments: list[Any] = [
            token,
            generation,
            repr(self._clock()),
            outcome.items_added,
            outcome.skus_added,
        ]
        arguments += [drafted.step, LOG_LENGTH, *map(len, drafted.groups)]
        arguments += [part for group in drafted.groups for bucket in group.items() for part in bucket]
        with unavailable_on_error():
            return _version(await self._commit_script.run(self._client, keys, arguments))


def _refuse_shrinking(before: _Meta, skus: int, *, force: bool) -> None:
    if not force and skus < before.skus * (1 - MAX_SHRINKAGE):
        raise CatalogShrinks(
            f"the feed has {skus:,} good rows, the catalog {before.skus:,}: a feed cut short would empty the shop; "
            "send it with force=1 if it is meant"
        )


def _answer(reports: Reports, accepted: int, removed: int, meta: _Meta) -> CatalogChange:
    return CatalogChange(
        accepted,
        removed,
        reports.rejected_count,
        reports.rejected,
        reports.warning_count,
        reports.warnings,
        meta.version,
        meta.items,
        meta.skus,
    )


def _version(answer: int) -> int:
    """Return the new version that a script answered, or say why it refused."""
    if answer < 0:
        raise CatalogBusy("another writer took over meanwhile: nothing was written, send it again")
    return int(answer)
