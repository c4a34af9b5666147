"""Metrics of what a process works with: model, training, catalog, experiments, and how full Redis is."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from recommender.model.training_record import RESULTS


class StateMetrics:
    """Those of one process, each as of its last change.

    Args:
        registry: that they are shown by.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
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
