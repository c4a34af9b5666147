"""Everything that visitors ever did, from the archive and the event log, for training and evaluation."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec

from recommender.events import Event
from recommender.identifiers import fingerprint
from service.stores.archive import Archive
from service.stores.keys import Keyspace
from service.stores.log import EventLog


@dataclass(slots=True)
class HistoryCounts:
    """What was read; an entry that was archived and not yet trimmed is ``repeated``."""

    events: int = 0
    repeated: int = 0
    unreadable: int = 0


async def read_history(
    log: EventLog,
    keyspace: Keyspace,
    archive: Archive,
    *,
    counts: HistoryCounts,
    progress: Callable[[float], None] | None = None,
) -> AsyncIterator[tuple[str, Event]]:
    """Yield every event once with its visitor's id, partition by partition.

    Args:
        log: the event log.
        keyspace: its key space.
        archive: entries that have left the log.
        counts: filled while reading.
        progress: told the share of partitions read.

    Raises:
        StoreUnavailable: Redis did not answer.
        ArchiveError: a file of the archive cannot be read.
    """
    decode = msgspec.json.Decoder(Event).decode
    for partition in range(keyspace.partitions):
        archived: set[int] = set()
        for rows in archive.rows([partition]):
            for row in rows:
                event = _decoded(decode, row.json, counts)
                if event is not None and _is_new(archived, row.visitor_id, event, counts):
                    yield row.visitor_id, event
        async for page in log.entries(partition):
            for entry in page:
                event = _decoded(decode, entry.json, counts)
                # Only what was archived can be here again: the log itself holds an event once.
                if event is None or (archived and not _is_new(archived, entry.visitor_id, event, counts)):
                    continue
                counts.events += not archived
                yield entry.visitor_id, event
        if progress is not None:
            progress((partition + 1) / keyspace.partitions)


def _decoded(decode: Callable[[bytes], Event], json: bytes, counts: HistoryCounts) -> Event | None:
    try:
        return decode(json)
    except msgspec.MsgspecError:
        counts.unreadable += 1
        return None


def _is_new(seen: set[int], visitor_id: str, event: Event, counts: HistoryCounts) -> bool:
    print_ = fingerprint(visitor_id, event.event_id)
    if print_ in seen:
        counts.repeated += 1
        return False
    seen.add(print_)
    counts.events += 1
    return True
