"""Recomputes visitors' states from every event they ever sent: the log in Redis and the archive.

States are computed by the functions that the live path uses, so parameters can change and a lost Redis can
return. Rebuilding is safe while the service runs: a state is installed only if its visitor's log has not moved
on meanwhile; otherwise the new entries are read and it is tried again.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from recommender.affinity import AffinityParameters
from recommender.events import Event
from recommender.visitor.codec import encode_orders, encode_ring, encode_state
from recommender.visitor.effects import effects_of
from recommender.visitor.ledger import VisitorLedger
from recommender.visitor.lines import CatalogLike
from recommender.visitor.state import second_of
from service.stores.archive import Archive
from service.stores.connection import Client, Script, StoreUnavailable, unavailable_on_error
from service.stores.keys import Keyspace
from service.stores.log import FIRST, EventLog
from service.stores.visitors import Lifetimes

_INSTALL_BATCH: Final = 100
_ATTEMPTS: Final = 100
_PARTITIONS_A_PASS: Final = 16
"""The archive is read once for so many partitions: more passes take time, fewer take memory."""

Progress = Callable[[int, int], None]
"""Is told how many entries have been read, and of how many."""


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did; ``repeated`` entries were an event already seen, ``unreadable`` ones no event at all."""

    visitors: int = 0
    events: int = 0
    repeated: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class _Story:
    """One visitor's events so far, and the three things about their arrival that a state or ring needs."""

    ledger: VisitorLedger = field(default_factory=VisitorLedger)
    last_seen: int = 0
    last_arrival: float = 0.0
    recent_events: int = 0


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
        self._install = Script("install")
        self._decode = msgspec.json.Decoder(Event).decode

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
        run = _Run(self, wanted, now, now - self._lifetimes.ring_seconds, progress)
        run.total = sum([await self._log.length(partition) for partition in partitions])
        if self._archive is not None:
            run.total += self._archive.count(partitions)
        for start in range(0, len(partitions), _PARTITIONS_A_PASS):
            await self._rebuild_partitions(partitions[start : start + _PARTITIONS_A_PASS], run)
        return run.rebuilt

    async def _rebuild_partitions(self, partitions: Sequence[int], run: "_Run") -> None:
        stories: dict[int, dict[str, _Story]] = {partition: {} for partition in partitions}
        if self._archive is not None:
            for rows in self._archive.rows(partitions):
                for visitor_id, received_at, json in rows:
                    run.take(stories[self._keyspace.partition_of(visitor_id)], visitor_id, received_at, json)
                run.tell(len(rows))
        for partition in partitions:
            found = stories.pop(partition)
            last_id = await self._read_log(partition, FIRST, found, run)
            remembered = {
                visitor_id: story for visitor_id, story in found.items() if self._life_of(story, run.now) > 0
            }
            await self._install_stories(partition, last_id, remembered, run)

    async def _read_log(self, partition: int, after: str, stories: dict[str, _Story], run: "_Run") -> str:
        """Take in the partition's entries after ``after``; return the last one's id."""
        async for page in self._log.entries(partition, after=after):
            for entry in page:
                run.take(stories, entry.visitor_id, entry.received_at, entry.json)
            run.tell(len(page))
            after = page[-1].log_id
        return after

    async def _install_stories(
        self, partition: int, last_id: str, stories: dict[str, _Story], run: "_Run"
    ) -> None:
        left = stories
        for _ in range(_ATTEMPTS):
            moved: list[str] = []
            for batch in _batches(tuple(left)):
                moved.extend(await self._install_batch(partition, last_id, batch, stories, run.now))
            run.rebuilt.visitors += len(left) - len(moved)
            if not moved:
                return
            left = {visitor_id: stories[visitor_id] for visitor_id in moved}
            last_id = await self._read_log(partition, last_id, left, run.only(left))
        raise StoreUnavailable(
            f"{len(left)} visitors of partition {partition} sent events faster than these were read"
        )

    async def _install_batch(
        self, partition: int, last_id: str, visitor_ids: Sequence[str], stories: dict[str, _Story], now: float
    ) -> list[str]:
        """Install a batch; return the visitors who have sent something newer than ``last_id``."""
        lifetimes = self._lifetimes
        keys = [self._keyspace.log(partition)]
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
            keys.extend(self._keyspace.of_visitor(visitor_id)[:3])
            arguments.append(visitor_id)
            arguments.append(self._life_of(story, now))
            arguments.append(encode_state(ledger.state(last_seen=seen, session_started=seen)))
            arguments.append(encode_ring(ring) if ring else b"")
            arguments.append(encode_orders(ledger.orders()))
        with unavailable_on_error():
            installed = await self._install.run(self._client, keys, arguments)
        return [
            visitor_id for visitor_id, flag in zip(visitor_ids, installed, strict=True) if flag == ord("0")
        ]

    def _life_of(self, story: _Story, now: float) -> int:
        """Return how many milliseconds a visitor's state has left; none or less if it is forgotten by now."""
        life = self._lifetimes.state_seconds
        return int(min(story.last_arrival + life - now, life) * 1000)

    def apply(self, story: _Story, received_at: float, json: bytes, recent_after: float) -> bool:
        """Take one entry into a visitor's story; return whether it was new.

        Raises:
            msgspec.MsgspecError: the entry is no event.
        """
        event = self._decode(json)
        if not story.ledger.apply(effects_of(event, self._catalog, self._parameters)):
            return False
        story.last_seen = max(story.last_seen, second_of(min(received_at, event.timestamp)))
        story.last_arrival = max(story.last_arrival, received_at)
        story.recent_events += received_at >= recent_after
        return True


class _Run:
    """What one rebuild looks for, and how far it has come."""

    def __init__(
        self,
        rebuilder: Rebuilder,
        wanted: Collection[str] | None,
        now: float,
        recent_after: float,
        progress: Progress | None,
    ) -> None:
        self._rebuilder = rebuilder
        self._wanted = wanted
        self.now = now
        self._recent_after = recent_after
        self._progress = progress
        self._read = 0
        self.total = 0
        self.rebuilt = Rebuilt()

    def only(self, visitor_ids: Collection[str]) -> "_Run":
        """Return the same run looking for fewer visitors, with the same counts and no progress to tell."""
        narrowed = _Run(self._rebuilder, visitor_ids, self.now, self._recent_after, None)
        narrowed.rebuilt = self.rebuilt
        return narrowed

    def take(self, stories: dict[str, _Story], visitor_id: str, received_at: float, json: bytes) -> None:
        """Take an entry into its visitor's story if it is one that is looked for."""
        if self._wanted is not None and visitor_id not in self._wanted:
            return
        story = stories.get(visitor_id) or _Story()
        try:
            is_new = self._rebuilder.apply(story, received_at, json, self._recent_after)
        except msgspec.MsgspecError:
            self.rebuilt.unreadable += 1
            return
        stories[visitor_id] = story
        if is_new:
            self.rebuilt.events += 1
        else:
            self.rebuilt.repeated += 1

    def tell(self, entries: int) -> None:
        """Count entries read and report."""
        self._read += entries
        if self._progress is not None:
            self._progress(self._read, max(self.total, self._read))


def _batches(visitor_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(visitor_ids), _INSTALL_BATCH):
        yield visitor_ids[start : start + _INSTALL_BATCH]
