"""The worker's replica: fresh while the store answers, the last good catalog while it does not."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from itertools import count

import pytest

from recommender.catalog.buckets import Step
from recommender.catalog.rows import Row
from recommender.catalog.segments import rows_by_item, segment_of
from recommender.catalog.table import Table, TableError, encode_table
from recommender.departments import DepartmentTable
from service.redis_link import replica as replica_module
from service.redis_link.replica import CatalogGone, CatalogReplica
from service.stores.catalog_source import CatalogState, VersionedStep
from service.stores.connection import StoreUnavailable
from tests.catalog_rows import NOW, row

pytestmark = pytest.mark.anyio

DEADLINE_SECONDS = 20.0


def table_of(rows: list[Row]) -> Table:
    """Return rows as a stored table."""
    items = rows_by_item(rows)
    return segment_of(items, dict.fromkeys(items, NOW))


class Source:
    """A store in memory that can fail, lose its log and be slow."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = {row.id: row for row in rows}
        self.generation: str | None = "g1" if rows else None
        self.version = 1 if rows else 0
        self.steps: dict[int, Step] = {}
        self._generations = count(2)
        self.down = False
        self.loads = 0
        self.before_segments: Callable[[], None] | None = None
        self.loading = asyncio.Event()
        self.may_load = asyncio.Event()
        self.may_load.set()

    def put(self, *rows: Row, removed: tuple[str, ...] = ()) -> None:
        """Take a step that replaces whole items."""
        kept = {row.item_id for row in rows} | set(removed)
        self.rows = {
            row.id: row for row in (*self.rows.values(), *rows) if row.item_id not in kept or row in rows
        }
        self.version += 1
        table = encode_table(table_of(list(rows))) if rows else b""
        self.steps[self.version] = Step(table, list(removed))

    def replace(self, *rows: Row) -> None:
        """Start a new generation."""
        self.rows = {row.id: row for row in rows}
        self.version += 1
        self.generation = f"g{next(self._generations)}"
        self.steps.clear()

    async def state(self) -> CatalogState:
        """See CatalogSource."""
        if self.down:
            raise StoreUnavailable("Redis: it is down")
        items = len({row.item_id for row in self.rows.values()})
        return CatalogState(self.generation, self.version, items, len(self.rows))

    async def steps_after(self, version: int) -> list[VersionedStep] | None:
        """See CatalogSource."""
        if self.down:
            raise StoreUnavailable("Redis: it is down")
        known = [
            VersionedStep(number, step) for number, step in sorted(self.steps.items()) if number > version
        ]
        return known if known and known[0].version == version + 1 else None

    async def segments(self, generation: str) -> AsyncIterator[list[bytes]]:
        """See CatalogSource."""
        self.loads += 1
        self.loading.set()
        await self.may_load.wait()
        if self.before_segments is not None:
            self.before_segments()
        if generation == self.generation and self.rows:
            yield [encode_table(table_of(list(self.rows.values())))]


def replica_of(source: Source) -> CatalogReplica:
    """Return a replica that looks for changes all the time."""
    return CatalogReplica(source, DepartmentTable.default(), poll_seconds=0.01, clock=lambda: NOW)


def titles(replica: CatalogReplica) -> dict[str, str]:
    """Return what the replica holds."""
    return {item.item_id: item.title for item in replica.catalog.items()}


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


async def test_follows_the_store_from_start_to_stop() -> None:
    """Loaded at the start, changed by steps, replaced by generations; still usable after the stop."""
    source = Source([row("a-38"), row("b-38", "b")])
    replica = replica_of(source)
    assert (replica.version, replica.age_seconds, replica.checked_at) == (0, None, None)
    await replica.start()
    assert (replica.version, replica.age_seconds, replica.checked_at) == (1, 0.0, NOW)
    source.put(row("a-38", title="new"), row("c-38", "c"), removed=("b",))
    await eventually(lambda: replica.version == 2, "the step did not arrive")
    assert titles(replica) == {"a": "new", "c": "Dress c"}
    source.replace(row("z-38", "z"))
    await eventually(lambda: replica.version == 3, "the replacement did not arrive")
    await replica.stop()
    assert titles(replica) == {"z": "Dress z"}
    assert source.loads == 2


async def test_a_service_without_a_catalog_is_well_and_gets_the_first_one() -> None:
    """An empty store is no error before anything was in it."""
    source = Source([])
    replica = replica_of(source)
    await replica.start()
    assert (len(replica.catalog), replica.last_error, replica.age_seconds) == (0, None, 0.0)
    source.replace(row())
    await eventually(lambda: len(replica.catalog) == 1, "the first catalog did not arrive")
    await replica.stop()


async def test_keeps_the_last_good_catalog_while_the_store_is_down() -> None:
    """It starts without the store, serves what it has when the store goes, and catches up when it is back."""
    source = Source([row()])
    source.down = True
    replica = replica_of(source)
    await replica.start()
    assert (len(replica.catalog), replica.last_error, replica.age_seconds) == (0, "Redis: it is down", None)
    source.down = False
    await eventually(lambda: len(replica.catalog) == 1, "it did not load when the store came")
    assert replica.last_error is None
    source.down = True
    await eventually(lambda: replica.last_error is not None, "it did not notice")
    source.put(row(title="meanwhile"))
    assert titles(replica) == {"a": "Dress a"}
    source.down = False
    await eventually(lambda: titles(replica) == {"a": "meanwhile"}, "it did not catch up")
    await replica.stop()


