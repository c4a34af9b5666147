"""How long events stay: what is too old is read by nobody, and deleted by the next compaction."""

from pathlib import Path

import pytest

from recommender.events import SECONDS_PER_DAY
from service.archiving.compaction import Compacted, Compaction
from service.stores.archive import Archive, LocalStorage, Manifests, expired_before
from service.stores.erasures import Erased, visitor_hash
from tests.archive_world import NOW, World

TODAY = NOW // SECONDS_PER_DAY * SECONDS_PER_DAY
"""Midnight before the world's events."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world with an archive of eight events that arrived today and of four, of the same days, that arrive tomorrow."""
    world = World(LocalStorage(tmp_path))
    world.arrive(8)
    world.drain()
    world.log.clock_ms += round(SECONDS_PER_DAY * 1000)
    world.arrive(4)
    world.drain()
    return world


def compact(world: World, *, retention_days: int, now: float) -> Compacted:
    """Compact the world's archive."""
    newest = Manifests(world.storage).newest()
    assert newest is not None
    return Compaction(world.storage, retention_days=retention_days).run(newest, now)


@pytest.mark.parametrize(("days", "before"), [(1, -1), (21, -21), (730, -730)])
def test_days_are_counted_back_from_today(days: int, before: int) -> None:
    """As many whole UTC days before today stay as the setting says, at whatever time of the day it is asked."""
    for now in (TODAY, NOW, TODAY + SECONDS_PER_DAY - 1):
        assert expired_before(now, days) == TODAY + before * SECONDS_PER_DAY


def test_nothing_expires_unless_it_is_wanted(world: World) -> None:
    """With 0 days events stay for ever; a retention beyond 1970 is none."""
    assert expired_before(NOW, 0) == expired_before(NOW, 36_500) == 0
    assert compact(world, retention_days=0, now=NOW + 10_000 * SECONDS_PER_DAY).expired == 0
    assert Archive(world.storage).count() == 12


def test_what_is_too_old_is_read_by_nobody(world: World) -> None:
    """Rows are left out one by one, and files of nothing else altogether, before anything is deleted."""
    archive = Archive(world.storage, Erased(expired_before=TODAY + SECONDS_PER_DAY))
    assert sum(len(rows) for rows in archive.rows()) == archive.count() == archive.count(range(3)) == 4
    assert len(archive.files()) < len(Archive(world.storage).files())
    assert Archive(world.storage, Erased(expired_before=TODAY + 9 * SECONDS_PER_DAY)).days() == []
    later = Erased(expired_before=5.0).with_more({"anybody": 1.0})
    assert later.covers("anna", 4.9)
    assert not later.covers("anna", 5.0)


def test_compaction_deletes_what_is_too_old(world: World, tmp_path: Path) -> None:
    """Their bytes are gone from the disk at once; what arrived later stays, though it happened on the same day."""
    newest = Manifests(world.storage).newest()
    assert newest is not None
    old = [file.name for file in newest.all_files if file.first_ms / 1000 < TODAY + SECONDS_PER_DAY]
    two_days_on = NOW + 2 * SECONDS_PER_DAY
    assert compact(world, retention_days=2, now=two_days_on).expired == 0
    compacted = compact(world, retention_days=1, now=two_days_on)
    assert (compacted.expired, compacted.erased) == (8, 0)
    assert sum(len(rows) for rows in Archive(world.storage).rows()) == 4
    assert old
    assert not [name for name in old if (tmp_path / name).exists()]
    assert len(Manifests(world.storage).numbers()) == 1
    assert compact(world, retention_days=1, now=two_days_on) == Compacted()


def test_erased_visitors_are_told_apart_from_what_is_too_old(world: World) -> None:
    """Both go in one rewriting, and each event is counted once."""
    world.erasures.at[visitor_hash("v0")] = NOW + 3 * SECONDS_PER_DAY
    world.drain()
    compacted = compact(world, retention_days=1, now=NOW + 2 * SECONDS_PER_DAY)
    left = [row.visitor_id for rows in Archive(world.storage).rows() for row in rows]
    assert "v0" not in left
    assert compacted.expired == 8
    assert compacted.expired + compacted.erased + len(left) == 12


def test_an_archive_may_outlive_all_of_its_events(world: World) -> None:
    """A shop that sells nothing any more holds nothing; what comes then is archived as ever."""
    assert compact(world, retention_days=30, now=NOW + 100 * SECONDS_PER_DAY).expired == 12
    assert Archive(world.storage).count() == 0
    world.arrive(1)
    world.drain()
    assert Archive(world.storage).count() == 1
