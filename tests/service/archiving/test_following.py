"""Draining again and again: what passes is waited for, what does not is raised."""

import asyncio

import pytest

from service.archiving import Drained, follow
from service.archiving.following import FILES_BETWEEN_COMPACTIONS
from service.stores.archive import ArchiveError, ArchiveMismatch
from service.stores.connection import StoreUnavailable
from service.stores.leases import LeaseTaken, MemoryLeases
from tests.archive_world import NOW, World

pytestmark = pytest.mark.anyio


class Told:
    """An archiver whose drains go as told; the last one sets the event."""

    def __init__(self, *outcomes: Exception | Drained) -> None:
        self._outcomes = list(outcomes)
        self.stop = asyncio.Event()
        self.compactions = 0

    async def drain(self, _now: float) -> Drained:
        """Do what is next."""
        outcome = self._outcomes.pop(0)
        if not self._outcomes:
            self.stop.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def compact(self, _now: float) -> None:
        """Count it."""
        self.compactions += 1


async def _follow(archiver: Told) -> list[Drained]:
    told: list[Drained] = []
    await follow(
        archiver,  # type: ignore[arg-type]  # has what is called
        interval_seconds=0.001,
        stop=archiver.stop,
        clock=lambda: NOW,
        report=told.append,
    )
    return told


async def test_what_passes_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """Redis away, the storage away, another archiver's turn: logged where somebody should know, and gone on."""
    drained = Drained(events=3)
    passing = [StoreUnavailable("Redis: away"), ArchiveError("archive: full"), LeaseTaken("archive", "other")]
    assert await _follow(Told(*passing, drained)) == [drained]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


async def test_many_small_files_are_compacted() -> None:
    """A service that nobody trains nightly does not end with a million files."""
    archiver = Told(*[Drained(files=FILES_BETWEEN_COMPACTIONS // 2)] * 5)
    await _follow(archiver)
    assert archiver.compactions == 2


async def test_another_archive_is_a_persons_decision() -> None:
    """Following ends if the log belongs to another archive."""
    with pytest.raises(ArchiveMismatch):
        await _follow(Told(ArchiveMismatch("archive x is y"), Drained()))


async def test_archivers_take_turns() -> None:
    """While one holds the lease another waits as long as it has patience, and then says who is at it."""
    world = World()
    leases = MemoryLeases()
    await leases.acquire("archive", holder="the other", ttl_seconds=0.3)
    archiver = world.archiver()
    archiver._leases = leases
    with pytest.raises(LeaseTaken, match="the other"):
        await archiver.drain(NOW)
    archiver._patience_seconds = 60
    world.arrive(1)
    assert (await archiver.drain(NOW)).events == 1
