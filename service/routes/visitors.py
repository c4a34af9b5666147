"""``GET`` and ``DELETE /visitors/{id}``."""

import time

from service.answers import ErasureAnswer
from service.identity import VisitorTokens
from service.problems import Problem, unavailable
from service.routes.answers import visitor_answer
from service.routes.exchange import NO_STORE, Reply, Request
from service.stores.connection import StoreUnavailable
from service.stores.erasures import Erasures
from service.visitor_report import VisitorReports


class VisitorRoutes:
    """The handlers of calls about one visitor, named by id or by token; all of them need the server key."""

    def __init__(self, reports: VisitorReports, erasures: Erasures, tokens: VisitorTokens) -> None:
        self._reports = reports
        self._erasures = erasures
        self._tokens = tokens

    async def visitor(self, request: Request) -> Reply:
        """Answer everything held about a visitor."""
        started = time.perf_counter()
        visitor_id = self._named(request)
        try:
            report = await self._reports.of(visitor_id)
        except StoreUnavailable:
            raise unavailable("visitors cannot be read now", retry_after_seconds=5) from None
        if report is None:
            raise Problem(404, "nothing is held about this visitor")
        return _personal(visitor_answer(visitor_id, report), started)

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
        return self._tokens.read(given) or given


def _personal(answer: object, started: float) -> Reply:
    timing = b"total;dur=%.2f" % ((time.perf_counter() - started) * 1e3)
    return Reply.of_json(answer, headers=[NO_STORE, (b"server-timing", timing)])
