"""``/demo/experiment``: the report of the last experiment that `kabin demo --experiment` ran, or how to run one."""

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from service.demo.accounts import account_of
from service.demo.assortment import Assortment
from service.demo.rendering import PageContext, Renderer
from service.demo.visit import cart_of, path_of

REPORT_FILE: Final = "experiment.html"
"""In the data folder: the page that `kabin demo --experiment` writes."""

PAGE_PATH: Final = "/demo/experiment"

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
"""The report has its style in itself and needs nothing else."""


class ExperimentPage:
    """The handler.

    Args:
        folder: where the report is, once there is one.
        assortment: of the shop, for the bag in the page's head.
        renderer: makes the page that is there before.
    """

    def __init__(self, folder: Path, assortment: Assortment, renderer: Renderer) -> None:
        self._file = folder / REPORT_FILE
        self._assortment = assortment
        self._renderer = renderer

    def routes(self) -> list[BaseRoute]:
        """Return where it is served."""
        return [Route(PAGE_PATH, self.show)]

    async def show(self, request: Request) -> Response:
        """Show the report if an experiment has run."""
        try:
            report = self._file.read_bytes()
        except FileNotFoundError:
            cart = cart_of(request, self._assortment)
            account = account_of(request)
            page = PageContext("No experiment yet", "other", path_of(request), cart, account=account)
            return self._renderer.render("no_experiment.html", page)
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
        }
        return HTMLResponse(report, headers=headers)
