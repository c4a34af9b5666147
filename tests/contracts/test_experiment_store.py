"""The contract of the experiments' store, on the embedded Valkey, Debian's Redis, a Redis Cluster and the model."""

import asyncio
from typing import Any

import pytest

from recommender.decisions.running import ExperimentSummary
from service.experiments.definition import ExperimentDefinition
from service.experiments.editing import ExperimentEditor, edit
from service.stores.connection import Client
from service.stores.experiments import (
    MAX_EXPERIMENTS,
    MAX_PHASES,
    DocumentChanged,
    DocumentDamaged,
    ExperimentDocument,
    ExperimentPhase,
    ExperimentStore,
    JournalDamaged,
    RedisExperimentStore,
)
from service.stores.keys import ExperimentKeys, Keyspace
from service.stores.memory_experiments import MemoryExperimentStore

pytestmark = pytest.mark.anyio

NOW = 1_763_740_800.25

DOCUMENT = ExperimentDocument(
    {"grüße": {"defaultValue": None, "rules": [{"key": "a/b", "variations": [1.5, {"x": [True, "\n"]}]}]}},
    {"vips": ["ç", 2**80]},
    ("a/b",),
    ("size",),
)
SUMMARY = ExperimentSummary("promo\tpage\n", "kabin-homepage", ("a", "b\n"), (1 / 3, 2 / 3), 0.5, "homepage")


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return Unix seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The stores' clock."""
    return Clock()


@pytest.fixture
def redis_store(client: Client, keyspace: Keyspace, clock: Clock) -> RedisExperimentStore:
    """An empty store in Redis."""
    return RedisExperimentStore(client, keyspace, clock=clock)


@pytest.fixture(params=["redis", "memory"])
def store(request: pytest.FixtureRequest, redis_store: RedisExperimentStore, clock: Clock) -> ExperimentStore:
    """An empty store, in Redis and as a model."""
    return redis_store if request.param == "redis" else MemoryExperimentStore(clock)


async def test_nothing_is_stored_at_first(store: ExperimentStore) -> None:
    """Version 0 is the empty document; no experiment has a phase."""
    assert await store.version() == 0
    assert await store.read() == (0, ExperimentDocument())
    assert await store.phases("a") == ()
    assert await store.experiment_ids() == frozenset()


async def test_a_document_comes_back_as_it_was_written(store: ExperimentStore) -> None:
    """Order of features, numbers and texts survive; the version is never below the clock in milliseconds."""
    version = await store.write(DOCUMENT, expected_version=0)
    assert version == int(NOW * 1000) == await store.version()
    assert await store.read() == (version, DOCUMENT)


async def test_versions_grow_though_clocks_go_back(store: ExperimentStore, clock: Clock) -> None:
    """Each write has a greater version, whatever the writer's clock says."""
    first = await store.write(DOCUMENT, expected_version=0)
    clock.now -= 3600
    second = await store.write(ExperimentDocument(), expected_version=first)
    assert second == first + 1
    clock.now += 7200
    assert await store.write(DOCUMENT, expected_version=second) == int(clock.now * 1000)


async def test_of_two_writers_the_second_is_told(store: ExperimentStore) -> None:
    """A write made from an older version changes nothing."""
    version = await store.write(DOCUMENT, expected_version=0)
    with pytest.raises(DocumentChanged):
        await store.write(ExperimentDocument(), expected_version=0)
    with pytest.raises(DocumentChanged):
        await store.write(ExperimentDocument(), expected_version=version + 1)
    assert await store.read() == (version, DOCUMENT)


async def test_many_writers_lose_nothing(store: ExperimentStore) -> None:
    """Six edits at once are all in the document in the end: each lost race is tried again on what won."""

    async def stop(name: str) -> None:
        def change(document: ExperimentDocument) -> ExperimentDocument:
            return ExperimentDocument(stopped=tuple(sorted({*document.stopped, name})))

        await edit(store, change)

    names = [f"experiment-{number}" for number in range(6)]
    await asyncio.gather(*map(stop, names))
    assert (await store.read()).document.stopped == tuple(names)


async def test_switches_and_definitions_are_one_document(store: ExperimentStore) -> None:
    """Two editors that change different things at the same time both find their change in the other's document."""
    one, other = ExperimentEditor(store), ExperimentEditor(store)
    payload = {"features": {"banner": {"defaultValue": 1}}}
    await asyncio.gather(one.switch({"size": False}), other.replace(payload))
    document = (await store.read()).document
    assert document.switched_off == ("size",)
    assert document.features == payload["features"]


@pytest.mark.parametrize("stored", [b"{", b"[]", b'{"features": []}', b'{"newer": 1}', b"\xff"])
async def test_a_damaged_document_is_named_and_left_alone(
    redis_store: RedisExperimentStore, client: Client, keyspace: Keyspace, stored: bytes
) -> None:
    """What cannot be read, also of a newer Kabin, is an error that says what to do; an edit does not overwrite it."""
    key = ExperimentKeys(keyspace).definitions
    await client.execute_command("HSET", key, "version", 7, "document", stored)
    with pytest.raises(DocumentDamaged, match=r"\(version 7\).*--force"):
        await redis_store.read()
    with pytest.raises(DocumentDamaged):
        await ExperimentEditor(redis_store).switch({"size": False})
    assert await client.execute_command("HGET", key, "document") == stored
    payload = {"features": {"banner": {"defaultValue": 1}}}
    edited = await ExperimentEditor(redis_store).replace(payload, replace_damaged=True)
    assert edited.after == await redis_store.read()
    assert edited.after.document.features == payload["features"]


