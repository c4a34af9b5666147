"""Rebuilding customers: visitors' events until they were recognised are part of the customer's story."""

import asyncio
import time
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from recommender.events import Event, EventItem, EventName
from recommender.visitor.ledger import ledger_of
from service.archiving import Archiver
from service.history.exposed_visitors import exposed_visitors
from service.history.history import HistoryCounts, read_history
from service.history.rebuild import Rebuilder
from service.identity.customers import CustomerIds
from service.identity.identification import Identification
from service.stores.archive import Archive, open_storage
from service.stores.archive.binding import ArchiveBinding
from service.stores.connection import Client, connected
from service.stores.erasures import Erased, RedisErasures
from service.stores.identifications import RedisIdentifications
from service.stores.keys import Keyspace
from service.stores.leases import MemoryLeases
from service.stores.log import EventLog
from service.stores.log_drain import LogDrain
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from tests.visitor_events import PARAMETERS, SHOP, START, effect, events

pytestmark = pytest.mark.anyio

_customers = CustomerIds("a key of these tests")
CARL, DORA = (_customers.visitor_id_of(name) for name in ("carl", "dora"))
VISITORS = ("anna", "bert")
EVERYBODY = (*VISITORS, CARL, DORA)
_numbers = count()


class Shop:
    """A shop in Redis with an archive, whose partitions are few so that little has to be read."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.keyspace = Keyspace(f"customers-{next(_numbers)}", partitions=3)
        self.client = client
        scripts = ClientScripts(client)
        self.visitors = RedisVisitorStore(scripts, self.keyspace)
        self.store = RedisIdentifications(scripts, self.keyspace)
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

    async def visit(self, visitor_id: str, *happened: Event) -> None:
        """Let a visitor do something."""
        await self.visitors.apply(visitor_id, [effect(event) for event in happened], now=START)

    async def identify(self, visitor_id: str, customer: str = CARL) -> bool:
        """Let a visitor sign in."""
        return await Identification(self.store).identify(visitor_id, customer, now=START)

    async def rebuild(self, *visitor_ids: str) -> int:
        """Recompute states; return of how many visitors."""
        archive = Archive(self.storage, Erased(await self.erasures.all()))
        rebuilder = Rebuilder(
            self.client, self.keyspace, catalog=SHOP, parameters=PARAMETERS, archive=archive
        )
        return (await rebuilder.rebuild(visitor_ids or None, now=time.time())).visitors

    async def forget(self) -> None:
        """Lose everything but the log and what is archived."""
        for visitor_id in EVERYBODY:
            for key in (
                *self.keyspace.of_visitor(visitor_id)[:3],
                *self.keyspace.of_identity(visitor_id),
            ):
                await self.client.execute_command("DEL", key)

    async def stored(self) -> dict[str, Any]:
        """Return everybody's state without what events do not tell (up to byte 14), ring and orders as sets."""
        held = {}
        for visitor_id in EVERYBODY:
            state, ring, orders = [
                await self.client.execute_command("GET", key) or b""
                for key in self.keyspace.of_visitor(visitor_id)[:3]
            ]
            prints = [ring[start : start + 8] for start in range(0, len(ring), 8)]
            split = sorted(orders[start : start + 50] for start in range(0, len(orders), 50))
            held[visitor_id] = state[14:], {*prints}, split, await self.store.merged_visitors(visitor_id)
        return held


_NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""Each step is a script in Redis or a file in the archive: shrinking would take minutes."""

_visits = st.tuples(st.sampled_from(EVERYBODY), st.lists(events(), min_size=1, max_size=3))
_sign_ins = st.tuples(st.sampled_from(VISITORS), st.sampled_from((CARL, DORA)))
_archivings = st.just(("archive", ""))


def _check_rebuilding(valkey_url: str, steps: list[tuple[str, Any]]) -> None:
    async def run(folder: Path) -> None:
        async with connected(valkey_url, timeout_seconds=20) as client:
            shop = Shop(client, folder)
            for who, what in steps:
                if who == "archive":
                    await shop.archiver.drain(time.time())
                elif isinstance(what, str):
                    await shop.identify(who, what)
                else:
                    await shop.visit(who, *what)
            before = await shop.stored()
            await shop.rebuild()
            assert await shop.stored() == before
            await shop.forget()
            await shop.rebuild()
            assert await shop.stored() == before
            await shop.forget()
            await shop.rebuild(*EVERYBODY)
            assert await shop.stored() == before

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


@given(st.lists(st.one_of(_visits, _visits, _sign_ins), min_size=4, max_size=14))
@settings(max_examples=3, phases=_NO_SHRINKING)
def test_whatever_was_merged_comes_back_as_it_was(valkey_url: str, steps: list[tuple[str, Any]]) -> None:
    """States, rings, orders and who became whom, after any visits and sign-ins; of everybody, and of those asked for."""
    _check_rebuilding(valkey_url, steps)


@pytest.mark.slow
@given(st.lists(st.one_of(_visits, _visits, _sign_ins, _archivings), min_size=6, max_size=14))
@settings(max_examples=4, phases=_NO_SHRINKING)
def test_it_comes_back_from_the_archive_too(valkey_url: str, steps: list[tuple[str, Any]]) -> None:
    """Which has events under the day when they happened, whenever they arrived."""
    _check_rebuilding(valkey_url, steps)


def _view(number: int) -> Event:
    return Event(EventName.VIEW_ITEM, f"view-{number}", START, "browser", (EventItem(f"i{number}-8"),))


async def _viewed(shop: Shop, visitor_id: str) -> int:
    return len((await shop.visitors.read(visitor_id)).recently_viewed)


async def test_a_transfer_that_was_lost_with_redis_is_finished(client: Client, tmp_path: Path) -> None:
    """The log says that the visitor was recognised, and nothing that it arrived: now it does, once."""
    shop = Shop(client, tmp_path)
    await shop.visit("anna", _view(1))
    await shop.visit(CARL, _view(2))
    assert await shop.store.claim("anna", CARL) is not None
    await shop.forget()
    for _ in range(2):
        await shop.rebuild()
        assert (await _viewed(shop, CARL), await _viewed(shop, "anna")) == (2, 0)
    assert set(await shop.store.merged_visitors(CARL)) == {"anna"}


async def test_a_transfer_under_way_is_finished_and_not_doubled(client: Client, tmp_path: Path) -> None:
    """It is still in Redis: the rebuild brings it to its end, and the next sign-in finds nothing left to do."""
    shop = Shop(client, tmp_path)
    await shop.visit("anna", _view(1))
    assert await shop.store.claim("anna", CARL) is not None
    await shop.rebuild()
    held = (await shop.visitors.read(CARL)).affinity
    assert held == ledger_of([effect(_view(1))[1]]).state().affinity
    assert not await shop.identify("anna")
    assert (await shop.visitors.read(CARL)).affinity == held


async def test_an_erased_customer_stays_erased(client: Client, tmp_path: Path) -> None:
    """Also what visitors did before they were recognised, in log and archive; what they do afterwards stays theirs."""
    shop = Shop(client, tmp_path)
    await shop.visit("anna", _view(1))
    await shop.identify("anna")
    await shop.archiver.drain(time.time())
    await shop.visit("anna", _view(2))
    await shop.visit(CARL, _view(3))
    await shop.erasures.erase(CARL)
    await shop.rebuild()
    assert (await _viewed(shop, CARL), await _viewed(shop, "anna")) == (0, 1)
    await shop.forget()
    await shop.rebuild()
    assert (await _viewed(shop, CARL), await _viewed(shop, "anna")) == (0, 1)


async def test_a_customer_who_is_erased_while_states_are_rebuilt_stays_erased(
    client: Client, tmp_path: Path
) -> None:
    """After the rebuild has read that a visitor became the customer: neither what they did nor who they were returns."""
    shop = Shop(client, tmp_path)
    await shop.visit("anna", _view(1))
    await shop.identify("anna")
    rebuilder = Rebuilder(client, shop.keyspace, catalog=SHOP, parameters=PARAMETERS)
    install = rebuilder._install.run

    async def interrupted(*arguments: Any) -> Any:
        await shop.erasures.erase(CARL)
        return await install(*arguments)

    rebuilder._install.run = interrupted  # type: ignore[assignment]
    await rebuilder.rebuild(now=time.time())
    assert await _viewed(shop, CARL) == 0
    assert await shop.store.merged_visitors(CARL) == {}


@pytest.mark.parametrize("who", ["anna", CARL])
async def test_who_signs_in_while_states_are_rebuilt_is_told_right(
    client: Client, tmp_path: Path, who: str
) -> None:
    """Between what was read and what is installed: what was the visitor's is the customer's then, and counts once."""
    shop = Shop(client, tmp_path)
    await shop.visit("anna", _view(1))
    await shop.visit(CARL, _view(2))
    rebuilder = Rebuilder(client, shop.keyspace, catalog=SHOP, parameters=PARAMETERS)
    install, pending = rebuilder._install.run, [_view(3)]

    async def interrupted(*arguments: Any) -> Any:
        if pending:
            event = pending.pop()
            await shop.identify("anna")
            await shop.visit("anna", event)
        return await install(*arguments)

    rebuilder._install.run = interrupted  # type: ignore[assignment]
    await rebuilder.rebuild([who], now=time.time())
    assert not pending
    assert (await _viewed(shop, CARL), await _viewed(shop, "anna")) == (2, 1)
    expected = ledger_of(effect(_view(number))[1] for number in (1, 2)).state().affinity
    assert (await shop.visitors.read(CARL)).affinity == expected


async def test_who_reads_everything_is_not_bothered_by_who_became_whom(
    client: Client, tmp_path: Path
) -> None:
    """Training and reports get what visitors did, from log and archive, and nothing unreadable."""
    shop = Shop(client, tmp_path)
    for number in (1, 2):
        await shop.visit("anna", _view(number))
        await shop.identify("anna")
        await shop.archiver.drain(time.time())
    await shop.visit("bert", _view(3))
    await shop.identify("bert", DORA)
    log, archive, counts = EventLog(client, shop.keyspace), Archive(shop.storage), HistoryCounts()
    read = [event async for _, event in read_history(log, shop.keyspace, archive, counts=counts)]
    assert sorted(event.event_id for event in read) == ["view-1", "view-2", "view-3"]
    assert (counts.events, counts.repeated, counts.unreadable) == (3, 0, 0)
    told = exposed_visitors(log, shop.keyspace, archive, ["anna"], counts=counts)
    assert [event async for several in told for event in several] == []
    assert counts.unreadable == 0
