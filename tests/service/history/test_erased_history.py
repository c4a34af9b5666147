"""What becomes of a visitor's archived events once they are erased in Redis."""

import asyncio
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from recommender.events import Event, EventItem, EventName
from service.archiving import Archiver
from service.archiving.archiver import RECORDED_SECONDS
from service.history.history import HistoryCounts, read_history
from service.history.rebuild import Rebuilder
from service.stores.archive import Archive, open_storage
from service.stores.archive.binding import ArchiveBinding
from service.stores.connection import Client
from service.stores.erasures import Erased, Erasure, RedisErasures
from service.stores.keys import Keyspace
from service.stores.leases import MemoryLeases
from service.stores.log import EventLog
from service.stores.log_drain import LogDrain
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from tests.visitor_events import PARAMETERS, SHOP, START, effect

pytestmark = pytest.mark.anyio

_numbers = count()


class Shop:
    """A shop with an archive, whose partitions are few so that little has to be read."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.keyspace = Keyspace(f"erased-{next(_numbers)}", partitions=4)
        self.log = EventLog(client, self.keyspace)
        self.erasures = RedisErasures(client, self.keyspace)
        self.storage = open_storage(folder)
        self.archiver = Archiver(
            LogDrain(client, self.keyspace),
            self.keyspace,
            Archive(self.storage),
            self.erasures,
            leases=MemoryLeases(),
            binding=ArchiveBinding(client, self.keyspace),
            holder="a test",
        )
        self.visitors = RedisVisitorStore(ClientScripts(client), self.keyspace)
        self._client = client

    async def visit(self, visitor_id: str, event_id: str) -> None:
        """Let a visitor look at something."""
        event = Event(EventName.VIEW_ITEM, event_id, START, "browser", (EventItem(f"i{len(event_id)}-10"),))
        await self.visitors.apply(visitor_id, [effect(event)], now=START)

    async def rebuild(self, kind: type[Rebuilder] = Rebuilder) -> None:
        """Recompute everybody's state."""
        archive = Archive(self.storage)
        rebuilder = kind(self._client, self.keyspace, catalog=SHOP, parameters=PARAMETERS, archive=archive)
        await rebuilder.rebuild(now=START)

    async def history(self) -> list[tuple[str, str]]:
        """Return everything that training would read: visitors and events."""
        archive = Archive(self.storage, Erased(await self.erasures.all()))
        read = read_history(self.log, self.keyspace, archive, counts=HistoryCounts())
        return sorted([(visitor_id, event.event_id) async for visitor_id, event in read])

    def archived(self) -> list[tuple[str, str]]:
        """Return what readers without Redis find in the archive."""
        return [(row.visitor_id, row.json.decode()) for rows in Archive(self.storage).rows() for row in rows]


@pytest.fixture
async def shop(client: Client, tmp_path: Path) -> Shop:
    """A shop that Anna and Bert have visited, once before the archive was last drained and once since."""
    shop = Shop(client, tmp_path)
    for visitor_id in ("anna", "bert"):
        await shop.visit(visitor_id, f"{visitor_id}-1")
    await shop.archiver.drain(START)
    for visitor_id in ("anna", "bert"):
        await shop.visit(visitor_id, f"{visitor_id}-2")
    return shop


async def test_training_reads_nothing_of_an_erased_visitor(shop: Shop) -> None:
    """From that moment on, whether or not the archive has heard of it, and nothing of what came afterwards is missed."""
    await shop.erasures.erase("anna")
    assert await shop.history() == [("bert", "bert-1"), ("bert", "bert-2")]
    await shop.visit("anna", "anna-3")
    await shop.archiver.drain(START)
    assert await shop.history() == [("anna", "anna-3"), ("bert", "bert-1"), ("bert", "bert-2")]


async def test_compaction_removes_an_erased_visitor_for_good(shop: Shop) -> None:
    """Then the record is no longer needed, and is forgotten; a later erasure is a new one."""
    await shop.erasures.erase("anna")
    await shop.visit("anna", "anna-3")
    await shop.archiver.drain(START)
    await shop.archiver.compact(time.time() + RECORDED_SECONDS + 60)
    assert await shop.erasures.all() == {}
    assert sorted({visitor_id for visitor_id, _ in shop.archived()}) == ["anna", "bert"]
    assert [event_id for visitor_id, event_id in await shop.history() if visitor_id == "anna"] == ["anna-3"]
    assert not any("anna-1" in json or "anna-2" in json for _, json in shop.archived())
    await shop.erasures.erase("anna")
    await shop.archiver.compact(START)
    assert {visitor_id for visitor_id, _ in shop.archived()} == {"bert"}


async def test_events_that_were_being_archived_while_their_visitor_was_erased_are_skipped(shop: Shop) -> None:
    """Erasing does not wait for the archiver, so it may have read them already: the record covers them all the same."""
    drained, _ = await asyncio.gather(shop.archiver.drain(START), shop.erasures.erase("anna"))
    assert drained.events in {1, 2}
    assert await shop.history() == [("bert", "bert-1"), ("bert", "bert-2")]
    await shop.archiver.compact(START)
    assert {visitor_id for visitor_id, _ in shop.archived()} == {"bert"}


async def test_a_rebuild_brings_no_erased_visitor_back(shop: Shop) -> None:
    """Neither from the archive, which may not have heard of it, nor with what came since."""
    await shop.erasures.erase("anna")
    await shop.rebuild()
    assert not (await shop.visitors.read("anna")).is_known
    await shop.visit("anna", "anna's third")
    before = await shop.visitors.read("anna")
    await shop.rebuild()
    assert await shop.visitors.read("anna") == before
    assert (await shop.visitors.read("bert")).is_known


@pytest.mark.parametrize("comes_back", [False, True])
async def test_a_visitor_who_is_erased_during_a_rebuild_stays_erased(shop: Shop, comes_back: bool) -> None:
    """What had been read of them is not installed, though compaction is done with them, new story or not."""

    class Interrupted(Rebuilder):
        async def _install_batch(self, *arguments: Any) -> list[str]:
            if not erased:
                erased.append(await shop.erasures.erase("anna"))
                await shop.archiver.compact(START)
                if comes_back:
                    await shop.visit("anna", "anna's third")
            return await super()._install_batch(*arguments)

    erased: list[Erasure] = []
    await shop.rebuild(Interrupted)
    state = await shop.visitors.read("anna")
    assert state.is_known is comes_back
    assert len(state.recently_viewed) == int(comes_back)
    assert len((await shop.visitors.read("bert")).recently_viewed) == 1
