"""What the service writes to a real Redis, watched by MONITOR: nothing at all of whoever has not agreed, or is nobody."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.http.live_app import CRAWLER, TRUSTED, LiveApp, live_app

pytestmark = pytest.mark.anyio

MINUTE_MS, DAY_MS = 60_000, 86_400_000
VIEW = {"name": "view_item", "event_id": "event-1", "params": {"items": [{"item_id": "d1"}]}}
ORDER = {
    "name": "purchase",
    "event_id": "event-2",
    "params": {"transaction_id": "t1", "items": [{"item_id": "d1"}]},
}
NOTHING: dict[str, Any] = {"accepted": 0, "duplicate": 0, "rejected": [], "retry": False}


@pytest.fixture(scope="module")
async def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveApp]:
    """An application under ordinary settings, for all tests of this module."""
    async with live_app(valkey_url, tmp_path_factory.mktemp("live")) as app:
        yield app


@pytest.fixture
async def app(running: LiveApp) -> LiveApp:
    """The application, as if no visitor had ever come."""
    await running.forget()
    return running


def silent(headers: dict[str, str], **body: Any) -> Any:
    """Name a way of asking of which nothing may be stored."""
    name = ", ".join([*headers, *body]).lower()
    return pytest.param(headers, body, id=name)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        silent({"sec-gpc": "1"}),
        silent({"sec-gpc": "1"}, consent={"storage": True}),
        silent({"sec-gpc": "1"} | TRUSTED, visitor_id="customer-1"),
        silent({}, consent={"storage": False}),
        silent({}, consent={"storage": False}, visitor_id="forged.id"),
        silent({}, consent={"storage": False}, preview={"homepage": "promo"}),
        silent(TRUSTED, consent={"storage": False}, visitor_id="customer-1"),
        silent({"user-agent": CRAWLER}),
        silent({"user-agent": CRAWLER}, consent={"storage": True}, preview={"homepage": "promo"}),
        silent({"user-agent": CRAWLER, "cookie": "kabin=forged.id"}),
    ],
)
async def test_nothing_is_written_of_who_has_not_agreed(
    app: LiveApp, headers: dict[str, str], body: dict[str, Any]
) -> None:
    """Pages and batches are answered, informed by their own events; Redis writes nothing, and no browser is given a cookie."""
    async with app.watched() as seen:
        page = await app.personalize(headers, events=[VIEW, ORDER], **body)
        batch = await app.call(
            "POST", "/events", json={"events": [VIEW, ORDER]} | _batch(body), headers=headers
        )
    assert (page.status_code, page.json()["degraded"], page.json()["visitor_id"]) == (200, False, None)
    assert page.json()["events"] == NOTHING | {"ignored": 2}
    assert batch.json() == NOTHING | {"ignored": 2, "visitor_id": None}
    assert not [answer for answer in (page, batch) if "set-cookie" in answer.headers]
    assert seen.writes == []
    assert not [line for line in seen.lines if "customer-1" in line or "event-1" in line]
    assert await app.keys("*") == []
    assert await app.logged() == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"sec-gpc": "1"}, {"sign_out": True}),
        ({"sec-gpc": "1"} | TRUSTED, {"customer_id": "customer-1"}),
        ({}, {"sign_out": True, "consent": {"storage": False}}),
        (TRUSTED, {"customer_id": "customer-1", "consent": {"storage": False}}),
    ],
)
async def test_nobody_is_identified_who_has_not_agreed(
    app: LiveApp, headers: dict[str, str], body: dict[str, Any]
) -> None:
    """A visitor known from before is neither tied to a customer nor looked up."""
    token = (await app.personalize(events=[VIEW])).json()["visitor_id"]
    async with app.watched() as seen:
        answer = await app.call("POST", "/identify", json=body | {"visitor_id": token}, headers=headers)
    assert answer.json() == {"visitor_id": None, "is_customer": False, "merged": False}
    assert "set-cookie" not in answer.headers
    assert seen.writes == []
    assert not [line for line in seen.lines if token.partition(".")[0] in line]


def _batch(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name in {"visitor_id", "consent"}}


async def test_what_is_written_with_consent_is_seen(app: LiveApp) -> None:
    """The watch that sees nothing above sees each write of a visitor who has agreed: the log, state, ring and orders."""
    async with app.watched() as seen:
        page = await app.personalize(events=[VIEW, ORDER])
    assert page.json()["events"]["accepted"] == 2
    names = [line.partition(" ")[0].lower() for line in seen.writes]
    assert names == ["xadd", "xadd", "psetex", "psetex", "psetex"]
    assert "HttpOnly" in page.headers["set-cookie"]


async def test_a_visitor_who_withdraws_is_neither_read_nor_kept(app: LiveApp) -> None:
    """The token of earlier is not even looked up, and the cookie, which no script of the page could remove, is taken back."""
    token = (await app.personalize(events=[VIEW])).json()["visitor_id"]
    cookie = {"cookie": f"kabin={token}"}
    async with app.watched() as seen:
        page = await app.personalize(cookie, visitor_id=token, consent={"storage": False})
        batch = await app.call(
            "POST", "/events", json={"events": [VIEW], "consent": {"storage": False}}, headers=cookie
        )
        objected = await app.personalize(cookie | {"sec-gpc": "1"}, visitor_id=token)
    assert seen.writes == []
    assert not [line for line in seen.lines if token.partition(".")[0] in line]
    assert page.json()["visitor_id"] is None
    for answer in (page, batch):
        assert answer.headers["set-cookie"].startswith("kabin=; Max-Age=0; Path=/; HttpOnly")
    assert "set-cookie" not in objected.headers


async def test_silence_is_no_consent_where_consent_is_required(valkey_url: str, tmp_path: Path) -> None:
    """With KABIN_STORAGE_CONSENT=required only an explicit yes stores."""
    async with live_app(valkey_url, tmp_path, storage_consent="required") as app:
        async with app.watched() as seen:
            await app.personalize(events=[VIEW])
            await app.call("POST", "/events", json={"events": [VIEW]})
        assert seen.writes == []
        await app.personalize(events=[VIEW], consent={"storage": True})
        assert len(await app.logged()) == 1


async def test_a_crawler_leaves_no_trace_and_the_shops_reports_are_kept(app: LiveApp) -> None:
    """A crawler is known also where the shop's server asks for its pages; orders that a program reports are kept."""
    crawler = TRUSTED | {"user-agent": CRAWLER}
    page = await app.personalize(crawler, visitor_id="s1", events=[VIEW])
    assert (page.json()["visitor_id"], page.json()["events"]["ignored"]) == (None, 1)
    assert await app.logged() == []
    batch = {"visitor_id": "s1", "events": [ORDER]}
    kept = await app.call("POST", "/events", json=batch, headers=TRUSTED | {"user-agent": "Zapier"})
    assert kept.json()["accepted"] == 1
    assert len(await app.logged()) == 1


