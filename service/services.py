"""What an application runs on: stores, catalog, model and experiments, of a real process or of a test's own."""

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from recommender.catalog.catalog import Catalog
from recommender.decisions.served import ServedModel
from recommender.model import TrainingRecord, current_version, last_training, load_model, verify_model
from service.departments import load_departments
from service.experiments.base import BaseDefinitions
from service.experiments.live import watch_of
from service.experiments.status import NOTHING_DEFINED, ExperimentsStatus
from service.history.visitor_events import VisitorEvents
from service.knowledge import Knowledge
from service.metrics.folder import multiprocess_dir
from service.metrics.metrics import Metrics
from service.model_watch import ModelWatch
from service.redis_link.data_loss import KnownId, LossWatch
from service.redis_link.late_stores import LateErasures, LateExperimentStore, LateVisitorEvents
from service.redis_link.link import RedisLink
from service.redis_link.log_pressure import NO_PRESSURE, Limits, Pressure, PressureWatch
from service.settings import Settings
from service.stores.catalog import CatalogStore
from service.stores.connection import StoreUnavailable
from service.stores.erasures import Erasures
from service.stores.experiments import ExperimentStore
from service.stores.identifications import Identifications
from service.stores.visitors import VisitorStore
from service.tasks import end_tasks
from service.training_watch import TrainingWatch

MODELS_FOLDER: Final = "models"
INSTALLATION_FILE: Final = "installation"

_METRICS_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


async def _nothing() -> None:
    """Have nothing to refresh."""


@dataclass(frozen=True, slots=True)
class Services:
    """What an application runs on; tests put their own together.

    Attributes:
        visitors: keeps states and events, with the patience of a page.
        identifications: moves what is held of visitors to customers.
        patient_visitors: the same with the patience of ``POST /events``; not given, the same altogether.
        follow_up_visitors: the same with the patience that a page has left after its first call; likewise.
        catalog: keeps the catalog.
        refresh_catalog: makes this process's replica of it catch up.
        knowledge: catalog and model in use.
        metrics: of this process.
        ping: returns if Redis answers, raises StoreUnavailable otherwise.
        catalog_fresh_at: when the catalog replica was last known to be fresh.
        model_problem: why the newest model is not in use, if so.
        last_training: how the last training ended, ``None`` before the first.
        experiments: keeps what Redis holds of experiments.
        refresh_experiments: makes this process take over what it holds now.
        base_experiments: what the file or GrowthBook defines.
        experiments_status: which definitions this process uses.
        erasures: forgets visitors.
        visitor_events: every event that is held of a visitor.
        pressure: how full Redis is; events are refused by it.
        lost_at: when Redis was found to have lost its data, if they have not been restored.
        running: opens what needs opening for the life of the application, and closes it.
        clock: Unix seconds now.
    """

    visitors: VisitorStore
    identifications: Identifications
    catalog: CatalogStore
    refresh_catalog: Callable[[], Awaitable[None]]
    knowledge: Knowledge
    metrics: Metrics
    ping: Callable[[], Awaitable[None]]
    catalog_fresh_at: Callable[[], float | None]
    model_problem: Callable[[], str | None]
    running: Callable[[], AbstractAsyncContextManager[None]]
    clock: Callable[[], float] = time.time
    patient_visitors: VisitorStore | None = None
    follow_up_visitors: VisitorStore | None = None
    experiments: ExperimentStore = field(default_factory=LateExperimentStore)
    refresh_experiments: Callable[[], Awaitable[None]] = _nothing
    base_experiments: Callable[[], BaseDefinitions | None] = lambda: None
    experiments_status: Callable[[], ExperimentsStatus] = lambda: NOTHING_DEFINED
    erasures: Erasures = field(default_factory=LateErasures)
    visitor_events: VisitorEvents = field(default_factory=LateVisitorEvents)
    pressure: Callable[[], Pressure] = lambda: NO_PRESSURE
    lost_at: Callable[[], float | None] = lambda: None
    last_training: Callable[[], TrainingRecord | None] = lambda: None


def live_services(settings: Settings) -> Services:
    """Return the services of a real process; nothing is opened before ``running`` is entered."""
    metrics = Metrics(multiprocess_dir())
    departments = load_departments(settings.departments_file)
    nothing = Catalog.empty(departments)
    link = RedisLink(settings, departments, metrics.resilience.breaker)
    models_dir = settings.data_dir / MODELS_FOLDER
    watch = ModelWatch(
        lambda: current_version(models_dir),
        lambda version: ServedModel(
            load_model(models_dir / version, verify=False), source=settings.recommendation_source
        ),
        metrics,
        poll_interval_seconds=settings.model_poll_interval_ms / 1000,
        verify=lambda version: verify_model(models_dir / version),
    )
    trainings = TrainingWatch(lambda: last_training(models_dir), metrics)
    experiments = watch_of(settings, link.experiments, metrics)
    knowledge = Knowledge(
        lambda: nothing if link.replica is None else link.replica.catalog,
        lambda: watch.current,
        lambda: experiments.policy,
    )
    limits = Limits(settings.log_limit_events, settings.memory_limit_percent)
    known = KnownId(settings.data_dir / f"{INSTALLATION_FILE}-{settings.redis_prefix}")
    losses = LossWatch(link.installation, known, metrics, time.time)
    pressure = PressureWatch(link.load, limits, metrics, losses)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        await watch.check()
        tasks = [
            asyncio.create_task(watch.run(), name="model watch"),
            asyncio.create_task(trainings.run(), name="training watch"),
        ]
        try:
            await link.open()
        except StoreUnavailable as error:
            _log.warning("answering without Redis until it is there: %s", error)
            tasks.append(asyncio.create_task(link.open_patiently(), name="Redis link"))
        await experiments.start()
        tasks.append(asyncio.create_task(knowledge.keep_joined(), name="model and catalog"))
        tasks.append(asyncio.create_task(_observe(link, metrics), name="metrics"))
        tasks.append(asyncio.create_task(pressure.run(), name="pressure watch"))
        # What lives as long as the process need not be looked at by every full collection (40 ms at 1 M SKUs).
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            metrics.flush()
            await end_tasks(tasks)
            await experiments.stop()
            await link.close()

    return Services(
        visitors=link.visitors,
        identifications=link.identifications,
        patient_visitors=link.patient_visitors,
        follow_up_visitors=link.follow_up_visitors,
        catalog=link.catalog_store,
        refresh_catalog=link.refresh_catalog,
        knowledge=knowledge,
        metrics=metrics,
        ping=link.ping,
        catalog_fresh_at=lambda: None if link.replica is None else link.replica.checked_at,
        model_problem=lambda: watch.problem,
        last_training=lambda: trainings.last,
        running=running,
        experiments=link.experiments,
        refresh_experiments=experiments.refresh,
        base_experiments=lambda: experiments.base,
        experiments_status=experiments.status,
        erasures=link.erasures,
        visitor_events=link.visitor_events,
        pressure=lambda: pressure.pressure,
        lost_at=lambda: losses.lost_at,
    )


async def _observe(link: RedisLink, metrics: Metrics) -> None:
    """Keep the catalog's gauges up to date, and show what was counted."""
    while True:
        replica = link.replica
        if replica is not None:
            metrics.state.catalog(replica.version, replica.checked_at or 0.0, replica.catalog.sku_count)
        metrics.flush()
        await asyncio.sleep(_METRICS_SECONDS)
