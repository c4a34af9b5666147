"""What a drain makes of events, and which archive it refuses to go on in."""

import asyncio
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from recommender.events import SECONDS_PER_DAY, Event, EventName
from service.archiving.archiver import RECORDED_SECONDS
from service.stores.archive import Archive, ArchiveError, ArchiveMismatch, LocalStorage, Manifests
from service.stores.archive.manifest import KEPT
from service.stores.erasures import Erased, visitor_hash
from service.stores.keys import Keyspace
from tests.archive_world import NOW, MemoryBinding, World


def _event(event_id: str, timestamp: float) -> bytes:
    return msgspec.json.encode(Event(EventName.VIEW_ITEM, event_id, timestamp, "browser"))


def test_late_events_land_in_their_own_day(tmp_path: Path) -> None:
    """A file holds the events of one UTC day, whenever they arrived, sorted by partition, with the name and time of each."""
    world = World(LocalStorage(tmp_path))
    for number in range(6):
        day = NOW - SECONDS_PER_DAY * (number % 3) * 10
        world.log.append(2 - number % 3, f"v{number}", _event(f"e{number}", day))
    asyncio.run(world.archiver(rows_a_commit=100).drain(NOW))
    assert world.archive().days() == ["2025-11-01", "2025-11-11", "2025-11-21"]
    tables = [pq.ParquetFile(path).read() for path in world.archive().files()]
    assert [table.num_rows for table in tables] == [2, 2, 2]
    (first, _) = tables[0].to_pylist()
    assert first.pop("event") == _event("e2", NOW - 20 * SECONDS_PER_DAY).decode()
    assert first == {
        "partition": 0,
        "log_id": "1763740800000-0",
        "visitor_id": "v2",
        "received_at": 1_763_740_800.0,
        "name": "view_item",
        "timestamp": NOW - 20 * SECONDS_PER_DAY,
    }


def test_what_cannot_be_read_is_archived_as_it_is() -> None:
    """An entry that is no event, no UTF-8, or of no year lands in the day of its arrival, once."""
    world = World()
    year_10000 = 253_402_300_800.0
    entries = [b"{broken", b"\xff\xfe", _event("far", 1e18), b'{"name": 3}', _event("next", year_10000)]
    for number, json in enumerate(entries):
        world.log.append(number % 3, "v", json)
    world.drain()
    world.log.restart(lost=world.log.trailing_trims, clock_ms=world.log.clock_ms)  # The trims are undone.
    world.drain()
    assert world.archive().days() == ["2025-11-21"]
    rows = [row.json for rows in world.archive().rows() for row in rows]
    assert sorted(rows) == sorted([entries[0], "\ufffd\ufffd".encode(), *entries[2:]])


def test_a_drain_tells_what_it_did() -> None:
    """Events, files and days are counted, and so is what had been archived before."""
    world = World()
    world.arrive(9)
    drained = asyncio.run(world.archiver(rows_a_commit=100).drain(NOW))
    assert (drained.events, drained.files, drained.repeated) == (9, 2, 0)
    assert drained.days == {"2025-11-20", "2025-11-21"}
    assert drained.size_bytes == sum(file.size_bytes for file in world.archive().snapshot().files) > 0
    world.log.restart(lost=world.log.trailing_trims, clock_ms=world.log.clock_ms)
    assert asyncio.run(world.archiver().drain(NOW)).repeated == 9


def test_old_manifests_go_and_nothing_they_alone_list_stays() -> None:
    """The newest manifests are kept for those who are reading, with every file that any of them lists."""
    world = World()
    for _ in range(KEPT + 5):
        world.arrive(1)
        world.drain()
    manifests = Manifests(world.storage)
    assert len(manifests.numbers()) == KEPT
    before = world.archive().snapshot()
    world.compact()
    assert len(world.archive().files()) == 2
    assert sum(len(rows) for rows in before.rows()) == KEPT + 5
    for _ in range(KEPT):
        world.arrive(1)
        world.drain()
    assert world.unlisted() == set()
    with pytest.raises(ArchiveError, match="if it was being compacted, do this again"):
        list(before.rows())


def test_erased_visitors_are_skipped_at_once_and_removed_by_compaction() -> None:
    """Readers skip what a visitor did before the erasure, compaction removes it, and what comes later is a new story."""
    world = World()
    world.arrive(10)
    world.drain()
    asyncio.run(world.erasures.erase("v1"))
    later = f"{int(NOW * 1000) + 1}-0"
    world.log.clock_ms = int(later.partition("-")[0])
    world.log.append(world.keyspace.partition_of("v1"), "v1", _event("new", NOW))
    assert world.archived().keys() == set(world.accepted) - {"e1", "e6"}
    world.drain()
    # A reader that knows nothing of Redis reads it in the manifest.
    assert {row.visitor_id for rows in Archive(world.storage).rows() for row in rows} == {
        f"v{n}" for n in range(5)
    }
    assert world.archived().keys() == {*world.accepted, "new"} - {"e1", "e6"}
    files = set(world.archive().files())
    world.compact()
    assert world.erasures.at == {visitor_hash("v1"): NOW}
    assert world.archived().keys() == {*world.accepted, "new"} - {"e1", "e6"}
    assert world.archive().count() == 9
    assert files.isdisjoint(name for name in world.storage.list() if name.endswith(".parquet"))
    manifest = world.archive().snapshot().manifest
    assert manifest is not None
    assert (manifest.erased, manifest.removed) == ({}, {visitor_hash("v1"): NOW})
    asyncio.run(world.archiver().compact(NOW + RECORDED_SECONDS))
    assert world.erasures.at == {}
    assert world.archive().snapshot().manifest == manifest