async def test_who_does_not_come_back_is_soon_forgotten(app: LiveApp) -> None:
    """A visitor's first request keeps everything for an hour; the first event that comes with their token for its full time."""
    for path in ("/personalize", "/events"):
        answer = await app.call("POST", path, json={"events": [VIEW, ORDER]})
        token = answer.json()["visitor_id"]
        keys = [(await app.keys(kind))[0] for kind in "vdo"]
        for key in keys:
            assert 59 * MINUTE_MS < await app.redis.pttl(key) <= 60 * MINUTE_MS
        again = VIEW | {"event_id": "event-3"}
        await app.call("POST", path, json={"visitor_id": token, "events": [again]})
        assert ["is_first_visit" in event for event in await app.logged()] == [True, True, False]
        state, ring, orders = [await app.redis.pttl(key) for key in keys]
        assert 399 * DAY_MS < state <= 400 * DAY_MS
        assert 47 * 60 * MINUTE_MS < ring <= 2 * DAY_MS
        assert (
            orders <= 60 * MINUTE_MS
        )  # An order in a first request that was all: nobody has reported it since.
        await app.redis.delete(*keys, *await app.logs())


async def test_a_flood_without_cookies_leaves_only_what_expires(app: LiveApp) -> None:
    """Also with made-up and forged ids: each is another visitor whose every key expires within the hour."""
    for number in range(20):
        body: dict[str, Any] = {"visitor_id": f"made-up-{number}"} if number % 2 else {}
        await app.personalize(events=[VIEW], **body)
    keys = [*await app.keys("v"), *await app.keys("d")]
    assert len(keys) == 40
    assert max([await app.redis.pttl(key) for key in keys]) <= 60 * MINUTE_MS
    assert not [key for key in keys if "made-up" in key]


async def test_a_shops_own_ids_are_kept_for_their_full_time(app: LiveApp) -> None:
    """With the server key an id is the shop's word: nobody has to come back to prove it."""
    await app.personalize(TRUSTED, visitor_id="customer-1", events=[VIEW])
    (key,) = await app.keys("v")
    assert await app.redis.pttl(key) > 399 * DAY_MS


@pytest.mark.parametrize(
    "visitor_id",
    ["a:b:log", "{p001}:log", "x\rFLUSHALL\r", "*", "\x00", "../../etc", "é" * 128, "v" * 41],
)
async def test_an_id_cannot_reach_into_another_key(app: LiveApp, visitor_id: str) -> None:
    """Whatever characters a shop's id has, it has a state and a ring under its own name and nothing else changes."""
    async with app.watched() as seen:
        kept = await app.call(
            "POST", "/events", json={"visitor_id": visitor_id, "events": [VIEW]}, headers=TRUSTED
        )
    assert kept.json()["accepted"] == 1
    names = [line.partition(" ")[0].lower() for line in seen.writes]
    assert names == ["xadd", "psetex", "psetex"]
    for kind in "vd":
        (key,) = await app.keys(kind)
        name = key.partition(f":{kind}:")[2]
        assert name == visitor_id or (name.startswith("~") and len(name) == 23)
