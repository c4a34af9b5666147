"""Metrics of what goes wrong around the service: a Redis left alone, clients cut off, data lost."""

from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

_CALLERS: Final = ("pages", "events")
_WAITED_FOR: Final = ("headers", "body", "reader", "room", "http")


class ResilienceMetrics:
    """Those of one process; shown at once, as they are rare.

    Args:
        registry: that they are shown by.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._breakers = Gauge(
            "kabin_redis_breakers_open",
            "Servers that are left alone because they answer these callers too late.",
            ["caller"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._breakers_opened = Counter(
            "kabin_redis_breakers_opened",
            "Times that a server began to be left alone.",
            ["caller"],
            registry=registry,
        )
        for caller in _CALLERS:
            self._breakers.labels(caller).set(0)
            self._breakers_opened.labels(caller)
        self._connections_ended = Counter(
            "kabin_connections_ended",
            "Clients' connections that were ended, by what they had waited for too long; room if too many were open, http if it "
            "was not spoken.",
            ["waited_for"],
            registry=registry,
        )
        for waited_for in _WAITED_FOR:
            self._connections_ended.labels(waited_for)
        self._events_lost = Counter(
            "kabin_events_lost",
            "Events that were not archived yet when Redis came back without its data; at most.",
            registry=registry,
        )

    def breaker(self, caller: Literal["pages", "events"], is_open: bool) -> None:
        """Record that a server is left alone by those callers from now on, or no longer."""
        if is_open:
            self._breakers.labels(caller).inc()
            self._breakers_opened.labels(caller).inc()
        else:
            self._breakers.labels(caller).dec()

    def connection_ended(self, waited_for: str) -> None:
        """Count one client's connection that was ended: what it had waited for, ``room`` or ``http``."""
        self._connections_ended.labels(waited_for).inc()

    def events_lost(self, events: int) -> None:
        """Count events that had been accepted and are gone."""
        self._events_lost.inc(events)
