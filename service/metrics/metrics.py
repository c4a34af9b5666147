"""What operators see: Prometheus metrics, labelled by route template, of one process or of all workers."""

from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from service.metrics.resilience import ResilienceMetrics
from service.metrics.state import StateMetrics
from service.metrics.tallies import SecondsHistogram, Tallies

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OUTCOMES: Final = ("accepted", "duplicate", "ignored", "rejected", "refused")
IdentificationOutcome = Literal["merged", "known", "signed_out", "not_stored", "refused", "unavailable"]
"""Something was merged, nothing was there to merge, a fresh visitor, no consent, 401 or 403, 503."""
IDENTIFICATIONS: Final[tuple[IdentificationOutcome, ...]] = get_args(IdentificationOutcome)
_MAX_EXPERIMENTS: Final = 200
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """The metrics of one process. What happens with every request is tallied, and shows after :meth:`flush`.

    Args:
        multiprocess_dir: folder that the workers share their values through; ``None`` with one process.

    Attributes:
        resilience: what goes wrong around the service.
        state: what the process works with.
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
        self._shown_accepted = 0
        self.resilience = ResilienceMetrics(registry)
        self.state = StateMetrics(registry)
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
        identified = Counter(
            "kabin_identifications",
            "Calls of POST /identify by what became of them.",
            ["outcome"],
            registry=registry,
        )
        self._identified = {outcome: identified.labels(outcome) for outcome in IDENTIFICATIONS}
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

    @property
    def accepted_events(self) -> int:
        """How many events this process has accepted."""
        return self._shown_accepted + sum(events[0] * bodies for events, bodies in self._bodies.items())

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

    def identification(self, outcome: IdentificationOutcome) -> None:
        """Count one call that said who a visitor is."""
        self._identified[outcome].inc()

    def degraded(self) -> None:
        """Count one answer that had to do without Redis."""
        self._degraded.inc()

    def redis(self, seconds: float, *, ok: bool) -> None:
        """Record one call to Redis."""
        (self._redis_seconds if ok else self._failed_redis_seconds).append(seconds)

    def flush(self) -> None:
        """Show what was tallied, to other workers too: once a second, and before the process ends."""
        count = self._tallies.count
        self._shown_accepted = self.accepted_events
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
