"""`kabin visitor` on a small log."""

import asyncio

import pytest

from recommender.events import Event, EventItem, EventName
from service.cli import main
from service.stores.connection import connected
from service.stores.erasures import RedisErasures, visitor_hash
from service.stores.keys import Keyspace
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from tests.visitor_events import START, effect

KEYSPACE = Keyspace("visitor-command")


def test_visitors_are_erased_by_command(valkey_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is told with what was deleted of them; of a stranger the record is made all the same."""

    async def visit() -> None:
        async with connected(valkey_url, timeout_seconds=20) as client:
            views = [
                effect(Event(EventName.VIEW_ITEM, f"e{i}", START, "browser", (EventItem("a"),)))
                for i in (1, 2)
            ]
            await RedisVisitorStore(ClientScripts(client), KEYSPACE).apply("anna", views, now=START)

    async def recorded() -> set[str]:
        async with connected(valkey_url, timeout_seconds=20) as client:
            return set(await RedisErasures(client, KEYSPACE).all())

    asyncio.run(visit())
    store = ["--redis-url", valkey_url, "--redis-prefix", KEYSPACE.prefix]
    assert main(["visitor", "erase", "anna", "bert", *store]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "anna: erased; 2 events deleted from the log",
        "bert: erased, though nothing was remembered; 0 events deleted from the log",
    ]
    assert asyncio.run(recorded()) == {visitor_hash("anna"), visitor_hash("bert")}
    assert main(["visitor", "erase", *store]) == 2
