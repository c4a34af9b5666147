"""The composition root: puts settings, stores, catalog, model and routes together into one ASGI application."""

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from recommender.catalog.catalog import Catalog
from recommender.decisions.served import ServedModel
from recommender.model import TrainingRecord, current_version, last_training, load_model, verify_model
from service.crawlers import Crawlers
from service.deadline import DeadlineStore
from service.departments import load_departments
from service.experiments.base import BaseDefinitions
from service.experiments.editing import ExperimentEditor
from service.experiments.live import watch_of
from service.experiments.status import NOTHING_DEFINED, ExperimentsStatus
from service.exposures import Exposures
from service.identity import ServerKey, VisitorCookie, VisitorTokens, load_signing_keys
from service.knowledge import Knowledge
from service.late_stores import LateErasures, LateExperimentStore
from service.log_pressure import NO_PRESSURE, GuardedStore, Limits, Pressure, PressureWatch
from service.metrics import Metrics, multiprocess_dir
from service.model_watch import ModelWatch
from service.openapi import build_openapi
from service.personalization import Personalization
from service.problems import CONTENT_TYPE, Problem
from service.redis_link import RedisLink
from service.routes.catalog import CatalogRoutes
from service.routes.experiments import ExperimentRoutes
from service.routes.items import ItemRoutes
from service.routes.origins import OriginPolicy
from service.routes.personalize import PersonalizeRoutes
from service.routes.reception import Reception
from service.routes.resource import Edge, Resource
from service.routes.status import StatusRoutes
from service.routes.storefront import StorefrontRoutes
from service.routes.visitors import VisitorRoutes
from service.settings import Settings
from service.storefront.bundle import load_bundle
from service.stores.catalog import CatalogStore
from service.stores.connection import StoreUnavailable
from service.stores.erasures import Erasures
from service.stores.experiments import ExperimentStore
from service.stores.visitors import VisitorStore
from service.tasks import end_tasks
from service.tickets import ExposureTickets
from service.training_watch import TrainingWatch
from service.visitor_report import VisitorReports

MODELS_FOLDER: Final = "models"

_DAY_SECONDS: Final = 86_400
_METRICS_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


async def _nothing() -> None:
    """Have nothing to refresh."""


@dataclass(frozen=True, slots=True)
class Services:
    """What an application runs on; tests put their own together.

    Attributes:
        visitors: keeps states and events.
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
        pressure: how full Redis is; events are refused by it.
        running: opens what needs opening for the life of the application, and closes it.
        clock: Unix seconds now.
    """

    visitors: VisitorStore
    catalog: CatalogStore
    refresh_catalog: Callable[[], Awaitable[None]]
    knowledge: Knowledge
    metrics: Metrics
    ping: Callable[[], Awaitable[None]]
    catalog_fresh_at: Callable[[], float | None]
    model_problem: Callable[[], str | None]
    running: Callable[[], AbstractAsyncContextManager[None]]
    clock: Callable[[], float] = time.time
    experiments: ExperimentStore = field(default_factory=LateExperimentStore)
    refresh_experiments: Callable[[], Awaitable[None]] = _nothing
    base_experiments: Callable[[], BaseDefinitions | None] = lambda: None
    experiments_status: Callable[[], ExperimentsStatus] = lambda: NOTHING_DEFINED
    erasures: Erasures = field(default_factory=LateErasures)
    pressure: Callable[[], Pressure] = lambda: NO_PRESSURE
    last_training: Callable[[], TrainingRecord | None] = lambda: None


def build(settings: Settings) -> Starlette:
    """Return the application on Redis, with the catalog and the model kept fresh while it runs.

    Args:
        settings: with a ``redis_url``.

    Raises:
        SettingsError: the department table cannot be read, or GrowthBook's address makes no sense.
        OSError: the data folder cannot be written.
        BundleError: the storefront script is missing from the installation.
    """
    return create_app(settings, live_services(settings))