def test_a_redis_restored_from_before_an_erasure_does_not_bring_it_back() -> None:
    """Entries of an erased visitor that turn up again after compaction are left out, others are recognised."""
    world = World()
    world.arrive(5)
    world.drain()
    asyncio.run(world.erasures.erase("v1"))
    world.compact()
    world.log.restart(lost=world.log.trailing_trims, clock_ms=world.log.clock_ms)
    drained = asyncio.run(world.archiver(rows_a_commit=100).drain(NOW))
    assert (drained.events, drained.repeated, drained.erased) == (0, 4, 1)
    assert "e1" not in world.archived()


def test_an_erased_visitor_alone_in_a_day_takes_the_day_along() -> None:
    """A day of which nothing is left is a day no more."""
    world = World()
    world.log.append(0, "v", _event("e", NOW - SECONDS_PER_DAY))
    world.drain()
    assert world.archive().days() == ["2025-11-20"]
    asyncio.run(world.erasures.erase("v"))
    world.compact()
    assert (world.archive().days(), world.archive().files(), world.archive().count()) == ([], [], 0)


def test_rows_of_erased_visitors_are_skipped_by_arrival() -> None:
    """What arrived at the very moment of the erasure is erased, a millisecond later it is not."""
    world = World()
    for number in range(3):
        world.log.clock_ms += 1
        world.log.append(0, "v", _event(f"e{number}", NOW))
    world.drain()
    erased = Erased({visitor_hash("v"): (world.log.clock_ms - 1) / 1000})
    rows = [row for rows in Archive(world.storage, erased).rows() for row in rows]
    assert [msgspec.json.decode(row.json)["event_id"] for row in rows] == ["e2"]


def test_an_archive_of_another_redis_is_refused_until_it_is_adopted() -> None:
    """Two logs in one archive would be taken for one: which it is to be is a person's decision."""
    world = World()
    world.arrive(3)
    world.drain()
    world.binding.archive_id = "another"
    world.arrive(3)
    with pytest.raises(ArchiveMismatch, match=r"drained into another: .*kabin archive --adopt"):
        world.drain()
    assert world.waiting() == 3
    asyncio.run(world.archiver().adopt(NOW))
    world.drain()
    assert set(world.archived()) == set(world.accepted)


def test_an_archive_that_is_gone_is_not_begun_anew() -> None:
    """A disk that is not mounted looks like an empty archive; Redis remembers that there was one."""
    world = World()
    world.binding.archive_id = "gone"
    world.arrive(1)
    with pytest.raises(ArchiveMismatch, match="is its disk mounted"):
        world.drain()
    assert world.storage.list() == []
    asyncio.run(world.archiver().adopt(NOW))
    world.drain()
    assert set(world.archived()) == set(world.accepted)


def test_a_redis_that_knows_no_archive_goes_on_in_one_that_was_begun(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may have lost its data; it may also be another shop's by mistake, so it is said once."""
    world = World()
    world.arrive(3)
    world.drain()
    assert caplog.records == []
    world.binding.archive_id = None
    world.drain()
    world.drain()
    assert [record.getMessage().partition(", ")[2][:28] for record in caplog.records] == [
        "and this Redis knows of none"
    ]


def test_each_prefix_has_an_archive_of_its_own() -> None:
    """Shops that share a Redis and a data folder by mistake are told, and a prefix that was renamed can go on."""
    world = World()
    world.arrive(2)
    world.drain()
    world.keyspace = Keyspace("renamed", partitions=world.keyspace.partitions)
    world.binding = MemoryBinding()
    with pytest.raises(ArchiveMismatch, match="not 'renamed'"):
        world.drain()
    assert world.binding.archive_id is None
    asyncio.run(world.archiver().adopt(NOW))
    world.drain()
    world.keyspace = Keyspace("renamed", partitions=7)
    with pytest.raises(ArchiveMismatch, match="has 3 partitions, this Redis 7"):
        world.drain()


def test_files_that_lost_rows_are_not_compacted_away(tmp_path: Path) -> None:
    """Compaction replaces files only by what holds all of their rows; else they stay for a person to look at."""
    world = World(LocalStorage(tmp_path))
    world.arrive(2)
    world.drain()
    world.arrive(6)
    world.drain()
    victim = Path(world.archive().files()[-1])
    table = pq.ParquetFile(victim).read()
    pq.write_table(table.slice(1), victim)
    with pytest.raises(ArchiveError, match="do not hold the"):
        world.compact()
    assert victim.exists()


def test_a_manifest_of_a_newer_kabin_is_not_touched() -> None:
    """What this version does not understand it neither reads nor goes on from."""
    world = World()
    world.arrive(1)
    world.drain()
    newest = Manifests(world.storage).newest()
    assert newest is not None
    newer = msgspec.structs.replace(newest, format=2, number=newest.number + 1)
    world.storage.create(f"_manifest/{newer.number:08}.json", msgspec.json.encode(newer))
    with pytest.raises(ArchiveError, match="has format 2, this Kabin reads 1"):
        world.drain()
