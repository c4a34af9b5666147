"""``GET /items/{id}/similar``."""

import time
from collections.abc import Callable

from recommender.decisions.fit import Fit
from recommender.decisions.selection import select_similar
from recommender.sizes.calibration import SizeCalibration
from service.contract.answers import SimilarAnswer
from service.contract.problems import FieldError, Problem
from service.contract.schemas import DEFAULT_LIMIT, MAX_LIMIT
from service.knowledge import Knowledge
from service.routes.answers import written_recommendations
from service.routes.exchange import NO_STORE, Reply, Request

_CACHE_CONTROL = (b"cache-control", b"public, max-age=60")


class ItemRoutes:
    """The handlers of calls about one item, without a visitor."""

    def __init__(self, knowledge: Knowledge, clock: Callable[[], float]) -> None:
        self._knowledge = knowledge
        self._clock = clock

    async def similar(self, request: Request) -> Reply:
        """Answer the items that go with an item."""
        started = time.perf_counter()
        item_id = request.path_parameter("id")
        limit = _limit(request.query("limit"))
        now = self._clock()
        catalog, model = self._knowledge.catalog, self._knowledge.model
        resolved = catalog.resolve(item_id)
        if resolved is None:
            raise Problem(404, "the catalog has no item and no SKU of this id")
        if "recommendations" in self._knowledge.policy.switched_off:
            limit = 0
        chosen = select_similar(resolved.item, catalog, model, fit=_nobody(), limit=limit, now=now)
        answer: SimilarAnswer = {
            "item_id": item_id,
            "recommendations": written_recommendations(chosen, now),
            "model_version": None if model is None else model.version,
        }
        timing = b"total;dur=%.2f" % ((time.perf_counter() - started) * 1e3)
        # What a switch has emptied must not stay so for those who ask again once it is on.
        caching = _CACHE_CONTROL if limit > 0 else NO_STORE
        return Reply.of_json(answer, headers=[caching, (b"server-timing", timing)])


def _nobody() -> Fit:
    """Return the fit of nobody in particular: every size will do."""
    return Fit((), SizeCalibration(), today=0)


def _limit(given: str | None) -> int:
    if given is None:
        return DEFAULT_LIMIT
    limit = int(given) if given.isascii() and given.isdigit() and len(given) <= 4 else -1
    if not 0 <= limit <= MAX_LIMIT:
        detail = f"expected a whole number from 0 to {MAX_LIMIT}"
        raise Problem(422, f"limit: {detail}", errors=[FieldError("/limit", detail)])
    return limit
