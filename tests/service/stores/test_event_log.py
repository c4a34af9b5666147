"""The event log and the archive: reading, and appending histories so that importing twice counts once."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from recommender.events import Event, EventItem, EventName
from service.stores.archive import Archive, ArchiveError, LocalStorage
from service.stores.connection import Client
from service.stores.keys import Keyspace
from service.stores.log import EventLog
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from tests.visitor_events import START, effect, events, write_archive

pytestmark = pytest.mark.anyio


def _history(visitors: int, each: int) -> list[tuple[str, Event]]:
    return [
        (f"v{number}", Event(EventName.PURCHASE, f"o{index}", START + index, "import", (EventItem("i1-8"),)))
        for number in range(visitors)
        for index in range(each)
    ]


@given(events())
def test_an_event_survives_the_log(event: Event) -> None:
    """What the log stores as JSON decodes to the very same event."""
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


def test_an_entry_of_before_items_had_the_field_is_still_read() -> None:
    """Entries lie in log and archive for years; what they do not say is false, and nothing is written for it."""
    entry = (
        b'{"name":"purchase","event_id":"o","timestamp":1.0,"source":"browser","items":[{"item_id":"i1"}]}'
    )
    event = msgspec.json.decode(entry, type=Event)
    assert not event.is_preselected(event.items[0])
    assert msgspec.json.encode(event) == entry


async def test_importing_twice_counts_once(client: Client, keyspace: Keyspace) -> None:
    """A history is appended once, also if it repeats itself, comes again, or overlaps with live events."""
    log = EventLog(client, keyspace)
    history = _history(visitors=30, each=4)
    await RedisVisitorStore(ClientScripts(client), keyspace).apply("v0", [effect(history[0][1])], now=START)
    first = await log.append_history(history + history[:10])
    again = await log.append_history(iter(history))
    assert (first.appended, first.known) == (119, 11)
    assert (again.appended, again.known) == (0, 120)
    assert first.visitors == again.visitors == {f"v{number}" for number in range(30)}
    assert sum([await log.length(partition) for partition in range(256)]) == 120


async def test_what_is_archived_is_known(client: Client, keyspace: Keyspace, tmp_path: Path) -> None:
    """Events that left the log for the archive are recognised there."""
    history = _history(visitors=5, each=3)
    write_archive(tmp_path, keyspace, history[:9])
    told: list[int] = []
    appended = await EventLog(client, keyspace).append_history(
        history, archive=Archive(LocalStorage(tmp_path)), progress=told.append
    )
    assert (appended.appended, appended.known) == (6, 9)
    assert told == [15]


async def test_pages_follow_one_another(client: Client, keyspace: Keyspace) -> None:
    """Reading in pages gives every entry once, in order of arrival, with the time of it."""
    log = EventLog(client, keyspace)
    history = _history(visitors=1, each=25)
    await log.append_history(history)
    partition = keyspace.partition_of("v0")
    first = await log.read(partition, count=10)
    rest = [entry async for page in log.entries(partition, after=first[-1].log_id) for entry in page]
    assert [entry.event() for entry in first + rest] == [event for _, event in history]
    server_seconds, _ = await client.execute_command("TIME")
    assert abs(first[0].received_at - int(server_seconds)) < 60
    assert await log.read(partition, after=rest[-1].log_id) == []


async def test_an_unreadable_entry_is_no_obstacle(client: Client, keyspace: Keyspace) -> None:
    """An entry that is no event raises when decoded and has no identity, but the rest is read."""
    log = EventLog(client, keyspace)
    key = keyspace.log(keyspace.partition_of("v0"))
    await client.xadd(key, {"v": "v0", "e": b"{broken"})
    await client.xadd(key, {"other": "thing"})
    await client.xadd(key, {"v": b"\xff", "e": b"{}"})
    assert (await log.append_history(_history(1, 2))).appended == 2
    entries = await log.read(keyspace.partition_of("v0"))
    assert len(entries) == 3
    with pytest.raises(msgspec.MsgspecError):
        entries[0].event()


def test_the_archive_reads_what_is_asked_for(tmp_path: Path) -> None:
    """Rows of some partitions or of all, from every file; a folder that is absent is empty."""
    keyspace = Keyspace()
    history = _history(visitors=40, each=2)
    archive = Archive(LocalStorage(tmp_path / "archive"))
    assert (archive.count(), list(archive.rows())) == (0, [])
    write_archive(tmp_path / "archive", keyspace, history[:50])
    write_archive(tmp_path / "archive", keyspace, history[50:])
    wanted = {keyspace.partition_of("v3"), keyspace.partition_of("v7")}
    rows = [row for batch in archive.rows(wanted) for row in batch]
    assert archive.count() == 80
    assert archive.count(wanted) == len(rows)
    assert {row.visitor_id for row in rows} >= {"v3", "v7"}
    assert {keyspace.partition_of(row.visitor_id) for row in rows} == wanted


def test_a_damaged_archive_is_reported(tmp_path: Path) -> None:
    """A file that is no Parquet is an error that names the archive, and so is a manifest that cannot be read."""
    write_archive(tmp_path, Keyspace(), _history(visitors=1, each=2))
    archive = Archive(LocalStorage(tmp_path))
    Path(archive.files()[0]).write_bytes(b"PAR1 nonsense")
    with pytest.raises(ArchiveError, match=str(tmp_path)):
        archive.count([0])
    with pytest.raises(ArchiveError, match=str(tmp_path)):
        list(archive.rows())
    (tmp_path / "_manifest" / "00000001.json").write_bytes(b"{")
    with pytest.raises(ArchiveError, match=r"00000001\.json is damaged"):
        archive.count()
