"""``GET`` and ``DELETE /visitors/{id}``."""

import time

import orjson

from service.contract.answers import ErasureAnswer, HeldEventAnswer, VisitorExportAnswer
from service.contract.problems import FieldError, Problem, unavailable
from service.history.visitor_events import HeldEvent, VisitorEvents
from service.history.visitor_report import VisitorReports
from service.identity.customers import CustomerIds
from service.identity.tokens import VisitorTokens
from service.routes.answers import visitor_answer
from service.routes.exchange import NO_STORE, Reply, Request
from service.stores.connection import StoreUnavailable
from service.stores.erasures import Erasures
from service.stores.identifications import Identifications


class VisitorRoutes:
    """The handlers of calls about one visitor, named by id or by token; all of them need the server key."""

    def __init__(
        self,
        reports: VisitorReports,
        events: VisitorEvents,
        erasures: Erasures,
        identifications: Identifications,
        *,
        tokens: VisitorTokens,
        customers: CustomerIds,
    ) -> None:
        self._reports = reports
        self._events = events
        self._erasures = erasures
        self._identifications = identifications
        self._tokens = tokens
        self._customers = customers

    async def visitor(self, request: Request) -> Reply:
        """Answer everything held about a visitor; every event only where that is asked for, as it takes its time."""
        started = time.perf_counter()
        visitor_id = self._named(request)
        asked = request.query("events") or "0"
        if asked not in {"0", "1"}:
            raise Problem(422, "events: expected 0 or 1", errors=[FieldError("/events", "expected 0 or 1")])
        wants_events = asked == "1"
        try:
            merged = await self._identifications.merged_visitors(visitor_id)
            events = await self._events.of(visitor_id) if wants_events else []
            report = await self._reports.of(visitor_id, has_events=bool(events))
        except StoreUnavailable as error:
            raise unavailable(f"visitors cannot be read now: {error}", retry_after_seconds=5) from None
        if report is None:
            raise Problem(404, "nothing is held about this visitor")
        answer = visitor_answer(visitor_id, report, merged)
        if not wants_events:
            return _personal(answer, started)
        export: VisitorExportAnswer = {**answer, "events": [_held(event) for event in events]}
        return _personal(export, started)

    async def erase(self, request: Request) -> Reply:
        """Erase a visitor and answer what was deleted."""
        started = time.perf_counter()
        visitor_id = self._named(request)
        try:
            erasure = await self._erasures.erase(visitor_id)
        except StoreUnavailable:
            raise unavailable(
                "the visitor cannot be erased now: ask again, that does no harm", retry_after_seconds=5
            ) from None
        answer: ErasureAnswer = {
            "visitor_id": visitor_id,
            "erased_at": erasure.at,
            "known": erasure.was_known,
            "events": erasure.events,
        }
        return _personal(answer, started)

    def _named(self, request: Request) -> str:
        given = request.path_parameter("id")
        try:
            return self._tokens.read(given) or self._customers.named(given)
        except ValueError:
            raise Problem(404, "customer: is followed by the shop's own id of the customer") from None


def _held(event: HeldEvent) -> HeldEventAnswer:
    return {
        "visitor_id": event.visitor_id,
        "place": event.place,
        "received_at": event.received_at,
        "event": orjson.Fragment(event.json),
    }


def _personal(answer: object, started: float) -> Reply:
    timing = b"total;dur=%.2f" % ((time.perf_counter() - started) * 1e3)
    return Reply.of_json(answer, headers=[NO_STORE, (b"server-timing", timing)])
