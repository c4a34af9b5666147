"""The crowd's clients: they do what the page shows, report it under the decision's id, and stop where the service fails."""

import asyncio
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from recommender.homepage import HomepageVariant
from service.demo import live_crowd
from service.demo.behaviour import visit_shop
from service.demo.clock import DemoClock
from service.demo.crowd import SECONDS_PER_DAY, Shelves, simulate_crowd
from service.demo.http_connection import CallFailed, HttpConnection
from service.demo.live_crowd import LiveCrowd, LiveCrowdError
from service.demo.live_tally import LiveTally
from service.demo.live_visits import PlannedVisit
from service.demo.shop import simulate_shop

ITEMS = simulate_shop(7)
CROWD = simulate_crowd(7, 12)
START = 1_763_740_800.0
KEY = "a-server-key-of-length"
EXPOSED = {"experiment_id": "promo-page", "variation_id": 2, "variation": "promo", "slot": "homepage"}

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


def decided(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Answer ``/personalize``: the sale for every other visitor, by an experiment."""
    is_promo = int(body["visitor_id"][-1]) % 2 == 0
    return 200, {
        "decision_id": f"decision-{body['visitor_id']}",
        "slots": {"homepage": {"variant": "promo" if is_promo else "full_price", "reason": "default"}},
        "experiments": [EXPOSED] if is_promo else [],
        "degraded": False,
    }


def kept(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Answer ``/events``."""
    return 202, {"accepted": len(body["events"]), "rejected": []}


@dataclass
class FakeService:
    """What was asked, and under which key."""

    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)


@contextmanager
def serving(personalize: Answer = decided, events: Answer = kept) -> Iterator[FakeService]:
    """Serve both calls on a free port of this machine, over kept-alive connections."""
    service = FakeService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            service.keys.add(self.headers["authorization"])
            is_question = self.path == "/personalize"
            (service.asked if is_question else service.told).append(body)
            status, content = (personalize if is_question else events)(body)
            answer = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def live_through(port: int, clock: DemoClock | None = None) -> LiveTally:
    """Let every shopper visit on two days."""
    visits = [PlannedVisit(day * SECONDS_PER_DAY, shopper) for day in (0, 1) for shopper in CROWD]
    crowd = LiveCrowd("127.0.0.1", port, KEY, ITEMS, clock or DemoClock(lambda: START), seed=7)
    return asyncio.run(crowd.run(visits, lambda _visits, _seconds: None))


def test_a_visit_does_what_the_page_shows_and_is_told_under_its_decision() -> None:
    """The behaviour follows the variant in the answer; the exposure comes first, everything by the shop's clock."""
    clock = DemoClock(lambda: START)
    with serving() as service:
        tally = live_through(service.port, clock)
    assert service.keys == {f"Bearer {KEY}"}
    assert tally.visits == len(service.asked) == len(service.told) == 2 * len(CROWD)
    assert clock() >= START + SECONDS_PER_DAY
    shoppers = {shopper.visitor_id: shopper for shopper in CROWD}
    shelves = Shelves(ITEMS)
    for batch in service.told:
        visitor_id, events = batch["visitor_id"], batch["events"]
        assert events[0]["name"] == "decision_shown"
        assert events[0]["params"] == {"decision_id": f"decision-{visitor_id}", "slot": "homepage"}
        number = int(events[0]["event_id"].split("-")[1])
        shown: HomepageVariant = "promo" if int(visitor_id[-1]) % 2 == 0 else "full_price"
        dice = random.Random(f"visit-7-{number}-{visitor_id}")
        acts = visit_shop(shoppers[visitor_id], shown, shelves, dice)
        assert [event["name"] for event in events[1:]] == [act.name for act in acts]
        moments = [event["timestamp"] for event in events]
        assert moments == sorted(moments)
        assert START <= moments[0] <= moments[-1] <= clock()


def test_the_crowd_counts_by_itself_who_took_part() -> None:
    """By the answers' experiments; whoever comes twice counts once."""
    with serving() as service:
        tally = live_through(service.port)
    taking_part = {shopper.visitor_id for shopper in CROWD if int(shopper.visitor_id[-1]) % 2 == 0}
    assert tally.exposed_to("promo-page") == {"promo": taking_part}
    ordered = {
        batch["visitor_id"]
        for batch in service.told
        if any(event["name"] == "purchase" for event in batch["events"])
    }
    assert tally.buyers_in("promo-page").get("promo", frozenset()) == taking_part & ordered
    assert tally.exposed_to("another") == {}


def test_event_ids_and_orders_are_never_used_twice() -> None:
    """Else the service would take the second visit for the first one sent again."""
    with serving() as service:
        live_through(service.port)
    events = [event for batch in service.told for event in batch["events"]]
    assert len({event["event_id"] for event in events}) == len(events)
    orders = [event["params"]["transaction_id"] for event in events if event["name"] == "purchase"]
    assert len(set(orders)) == len(orders)


@pytest.mark.parametrize(
    ("personalize", "events", "reason"),
    [
        (
            lambda _: (401, {"detail": "the server key is wrong"}),
            kept,
            "/personalize answered 401.*key is wrong",
        ),
        (decided, lambda _: (202, {"accepted": 0, "rejected": [{"detail": "no"}]}), "/events did not take"),
    ],
)
def test_an_answer_that_is_none_ends_the_run(personalize: Answer, events: Answer, reason: str) -> None:
    """The message names the call and what it said; no outcome is made up."""
    with serving(personalize, events) as service, pytest.raises(LiveCrowdError, match=reason):
        live_through(service.port)


def test_a_busy_service_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 means later, for pages and for the crowd; nothing is lost or told twice as two."""
    monkeypatch.setattr(live_crowd, "PAUSE_SECONDS", 0.0)
    refused: set[str] = set()

    def busy_once(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        first = body["events"][0]["event_id"]
        if first in refused:
            return kept(body)
        refused.add(first)
        return 503, {"detail": "try again"}

    with serving(events=busy_once) as service:
        tally = live_through(service.port)
    assert tally.visits == len(refused) == 2 * len(CROWD)
    assert len(service.told) == 2 * tally.visits


def test_a_service_that_is_gone_ends_the_run() -> None:
    """The message says which call could not be made."""
    with serving() as service:
        port = service.port
    with pytest.raises(LiveCrowdError, match="POST /personalize"):
        live_through(port)


@pytest.mark.anyio
async def test_a_call_without_an_answer_fails_in_time() -> None:
    """A service that accepts and then says nothing, or hangs up, does not hold the crowd."""
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with (
        server,
        HttpConnection("127.0.0.1", server.sockets[0].getsockname()[1], KEY, timeout_seconds=0.05) as one,
    ):
        with pytest.raises(CallFailed, match="POST /events: no answer within"):
            await one.call("POST", "/events", {})
        gone.set()


def test_an_order_counts_for_whoever_took_part_before() -> None:
    """Also when the page that led to it was answered without a memory, so without experiments."""
    tally = LiveTally()
    tally.take_part("one", [("promo-page", "promo")], has_ordered=False)
    tally.take_part("one", [], has_ordered=True)
    tally.take_part("two", [], has_ordered=True)
    assert tally.exposed_to("promo-page") == tally.buyers_in("promo-page") == {"promo": {"one"}}