def live_services(settings: Settings) -> Services:
    """Return the services of a real process; nothing is opened before ``running`` is entered."""
    metrics = Metrics(multiprocess_dir())
    departments = load_departments(settings.departments_file)
    nothing = Catalog.empty(departments)
    link = RedisLink(settings, departments)
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
    limits = Limits(settings.log_limit_events, settings.memory_limit_percent)
    pressure = PressureWatch(link.load, limits, metrics)

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
        tasks.append(asyncio.create_task(_observe(link, metrics), name="catalog metrics"))
        tasks.append(asyncio.create_task(pressure.run(), name="pressure watch"))
        # What lives as long as the process need not be looked at by every full collection (40 ms at 1 M SKUs).
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            await end_tasks(tasks)
            await experiments.stop()
            await link.close()

    return Services(
        visitors=link.visitors,
        catalog=link.catalog_store,
        refresh_catalog=link.refresh_catalog,
        knowledge=Knowledge(
            lambda: nothing if link.replica is None else link.replica.catalog,
            lambda: watch.current,
            lambda: experiments.policy,
        ),
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
        pressure=lambda: pressure.pressure,
    )


async def _observe(link: RedisLink, metrics: Metrics) -> None:
    """Keep the catalog's gauges up to date."""
    while True:
        replica = link.replica
        if replica is not None:
            metrics.catalog(replica.version, replica.checked_at or 0.0, replica.catalog.sku_count)
        await asyncio.sleep(_METRICS_SECONDS)


