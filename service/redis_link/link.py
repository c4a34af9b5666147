"""The process's link to Redis: made at start-up or, if nothing answers then, as soon as something does.

Routes are put together before there is a connection, on stores that say :class:`StoreUnavailable` until then.
After that the clients reconnect by themselves.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal

from recommender.departments import DepartmentTable
from service.history.archives import readable_archive
from service.history.visitor_events import StoredVisitorEvents
from service.redis_link.late_stores import (
    LateCatalogStore,
    LateErasures,
    LateExperimentStore,
    LateLoad,
    LateVisitorEvents,
)
from service.redis_link.replica import CatalogReplica
from service.settings import Settings
from service.stores.catalog import RedisCatalogStore
from service.stores.catalog_source import RedisCatalogSource
from service.stores.connection import (
    NOT_YET,
    Client,
    StoreMisconfigured,
    StoreUnavailable,
    check_server,
    connect,
)
from service.stores.erasures import RedisErasures
from service.stores.experiments import RedisExperimentStore
from service.stores.identifications import RedisIdentifications
from service.stores.installation import RedisInstallation
from service.stores.keys import Keyspace
from service.stores.load import RedisLoad
from service.stores.multiplexed.connection import Limits
from service.stores.multiplexed.scripts import Multiplexed
from service.stores.visitors import Lifetimes, RedisVisitorStore

RECONNECT_SECONDS: Final = 1.0
BULK_TIMEOUT_SECONDS: Final = 30.0
"""Patience with commands that carry a megabyte of catalog, which have a client of their own."""

_FEWEST_WAITING: Final = 1024
"""Commands that may wait for Redis at once, however few requests a worker takes."""

Caller = Literal["pages", "events"]
"""Who waits for Redis, each with a patience of its own."""

_log = logging.getLogger(__name__)


def _nobody(_caller: Caller, _is_open: bool) -> None:
    """Tell nobody."""


class RedisLink:
    """Connects the late stores and keeps the catalog replica.

    Args:
        settings: with a ``redis_url``.
        departments: the shop's department table.
        on_breaker: is told when pages, or events, no longer wait for a server that is too slow for them, and when they
            do again.

    Attributes:
        visitors: usable from the start; with the patience of a page.
        follow_up_visitors: the same with what that leaves of the page's budget, for what comes after the first call.
        patient_visitors: the same, with the patience of ``POST /events``.
        identifications: usable from the start, with the patience of ``POST /events``.
        installation: likewise.
        catalog_store: usable from the start.
        experiments: likewise.
        erasures: likewise.
        visitor_events: likewise.
        load: likewise.
        replica: ``None`` until Redis has been reached.
    """

    def __init__(
        self,
        settings: Settings,
        departments: DepartmentTable,
        on_breaker: Callable[[Caller, bool], None] = _nobody,
    ) -> None:
        self._settings = settings
        self._departments = departments
        self._keyspace = Keyspace(settings.redis_prefix)
        self._clients: list[Client] = []
        self._reason = NOT_YET
        self._on_breaker = on_breaker
        self._shared = Multiplexed(
            Limits(most_waiting=max(_FEWEST_WAITING, 4 * settings.max_in_flight)), on_change=self._changed
        )
        self.visitors = self._visitors_within(settings.redis_timeout_ms)
        self.follow_up_visitors = self._visitors_within(settings.follow_up_timeout_ms)
        self.patient_visitors = self._visitors_within(settings.events_timeout_ms)
        self.identifications = RedisIdentifications(
            self._shared.within(settings.events_timeout_ms / 1000), self._keyspace, self._lifetimes
        )
        self.installation = RedisInstallation(
            self._shared.within(settings.events_timeout_ms / 1000), self._keyspace
        )
        self.catalog_store = LateCatalogStore()
        self.experiments = LateExperimentStore()
        self.erasures = LateErasures()
        self.visitor_events = LateVisitorEvents()
        self.load = LateLoad()
        self.replica: CatalogReplica | None = None

    async def open(self) -> None:
        """Connect, check that the server can be trusted with visitors and events, and load the catalog.

        Raises:
            StoreUnavailable: nothing answers; try again.
            StoreMisconfigured: it must not be used as it is.
        """
        settings, keyspace = self._settings, self._keyspace
        try:
            bulk = await self._connect(BULK_TIMEOUT_SECONDS)
            report = await check_server(bulk, keyspace, allow_eviction=settings.allow_eviction)
            patience = max(settings.redis_timeout_ms, settings.events_timeout_ms) / 1000
            client = await self._connect(patience)
            await self._shared.open(self._url, client)
        except BaseException as error:
            self._reason = str(error)
            await self.close()
            raise
        for warning in report.warnings:
            _log.warning("%s", warning)
        self._reason = ""
        self.experiments.target = RedisExperimentStore(client, keyspace)
        self.erasures.target = RedisErasures(client, keyspace)
        self.visitor_events.target = StoredVisitorEvents(
            bulk, keyspace, lambda: readable_archive(settings, bulk, keyspace)
        )
        self.load.target = RedisLoad(client, self._shared.within(settings.events_timeout_ms / 1000), keyspace)
        self.catalog_store.target = RedisCatalogStore(
            bulk,
            keyspace,
            default_currency=settings.default_currency,
            timezone=settings.feed_zone,
            impatient=client,
        )
        source = RedisCatalogSource(bulk, keyspace, impatient=client)
        self.replica = CatalogReplica(source, self._departments)
        await self.replica.start()

    async def open_patiently(self) -> None:
        """Connect as soon as something answers that can be trusted; until then pages go on without."""
        complaint = ""
        while True:
            try:
                await self.open()
            except StoreUnavailable:
                await asyncio.sleep(RECONNECT_SECONDS)
            except StoreMisconfigured as error:
                if str(error) != complaint:
                    complaint = str(error)
                    _log.error("Redis has been reached and is not used: %s", complaint)
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                _log.info("Redis has been reached")
                return

    async def close(self) -> None:
        """Stop the replica and close the connections; the last catalog stays usable."""
        if self.replica is not None:
            await self.replica.stop()
        await self._shared.close()
        clients, self._clients = self._clients, []
        for client in clients:
            await client.aclose()

    async def refresh_catalog(self) -> None:
        """Make the replica catch up with the store now.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        if self.replica is not None:
            await self.replica.refresh()

    async def ping(self) -> None:
        """Return if Redis answers.

        Raises:
            StoreUnavailable: it does not.
        """
        if self._reason:
            raise StoreUnavailable(self._reason)
        await self._shared.ping(self._settings.events_timeout_ms / 1000)

    def _changed(self, patience_seconds: float, is_open: bool) -> None:
        settings = self._settings
        if patience_seconds == settings.follow_up_timeout_ms / 1000 != settings.redis_timeout_ms / 1000:
            return  # It goes with pages, and what it costs them is a detail.
        caller: Caller = "pages" if patience_seconds == settings.redis_timeout_ms / 1000 else "events"
        if is_open:
            _log.warning(
                "Redis does not answer %s within %g ms: they go on without it until it does",
                caller,
                patience_seconds * 1000,
            )
        else:
            _log.info("Redis answers %s in time again", caller)
        self._on_breaker(caller, is_open)

    @property
    def _url(self) -> str:
        url = self._settings.redis_url
        if url is None:
            raise ValueError("the service needs a redis_url: start an embedded server first")
        return url.get_secret_value()

    def _visitors_within(self, timeout_ms: int) -> RedisVisitorStore:
        return RedisVisitorStore(self._shared.within(timeout_ms / 1000), self._keyspace, self._lifetimes)

    @property
    def _lifetimes(self) -> Lifetimes:
        return Lifetimes(
            state_seconds=self._settings.visitor_ttl_days * 86_400,
            session_gap_seconds=self._settings.session_gap_minutes * 60,
        )

    async def _connect(self, timeout_seconds: float) -> Client:
        client = await connect(
            self._url,
            timeout_seconds=timeout_seconds,
            # One for each request at once, and some for those whose connection is just being given up.
            max_connections=2 * self._settings.max_in_flight,
        )
        self._clients.append(client)
        return client
