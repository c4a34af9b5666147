"""Where stories come from: the event log and the archive, partition by partition."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from service.history.stories import Story, StoryReading
from service.history.transfers import LINK_NAMES, Part, Transfers
from service.stores.archive import Archive
from service.stores.keys import Keyspace
from service.stores.log import FIRST, EventLog, LogEntry, place_of


class StorySource:
    """Reads the entries of some partitions into stories.

    Args:
        log: the event log.
        keyspace: its key space.
        archive: entries that have left the log.
    """

    def __init__(self, log: EventLog, keyspace: Keyspace, archive: Archive | None) -> None:
        self._log = log
        self._keyspace = keyspace
        self._archive = archive

    def partitions_of(self, visitor_ids: Collection[str] | None) -> list[int]:
        """Return the partitions in which some visitors live; all of them, if it is not said whose."""
        if visitor_ids is None:
            return list(range(self._keyspace.partitions))
        return sorted({self._keyspace.partition_of(visitor_id) for visitor_id in visitor_ids})

    async def count(self, partitions: Sequence[int]) -> int:
        """Return the number of entries of some partitions, in log and archive."""
        archived = 0 if self._archive is None else self._archive.count(partitions)
        return archived + sum([await self._log.length(partition) for partition in partitions])

    async def note_links(self, partitions: Sequence[int], transfers: Transfers) -> None:
        """Find out who turned out to be whom, without which events cannot be told apart."""
        for partition in partitions:
            async for page in self._log.entries(partition):
                for entry in page:
                    transfers.note_entry(entry.visitor_id, entry.json)
        if self._archive is None:
            return
        rows = self._archive.rows(partitions, names=LINK_NAMES)
        while batch := await asyncio.to_thread(next, rows, None):
            for visitor_id, _, json in batch:
                transfers.note_entry(visitor_id, json)

    async def read(
        self, partitions: Sequence[int], run: StoryReading
    ) -> Mapping[int, tuple[dict[str, Story], str]]:
        """Return the stories of some partitions, and up to which id of the log each has everything.

        The log is read before the archive, so that what is moved in between is seen twice instead of not at all, and taken
        in after it: repetitions are recognised by the newest events, which have to come last.
        """
        stories: dict[int, dict[str, Story]] = {partition: {} for partition in partitions}
        logged = {partition: await self._logged(partition, FIRST) for partition in partitions}
        await self._take_archived(partitions, None, stories, run)
        read = {}
        for partition in partitions:
            entries, last_id = logged.pop(partition)
            run.take_logged(stories[partition], entries)
            read[partition] = stories[partition], last_id
        run.told()
        await self._take_missing(run)
        return read

    async def read_on(self, partition: int, after: str, stories: dict[str, Story], run: StoryReading) -> str:
        """Take in the partition's entries after ``after``, archived meanwhile or not; return the last one's id."""
        entries, last_id = await self._logged(partition, after)
        await self._take_archived([partition], place_of(after)[0] / 1000, {partition: stories}, run)
        run.take_logged(stories, entries)
        run.told()
        await self._take_missing(run)
        return last_id

    async def tell_parts(
        self, parts: Collection[Part], run: StoryReading, *, is_counted: bool = False
    ) -> None:
        """Work out what some parts of visitors' stories come to; what they are told from counts for the run if wished."""
        visitors = frozenset(part.visitor_id for part in parts)
        partitions = self.partitions_of(visitors)
        await self.note_links(partitions, run.transfers)
        await self.read(partitions, run.only(visitors, is_counted=is_counted))

    async def _take_missing(self, run: StoryReading) -> None:
        """Bring in the parts that arrived in a story while others were read, unless they were erased since."""
        missing, run.missing = run.missing, []
        if missing:
            await self.tell_parts([part for _, part, _ in missing], run)
        for story, part, arrived_at in missing:
            story.absorb(part, run.transfers.held_of(part), arrived_at)

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
