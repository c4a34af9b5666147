"""Exposures in a real Valkey: what two workers know of one visitor, and what repetition does."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

import pytest

from recommender.catalog.catalog import Catalog
from recommender.decisions.policy import NO_POLICY, Policy, compile_policy
from recommender.decisions.question import Question
from recommender.events import Event, EventName, ExperimentShown
from service.contract.wire import NO_EVENTS, CheckedEvents
from service.exposures import Exposures
from service.knowledge import Knowledge
from service.metrics.metrics import Metrics
from service.personalization import Answer, Personalization
from service.stores.connection import Client
from service.stores.keys import Keyspace
from service.stores.log import EventLog
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from service.tickets import ExposureTickets

pytestmark = pytest.mark.anyio

NOW: Final = 1_763_740_800.0
HOME: Final = Question("home")


def promo_for(share: float, **rule: Any) -> Policy:
    """Return a policy that gives a share of the visitors the promo page."""
    experiment = {"variations": ["full_price", "promo"], "weights": [1 - share, share], "key": "promo-page"}
    feature: Mapping[str, Any] = {"defaultValue": "personalized", "rules": [experiment | rule]}
    compiled = compile_policy({"features": {"kabin-homepage": feature}})
    assert compiled.problems == ()
    return compiled.policy


@pytest.fixture
def keyspace() -> Keyspace:
    """A prefix that no other test uses."""
    return Keyspace(f"exposures-{secrets.token_hex(4)}")


class Worker:
    """One process of the service, as far as it concerns visitors."""

    def __init__(self, client: Client, keyspace: Keyspace) -> None:
        self.policy = NO_POLICY
        catalog = Catalog.empty()
        knowledge = Knowledge(lambda: catalog, lambda: None, lambda: self.policy)
        store = RedisVisitorStore(ClientScripts(client), keyspace)
        metrics = Metrics()
        exposures = Exposures(ExposureTickets(["a-key-that-workers-share"]), store, knowledge, metrics)
        self._personalization = Personalization(store, store, knowledge, metrics, exposures)

    async def home(self, visitor_id: str, *, now: float = NOW) -> Answer:
        """Answer a home page."""
        return await self._personalization.answer(visitor_id, HOME, NO_EVENTS, now=now)

    async def report(
        self, visitor_id: str, answer: Answer, event_id: str, *, now: float = NOW
    ) -> tuple[int, int]:
        """Take a browser's report that the homepage was seen; return how many counted and were repeated."""
        event = Event(
            EventName.DECISION_SHOWN,
            event_id,
            now,
            "browser",
            decision_id=answer.decision_id,
            slot="homepage",
        )
        kept = await self._personalization.keep(visitor_id, CheckedEvents((event,), 0, ()), now=now)
        return kept["accepted"], kept["duplicate"]


async def test_a_visitor_keeps_a_variation_in_every_worker(client: Client, keyspace: Keyspace) -> None:
    """One worker decided, another took the report, and a third has the new weights already."""
    workers = [Worker(client, keyspace) for _ in range(3)]
    workers[0].policy = workers[1].policy = promo_for(1.0)
    workers[2].policy = promo_for(0.0)
    answer = await workers[0].home("seen")
    assert (await workers[2].home("new")).decision.homepage.variant == "full_price"
    assert await workers[1].report("seen", answer, "e1") == (1, 0)
    for worker in workers:
        again = await worker.home("seen")
        assert (again.decision.homepage.variant, again.decision.homepage.reason) == ("promo", "experiment")
        assert [(one.variation, one.is_recorded) for one in again.experiments] == [("promo", True)]
        assert len(again.decision_id) == 22


async def test_the_log_holds_the_exposure_once(client: Client, keyspace: Keyspace) -> None:
    """However often a report is taken, by whichever worker, and whether the page calls it the same or another one."""
    workers = [Worker(client, keyspace) for _ in range(2)]
    for worker in workers:
        worker.policy = promo_for(0.25, bucketVersion=2)
    store = RedisVisitorStore(ClientScripts(client), keyspace)
    answer = await workers[0].home("v")
    assert await workers[0].report("v", answer, "e1") == (1, 0)
    state = await store.read("v")
    assert await workers[1].report("v", answer, "e1") == (0, 1)
    assert await workers[1].report("v", answer, "e2", now=NOW + 60) == (0, 1)
    assert (await store.read("v")).exposures == state.exposures
    assert len(state.exposures) == 1
    (told,) = answer.experiments
    shown = ExperimentShown(
        "promo-page", told.variation_id, told.variation, (0.75, 0.25)[told.variation_id], bucket_version=2
    )
    logged = await EventLog(client, keyspace).read(keyspace.partition_of("v"))
    assert [entry.event().experiments for entry in logged] == [(shown,)]
