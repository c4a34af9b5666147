"""The contract of the catalog's store, on the embedded Valkey, Debian's Redis and a Redis Cluster."""

import asyncio
import io
from collections.abc import Iterable
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.catalog.catalog import Catalog
from recommender.catalog.feed import FeedError
from recommender.catalog.item import Item
from recommender.catalog.table import TableError
from recommender.departments import DepartmentTable
from service.redis_link.replica import CatalogReplica
from service.stores.catalog import LOG_LENGTH, CatalogShrinks, RedisCatalogStore
from service.stores.catalog_source import RedisCatalogSource
from service.stores.catalog_turns import CatalogBusy, WriterTurns
from service.stores.connection import Client, connected
from service.stores.keys import CatalogKeys, Keyspace
from tests.catalog_rows import DAY, NOW, feed_of, line

pytestmark = pytest.mark.anyio

TIMEOUT_SECONDS = 20.0
TABLE = DepartmentTable.default()
_prefixes = count()


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return Unix seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The store's clock."""
    return Clock()


@pytest.fixture
def store(client: Client, keyspace: Keyspace, clock: Clock) -> RedisCatalogStore:
    """An empty store."""
    return RedisCatalogStore(client, keyspace, clock=clock)


@pytest.fixture
def source(client: Client, keyspace: Keyspace) -> RedisCatalogSource:
    """Its reading side."""
    return RedisCatalogSource(client, keyspace)


async def loaded(source: RedisCatalogSource) -> Catalog:
    """Return the catalog as a worker that starts now would hold it."""
    replica = CatalogReplica(source, TABLE)
    await replica.refresh()
    return replica.catalog


def shop(items: int, sizes: Iterable[str] = ("36", "38", "40")) -> io.BytesIO:
    """Return a feed of dresses."""
    sizes = tuple(sizes)
    return feed_of(*(line(f"{n}-{size}", str(n), size=size) for n in range(items) for size in sizes))


def content(catalog: Catalog) -> dict[str, tuple[Any, ...]]:
    """Return the items by id."""
    return {item.item_id: (item.title, item.skus, item.first_seen) for item in catalog.items()}


def found(catalog: Catalog, item_id: str) -> Item:
    """Return an item that must be there."""
    item = catalog.item(item_id)
    assert item is not None, item_id
    return item


async def test_a_feed_becomes_the_catalog(store: RedisCatalogStore, source: RedisCatalogSource) -> None:
    """A replacement is answered with counts and reports, and a worker loads all of it."""
    assert (await source.state()).generation is None
    feed = feed_of(line("a-38"), line("a-40", price="-1 EUR"), line("b", None, sale_price="90 EUR"))
    change = await store.replace(feed)
    assert (change.accepted, change.removed, change.items, change.skus, change.version) == (2, 0, 2, 2, 1)
    assert [(report.line, report.field) for report in change.rejected] == [(2, "price")]
    assert [(report.line, report.field) for report in change.warnings] == [(3, "sale_price")]
    assert (change.rejected_count, change.warning_count) == (1, 1)
    catalog = await loaded(source)
    assert (len(catalog), catalog.sku_count, catalog.version) == (2, 2, 1)
    assert found(catalog, "a").skus[0].price_minor == 5990


async def test_a_replacement_drops_what_it_does_not_list(
    store: RedisCatalogStore, source: RedisCatalogSource
) -> None:
    """SKUs that are gone are counted."""
    await store.replace(shop(10))
    change = await store.replace(shop(8))
    assert (change.removed, change.items, change.skus) == (6, 8, 24)
    assert (await loaded(source)).row("9") == -1


@pytest.mark.parametrize("feed", [b"", b"id,title,link,price\n", b'{"id": "a"}\n'])
async def test_a_feed_without_good_rows_changes_nothing(
    store: RedisCatalogStore, source: RedisCatalogSource, feed: bytes
) -> None:
    """An empty or broken export never empties the shop, not even by force."""
    await store.replace(shop(2))
    with pytest.raises(FeedError):
        await store.replace(io.BytesIO(feed), force=True)
    assert len(await loaded(source)) == 2


