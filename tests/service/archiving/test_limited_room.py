"""An archiver takes no more memory and no more of a disk than its work needs."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from recommender.events import Event, EventName
from service.archiving.batches import LogReading
from service.stores.archive import ArchiveError, LocalStorage
from tests.archive_world import NOW, World


def _event(event_id: str) -> bytes:
    return msgspec.json.encode(Event(EventName.VIEW_ITEM, event_id, NOW, "browser"))


def test_large_events_are_written_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by the size of the events as well as by their number."""
    monkeypatch.setattr("service.archiving.batches.BYTES_A_BATCH", 1000)
    monkeypatch.setattr("service.archiving.batches.PAGE", 2)
    world = World()
    for number in range(6):
        world.log.append(0, "v", _event("e" * (1000 if number < 2 else 1)))
    reading = LogReading(world.log, world.keyspace.partitions, 100)

    async def sizes() -> list[int]:
        return [batch.size async for batch in reading.batches()]

    assert asyncio.run(sizes()) == [2, 4]


def test_what_did_not_fit_is_removed_again(tmp_path: Path) -> None:
    """Days that were written before the disk was full do not stay to fill it up, nor does what a failed commit has left."""

    class Full(LocalStorage):
        room = 1

        def create(self, name: str, data: bytes) -> None:
            if name.endswith("2.json") and not self.room:
                raise ArchiveError("no space left")
            super().create(name, data)

        @contextmanager
        def writing(self, name: str) -> Iterator[BinaryIO]:
            if name.endswith(".parquet"):
                if not self.room:
                    raise ArchiveError("no space left")
                self.room -= 1
            with super().writing(name) as file:
                yield file

    storage = Full(tmp_path)
    world = World(storage)
    world.arrive(4)
    archiver = world.archiver(rows_a_commit=100)
    for room in (1, 2):
        storage.room = room
        with pytest.raises(ArchiveError, match="no space left"):
            asyncio.run(archiver.drain(NOW))
        assert len(world.unlisted()) == (0 if room == 1 else 2)
    storage.room = 100
    asyncio.run(archiver.drain(NOW))
    assert world.unlisted() == set()
    assert set(world.archived()) == set(world.accepted)