async def test_a_damaged_version_is_named_and_can_be_replaced(
    redis_store: RedisExperimentStore, client: Client, keyspace: Keyspace
) -> None:
    """No number there is a damaged document, to whoever looks, reads or edits; --force replaces it."""
    key = ExperimentKeys(keyspace).definitions
    await client.execute_command("HSET", key, "version", "x", "noted", "y", "document", b"{}")
    for ask in (redis_store.version, redis_store.read, ExperimentEditor(redis_store).switches):
        with pytest.raises(DocumentDamaged, match="--force"):
            await ask()
    payload = {"features": {"banner": {"defaultValue": 1}}}
    edited = await ExperimentEditor(redis_store).replace(payload, replace_damaged=True)
    assert edited.after == await redis_store.read()
    await redis_store.note_phases([SUMMARY], version=edited.after.version, at=NOW)
    assert await redis_store.experiment_ids() == {SUMMARY.experiment_id}


async def test_one_editor_serves_many_at_once(store: ExperimentStore) -> None:
    """Twenty servers that define experiments at the same moment all succeed."""
    editor = ExperimentEditor(store)
    await asyncio.gather(
        *(editor.add(f"e{number}", ExperimentDefinition(f"f{number}", (1, 2))) for number in range(20))
    )
    assert len((await store.read()).document.features) == 20


async def test_a_phase_is_noted_once_however_many_workers_see_it(store: ExperimentStore) -> None:
    """The first worker's time stands; the same definition later is no new phase."""
    await asyncio.gather(*(store.note_phases([SUMMARY], version=5, at=NOW) for _ in range(4)))
    await store.note_phases([SUMMARY], version=6, at=NOW + 60)
    phase = ExperimentPhase(NOW, ("a", "b\n"), (1 / 3, 2 / 3), 0.5, "kabin-homepage", "homepage", 0)
    assert await store.phases(SUMMARY.experiment_id) == (phase,)
    assert await store.experiment_ids() == {SUMMARY.experiment_id}


@pytest.mark.parametrize(
    "change",
    [
        {"weights": (0.5, 0.5)},
        {"coverage": 1.0},
        {"variations": ("a", "c")},
        {"feature_id": None, "slot": None},
        {"bucket_version": 1},
    ],
)
async def test_whatever_changes_who_gets_what_begins_a_phase(
    store: ExperimentStore, change: dict[str, Any]
) -> None:
    """Weights, coverage, variations, feature and bucket version; going back is another phase."""
    changed = SUMMARY._replace(**change)
    for number, summary in enumerate((SUMMARY, changed, changed, SUMMARY)):
        await store.note_phases([summary], version=number, at=NOW + number)
    phases = await store.phases(SUMMARY.experiment_id)
    assert [phase.since for phase in phases] == [NOW, NOW + 1, NOW + 3]
    assert (phases[1].weights, phases[1].coverage) == (changed.weights, changed.coverage)
    assert (phases[1].variations, phases[1].feature_id) == (changed.variations, changed.feature_id)


async def test_a_slow_worker_does_not_bring_back_what_is_over(store: ExperimentStore) -> None:
    """Phases that come from an older document than the last noted ones are not noted."""
    await store.note_phases([SUMMARY], version=8, at=NOW)
    await store.note_phases([SUMMARY._replace(coverage=1.0)], version=7, at=NOW + 1)
    assert len(await store.phases(SUMMARY.experiment_id)) == 1


async def test_the_journal_stays_small(store: ExperimentStore) -> None:
    """An experiment keeps its newest hundred phases; beyond a thousand experiments the longest unchanged go."""
    for number in range(MAX_PHASES + 5):
        await store.note_phases([SUMMARY._replace(coverage=number / 1000)], version=1, at=NOW + number)
    phases = await store.phases(SUMMARY.experiment_id)
    assert len(phases) == MAX_PHASES
    assert phases[-1].since == NOW + MAX_PHASES + 4
    others = [SUMMARY._replace(experiment_id=f"e{number}") for number in range(MAX_EXPERIMENTS)]
    await store.note_phases(others[:2], version=1, at=NOW - 1)
    await store.note_phases(others[2:], version=1, at=NOW + 1000)
    ids = await store.experiment_ids()
    assert len(ids) == MAX_EXPERIMENTS
    assert SUMMARY.experiment_id in ids
    assert len({"e0", "e1"} & ids) == 1


async def test_a_damaged_journal_is_named(
    redis_store: RedisExperimentStore, client: Client, keyspace: Keyspace
) -> None:
    """A report is told rather than given half of the phases."""
    await redis_store.note_phases([SUMMARY._replace(experiment_id="a")], version=1, at=NOW)
    await client.execute_command("HSET", ExperimentKeys(keyspace).phases, "a", b"12\t[broken")
    with pytest.raises(JournalDamaged, match="'a'"):
        await redis_store.phases("a")