async def test_refuses_to_shrink_by_a_third_unless_forced(
    store: RedisCatalogStore, source: RedisCatalogSource
) -> None:
    """A feed cut short is refused with both numbers; force takes it."""
    await store.replace(shop(10))
    with pytest.raises(CatalogShrinks, match=r"18 good rows, the catalog 30.*force=1"):
        await store.replace(shop(6))
    assert len(await loaded(source)) == 10
    assert (await store.replace(shop(7))).skus == 21, "30 % is not over 30 %"
    assert (await store.replace(shop(1), force=True)).skus == 3


async def test_items_keep_the_moment_they_were_first_seen(
    store: RedisCatalogStore, source: RedisCatalogSource, clock: Clock
) -> None:
    """Replacing, patching, leaving and coming back do not make an item new."""
    await store.replace(shop(3))
    clock.now += DAY
    await store.replace(shop(4))
    await store.patch(feed_of(line("9-38", "9"), {"id": "0-38", "price": "1 EUR"}))
    catalog = await loaded(source)
    assert [found(catalog, item).first_seen - NOW for item in ("0", "3", "9")] == [0, DAY, DAY]
    clock.now += DAY
    await store.remove("0")
    await store.replace(shop(1, ["36", "38", "40", "42", "44", "46", "48", "50", "52"]), force=True)
    clock.now += DAY
    await store.replace(shop(4))
    await store.patch(feed_of(line("9-38", "9", first_seen=str(NOW - DAY))))
    catalog = await loaded(source)
    assert [found(catalog, item).first_seen - NOW for item in ("0", "1", "3", "9")] == [0, 0, DAY, -DAY]