async def test_a_store_that_lost_everything_does_not_empty_the_shop() -> None:
    """After a flush the worker goes on with what it has and says so."""
    source = Source([row()])
    replica = replica_of(source)
    await replica.refresh()
    source.generation, source.version = None, 0
    with pytest.raises(CatalogGone, match="PUT it again"):
        await replica.refresh()
    assert (titles(replica), replica.last_error is not None) == ({"a": "Dress a"}, True)
    source.replace(row("b", None))
    await replica.refresh()
    assert (titles(replica), replica.last_error) == ({"b": "Dress b"}, None)


async def test_a_store_that_went_back_in_time_is_loaded_again() -> None:
    """A failover to a replica that lacked the last writes makes versions go back."""
    source = Source([row()])
    replica = replica_of(source)
    source.put(row(title="lost"))
    await replica.refresh()
    source.version = 1
    source.rows = {"a-38": row()}
    await replica.refresh()
    assert (replica.version, titles(replica)) == (1, {"a": "Dress a"})


async def test_a_lost_step_means_loading_everything() -> None:
    """A gap in the log is never skipped."""
    source = Source([row()])
    replica = replica_of(source)
    await replica.refresh()
    for number in range(3):
        source.put(row(title=f"title {number}"))
    del source.steps[2]
    await replica.refresh()
    assert (replica.version, titles(replica), source.loads) == (4, {"a": "title 2"}, 2)


async def test_far_behind_it_loads_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many steps cost more than the whole."""
    monkeypatch.setattr(replica_module, "MOST_STEPS_BEHIND", 2)
    source = Source([row()])
    replica = replica_of(source)
    await replica.refresh()
    for number in range(3):
        source.put(row(title=f"title {number}"))
    await replica.refresh()
    assert (titles(replica), source.loads) == ({"a": "title 2"}, 2)


async def test_steps_taken_during_a_load_are_not_lost() -> None:
    """What is read may hold later steps; applying them once more changes nothing."""
    source = Source([row()])

    def change() -> None:
        source.before_segments = None
        source.put(row(title="during"), row("b-38", "b"))
        source.put(removed=("b",))

    source.before_segments = change
    replica = replica_of(source)
    await replica.refresh()
    assert (replica.version, titles(replica)) == (3, {"a": "during"})


async def test_a_generation_replaced_during_a_load_is_no_empty_catalog() -> None:
    """The old generation is gone; the next attempt takes the new one."""
    source = Source([row()])

    def replace() -> None:
        source.before_segments = None
        source.replace(row("b-38", "b"))

    source.before_segments = replace
    replica = replica_of(source)
    with pytest.raises(CatalogGone, match="replaced"):
        await replica.refresh()
    await replica.refresh()
    assert titles(replica) == {"b": "Dress b"}


async def test_a_damaged_step_leaves_the_last_good_catalog() -> None:
    """What cannot be read is reported, and nothing of it applied."""
    source = Source([row()])
    replica = replica_of(source)
    await replica.refresh()
    source.put(row(title="never seen"))
    source.steps[2] = Step(b"\x01damaged", [])
    with pytest.raises(TableError):
        await replica.refresh()
    assert (titles(replica), replica.version) == ({"a": "Dress a"}, 1)
    assert "damaged" in (replica.last_error or "")


async def test_many_changes_are_merged_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merging happens beside the steps that go on arriving."""
    monkeypatch.setattr(replica_module, "LARGEST_OVERLAY", 20)
    monkeypatch.setattr(replica_module, "ITEMS_AT_ONCE", 7)
    source = Source([row(f"{n}-38", str(n)) for n in range(60)])
    replica = replica_of(source)
    await replica.start()
    first = replica.catalog
    for number in range(1, 30):
        some = [row(f"{n}-38", str(n), title=f"title {number}") for n in range(number, number + 20)]
        source.put(*some, removed=(str(number - 1),))
        await eventually(lambda: replica.version == source.version, "a step did not arrive")
    await eventually(lambda: replica.catalog is not first, "nothing was merged")
    expected = {row.item_id: row.title for row in source.rows.values()}
    await eventually(lambda: titles(replica) == expected, "something was lost")
    await replica.stop()


async def test_titles_left_behind_by_merging_are_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many have piled up, everything is loaded anew."""
    monkeypatch.setattr(replica_module, "LARGEST_OVERLAY", 0)
    monkeypatch.setattr(replica_module, "MOST_UNUSED_TEXTS", 40)
    source = Source([row()])
    replica = replica_of(source)
    await replica.start()
    while source.loads == 1:
        source.put(row(title=f"title {source.version}"))
        await eventually(lambda: replica.version == source.version, "a step did not arrive")
        assert source.version < 50, "texts piled up"
    await replica.stop()
    assert titles(replica) == {row.item_id: row.title for row in source.rows.values()}


async def test_stops_in_the_middle_of_a_load() -> None:
    """Shutting down does not wait for a catalog, and the old one stays whole."""
    source = Source([row()])
    replica = replica_of(source)
    await replica.start()
    source.loading.clear()
    source.may_load.clear()
    source.replace(row("b-38", "b"))
    await source.loading.wait()
    await replica.stop()
    assert titles(replica) == {"a": "Dress a"}
    source.may_load.set()
    await replica.refresh()
    assert titles(replica) == {"b": "Dress b"}


async def test_an_unexpected_failure_does_not_end_the_replica(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in one round is logged with its trace, shown, and tried again."""
    source = Source([row()])
    replica = replica_of(source)
    await replica.start()

    def fail() -> None:
        source.before_segments = None
        raise ZeroDivisionError("a bug")

    source.before_segments = fail
    source.replace(row("b-38", "b"))
    await eventually(lambda: "b" in titles(replica), "it gave up")
    assert "a bug" in caplog.text
    await replica.stop()
