"""Stores for routes that are put together before there is a connection: each says so until it has its target."""

from collections.abc import Collection, Mapping, Sequence
from typing import BinaryIO, Final

from recommender.decisions.running import ExperimentSummary
from recommender.events import Event
from recommender.homepage import HomepageVariant
from recommender.visitor.effects import Effects
from recommender.visitor.state import VisitorState
from service.stores.catalog import CatalogChange, CatalogStore
from service.stores.connection import StoreUnavailable
from service.stores.erasures import Erasure, Erasures
from service.stores.experiments import (
    ExperimentDocument,
    ExperimentPhase,
    ExperimentStore,
    VersionedDocument,
)
from service.stores.load import StoreLoad
from service.stores.visitors import Applied, VisitorStore

NOT_YET: Final = "Redis has not been reached yet"


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
            raise StoreUnavailable(NOT_YET)
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
