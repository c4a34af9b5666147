"""Stores for routes that are put together before there is a connection: each says so until it has its target."""

from collections.abc import Collection, Mapping
from typing import BinaryIO

from recommender.decisions.running import ExperimentSummary
from service.history.visitor_events import HeldEvent, VisitorEvents
from service.stores.catalog import CatalogChange, CatalogStore
from service.stores.connection import NOT_YET, StoreUnavailable
from service.stores.erasures import Erasure, Erasures
from service.stores.experiments import (
    ExperimentDocument,
    ExperimentPhase,
    ExperimentStore,
    VersionedDocument,
)
from service.stores.load import StoreLoad


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
            raise StoreUnavailable(NOT_YET)
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
            raise StoreUnavailable(NOT_YET)
        return self.target


class LateErasures:
    """Erasures that cannot be made yet."""

    def __init__(self) -> None:
        self.target: Erasures | None = None

    async def erase(self, visitor_id: str) -> Erasure:
        """See :meth:`service.stores.erasures.Erasures.erase`."""
        return await self._there().erase(visitor_id)

    async def all(self) -> Mapping[str, float]:
        """See :meth:`service.stores.erasures.Erasures.all`."""
        return await self._there().all()

    async def forget(self, done: Mapping[str, float]) -> None:
        """See :meth:`service.stores.erasures.Erasures.forget`."""
        await self._there().forget(done)

    def _there(self) -> Erasures:
        if self.target is None:
            raise StoreUnavailable(NOT_YET)
        return self.target


class LateVisitorEvents:
    """Visitors' events that cannot be read yet."""

    def __init__(self) -> None:
        self.target: VisitorEvents | None = None

    async def of(self, visitor_id: str) -> list[HeldEvent]:
        """See :meth:`service.history.visitor_events.VisitorEvents.of`."""
        if self.target is None:
            raise StoreUnavailable(NOT_YET)
        return await self.target.of(visitor_id)


class LateLoad:
    """The load of a store that may not be there yet."""

    def __init__(self) -> None:
        self.target: StoreLoad | None = None

    async def log_events(self) -> int:
        """See :meth:`service.stores.load.StoreLoad.log_events`."""
        return await self._there().log_events()

    async def memory_percent(self) -> float | None:
        """See :meth:`service.stores.load.StoreLoad.memory_percent`."""
        return await self._there().memory_percent()

    def _there(self) -> StoreLoad:
        if self.target is None:
            raise StoreUnavailable(NOT_YET)
        return self.target
