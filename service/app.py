"""The composition root: puts settings, stores, catalog, model and routes together into one ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.contract.problems import CONTENT_TYPE, Problem
from service.experiments.editing import ExperimentEditor
from service.exposures import Exposures
from service.history.visitor_report import VisitorReports
from service.identity.crawlers import Crawlers
from service.identity.customer_tokens import CustomerTokens
from service.identity.customers import CustomerIds, load_customer_ids
from service.identity.identification import Identification
from service.identity.tokens import ServerKey, VisitorCookie, VisitorTokens, load_signing_keys
from service.openapi import build_openapi
from service.personalization import Personalization
from service.rate_limits import AddressRates
from service.redis_link.log_pressure import GuardedStore
from service.routes.catalog import CatalogRoutes
from service.routes.experiments import ExperimentRoutes
from service.routes.front import Front
from service.routes.identify import IdentifyRoutes
from service.routes.items import ItemRoutes
from service.routes.origins import OriginPolicy
from service.routes.personalize import PersonalizeRoutes
from service.routes.reception import Reception
from service.routes.resource import Edge, Resource
from service.routes.status import StatusRoutes
from service.routes.storefront import StorefrontRoutes
from service.routes.visitors import VisitorRoutes
from service.services import Services, live_services
from service.serving.connections import RULES, ConnectionRules
from service.serving.drain import Drain
from service.serving.surge import Surge
from service.settings import Settings
from service.storefront.bundle import load_bundle
from service.stores.rates import Rate
from service.tickets import ExposureTickets

__all__ = ["Services", "build", "create_app", "live_services", "visitor_cookie"]

_DAY_SECONDS: Final = 86_400


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


def create_app(settings: Settings, services: Services) -> Starlette:
    """Return the application on the given services.

    Raises:
        OSError: no signing keys are configured and none can be kept in the data folder.
        BundleError: the storefront script is missing from the installation.
    """
    drain = Drain(settings.shutdown_grace_seconds)
    rules = ConnectionRules(
        settings.max_connections,
        settings.body_timeout_seconds,
        drain,
        services.metrics.resilience.connection_ended,
        Surge(
            max(settings.max_in_flight // 2, 1),
            lambda path: services.metrics.request(path, "POST", 503, 0.0),
        ),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, ConnectionRules]]:
        async with services.running():
            yield {RULES: rules}

    async def unmatched(request: Request, _error: Exception) -> Response:
        services.metrics.request("unmatched", request.method, 404, 0.0)
        problem = Problem(404, "there is nothing at this path; /openapi.json lists what there is")
        return Response(problem.body(), 404, media_type=CONTENT_TYPE.decode())

    return Front(
        _resources(settings, services, drain),
        exception_handlers={HTTPException: unmatched, Exception: _crashed},
        lifespan=lifespan,
    )


def _resources(settings: Settings, services: Services, drain: Drain) -> list[Resource]:
    keys = load_signing_keys([key.get_secret_value() for key in settings.signing_keys], settings.data_dir)
    tokens = VisitorTokens(keys)
    edge = Edge(
        OriginPolicy(settings.allowed_origins),
        ServerKey(None if settings.server_key is None else settings.server_key.get_secret_value()),
        services.metrics,
        AddressRates(_address_rate(settings), settings.trusted_proxies),
        services.clock,
        max_in_flight=settings.max_in_flight,
    )
    reports = VisitorReports(
        services.patient_visitors or services.visitors,
        services.knowledge,
        services.clock,
        session_gap_seconds=settings.session_gap_minutes * 60,
    )
    customers = _customers(settings)
    reception = _reception(settings, tokens, customers)
    pages = _pages(settings, services, reception, ExposureTickets(keys))
    identities = _identities(settings, services, tokens, customers, reception)
    items = ItemRoutes(services.knowledge, services.clock)
    visitors = VisitorRoutes(
        reports,
        services.visitor_events,
        services.erasures,
        services.identifications,
        tokens=tokens,
        customers=customers,
    )
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
        lost_at=services.lost_at,
        drain=drain,
        clock=services.clock,
    )
    return [
        Resource("/personalize", {"POST": pages.personalize}, access="browser", edge=edge, is_first=True),
        Resource("/events", {"POST": pages.events}, access="browser", edge=edge),
        Resource("/identify", {"POST": identities.identify}, access="browser", edge=edge),
        Resource(
            "/items/{id:path}/similar", {"GET": items.similar}, access="browser", edge=edge, is_first=True
        ),
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
    settings: Settings, services: Services, reception: Reception, tickets: ExposureTickets
) -> PersonalizeRoutes:
    store, patient, follow_up = (
        GuardedStore(visitors or services.visitors, services.pressure, services.metrics)
        for visitors in (services.visitors, services.patient_visitors, services.follow_up_visitors)
    )
    exposures = Exposures(tickets, follow_up, services.knowledge, services.metrics, at=settings.exposure_at)
    personalization = Personalization(
        store,
        patient,
        services.knowledge,
        services.metrics,
        exposures,
        follow_up_store=follow_up,
        rate=_visitor_rate(settings),
        first_visit_seconds=settings.first_visit_ttl_minutes * 60,
    )
    return PersonalizeRoutes(
        personalization,
        reception,
        Crawlers(),
        services.clock,
        max_body_bytes=settings.max_body_kb * 1024,
        body_timeout_seconds=settings.body_timeout_seconds,
    )


def _reception(settings: Settings, tokens: VisitorTokens, customers: CustomerIds) -> Reception:
    return Reception(
        tokens,
        visitor_cookie(settings),
        customers,
        storage_consent=settings.storage_consent,
        max_events=settings.max_events,
    )


def _identities(
    settings: Settings,
    services: Services,
    tokens: VisitorTokens,
    customers: CustomerIds,
    reception: Reception,
) -> IdentifyRoutes:
    return IdentifyRoutes(
        Identification(services.identifications),
        reception,
        tokens,
        customers=customers,
        customer_tokens=CustomerTokens([key.get_secret_value() for key in settings.customer_token_key]),
        metrics=services.metrics,
        clock=services.clock,
        max_body_bytes=settings.max_body_kb * 1024,
        body_timeout_seconds=settings.body_timeout_seconds,
    )


def _customers(settings: Settings) -> CustomerIds:
    key = settings.customer_key
    return load_customer_ids(None if key is None else key.get_secret_value(), settings.data_dir)


def _visitor_rate(settings: Settings) -> Rate | None:
    if not settings.visitor_rate_per_second:
        return None
    return Rate.of(settings.visitor_rate_per_second, settings.visitor_burst)


def _address_rate(settings: Settings) -> Rate | None:
    if not settings.address_rate_per_second:
        return None
    return Rate.of(settings.address_rate_per_second, settings.address_burst)


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
