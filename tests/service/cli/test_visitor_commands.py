"""`kabin visitor` on a small log."""

import asyncio
from pathlib import Path

import pytest

from recommender.events import Event, EventItem, EventName
from service.cli import main
from service.identity.customers import load_customer_ids
from service.identity.tokens import VisitorTokens, load_signing_keys
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


def test_an_empty_id_erases_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a script's variable is unset nobody is told that somebody was erased."""
    assert main(["visitor", "erase", "anna", "", "--redis-url", "redis://127.0.0.1:1"]) == 2
    assert "is empty" in capsys.readouterr().err


def test_a_visitor_is_named_by_the_token_of_their_browser(
    valkey_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a visitor can read out of their cookie; a token that was not made here is no id of somebody unknown."""
    keys = load_signing_keys((), tmp_path)
    token = VisitorTokens(keys).sign("anna")
    store = ["--redis-url", valkey_url, "--redis-prefix", "visitor-tokens", "--data-dir"]
    assert main(["visitor", "erase", token, *store, str(tmp_path)]) == 0

    async def recorded() -> set[str]:
        async with connected(valkey_url, timeout_seconds=20) as client:
            return set(await RedisErasures(client, Keyspace("visitor-tokens")).all())

    assert asyncio.run(recorded()) == {visitor_hash("anna")}
    capsys.readouterr()
    assert main(["visitor", "erase", VisitorTokens(["another-key"]).sign("anna"), *store, str(tmp_path)]) == 1
    assert "none of the signing keys has made it" in capsys.readouterr().err
    assert main(["visitor", "erase", token, *store, str(tmp_path / "elsewhere")]) == 1
    assert "signing.key is missing" in capsys.readouterr().err


def test_a_customer_is_erased_by_the_shops_own_id(
    valkey_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under the key that the service uses: without it a stranger would be erased in the customer's place."""
    store = ["--redis-url", valkey_url, "--redis-prefix", "customer-command", "--data-dir", str(tmp_path)]
    assert main(["visitor", "erase", "customer:4711", *store]) == 1
    assert "customer.key is missing" in capsys.readouterr().err
    customers = load_customer_ids(None, tmp_path)

    async def recorded() -> set[str]:
        async with connected(valkey_url, timeout_seconds=20) as client:
            return set(await RedisErasures(client, Keyspace("customer-command")).all())

    assert main(["visitor", "erase", "customer:4711", *store]) == 0
    assert capsys.readouterr().out.startswith("customer:4711: erased")
    assert asyncio.run(recorded()) == {visitor_hash(customers.visitor_id_of("4711"))}
    assert main(["visitor", "erase", "customer:", *store]) == 2
