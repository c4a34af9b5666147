"""Recomputes visitors' states from every event they ever sent: the log in Redis and the archive.

States are computed by the functions that the live path uses, so parameters can change and a lost Redis can
return. Rebuilding is safe while the service runs: a state is installed only if its visitor's log has not moved
on meanwhile; otherwise the new entries are read and it is tried again.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from recommender.affinity import AffinityParameters
from recommender.events import Event
from recommender.visitor.codec import encode_orders, encode_ring, encode_state
from recommender.visitor.effects import Effects, effects_of
from recommender.visitor.lines import CatalogLike
from service.history.stories import Progress, Rebuilt, Story, StoryReading
from service.history.story_source import StorySource
from service.history.transfers import Transfers
from service.identity.identification import Identification
from service.stores.archive import Archive, passes
from service.stores.connection import Client, Script, StoreUnavailable, unavailable_on_error
from service.stores.erasures import Erased, RedisErasures, visitor_hash
from service.stores.identifications import RedisIdentifications, Transfer
from service.stores.keys import Keyspace
from service.stores.log import EventLog
from service.stores.script_runners import ClientScripts
from service.stores.visitors import Lifetimes

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
        self._source = StorySource(EventLog(client, keyspace), keyspace, archive)
        self._erasures = RedisErasures(client, keyspace)
        self._identifications = RedisIdentifications(ClientScripts(client), keyspace, lifetimes)
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
        source, transfers = self._source, Transfers()
        partitions = source.partitions_of(wanted)
        await source.note_links(partitions, transfers)
        merging = frozenset(transfers.merged) if wanted is None else wanted.intersection(transfers.merged)
        run = StoryReading(
            self._effects_of,
            wanted,
            Erased(await self._erasures.all()),
            transfers=transfers,
            left_out=merging,
            now=now,
            recent_after=now - self._lifetimes.ring_seconds,
            progress=progress,
        )
        run.total = await source.count(partitions)
        for several in passes(partitions, run.total):
            await self._rebuild_partitions(several, run)
        if wanted is not None:
            parts = [part for name in merging for part in transfers.merged[name]]
            untold = [part for part in parts if not transfers.knows(part)]
            await source.tell_parts(untold, run, is_counted=True)
        await self._rebuild_merging(merging, run)
        if wanted is None:
            await self._finish(transfers, now)
        return run.rebuilt

    async def _rebuild_merging(self, customers: Collection[str], run: StoryReading) -> None:
        """Rebuild the customers who took in visitors, of whose stories it is known what they come to."""
        partitions = self._source.partitions_of(customers)
        for several in passes(partitions, await self._source.count(partitions)) if customers else ():
            await self._rebuild_partitions(several, run.only(customers, in_order=True))
        for customer in customers:
            await self._identifications.note_merged(customer, run.transfers.merged[customer])

    async def _finish(self, transfers: Transfers, now: float) -> None:
        """Bring to their customers the parts that never arrived: the transfer may have been lost with Redis."""
        identification = Identification(self._identifications)
        for part, customer in transfers.unfinished().items():
            held = transfers.held_of(part)
            is_forgotten = part.until_ms / 1000 + self._lifetimes.state_seconds <= now
            if not held.is_empty and not is_forgotten:
                await identification.finish(
                    Transfer(part.visitor_id, customer, part.until_ms, held, is_new=False)
                )
                await self._identifications.withdraw(customer, part.visitor_id)

    async def _rebuild_partitions(self, partitions: Sequence[int], run: StoryReading) -> None:
        for partition, (found, last_id) in (await self._source.read(partitions, run)).items():
            remembered = {
                visitor_id: story for visitor_id, story in found.items() if self._life_of(story, run.now) > 0
            }
            await self._install_stories(partition, last_id, remembered, run)

    async def _install_stories(
        self, partition: int, last_id: str, stories: dict[str, Story], run: StoryReading
    ) -> None:
        left = stories
        for _ in range(_ATTEMPTS):
            moved: list[str] = []
            for batch in _batches(tuple(left)):
                moved.extend(await self._install_batch(partition, last_id, batch, left, run))
            run.rebuilt.visitors += len(left) - len(moved)
            if not moved:
                return
            left = {visitor_id: left[visitor_id] for visitor_id in moved}
            last_id = await self._source.read_on(partition, last_id, left, run.only(moved))
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
        lifetimes = self._lifetimes
        life = lifetimes.state_seconds if story.has_returned else lifetimes.first_visit_seconds
        return int(min(story.last_arrival + life - now, life) * 1000)


def _batches(visitor_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(visitor_ids), _INSTALL_BATCH):
        yield visitor_ids[start : start + _INSTALL_BATCH]
