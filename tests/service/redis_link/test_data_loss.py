"""A Redis that comes back empty: noticed by every worker, reported by one, and what was lost counted."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.metrics.metrics import Metrics
from service.redis_link.data_loss import KnownId, LossWatch
from service.stores.connection import Client
from service.stores.installation import RedisInstallation, note_restored
from service.stores.keys import Keyspace
from service.stores.script_runners import ClientScripts

pytestmark = pytest.mark.anyio

NOW = 1_763_740_800.0


class Worker:
    """One worker's watch, as after its start."""

    def __init__(self, client: Client, keyspace: Keyspace, folder: Path) -> None:
        self.metrics = Metrics()
        installation = RedisInstallation(ClientScripts(client), keyspace)
        self.watch = LossWatch(installation, KnownId(folder / "installation"), self.metrics, lambda: NOW)

    @property
    def lost(self) -> float:
        """How many events it has counted as lost."""
        text = self.metrics.exposition("")[0].decode()
        return next(
            float(line.split()[1])
            for line in text.splitlines()
            if line.startswith("kabin_events_lost_total ")
        )


@pytest.fixture
async def keyspace(client: Client) -> AsyncIterator[Keyspace]:
    """A key space of its own, gone afterwards."""
    keyspace = Keyspace("loss")
    await client.delete(keyspace.installation)
    yield keyspace
    await client.delete(keyspace.installation)


async def test_a_first_start_loses_nothing(client: Client, keyspace: Keyspace, tmp_path: Path) -> None:
    """A Redis without an id is given one; all workers agree on it, and so they do after a restart."""
    await client.hset(keyspace.installation, "partitions", "256")
    for _ in range(3):
        worker = Worker(client, keyspace, tmp_path)
        await worker.watch.look()
        await worker.watch.look()
        assert (worker.watch.lost_at, worker.lost) == (None, 0)
    stored = await client.hget(keyspace.installation, "id")
    assert (tmp_path / "installation").read_text() == bytes(stored or b"").decode()  # type: ignore[arg-type]


async def test_a_loss_is_counted_once_over_all_workers(
    client: Client, keyspace: Keyspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What waited in the log at the last look counts once, what was accepted since for each worker that accepted it."""
    first, second = Worker(client, keyspace, tmp_path), Worker(client, keyspace, tmp_path)
    for worker in (first, second):
        worker.metrics.events(accepted=70)
        await worker.watch.look()
        worker.watch.note_log(100)
    first.metrics.events(accepted=3)
    first.metrics.flush()
    first.metrics.events(accepted=1, duplicate=9)
    second.metrics.events(accepted=2)
    await client.delete(keyspace.installation)
    with caplog.at_level(logging.ERROR):
        for worker in (first, second, first, second):
            await worker.watch.look()
    assert (first.lost, second.lost) == (104, 2)
    assert (first.watch.lost_at, second.watch.lost_at) == (NOW, NOW)
    (record,) = caplog.records
    assert "up to 104 events that were not archived yet are lost" in record.message
    assert "`kabin rebuild`" in record.message


async def test_a_loss_while_no_service_ran_is_noticed_at_the_start(
    client: Client, keyspace: Keyspace, tmp_path: Path
) -> None:
    """The id lies in the data folder; how many events there were, nobody knows then."""
    await Worker(client, keyspace, tmp_path).watch.look()
    await client.delete(keyspace.installation)
    worker = Worker(client, keyspace, tmp_path)
    await worker.watch.look()
    assert (worker.watch.lost_at, worker.lost) == (NOW, 0)


async def test_it_is_reported_until_states_are_rebuilt(
    client: Client, keyspace: Keyspace, tmp_path: Path
) -> None:
    """Also by workers that start later."""
    await Worker(client, keyspace, tmp_path).watch.look()
    await client.delete(keyspace.installation)
    await Worker(client, keyspace, tmp_path).watch.look()
    worker = Worker(client, keyspace, tmp_path / "another host")
    await worker.watch.look()
    assert worker.watch.lost_at == NOW
    await note_restored(client, keyspace)
    await worker.watch.look()
    assert worker.watch.lost_at is None


async def test_another_redis_is_no_loss(
    client: Client, keyspace: Keyspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever moves to a Redis that has data of its own is told so, and that is all."""
    worker = Worker(client, keyspace, tmp_path)
    await worker.watch.look()
    await client.hset(keyspace.installation, "id", "another")
    await worker.watch.look()
    assert (worker.watch.lost_at, worker.lost) == (None, 0)
    assert "other data" in caplog.text


async def test_a_folder_that_cannot_be_written_only_costs_what_it_is_for(
    client: Client, keyspace: Keyspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The id is then kept in memory: losses while the worker runs are noticed all the same."""
    worker = Worker(client, keyspace, tmp_path / "absent")
    await worker.watch.look()
    assert "cannot be written" in caplog.text
    await client.delete(keyspace.installation)
    await worker.watch.look()
    assert worker.watch.lost_at == NOW
