"""Recomputes visitors' states from every event they ever sent: the log in Redis and the archive.

States are computed by the functions that the live path uses, so parameters can change and a lost Redis can
return. Rebuilding is safe while the service runs: a state is installed only if its visitor's log has not moved
on meanwhile; otherwise the new entries are read and it is tried again.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from recommender.affinity import AffinityParameters
from recommender.events import Event
from recommender.visitor.codec import encode_orders, encode_ring, encode_state
from recommender.visitor.effects import Effects, effects_of
from recommender.visitor.lines import CatalogLike
from service.stores.archive import Archive, passes
from service.stores.connection import Client, Script, StoreUnavailable, unavailable_on_error
from service.stores.erasures import Erased, RedisErasures, visitor_hash
from service.stores.keys import Keyspace
from service.stores.log import FIRST, EventLog, LogEntry, place_of
from service.stores.visitors import Lifetimes
from service.stories import Progress, Rebuilt, Story, StoryReading

_INSTALL_BATCH: Final = 100
_ATTEMPTS: Final = 100


class Rebuilder:
    """Rebuilds the states of one key space.

    Args:
        client: with a timeout of seconds, not of a request's milliseconds.
        keyspace: where the visitors are.
        catalog: resolves items as it does for live events.
        parameters: of the affinity sums.
        lifetimes: how long what is installed lives; a state from its visitor's last event, as it does live.
        archive: entries that have left the log.
    """

    def __init__(
        self,
        client: Client,
        keyspace: Keyspace,
        *,
        catalog: CatalogLike,
        parameters: AffinityParameters,
        lifetimes: Lifetimes | None = None,
        archive: Archive | None = None,
    ) -> None:
        self._client = client
        self._keyspace = keyspace
        self._catalog = catalog
        self._parameters = parameters
        self._lifetimes = lifetimes or Lifetimes()
        self._archive = archive
        self._log = EventLog(client, keyspace)
        self._erasures = RedisErasures(client, keyspace)
        self._install = Script("install")

    async def rebuild(
        self, visitor_ids: Collection[str] | None = None, *, now: float, progress: Progress | None = None
    ) -> Rebuilt:
        """Recompute and install the states of some visitors, or of all who ever sent an event.

        Args:
            visitor_ids: whose; everybody's if not given. The log is read by partition, so a few visitors cost
                as much as their partitions.
            now: Unix seconds; decides which repetitions are recent enough to guard against, and whose last event
                arrived so long ago that they are forgotten already and stay so.
            progress: called for each page read.

        Raises:
            StoreUnavailable: Redis did not carry it out; what was installed until then is sound.
            ArchiveError: a file of the archive cannot be read.
        """
        wanted = None if visitor_ids is None else frozenset(visitor_ids)
        partitions = sorted(
            range(self._keyspace.partitions)
            if wanted is None
            else {self._keyspace.partition_of(visitor_id) for visitor_id in wanted}
        )
        erased = Erased(await self._erasures.all())
        recent_after = now - self._lifetimes.ring_seconds
        run = StoryReading(
            self._effects_of, wanted, erased, now=now, recent_after=recent_after, progress=progress
        )
        run.total = sum([await self._log.length(partition) for partition in partitions])
        if self._archive is not None:
            run.total += self._archive.count(partitions)
        for several in passes(partitions, run.total):
            await self._rebuild_partitions(several, run)
        return run.rebuilt

    async def _rebuild_partitions(self, partitions: Sequence[int], run: StoryReading) -> None:
        stories: dict[int, dict[str, Story]] = {partition: {} for partition in partitions}
        # The log is read before the archive, so that what is moved in between is seen twice instead of not at all, and
        # taken in after it: repetitions are recognised by the newest events, which have to come last.
        logged = {partition: await self._logged(partition, FIRST) for partition in partitions}
        await self._take_archived(partitions, None, stories, run)
        for partition in partitions:
            found, (entries, last_id) = stories.pop(partition), logged.pop(partition)
            run.take_logged(found, entries)
            remembered = {
                visitor_id: story for visitor_id, story in found.items() if self._life_of(story, run.now) > 0
            }
            await self._install_stories(partition, last_id, remembered, run)

    async def _logged(self, partition: int, after: str) -> tuple[list[LogEntry], str]:
        """Return the partition's entries after ``after``, and up to which id they and the archive have everything."""
        entries = [entry async for page in self._log.entries(partition, after=after) for entry in page]
        archived_through = await self._log.archived_through(partition)
        return entries, max(after, archived_through, entries[-1].log_id if entries else FIRST, key=place_of)

    async def _take_archived(
        self,
        partitions: Sequence[int],
        since: float | None,
        stories: Mapping[int, dict[str, Story]],
        run: StoryReading,
    ) -> None:
        if self._archive is None:
            return
        rows = self._archive.rows(partitions, since=since)
        while batch := await asyncio.to_thread(next, rows, None):
            for visitor_id, received_at, json in batch:
                run.take(stories[self._keyspace.partition_of(visitor_id)], visitor_id, received_at, json)
            run.tell(len(batch))

    async def _read_on(self, partition: int, after: str, stories: dict[str, Story], run: StoryReading) -> str:
        """Take in the partition's entries after ``after``, archived meanwhile or not; return the last one's id."""
        entries, last_id = await self._logged(partition, after)
        await self._take_archived([partition], place_of(after)[0] / 1000, {partition: stories}, run)
        run.take_logged(stories, entries)
        return last_id

    async def _install_stories(
        self, partition: int, last_id: str, stories: dict[str, Story], run: StoryReading
    ) -> None:
        left = stories
        for _ in range(_ATTEMPTS):
            moved: list[str] = []
            for batch in _batches(tuple(left)):
                moved.extend(await self._install_batch(partition, last_id, batch, stories, run))
            run.rebuilt.visitors += len(left) - len(moved)
            if not moved:
                return
            left = {visitor_id: stories[visitor_id] for visitor_id in moved}
            last_id = await self._read_on(partition, last_id, left, run.only(left))
        raise StoreUnavailable(
            f"{len(left)} visitors of partition {partition} sent events faster than these were read"
        )

    async def _install_batch(
        self,
        partition: int,
        last_id: str,
        visitor_ids: Sequence[str],
        stories: dict[str, Story],
        run: StoryReading,
    ) -> list[str]:
        """Install a batch; return the visitors who have sent something newer than ``last_id``."""
        lifetimes, keyspace = self._lifetimes, self._keyspace
        keys = [keyspace.log(partition), keyspace.archived(partition), keyspace.erasures(partition)]
        arguments: list[str | bytes | int] = [
            last_id,
            lifetimes.ring_seconds * 1000,
            lifetimes.orders_seconds * 1000,
        ]
        for visitor_id in visitor_ids:
            story = stories[visitor_id]
            ledger = story.ledger
            ring = ledger.ring(story.recent_events)
            seen = story.last_seen
            keys.extend(keyspace.of_visitor(visitor_id)[:3])
            arguments.append(visitor_id)
            arguments.append(self._life_of(story, run.now))
            arguments.append(encode_state(ledger.state(last_seen=seen, session_started=seen)))
            arguments.append(encode_ring(ring) if ring else b"")
            arguments.append(encode_orders(ledger.orders()))
            name = visitor_hash(visitor_id)
            erased_at = run.erased.at.get(name)
            arguments.append(name)
            arguments.append("" if erased_at is None else round(erased_at * 1000))
        with unavailable_on_error():
            installed = await self._install.run(self._client, keys, arguments)
        return [
            visitor_id for visitor_id, flag in zip(visitor_ids, installed, strict=True) if flag == ord("0")
        ]

    def _effects_of(self, event: Event) -> Effects:
        return effects_of(event, self._catalog, self._parameters)

    def _life_of(self, story: Story, now: float) -> int:
        """Return how many milliseconds a visitor's state has left; none or less if it is forgotten by now."""
        life = self._lifetimes.state_seconds
        return int(min(story.last_arrival + life - now, life) * 1000)


def _batches(visitor_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(visitor_ids), _INSTALL_BATCH):
        yield visitor_ids[start : start + _INSTALL_BATCH]
