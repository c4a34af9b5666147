"""What is left of the events: every entry of the log and of the archive, each once."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from recommender.events import Event
from service.stores.archive import Archive, LocalStorage
from service.stores.archive.reading import EntryKey
from service.stores.connection import connected
from service.stores.keys import Keyspace
from service.stores.log import EventLog

KEYSPACE: Final = Keyspace("kabin")
_PATIENCE_SECONDS: Final = 30.0
_COLUMNS: Final = ["visitor_id", "received_at", "partition", "log_id", "event"]


def events_found(redis_url: str, archive_folder: Path) -> Counter[tuple[str, str]]:
    """Return how many entries there are of each event, by visitor and event id.

    What is archived while this reads is seen in both places; as it has one log id, it counts once.
    """
    entries = asyncio.run(_logged(redis_url)) | archived(archive_folder)
    return Counter(zip((entry.visitor_id for entry in entries), _event_ids(entries), strict=True))


def event_ids_of(entries: Iterable[EntryKey]) -> set[str]:
    """Return the ids of the events in entries."""
    return set(_event_ids(entries))


def log_entries(redis_url: str) -> int:
    """Return how many entries wait for the archive."""
    return len(asyncio.run(_logged(redis_url)))


def archived(folder: Path) -> set[EntryKey]:
    """Return the entries of the archive in a data folder's ``archive``."""
    snapshot = Archive(LocalStorage(folder)).snapshot()
    found: set[EntryKey] = set()
    for batch in snapshot.batches(_COLUMNS):
        visitors, _, partitions, log_ids, events = (column.to_pylist() for column in batch.columns)
        found.update(map(EntryKey, partitions, log_ids, visitors, events))
    return found


def _event_ids(entries: Iterable[EntryKey]) -> Iterator[str]:
    decode = msgspec.json.Decoder(Event).decode
    return (decode(entry.event).event_id for entry in entries)


async def _logged(redis_url: str) -> set[EntryKey]:
    found: set[EntryKey] = set()
    async with connected(redis_url, timeout_seconds=_PATIENCE_SECONDS) as client:
        log = EventLog(client, KEYSPACE)
        for partition in range(KEYSPACE.partitions):
            async for page in log.entries(partition):
                found.update(
                    EntryKey(partition, entry.log_id, entry.visitor_id, entry.json.decode()) for entry in page
                )
    return found
