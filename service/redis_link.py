"""The process's link to Redis: made at start-up or, if nothing answers then, as soon as something does.

Routes are put together before there is a connection, on stores that say :class:`StoreUnavailable` until then.
After that the clients reconnect by themselves.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import BinaryIO, Final

from recommender.decisions.running import ExperimentSummary
from recommender.departments import DepartmentTable
from recommender.events import Event
from recommender.homepage import HomepageVariant
from recommender.visitor.effects import Effects
from recommender.visitor.state import VisitorState
from service.replica import CatalogReplica
from service.settings import Settings
from service.stores.catalog import CatalogChange, CatalogStore, RedisCatalogStore
from service.stores.catalog_source import RedisCatalogSource
from service.stores.connection import (
    Client,
    StoreMisconfigured,
    StoreUnavailable,
    check_server,
    connect,
    unavailable_on_error,
)
from service.stores.experiments import (
    ExperimentDocument,
    ExperimentPhase,
    ExperimentStore,
    RedisExperimentStore,
    VersionedDocument,
)
from service.stores.keys import Keyspace
from service.stores.visitors import Applied, Lifetimes, RedisVisitorStore, VisitorStore

RECONNECT_SECONDS: Final = 1.0
BULK_TIMEOUT_SECONDS: Final = 30.0
"""Patience with commands that carry a megabyte of catalog, which have a client of their own."""

_NOT_YET: Final = "Redis has not been reached yet"
_log = logging.getLogger(__name__)


class LateVisitorStore:
    """A visitors' store that may not be there yet."""

    def __init__(self) -> None:
        self.target: VisitorStore | None = None

    async def apply(
        self,
        visitor_id: str,
        batch: Sequence[tuple[Event, Effects]],
        *,
        now: float,
        ttl_seconds: int | None = None,
    ) -> Applied:
        """See :meth:`service.stores.visitors.VisitorStore.apply`."""
        return await self._there().apply(visitor_id, batch, now=now, ttl_seconds=ttl_seconds)

    async def read(self, visitor_id: str) -> VisitorState:
        """See :meth:`service.stores.visitors.VisitorStore.read`."""
        return await self._there().read(visitor_id)

    async def pin_homepage(self, visitor_id: str, variant: HomepageVariant, *, at: float) -> bool:
        """See :meth:`service.stores.visitors.VisitorStore.pin_homepage`."""
        return await self._there().pin_homepage(visitor_id, variant, at=at)

    def _there(self) -> VisitorStore:
        if self.target is None:
            raise StoreUnavailable(_NOT_YET)
        return self.target


class LateCatalogStore:
    """A catalog store that may not be there yet."""

    def __init__(self) -> None:
        self.target: CatalogStore | None = None

    async def replace(self, feed: BinaryIO, *, name: str = "", force: bool = False) -> CatalogChange:
        """See :meth:`service.stores.catalog.CatalogStore.replace`."""
        return await self._there().replace(feed, name=name, force=force)

    async def patch(self, feed: BinaryIO, *, name: str = "") -> CatalogChange:
        """See :meth:`service.stores.catalog.CatalogStore.patch`."""
        return await self._there().patch(feed, name=name)

    async def remove(self, id_: str) -> CatalogChange:
        """See :meth:`service.stores.catalog.CatalogStore.remove`."""
        return await self._there().remove(id_)

    def _there(self) -> CatalogStore:
        if self.target is None:
            raise StoreUnavailable(_NOT_YET)
        return self.target


class LateExperimentStore:
    """A store of experiments that may not be there yet."""

    def __init__(self) -> None:
        self.target: ExperimentStore | None = None

    async def version(self) -> int:
        """See :meth:`service.stores.experiments.ExperimentStore.version`."""
        return await self._there().version()

    async def read(self) -> VersionedDocument:
        """See :meth:`service.stores.experiments.ExperimentStore.read`."""
        return await self._there().read()

    async def write(self, document: ExperimentDocument, *, expected_version: int) -> int:
        """See :meth:`service.stores.experiments.ExperimentStore.write`."""
        return await self._there().write(document, expected_version=expected_version)

    async def note_phases(
        self, experiments: Collection[ExperimentSummary], *, version: int, at: float
    ) -> None:
        """See :meth:`service.stores.experiments.ExperimentStore.note_phases`."""
        await self._there().note_phases(experiments, version=version, at=at)

    async def phases(self, experiment_id: str) -> tuple[ExperimentPhase, ...]:
        """See :meth:`service.stores.experiments.ExperimentStore.phases`."""
        return await self._there().phases(experiment_id)

    async def experiment_ids(self) -> frozenset[str]:
        """See :meth:`service.stores.experiments.ExperimentStore.experiment_ids`."""
        return await self._there().experiment_ids()

    def _there(self) -> ExperimentStore:
        if self.target is None:
            raise StoreUnavailable(_NOT_YET)
        return self.target


class RedisLink:
    """Connects the late stores and keeps the catalog replica.

    Args:
        settings: with a ``redis_url``.
        departments: the shop's department table.

    Attributes:
        visitors: usable from the start.
        catalog_store: likewise.
        experiments: likewise.
        replica: ``None`` until Redis has been reached.
    """

    def __init__(self, settings: Settings, departments: DepartmentTable) -> None:
        self._settings = settings
        self._departments = departments
        self._keyspace = Keyspace(settings.redis_prefix)
        self._clients: list[Client] = []
        self._reason = _NOT_YET
        self.visitors = LateVisitorStore()
        self.catalog_store = LateCatalogStore()
        self.experiments = LateExperimentStore()
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
