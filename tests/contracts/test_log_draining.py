"""What draining needs of the log: reading from its start and trimming what was read, on every Redis and in the model."""

from collections.abc import AsyncIterator

import pytest

from service.archiving.batches import DrainableLog
from service.stores.connection import Client, connected
from service.stores.keys import Keyspace
from service.stores.log import EventLog
from service.stores.log_drain import LogDrain
from tests.model_log import ModelLog

pytestmark = pytest.mark.anyio


class Writer:
    """Appends to a log, and counts what it holds."""

    def __init__(self, log: DrainableLog, client: "Client | None", keyspace: Keyspace) -> None:
        self.log = log
        self._client = client
        self._keyspace = keyspace

    async def append(self, partition: int, *numbers: int) -> list[str]:
        """Append an entry for each number; return their ids."""
        if isinstance(self.log, ModelLog):
            return [self.log.append(partition, f"v{number}", b"{}") for number in numbers]
        assert self._client is not None
        key = self._keyspace.log(partition)
        ids = [await self._client.xadd(key, {"v": f"v{number}", "e": "{}"}) for number in numbers]
        return [bytes(log_id).decode() for log_id in ids]  # type: ignore[arg-type]  # bytes, as nothing is decoded

    async def held(self, partition: int) -> list[str]:
        """Return whose entries a partition holds."""
        return [entry.visitor_id for entry in (await self.log.head(partition, count=1000)).entries]


@pytest.fixture
async def writers(redis_url: str, keyspace: Keyspace) -> AsyncIterator[list[Writer]]:
    """An empty log in Redis, and the model."""
    async with connected(redis_url, timeout_seconds=20) as client:
        yield [Writer(LogDrain(client, keyspace), client, keyspace), Writer(ModelLog(), None, keyspace)]


async def test_entries_are_read_from_the_start_and_on(writers: list[Writer]) -> None:
    """Pages follow one another without a gap, and an empty partition has no last id."""
    for writer in writers:
        ids = await writer.append(1, *range(5))
        first = await writer.log.head(1, count=3)
        rest = await writer.log.head(1, after=first.last_id or "", count=3)
        assert [entry.log_id for entry in first.entries + rest.entries] == ids
        assert [(head.size, head.last_id) for head in (first, rest)] == [(3, ids[2]), (2, ids[4])]
        assert (await writer.log.head(0)).last_id is None
        assert (await writer.log.head(1, after=ids[4])).entries == []


async def test_what_was_read_is_trimmed_and_nothing_else(writers: list[Writer]) -> None:
    """Entries up to the given one go; those that came after the reading stay, and so do other partitions'."""
    for writer in writers:
        await writer.append(0, 9)
        ids = await writer.append(1, 1, 2, 3)
        head = await writer.log.head(1, count=2)
        await writer.append(1, 4)
        assert await writer.log.trim(1, through=head.last_id or "", server=head.server)
        assert await writer.held(1) == ["v3", "v4"]
        assert await writer.held(0) == ["v9"]
        assert await writer.log.trim(1, through=ids[0], server=head.server)
        assert await writer.held(1) == ["v3", "v4"]


async def test_another_server_trims_nothing(writers: list[Writer]) -> None:
    """What was read from one server is dropped by that one only: another may have given other entries those ids."""
    for writer in writers:
        ids = await writer.append(1, 1, 2)
        assert not await writer.log.trim(1, through=ids[1], server=b"another")
        assert await writer.held(1) == ["v1", "v2"]


async def test_ids_go_on_after_everything_was_trimmed(writers: list[Writer]) -> None:
    """An emptied partition remembers its last id, so that ids never return."""
    for writer in writers:
        ids = await writer.append(1, 1)
        head = await writer.log.head(1)
        await writer.log.trim(1, through=ids[0], server=head.server)
        assert await writer.held(1) == []
        (later,) = await writer.append(1, 2)
        assert tuple(map(int, later.split("-"))) > tuple(map(int, ids[0].split("-")))


@pytest.mark.parametrize("redis_url", ["embedded valkey"], indirect=True)
async def test_what_is_no_event_is_read_over(redis_url: str, keyspace: Keyspace) -> None:
    """Entries without the two fields count as read, and go with the others."""
    async with connected(redis_url, timeout_seconds=20) as client:
        drain, log = LogDrain(client, keyspace), EventLog(client, keyspace)
        await client.xadd(keyspace.log(1), {"other": "thing"})
        head = await drain.head(1)
        assert (head.entries, head.size) == ([], 1)
        assert await drain.trim(1, through=head.last_id or "", server=head.server)
        assert await log.length(1) == 0
        assert await log.archived_through(1) == head.last_id
        assert await log.archived_through(2) == "0-0"
