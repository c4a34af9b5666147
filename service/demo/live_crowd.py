"""Drives the simulated crowd through the running service over HTTP: every visit asks what to show, and tells what was done.

The crowd is the shop's server: it calls with the server key and its own visitors' ids. It answers to what the decision
says to show, as a page would; the experiments of the answer are counted and nothing else.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from recommender.homepage import HomepageVariant
from service.demo.behaviour import Act, Piece, visit_shop
from service.demo.clock import DemoClock
from service.demo.crowd import Shelves, Shopper
from service.demo.http_connection import CallFailed, HttpAnswer, HttpConnection
from service.demo.live_tally import LiveTally
from service.demo.live_visits import PlannedVisit
from service.demo.shop import DemoItem

CONNECTIONS: Final = 12
SLOT_SECONDS: Final = 3_600
"""Visits of one simulated hour are made together; then the clock goes on."""
SHOPPING_SECONDS: Final = 1_200
"""How far the clock goes between the home page and what came of it: longer than any visit takes."""
MAX_SECONDS: Final = 1_800.0
"""Real seconds after which a run is given up."""
TRIES: Final = 5
PAUSE_SECONDS: Final = 0.5
BUSY: Final = 503
_TOLD_BYTES: Final = 500

_Job = TypeVar("_Job")
_Done = TypeVar("_Done")

OnVisits = Callable[[int, float], None]
"""Told the visits done and the simulated seconds passed."""


class LiveCrowdError(Exception):
    """The crowd cannot go on; the message says which call did not work."""


class _Shown(NamedTuple):
    """A visit whose home page is in sight, and since when."""

    number: int
    shopper: Shopper
    decision_id: str
    variant: HomepageVariant
    is_degraded: bool
    experiments: tuple[tuple[str, str], ...]
    at: float


class LiveCrowd:
    """The crowd's clients.

    Args:
        host: of the service.
        port: of the service.
        server_key: of the service.
        items: of the shop.
        clock: of the shop; the crowd moves it.
        seed: of what the shoppers do.
    """

    def __init__(
        self, host: str, port: int, server_key: str, items: Sequence[DemoItem], clock: DemoClock, *, seed: int
    ) -> None:
        self._host = host
        self._port = port
        self._server_key = server_key
        self._shelves = Shelves(items)
        self._clock = clock
        self._seed = seed

    async def run(self, visits: Sequence[PlannedVisit], on_visits: OnVisits) -> LiveTally:
        """Make the visits, one simulated hour after the other.

        Args:
            visits: in time order, counted from now.
            on_visits: told after every hour.

        Raises:
            LiveCrowdError: the service does not answer, or not as it should; nothing is made up then.
        """
        try:
            async with asyncio.timeout(MAX_SECONDS), self._connected() as connections:
                return await self._run(visits, connections, on_visits)
        except TimeoutError:
            raise LiveCrowdError(
                f"the crowd was not through after {MAX_SECONDS:.0f} s: try fewer --visitors"
            ) from None

    async def _run(
        self, visits: Sequence[PlannedVisit], connections: Sequence[HttpConnection], on_visits: OnVisits
    ) -> LiveTally:
        tally = LiveTally()
        start = self._clock()
        numbered = enumerate(visits)
        for slot, planned in groupby(numbered, lambda one: int(one[1].at_seconds // SLOT_SECONDS)):
            self._skip_to(start + slot * SLOT_SECONDS)
            asked = [(number, visit.shopper) for number, visit in planned]
            shown = await _shared(connections, asked, lambda connection, one: self._ask(connection, *one))
            self._skip_to(self._clock() + SHOPPING_SECONDS)
            await _shared(connections, shown, lambda connection, one: self._tell(connection, one, tally))
            on_visits(tally.visits, self._clock() - start)
        return tally

    def _skip_to(self, moment: float) -> None:
        self._clock.jump(max(0.0, moment - self._clock()))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Sequence[HttpConnection]]:
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(HttpConnection(self._host, self._port, self._server_key))
                for _ in range(CONNECTIONS)
            ]

    async def _ask(self, connection: HttpConnection, number: int, shopper: Shopper) -> _Shown:
        """Open the home page."""
        at = self._clock()
        question = {"visitor_id": shopper.visitor_id, "page": {"type": "home"}, "limit": 0}
        answer = _content(await _called(connection, "/personalize", question), "/personalize", 200)
        return _Shown(
            number,
            shopper,
            answer["decision_id"],
            answer["slots"]["homepage"]["variant"],
            answer["degraded"],
            tuple((one["experiment_id"], one["variation"]) for one in answer["experiments"]),
            at,
        )

    async def _tell(self, connection: HttpConnection, visit: _Shown, tally: LiveTally) -> None:
        """Do what the shopper does, and report it as one batch."""
        visitor_id = visit.shopper.visitor_id
        rng = random.Random(f"visit-{self._seed}-{visit.number}-{visitor_id}")  # noqa: S311 - reproducible visits, no secrets
        acts = visit_shop(visit.shopper, visit.variant, self._shelves, rng)
        events = list(_events(visit, acts))
        batch = {"visitor_id": visitor_id, "events": events}
        told = _content(await _called(connection, "/events", batch), "/events", 202)
        if told["rejected"] or told["accepted"] != len(events):
            raise LiveCrowdError(f"/events did not take what {visitor_id} did: {told}")
        bought = any(act.name == "purchase" for act in acts)
        tally.visits += 1
        tally.orders += bought
        tally.degraded += visit.is_degraded
        tally.shown[visit.variant] += 1
        tally.take_part(visitor_id, visit.experiments, has_ordered=bought)


async def _shared(
    connections: Sequence[HttpConnection],
    jobs: Sequence[_Job],
    do: Callable[[HttpConnection, _Job], Awaitable[_Done]],
) -> list[_Done]:
    """Do all jobs, each connection one at a time, and return what came of them."""
    pending = iter(jobs)
    done: list[_Done] = []

    async def work(connection: HttpConnection) -> None:
        for job in pending:
            done.append(await do(connection, job))  # noqa: PERF401 - several fill the same list

    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(work(connection))
    except* (CallFailed, LiveCrowdError) as failures:
        # They fail together; the first one says why. Raised in here it would become a group again.
        failure = failures.exceptions[0]
    if failure is not None:
        raise LiveCrowdError(str(failure))
    return done


async def _called(connection: HttpConnection, path: str, content: object) -> HttpAnswer:
    """Call, and call again where the service is busy: pages do so as well."""
    for _ in range(TRIES - 1):
        answer = await connection.call("POST", path, content)
        if answer.status != BUSY:
            return answer
        await asyncio.sleep(PAUSE_SECONDS)
    return await connection.call("POST", path, content)


def _content(answer: HttpAnswer, path: str, expected: int) -> dict[str, Any]:
    if answer.status != expected:
        raise LiveCrowdError(
            f"{path} answered {answer.status}: {answer.body[:_TOLD_BYTES].decode(errors='replace')}"
        )
    content: dict[str, Any] = orjson.loads(answer.body)
    return content


def _events(visit: _Shown, acts: Sequence[Act]) -> Iterator[dict[str, Any]]:
    shown = {"decision_id": visit.decision_id, "slot": "homepage"}
    yield _event(visit, 0, "decision_shown", 0.0, shown)
    for place, act in enumerate(acts, 1):
        params: dict[str, Any] = {"currency": "EUR", "items": [_entry(piece) for piece in act.pieces]}
        if act.name == "purchase":
            params["transaction_id"] = f"live-order-{visit.number}"
        yield _event(visit, place, act.name, act.after_seconds, params)


def _event(
    visit: _Shown, place: int, name: str, after_seconds: float, params: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "event_id": f"live-{visit.number}-{place}",
        "timestamp": round(visit.at + after_seconds, 3),
        "params": params,
    }


def _entry(piece: Piece) -> dict[str, Any]:
    item = piece.item
    entry: dict[str, Any] = {"item_id": item.item_id, "price": item.paid_price}
    if item.sale_price is not None:
        entry["discount"] = round(item.price - item.sale_price, 2)
    if piece.size is not None:
        entry["size"] = piece.size
    return entry
