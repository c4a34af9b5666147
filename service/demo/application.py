"""The demonstration as one application: the simulated shop's pages, the panel, and Kabin under one origin."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from service.app import Services, create_app, live_services, visitor_cookie
from service.demo.accounts import Accounts, account_of
from service.demo.assets import Assets
from service.demo.assortment import Assortment
from service.demo.clock import DemoClock
from service.demo.experiment_page import ExperimentPage
from service.demo.garments import draw_garment
from service.demo.panel import PanelRoutes
from service.demo.personas import Impostor
from service.demo.rendering import PageContext, Renderer
from service.demo.shop import DemoItem, simulate_shop
from service.demo.site import shop_routes
from service.demo.visit import cart_of, path_of
from service.exposures import Exposures
from service.history.visitor_report import VisitorReports
from service.identity.tokens import VisitorTokens, load_signing_keys
from service.personalization import Personalization
from service.settings import Settings
from service.storefront.bundle import load_bundle
from service.tickets import ExposureTickets

_ExceptionHandler = Callable[[Request, Exception], Awaitable[Response]]

_PLACEHOLDERS: Final = {' nonce="NONCE"': "", "https://kabin.example/": "/"}
"""What the loader leaves to the shop: the page puts its own nonces in, and Kabin is at the shop's own origin."""


def build_demo(settings: Settings, *, seed: int, clock: DemoClock) -> Starlette:
    """Return the demonstration: the shop's pages first, then everything that Kabin serves.

    Args:
        settings: of the service, with a ``redis_url`` and a ``customer_token_key``; the shop's feed leads to its
            host and port.
        seed: of the simulated shop that was imported.
        clock: of the shop.

    Raises:
        OSError: the data folder cannot be written.
        BundleError: the storefront script is missing from the installation.
    """
    services = replace(live_services(settings), clock=clock)
    return compose(settings, services, simulate_shop(seed), clock)


def compose(settings: Settings, services: Services, items: list[DemoItem], clock: DemoClock) -> Starlette:
    """Put shop, panel and service together; see :func:`build_demo`.

    Args:
        settings: of the service.
        services: that it runs on, told the time by ``clock``.
        items: what the shop sells.
        clock: of the shop.
    """
    kabin = create_app(settings, services)
    snippet = _snippet()
    accounts = Accounts(settings.customer_token_key[0].get_secret_value(), clock)
    panel = {"accounts": accounts}
    shop = shop_routes(
        items,
        draw=draw_garment,
        snippet=snippet,
        clock=clock,
        base_url=f"http://{settings.host}:{settings.port}",
        panel=panel,
    )
    renderer = Renderer(Assets(), snippet=snippet, panel=panel)
    assortment = Assortment(items)
    app = Starlette(
        routes=[
            *shop,
            *_panel(settings, services, items, clock).routes(),
            *accounts.routes(),
            *ExperimentPage(settings.data_dir, assortment, renderer).routes(),
            *kabin.routes,
        ],
        exception_handlers={
            **kabin.exception_handlers,
            HTTPException: _missing(assortment, renderer, kabin.exception_handlers[HTTPException]),
        },
        lifespan=kabin.router.lifespan_context,
    )
    app.router.redirect_slashes = False
    return app


def _missing(assortment: Assortment, renderer: Renderer, otherwise: _ExceptionHandler) -> _ExceptionHandler:
    """Return what answers where no route does: the shop's page to who wants one, Kabin's problem to programs."""

    async def missing(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code != 404:
            return PlainTextResponse(error.detail, error.status_code, headers=error.headers)
        if "text/html" not in request.headers.get("accept", ""):
            return await otherwise(request, error)
        cart, account = cart_of(request, assortment), account_of(request)
        page = PageContext("Not here", "other", path_of(request), cart, account=account)
        return renderer.render("not_found.html", page, status=404)

    return missing


def _snippet() -> str:
    snippet = load_bundle().loader
    for placeholder, own in _PLACEHOLDERS.items():
        snippet = snippet.replace(placeholder, own)
    return snippet


def _panel(settings: Settings, services: Services, items: list[DemoItem], clock: DemoClock) -> PanelRoutes:
    keys = load_signing_keys([key.get_secret_value() for key in settings.signing_keys], settings.data_dir)
    tokens = VisitorTokens(keys)
    patient = services.patient_visitors or services.visitors
    exposures = Exposures(ExposureTickets(keys), patient, services.knowledge, services.metrics)
    personalization = Personalization(patient, patient, services.knowledge, services.metrics, exposures)
    reports = VisitorReports(
        patient, services.knowledge, clock, session_gap_seconds=settings.session_gap_minutes * 60
    )
    impostor = Impostor(items, personalization, tokens, clock)
    return PanelRoutes(
        items,
        reports=reports,
        knowledge=services.knowledge,
        impostor=impostor,
        tokens=tokens,
        cookie=visitor_cookie(settings),
        clock=clock,
    )
