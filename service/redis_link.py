"""The process's link to Redis: made at start-up or, if nothing answers then, as soon as something does.

Routes are put together before there is a connection, on stores that say :class:`StoreUnavailable` until then.
After that the clients reconnect by themselves.
"""

import asyncio
import logging
from typing import Final

from recommender.departments import DepartmentTable
from service.late_stores import (
    NOT_YET,
    LateCatalogStore,
    LateErasures,
    LateExperimentStore,
    LateLoad,
    LateVisitorStore,
)
from service.replica import CatalogReplica
from service.settings import Settings
from service.stores.catalog import RedisCatalogStore
from service.stores.catalog_source import RedisCatalogSource
from service.stores.connection import (
    Client,
    StoreMisconfigured,
    StoreUnavailable,
    check_server,
    connect,
    unavailable_on_error,
)
from service.stores.erasures import RedisErasures
from service.stores.experiments import RedisExperimentStore
from service.stores.keys import Keyspace
from service.stores.load import RedisLoad
from service.stores.visitors import Lifetimes, RedisVisitorStore

RECONNECT_SECONDS: Final = 1.0
BULK_TIMEOUT_SECONDS: Final = 30.0
"""Patience with commands that carry a megabyte of catalog, which have a client of their own."""

_log = logging.getLogger(__name__)


class RedisLink:
    """Connects the late stores and keeps the catalog replica.

    Args:
        settings: with a ``redis_url``.
        departments: the shop's department table.

    Attributes:
        visitors: usable from the start.
        catalog_store: likewise.
        experiments: likewise.
        erasures: likewise.
        load: likewise.
        replica: ``None`` until Redis has been reached.
    """

    def __init__(self, settings: Settings, departments: DepartmentTable) -> None:
        self._settings = settings
        self._departments = departments
        self._keyspace = Keyspace(settings.redis_prefix)
        self._clients: list[Client] = []
        self._reason = NOT_YET
        self.visitors = LateVisitorStore()
        self.catalog_store = LateCatalogStore()
        self.experiments = LateExperimentStore()
        self.erasures = LateErasures()
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
        except BaseException as error:
            self._reason = str(error)
            await self.close()
            raise
        for warning in report.warnings:
            _log.warning("%s", warning)
        lifetimes = Lifetimes(
            state_seconds=settings.visitor_ttl_days * 86_400,
            session_gap_seconds=settings.session_gap_minutes * 60,
        )
        self.visitors.target = RedisVisitorStore(client, keyspace, lifetimes)
        self.experiments.target = RedisExperimentStore(client, keyspace)
        self.erasures.target = RedisErasures(client, keyspace)
        self.load.target = RedisLoad(client, keyspace)
        self.catalog_store.target = RedisCatalogStore(
            bulk, keyspace, default_currency=settings.default_currency, timezone=settings.feed_zone
        )
        self.replica = CatalogReplica(RedisCatalogSource(bulk, keyspace), self._departments)
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
        if self.visitors.target is None:
            raise StoreUnavailable(self._reason)
        with unavailable_on_error():
            await self._clients[-1].ping()

    async def _connect(self, timeout_seconds: float) -> Client:
        url = self._settings.redis_url
        if url is None:
            raise ValueError("the service needs a redis_url: start an embedded server first")
        client = await connect(
            url.get_secret_value(),
            timeout_seconds=timeout_seconds,
            # One for each request at once, and some for those whose connection is just being given up.
            max_connections=2 * self._settings.max_in_flight,
        )
        self._clients.append(client)
        return client
