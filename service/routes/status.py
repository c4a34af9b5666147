"""``/healthz``, ``/readyz``, ``/metrics`` and ``/openapi.json``: for whoever runs the service."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from recommender.model import TrainingRecord
from service.contract.operator_answers import (
    CatalogStatus,
    ExperimentsStatusAnswer,
    HealthAnswer,
    LogStatus,
    ModelStatus,
    ReadinessAnswer,
    RedisStatus,
    TrainingStatus,
)
from service.experiments.status import ExperimentsStatus
from service.knowledge import Knowledge
from service.metrics.metrics import Metrics
from service.redis_link.data_loss import ADVICE
from service.redis_link.log_pressure import Pressure
from service.routes.exchange import NO_STORE, Reply, Request
from service.serving.drain import Drain
from service.stores.connection import StoreUnavailable


class StatusRoutes:
    """The handlers of operators' calls.

    Args:
        knowledge: catalog and model in use.
        metrics: to be exposed.
        document: the OpenAPI document.
        ping: returns if Redis answers; raises :class:`StoreUnavailable` otherwise.
        catalog_fresh_at: Unix seconds at which the replica was last known to be fresh, ``None`` before the first.
        model_problem: why the newest published model is not the one in use, if so.
        last_training: how the last training ended, ``None`` before the first.
        experiments_status: which experiments' definitions are in use, and what is wrong with them.
        pressure: how full Redis is.
        lost_at: when Redis was found to have lost its data, if they have not been restored.
        drain: whether this process is about to end.
        clock: Unix seconds now.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        metrics: Metrics,
        document: dict[str, Any],
        *,
        ping: Callable[[], Awaitable[None]],
        catalog_fresh_at: Callable[[], float | None],
        model_problem: Callable[[], str | None],
        last_training: Callable[[], TrainingRecord | None],
        experiments_status: Callable[[], ExperimentsStatus],
        pressure: Callable[[], Pressure],
        lost_at: Callable[[], float | None],
        drain: Drain,
        clock: Callable[[], float],
    ) -> None:
        self._knowledge = knowledge
        self._metrics = metrics
        self._document = orjson.dumps(document, option=orjson.OPT_INDENT_2)
        self._ping = ping
        self._catalog_fresh_at = catalog_fresh_at
        self._model_problem = model_problem
        self._last_training = last_training
        self._experiments_status = experiments_status
        self._pressure = pressure
        self._lost_at = lost_at
        self._drain = drain
        self._clock = clock

    async def healthz(self, _request: Request) -> Reply:
        """Answer that the process lives."""
        answer: HealthAnswer = {"status": "ok"}
        return Reply.of_json(answer, headers=[NO_STORE])

    async def readyz(self, _request: Request) -> Reply:
        """Answer what the service can do, and what is the matter."""
        redis = await self._redis()
        model = self._model()
        catalog = self._catalog()
        answer: ReadinessAnswer = {
            "status": "ready",
            "redis": redis,
            "log": self._log(),
            "model": model,
            "training": self._training(),
            "catalog": catalog,
            "experiments": self._experiments(),
        }
        if self._drain.is_begun:
            answer["status"] = "stopping"
        elif catalog["age_seconds"] is None and redis["ok"]:
            answer["status"] = "starting"
        elif redis["detail"] is not None or answer["log"]["refusing"] or self._model_problem() is not None:
            answer["status"] = "degraded"
        status = 503 if answer["status"] in ("starting", "stopping") else 200
        return Reply.of_json(answer, status=status, headers=[NO_STORE])

    async def metrics(self, request: Request) -> Reply:
        """Answer the metrics in the format that Prometheus asks for."""
        accept = (request.headers.get(b"accept") or b"").decode("latin-1")
        body, content_type = self._metrics.exposition(accept)
        return Reply(body, headers=[NO_STORE], content_type=content_type.encode())

    async def openapi(self, _request: Request) -> Reply:
        """Answer the contract."""
        return Reply(self._document)

    async def _redis(self) -> RedisStatus:
        try:
            await self._ping()
        except StoreUnavailable as error:
            return {"ok": False, "detail": str(error)}
        lost_at = self._lost_at()
        if lost_at is None:
            return {"ok": True, "detail": None}
        found = datetime.fromtimestamp(lost_at, UTC).isoformat(timespec="seconds")
        return {"ok": True, "detail": f"Redis was found without its data at {found}: {ADVICE}"}

    def _log(self) -> LogStatus:
        pressure = self._pressure()
        percent = pressure.memory_percent
        return {
            "events": pressure.log_events,
            "limit_events": pressure.limits.log_events or None,
            "memory_percent": None if percent is None else round(percent, 1),
            "memory_limit_percent": pressure.limits.memory_percent,
            "refusing": pressure.is_refusing,
            "detail": "; ".join(pressure.details) or None,
        }

    def _model(self) -> ModelStatus:
        model = self._knowledge.model
        problem = self._model_problem()
        if model is None:
            detail = problem or "no model has been published yet: run `kabin train`; newest items are shown"
            return {"version": None, "created_at": None, "detail": detail}
        return {"version": model.version, "created_at": model.created_at, "detail": problem}

    def _training(self) -> TrainingStatus:
        last = self._last_training()
        if last is None:
            return {"result": None, "version": None, "finished_at": None, "reasons": []}
        return {
            "result": last.result,
            "version": last.version,
            "finished_at": last.finished_at,
            "reasons": list(last.reasons),
        }

    def _catalog(self) -> CatalogStatus:
        catalog = self._knowledge.catalog
        fresh_at = self._catalog_fresh_at()
        return {
            "items": len(catalog),
            "skus": catalog.sku_count,
            "version": catalog.version,
            "age_seconds": self._age_seconds(fresh_at),
        }

    def _experiments(self) -> ExperimentsStatusAnswer:
        status = self._experiments_status()
        return {
            "version": status.version,
            "source": status.source,
            "age_seconds": self._age_seconds(status.fresh_at),
            "overridden": list(status.overridden),
            "problems": list(status.problems),
        }

    def _age_seconds(self, fresh_at: float | None) -> float | None:
        return None if fresh_at is None else round(max(self._clock() - fresh_at, 0.0), 3)
