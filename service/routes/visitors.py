"""``GET /visitors/{id}``."""

import time

from service.identity import VisitorTokens
from service.problems import Problem, unavailable
from service.routes.answers import visitor_answer
from service.routes.exchange import NO_STORE, Reply, Request
from service.stores.connection import StoreUnavailable
from service.visitor_report import VisitorReports


class VisitorRoutes:
    """The handlers of calls about one visitor; all of them need the server key."""

    def __init__(self, reports: VisitorReports, tokens: VisitorTokens) -> None:
        self._reports = reports
        self._tokens = tokens

    async def visitor(self, request: Request) -> Reply:
        """Answer everything held about a visitor, named by id or by token."""
        started = time.perf_counter()
        given = request.path_parameter("id")
        visitor_id = self._tokens.read(given) or given
        try:
            report = await self._reports.of(visitor_id)
        except StoreUnavailable:
            raise unavailable("visitors cannot be read now", retry_after_seconds=5) from None
        if report is None:
            raise Problem(404, "nothing is held about this visitor")
        answer = visitor_answer(visitor_id, report)
        timing = b"total;dur=%.2f" % ((time.perf_counter() - started) * 1e3)
        return Reply.of_json(answer, headers=[NO_STORE, (b"server-timing", timing)])
