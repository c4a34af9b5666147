"""What operators see: Prometheus metrics, labelled by route template, of one process or of all workers."""

from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from recommender.model.training_record import RESULTS
from service.tallies import SecondsHistogram, Tallies

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OUTCOMES: Final = ("accepted", "duplicate", "ignored", "rejected", "refused")
_MAX_EXPERIMENTS: Final = 200
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """The metrics of one process. What happens with every request is tallied, and shows after :meth:`flush`.

    Args:
        multiprocess_dir: folder that the workers share their values through; ``None`` with one process.
    """

    def __init__(self, multiprocess_dir: Path | None = None) -> None:
        self._multiprocess_dir = multiprocess_dir
        registry = CollectorRegistry()
        self._registry = registry
        self._tallies = Tallies()
        if multiprocess_dir is None:
            ProcessCollector(registry=registry)
        self._requests = SecondsHistogram(
            "kabin_http_request_duration_seconds",
            "Time from the request's headers to the answer.",
            ["route", "method", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._request_seconds: dict[tuple[str, str, int], list[float]] = {}
        self._events = Counter(
            "kabin_events", "Events by what became of them.", ["outcome"], registry=registry
        )
        for outcome in _OUTCOMES:
            self._events.labels(outcome)
        self._bodies: defaultdict[tuple[int, ...], int] = defaultdict(int)
        self._decisions = Counter(
            "kabin_decisions", "Decisions by their outcome.", ["decision", "outcome"], registry=registry
        )
        self._recommendations = Counter(
            "kabin_recommendations", "Recommended items by their source.", ["source"], registry=registry
        )
        self._pages: defaultdict[tuple[str, str, tuple[str, ...]], int] = defaultdict(int)
        self._exposures = Counter(
            "kabin_exposures", "Exposures put into the log, by experiment.", ["experiment"], registry=registry
        )
        self._exposed: set[str] = set()
        limited = Counter(
            "kabin_rate_limited",
            "Requests answered with 429, by whose rate it was.",
            ["scope"],
            registry=registry,
        )
        self._rate_limited = {scope: limited.labels(scope) for scope in ("visitor", "address")}
        self._degraded = Counter("kabin_degraded_answers", "Answers given without Redis.", registry=registry)
        self._redis = SecondsHistogram(
            "kabin_redis_duration_seconds",
            "Time of one call to Redis, by outcome.",
            ["outcome"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._redis_seconds, self._failed_redis_seconds = (
            self._tallies.durations(self._redis, outcome) for outcome in ("ok", "failed")
        )
        for outcome in ("ok", "failed"):
            self._redis.labels(outcome)
        self._model = self._gauge("kabin_model_info", "1 for the model in use.", "version")
        self._model_created = self._gauge(
            "kabin_model_created_timestamp_seconds", "When the model in use was trained."
        )
        self._model_failures = Counter(
            "kabin_model_load_failures", "Published models that could not be loaded.", registry=registry
        )
        self._model_problem = Gauge(
            "kabin_model_problem",
            "1 while the published model cannot be used, and the last good one is; /readyz says why.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._training_result = self._gauge(
            "kabin_training_last_result", "1 for what became of the last training.", "result"
        )
        self._training_finished = self._gauge(
            "kabin_training_finished_timestamp_seconds", "When the last training ended."
        )
        self._catalog_version = self._gauge("kabin_catalog_version", "Version of the catalog in use.")
        self._catalog_updated = self._gauge(
            "kabin_catalog_updated_timestamp_seconds", "When this replica was last known to be fresh."
        )
        self._catalog_skus = self._gauge("kabin_catalog_skus", "SKUs in the catalog.")
        self._model_version: str | None = None
        self._experiments_version = self._gauge(
            "kabin_experiments_version", "Version in Redis of the experiments in use."
        )
        self._experiments_updated = self._gauge(
            "kabin_experiments_updated_timestamp_seconds",
            "When the experiments in use were last known to be what is defined.",
        )
        self._experiments_problems = Gauge(
            "kabin_experiments_problems",
            "What is wrong with experiments or where they come from; /readyz says what.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._experiments_failures = Counter(
            "kabin_experiments_refresh_failures",
            "Looks for changed experiments that failed; the last good ones stayed.",
            ["source"],
            registry=registry,
        )

        self._log_events = self._fullest("kabin_log_events", "Events that wait in Redis for the archive.")
        self._memory_ratio = self._fullest(
            "kabin_redis_memory_ratio", "Used share of the memory that the fullest Redis may take."
        )
        self._refusing = self._fullest(
            "kabin_events_refusing", "1 while events are refused for want of room."
        )

    def _fullest(self, name: str, help_text: str) -> Gauge:
        return Gauge(name, help_text, multiprocess_mode="livemax", registry=self._registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        # The oldest live worker's value is the one to worry about.
        return Gauge(name, help_text, labels, multiprocess_mode="livemin", registry=self._registry)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one HTTP request; ``route`` is the template, never the path."""
        durations = self._request_seconds.get((route, method, status))
        if durations is None:
            known_method = method if method in _METHODS else "other"
            durations = self._tallies.durations(self._requests, route, known_method, str(status))
            if known_method == method:
                self._request_seconds[route, method, status] = durations
        durations.append(seconds)

    def events(
        self, *, accepted: int = 0, duplicate: int = 0, ignored: int = 0, rejected: int = 0, refused: int = 0
    ) -> None:
        """Count the events of one body; refused are those that there was no room for."""
        self._bodies[accepted, duplicate, ignored, rejected, refused] += 1

    def page(self, size: str, homepage: str, sources: Iterable[str]) -> None:
        """Count the decisions of one page: its size's action, its homepage's variant, each recommended item's source."""
        # Sorted out once a second: to count each outcome at once would be a dozen calls of every page.
        self._pages[size, homepage, tuple(sources)] += 1

    def exposure(self, experiment_id: str) -> None:
        """Count one exposure that was put into the log."""
        # A server may name anything an experiment, and each name is kept for good.
        if len(self._exposed) < _MAX_EXPERIMENTS:
            self._exposed.add(experiment_id)
        self._tallies.count(self._exposures, experiment_id if experiment_id in self._exposed else "other")

    def rate_limited(self, scope: Literal["visitor", "address"]) -> None:
        """Count one request that was one too many of its visitor, or of its address."""
        self._rate_limited[scope].inc()

    def degraded(self) -> None:
        """Count one answer that had to do without Redis."""
        self._degraded.inc()

    def redis(self, seconds: float, *, ok: bool) -> None:
        """Record one call to Redis."""
        (self._redis_seconds if ok else self._failed_redis_seconds).append(seconds)

    def model(self, version: str | None, created_at: float) -> None:
        """Record the model in use; ``created_at`` in Unix seconds, 0 without a model."""
        if self._model_version is not None and self._model_version != version:
            self._model.labels(self._model_version).set(0)
        if version is not None:
            self._model.labels(version).set(1)
        self._model_version = version
        self._model_created.set(created_at)

    def model_failure(self) -> None:
        """Count one published model that could not be loaded."""
        self._model_failures.inc()

    def model_problem(self, *, is_there: bool) -> None:
        """Record whether something keeps the published model from being used."""
        self._model_problem.set(is_there)

    def training(self, result: str | None, finished_at: float) -> None:
        """Record how the last training ended; ``finished_at`` in Unix seconds, 0 before the first."""
        for each in RESULTS:
            self._training_result.labels(each).set(each == result)
        self._training_finished.set(finished_at)

    def catalog(self, version: int, updated_at: float, skus: int) -> None:
        """Record the state of this process's catalog replica."""
        self._catalog_version.set(version)
        self._catalog_updated.set(updated_at)
        self._catalog_skus.set(skus)

    def experiments(self, version: int, updated_at: float, problems: int) -> None:
        """Record the experiments in use; ``updated_at`` in Unix seconds, 0 if they were never known to be fresh."""
        self._experiments_version.set(version)
        self._experiments_updated.set(updated_at)
        self._experiments_problems.set(problems)

    def experiments_failure(self, source: str) -> None:
        """Count one look for changed experiments that failed: at ``redis``, ``file`` or ``growthbook``."""
        self._experiments_failures.labels(source).inc()

    def pressure(self, log_events: int | None, memory_percent: float | None, *, is_refusing: bool) -> None:
        """Record how full Redis is; what is not known, or has no limit, is left at 0."""
        self._log_events.set(log_events or 0)
        self._memory_ratio.set((memory_percent or 0.0) / 100)
        self._refusing.set(is_refusing)

    def flush(self) -> None:
        """Show what was tallied, to other workers too: once a second, and before the process ends."""
        count = self._tallies.count
        for outcomes, bodies in self._bodies.items():
            for outcome, events in zip(_OUTCOMES, outcomes, strict=True):
                if events:
                    count(self._events, outcome, by=events * bodies)
        for (size, homepage, sources), pages in self._pages.items():
            count(self._decisions, "size", size, by=pages)
            count(self._decisions, "homepage", homepage, by=pages)
            for source, items in Counts(sources).items():
                count(self._recommendations, source, by=items * pages)
        self._bodies.clear()
        self._pages.clear()
        self._tallies.hand_over()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics of all workers and their content type, in the format ``accept`` asks for.

        Those of this process are of this moment, those of others as of their last flush.
        """
        self.flush()
        registry = self._registry
        if self._multiprocess_dir is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=str(self._multiprocess_dir))  # type: ignore[no-untyped-call]
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type