def create_app(settings: Settings, services: Services) -> Starlette:
    """Return the application on the given services.

    Raises:
        OSError: no signing keys are configured and none can be kept in the data folder.
        BundleError: the storefront script is missing from the installation.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with services.running():
            yield

    async def unmatched(request: Request, _error: Exception) -> Response:
        services.metrics.request("unmatched", request.method, 404, 0.0)
        problem = Problem(404, "there is nothing at this path; /openapi.json lists what there is")
        return Response(problem.body(), 404, media_type=CONTENT_TYPE.decode())

    app = Starlette(
        routes=_routes(settings, services),
        exception_handlers={HTTPException: unmatched, Exception: _crashed},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _routes(settings: Settings, services: Services) -> list[BaseRoute]:
    keys = load_signing_keys([key.get_secret_value() for key in settings.signing_keys], settings.data_dir)
    tokens = VisitorTokens(keys)
    edge = Edge(
        OriginPolicy(settings.allowed_origins),
        ServerKey(None if settings.server_key is None else settings.server_key.get_secret_value()),
        services.metrics,
        max_in_flight=settings.max_in_flight,
    )
    reports = VisitorReports(
        services.visitors,
        services.knowledge,
        services.clock,
        session_gap_seconds=settings.session_gap_minutes * 60,
    )
    pages = _pages(settings, services, tokens, ExposureTickets(keys))
    items = ItemRoutes(services.knowledge, services.clock)
    visitors = VisitorRoutes(reports, services.erasures, tokens)
    catalog = CatalogRoutes(
        services.catalog, services.refresh_catalog, max_body_bytes=settings.max_catalog_mb * 1024 * 1024
    )
    status = StatusRoutes(
        services.knowledge,
        services.metrics,
        build_openapi(max_events=settings.max_events),
        ping=services.ping,
        catalog_fresh_at=services.catalog_fresh_at,
        model_problem=services.model_problem,
        last_training=services.last_training,
        experiments_status=services.experiments_status,
        pressure=services.pressure,
        clock=services.clock,
    )
    resources = [
        Resource("/personalize", {"POST": pages.personalize}, access="browser", edge=edge),
        Resource("/events", {"POST": pages.events}, access="browser", edge=edge),
        Resource("/items/{id:path}/similar", {"GET": items.similar}, access="browser", edge=edge),
        Resource("/catalog", {"PUT": catalog.replace, "PATCH": catalog.update}, access="server", edge=edge),
        Resource("/items/{id:path}", {"DELETE": catalog.remove}, access="server", edge=edge),
        Resource(
            "/visitors/{id:path}",
            {"GET": visitors.visitor, "DELETE": visitors.erase},
            access="server",
            edge=edge,
        ),
        Resource("/healthz", {"GET": status.healthz}, access="operator", edge=edge),
        Resource("/readyz", {"GET": status.readyz}, access="operator", edge=edge),
        Resource("/metrics", {"GET": status.metrics}, access="operator", edge=edge),
        Resource("/openapi.json", {"GET": status.openapi}, access="operator", edge=edge),
        *_experiments(settings, services, edge),
        *_storefront(edge),
    ]
    return [resource.route() for resource in resources]


def _experiments(settings: Settings, services: Services, edge: Edge) -> list[Resource]:
    editor = ExperimentEditor(
        services.experiments, services.base_experiments, learning_traffic=settings.learning_traffic
    )
    routes = ExperimentRoutes(
        editor, services.refresh_experiments, body_timeout_seconds=settings.body_timeout_seconds
    )
    one = {"PUT": routes.define, "PATCH": routes.change, "DELETE": routes.remove}
    return [
        Resource("/experiments", {"GET": routes.list, "PUT": routes.replace}, access="server", edge=edge),
        Resource("/experiments/{id:path}", one, access="server", edge=edge),
        Resource("/switches", {"GET": routes.switches, "PATCH": routes.switch}, access="server", edge=edge),
    ]


def _storefront(edge: Edge) -> list[Resource]:
    storefront = StorefrontRoutes(load_bundle())
    return [
        Resource("/kabin.js", {"GET": storefront.script}, access="public", edge=edge),
        Resource("/kabin-widgets-{hash}.js", {"GET": storefront.widgets}, access="public", edge=edge),
        Resource("/kabin-{hash}.js", {"GET": storefront.pinned_script}, access="public", edge=edge),
        Resource("/kabin.d.ts", {"GET": storefront.types}, access="public", edge=edge),
        Resource("/kabin.json", {"GET": storefront.release}, access="public", edge=edge),
    ]


def _pages(
    settings: Settings, services: Services, tokens: VisitorTokens, tickets: ExposureTickets
) -> PersonalizeRoutes:
    visitors = GuardedStore(services.visitors, lambda: services.pressure().is_refusing, services.metrics)
    store = DeadlineStore(visitors, seconds=settings.redis_timeout_ms / 1000)
    exposures = Exposures(tickets, store, services.knowledge, services.metrics, at=settings.exposure_at)
    personalization = Personalization(
        store,
        DeadlineStore(visitors, seconds=settings.events_timeout_ms / 1000),
        services.knowledge,
        services.metrics,
        exposures,
    )
    reception = Reception(
        tokens,
        visitor_cookie(settings),
        storage_consent=settings.storage_consent,
        max_events=settings.max_events,
    )
    return PersonalizeRoutes(
        personalization,
        reception,
        Crawlers(),
        services.clock,
        max_body_bytes=settings.max_body_kb * 1024,
        body_timeout_seconds=settings.body_timeout_seconds,
    )


def visitor_cookie(settings: Settings) -> VisitorCookie:
    """Return the cookie that carries visitors' tokens, as the settings want it."""
    return VisitorCookie(
        settings.cookie_name,
        domain=settings.cookie_domain,
        secure=settings.cookie_secure,
        samesite=settings.cookie_samesite,
        max_age_seconds=settings.visitor_ttl_days * _DAY_SECONDS,
    )


async def _crashed(_request: Request, _error: Exception) -> Response:
    """Answer a defect; the traceback is the server's to log."""
    problem = Problem(500, "a defect in Kabin; its log says more")
    return Response(problem.body(), 500, media_type=CONTENT_TYPE.decode())