async def test_a_feed_that_never_became_the_catalog_leaves_no_trace(
    store: RedisCatalogStore,
    client: Client,
    keyspace: Keyspace,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A writer that dies before the switch has changed neither the catalog nor when its items were first seen."""
    await store.replace(shop(4))
    await store.replace(shop(3), force=True)
    clock.now = NOW + DAY

    async def killed(*_arguments: object) -> int:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(store, "_switch", killed)
        with pytest.raises(ConnectionError):
            await store.replace(shop(4))
    keys = CatalogKeys(keyspace)
    lasting = {keys.meta, keys.changes, keys.memory}
    generation = bytes(await client.execute_command("HGET", keys.meta, "generation")).decode()
    lasting |= {keys.items(generation), keys.index(generation)}
    found_keys = {key async for key in client.scan_iter(match=f"{keyspace.prefix}:*")}
    assert {bytes(key).decode() for key in found_keys if await client.pttl(key) < 0} <= lasting
    change = await store.replace(shop(4))
    assert change.items == 4
    catalog = await loaded(RedisCatalogSource(client, keyspace))
    assert [found(catalog, item).first_seen - NOW for item in ("0", "3")] == [0, 0]


async def test_a_generation_that_expires_while_it_is_read_is_not_half_a_catalog(
    store: RedisCatalogStore, source: RedisCatalogSource, client: Client, keyspace: Keyspace
) -> None:
    """A reader slower than the old generation lives is told so, and keeps what it had."""
    await store.replace(shop(200))
    generation = (await source.state()).generation
    assert generation is not None
    segments = source.segments(generation)
    assert await anext(segments)
    await client.delete(CatalogKeys(keyspace).items(generation))
    with pytest.raises(TableError, match="replaced while it was read"):
        async for _ in segments:
            pass


async def test_a_patch_changes_what_it_names(store: RedisCatalogStore, source: RedisCatalogSource) -> None:
    """Single fields of one SKU change; unknown partial rows are reported; whole ones are added."""
    await store.replace(shop(2))
    before = content(await loaded(source))
    change = await store.patch(
        feed_of(
            {"id": "0-38", "price": "1,50 EUR", "availability": "out of stock"},
            {"id": "nobody", "price": "1 EUR"},
            line("new", None),
            {"id": "0-38", "availability": "in stock"},
        )
    )
    assert (change.accepted, change.rejected_count, change.items, change.skus) == (2, 1, 3, 7)
    assert [(report.line, report.field) for report in change.rejected] == [(2, "title")]
    catalog = await loaded(source)
    assert content(catalog)["1"] == before["1"]
    prices = [(sku.sku_id, sku.price_minor, sku.in_stock) for sku in found(catalog, "0").skus]
    assert prices == [("0-36", 5990, True), ("0-38", 150, True), ("0-40", 5990, True)]


async def test_a_patch_can_be_the_first_thing_a_shop_sends(
    store: RedisCatalogStore, source: RedisCatalogSource
) -> None:
    """There need not be a replacement before it."""
    change = await store.patch(feed_of(line("a-38"), line("a-40")))
    assert (change.items, change.skus, change.version) == (1, 2, 1)
    assert len(await loaded(source)) == 1


async def test_a_patch_that_changes_nothing_makes_no_version(store: RedisCatalogStore) -> None:
    """Stock systems send the same every minute; workers are not bothered."""
    version = (await store.replace(shop(2))).version
    assert (await store.patch(shop(2))).version == version


@pytest.mark.slow
async def test_a_long_patch_is_applied_whole(store: RedisCatalogStore, source: RedisCatalogSource) -> None:
    """Thousands of rows go in steps and all arrive."""
    await store.replace(shop(800))
    change = await store.patch(
        feed_of(*({"id": f"{n}-{size}", "price": "2 EUR"} for n in range(800) for size in ("36", "40")))
    )
    assert (change.accepted, change.items, change.skus) == (1600, 800, 2400)
    assert change.version > 2
    catalog = await loaded(source)
    assert {tuple(sku.price_minor for sku in item.skus) for item in catalog.items()} == {(200, 5990, 200)}


async def test_removes_an_item_or_a_sku(store: RedisCatalogStore, source: RedisCatalogSource) -> None:
    """An item's id takes all its SKUs; the last SKU takes its item; an unknown id nothing."""
    await store.replace(shop(3))
    assert (await store.remove("0")).removed == 3
    assert (await store.remove("1-38")).removed == 1
    assert (await store.remove("unknown")).removed == 0
    for size in ("36", "40"):
        change = await store.remove(f"1-{size}")
    assert (change.items, change.skus) == (1, 3)
    catalog = await loaded(source)
    assert [item.item_id for item in catalog.items()] == ["2"]
    assert (await store.patch(feed_of({"id": "0-38", "price": "1 EUR"}))).rejected_count == 1, (
        "it is forgotten"
    )


async def test_a_replica_follows_step_by_step(store: RedisCatalogStore, source: RedisCatalogSource) -> None:
    """Patches and removals reach a replica through the log, a replacement by loading."""
    replica = CatalogReplica(source, TABLE)
    await replica.refresh()
    assert replica.version == 0
    await store.replace(shop(5))
    await replica.refresh()
    catalog = replica.catalog
    await store.patch(feed_of(line("x", None), {"id": "1-38", "item_group_id": "2"}))
    await store.remove("0")
    await replica.refresh()
    assert replica.catalog is catalog, "it was changed, not loaded again"
    assert content(replica.catalog) == content(await loaded(source))
    await store.replace(shop(6))
    await replica.refresh()
    assert content(replica.catalog) == content(await loaded(source))
    assert replica.version == (await source.state()).version


async def test_a_replica_that_fell_too_far_behind_loads_everything(
    store: RedisCatalogStore, source: RedisCatalogSource, client: Client, keyspace: Keyspace
) -> None:
    """The log is bounded; what it lost is read from the buckets."""
    await store.replace(shop(2))
    replica = CatalogReplica(source, TABLE)
    await replica.refresh()
    for price in range(1, 6):
        await store.patch(feed_of({"id": "0-38", "price": f"{price} EUR"}))
    await client.execute_command("XTRIM", CatalogKeys(keyspace).changes, "MAXLEN", 2)
    assert await source.steps_after(replica.version) is None
    await replica.refresh()
    assert (replica.version, found(replica.catalog, "0").skus[1].price_minor) == (6, 500)


async def test_the_log_is_bounded(store: RedisCatalogStore, client: Client, keyspace: Keyspace) -> None:
    """A year of patches leaves a few hundred steps."""
    await store.replace(shop(1))
    changes = CatalogKeys(keyspace).changes
    for number in range(1, LOG_LENGTH + 50):
        await client.execute_command("XADD", changes, f"0-{number}", "step", b"")
    await store.patch(feed_of({"id": "0-38", "price": "1 EUR"}))
    assert await client.execute_command("XLEN", changes) == LOG_LENGTH


async def test_readers_may_finish_a_generation_that_was_replaced(
    store: RedisCatalogStore, source: RedisCatalogSource
) -> None:
    """A worker that is loading sees all of the old catalog, never a mixture."""
    await store.replace(shop(30))
    old = await source.state()
    assert old.generation is not None
    before = [part async for part in source.segments(old.generation)]
    await store.replace(shop(40))
    assert [part async for part in source.segments(old.generation)] == before
    assert (await source.state()).generation != old.generation


async def test_writers_take_turns(redis_url: str, keyspace: Keyspace, source: RedisCatalogSource) -> None:
    """Patches of one item by many writers are all there in the end, and the counts are right."""
    async with connected(redis_url, timeout_seconds=TIMEOUT_SECONDS) as first:
        await RedisCatalogStore(first, keyspace).replace(shop(3))

        async def write(number: int) -> None:
            async with connected(redis_url, timeout_seconds=TIMEOUT_SECONDS) as own:
                writer = RedisCatalogStore(own, keyspace)
                for step in range(3):
                    await writer.patch(feed_of(line(f"n{number}-{step}", "1")))
                await writer.remove(f"n{number}-0")

        await asyncio.gather(*(write(number) for number in range(4)))
    catalog = await loaded(source)
    state = await source.state()
    assert {sku.sku_id for sku in found(catalog, "1").skus} == {
        *(f"1-{size}" for size in (36, 38, 40)),
        *(f"n{number}-{step}" for number in range(4) for step in (1, 2)),
    }
    assert (state.items, state.skus, state.version) == (3, 17, 17)


async def test_replacements_and_patches_at_once_do_not_mix(
    redis_url: str, keyspace: Keyspace, source: RedisCatalogSource
) -> None:
    """Whatever the order, the result is one of the feeds, with the patches that came after it."""

    async def replace(title: str) -> None:
        async with connected(redis_url, timeout_seconds=TIMEOUT_SECONDS) as own:
            feed = feed_of(*(line(f"{n}-38", str(n), title=title) for n in range(50)))
            await RedisCatalogStore(own, keyspace).replace(feed)

    async def patch() -> None:
        async with connected(redis_url, timeout_seconds=TIMEOUT_SECONDS) as own:
            for _ in range(5):
                await RedisCatalogStore(own, keyspace).patch(feed_of({"id": "7-38", "price": "7 EUR"}))

    await replace("zero")
    await asyncio.gather(replace("one"), patch(), replace("two"), patch())
    catalog = await loaded(source)
    assert len(catalog) == (await source.state()).items == 50
    assert len({item.title for item in catalog.items()}) == 1
    assert {item.skus[0].price_minor for item in catalog.items()} <= {5990, 700}


async def test_a_writer_waits_its_turn_or_says_that_it_is_busy(
    store: RedisCatalogStore, client: Client, keyspace: Keyspace
) -> None:
    """Nobody waits for ever, and a writer whose turn is over writes nothing."""
    await store.replace(shop(1))
    keys = CatalogKeys(keyspace)
    impatient = RedisCatalogStore(client, keyspace, patience_seconds=0.0)
    async with WriterTurns(client, keys, patience_seconds=0.0).turn():
        with pytest.raises(CatalogBusy, match="another writer"):
            await impatient.remove("0")
    assert (await impatient.remove("0-36")).removed == 1
    async with WriterTurns(client, keys, patience_seconds=0.0).turn() as token:
        await client.execute_command("SET", keys.writer, "somebody else")
        with pytest.raises(CatalogBusy, match="took over"):
            await store._change(token, await store._meta(), "0", {"0": []})
        with pytest.raises(CatalogBusy, match="took over"):
            await store._switch(token, None, "generation", 0, 0)
    assert await client.execute_command("GET", keys.writer) == b"somebody else", "it ends its own turn only"


async def test_shops_with_different_prefixes_do_not_meet(client: Client, store: RedisCatalogStore) -> None:
    """One Redis serves several shops."""
    await store.replace(shop(2))
    other = Keyspace(f"other-{next(_prefixes)}")
    assert (await RedisCatalogSource(client, other).state()).generation is None
    await RedisCatalogStore(client, other).replace(shop(1))
    assert (await store.patch(feed_of(line("x", None)))).items == 3


actions = st.one_of(
    st.tuples(st.just("replace"), st.sets(st.sampled_from("abcd"), min_size=1)),
    st.tuples(st.just("patch"), st.sets(st.sampled_from("abcde"), min_size=1)),
    st.tuples(st.just("remove"), st.sampled_from("abcde")),
    st.tuples(st.just("move"), st.sampled_from("abcd")),
)


@pytest.mark.slow
@settings(max_examples=10)
@given(st.lists(actions, max_size=6))
def test_any_changes_lead_to_what_a_plain_dictionary_holds(
    redis_url: str, taken: list[tuple[str, Any]]
) -> None:
    """Replacing, patching, moving and removing agree with a dictionary of rows, in the store and in a replica."""
    prefix = Keyspace(f"model-{next(_prefixes)}")
    asyncio.run(_compare(redis_url, prefix, taken))


async def _compare(redis_url: str, keyspace: Keyspace, taken: list[tuple[str, Any]]) -> None:
    rows: dict[str, tuple[str, str]] = {}  # SKU id: item id and title
    async with connected(redis_url, timeout_seconds=TIMEOUT_SECONDS) as client:
        store, source = RedisCatalogStore(client, keyspace), RedisCatalogSource(client, keyspace)
        replica = CatalogReplica(source, TABLE)
        for number, (action, argument) in enumerate(taken):
            if action == "remove":
                gone = [sku for sku, (item, _) in rows.items() if item == argument]
                rows = {sku: held for sku, held in rows.items() if sku not in gone}
                assert (await store.remove(argument)).removed == len(gone)
            elif action == "move":
                if f"{argument}-38" in rows:
                    rows[f"{argument}-38"] = ("e", rows[f"{argument}-38"][1])
                await store.patch(feed_of({"id": f"{argument}-38", "item_group_id": "e"}))
            else:
                title = f"title {number}"
                new = {f"{item}-{size}": (item, title) for item in argument for size in ("38", "40")}
                feed = feed_of(*(line(sku, item, title=title) for sku, (item, _) in new.items()))
                if action == "replace":
                    rows = new
                    change = await store.replace(feed, force=True)
                else:
                    rows |= new
                    change = await store.patch(feed)
                assert (change.skus, change.items) == (len(rows), len({item for item, _ in rows.values()}))
            await replica.refresh()
            held = {sku.sku_id: item.item_id for item in replica.catalog.items() for sku in item.skus}
            assert held == {sku: item for sku, (item, _) in rows.items()}
            assert content(replica.catalog) == content(await loaded(source))
