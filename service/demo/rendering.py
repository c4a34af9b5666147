"""Pages of the demo shop: Jinja2 templates under a strict content security policy."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from service.demo.accounts import Account
from service.demo.assets import Assets
from service.demo.assortment import color_of, discount_percent, short_name
from service.demo.cart import Cart
from service.demo.listing import CATEGORIES
from service.demo.shop import color_slug, garment_path, product_path
from service.demo.tagging import Entry, list_event

SHOP_NAME: Final = "Sorrel"
NONCE_BYTES: Final = 16

_TEMPLATES: Final = Path(__file__).parent / "templates"
_POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class PageContext:
    """What every page says of itself; templates know it as ``page``.

    Attributes:
        title: of the document, without the shop's name.
        kind: Kabin's ``page.type``.
        path: with the query, where the page is.
        cart: of the shopper.
        description: one sentence for search results.
        item_id: of a product page.
        sku: one of the colour that a product page shows.
        category: the feed's category of a category page.
        data_layer: entries that the page pushes while it loads.
        account: of whoever is signed in.
        nonce: of this answer's scripts; set when the page is rendered.
        with_script: whether Kabin's script is on the page.
    """

    title: str
    kind: str
    path: str
    cart: Cart
    description: str = "A small fashion shop that does not exist."
    item_id: str | None = None
    sku: str | None = None
    category: str | None = None
    data_layer: tuple[Entry, ...] = ()
    account: Account | None = None
    nonce: str = ""
    with_script: bool = True


class Renderer:
    """Turns contexts into answers.

    Args:
        assets: stylesheets and scripts, by their names.
        snippet: what a shop pastes into its ``<head>`` for Kabin, without a nonce.
        panel: what ``panel.html`` is given, as ``panel``.
    """

    def __init__(self, assets: Assets, *, snippet: str, panel: Mapping[str, Any]) -> None:
        self._snippet = snippet
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "money": money,
            "short_name": short_name,
            "discount_percent": discount_percent,
            "slug": color_slug,
        }
        self._environment.globals |= {
            "shop_name": SHOP_NAME,
            "categories": CATEGORIES,
            "asset": assets.url,
            "garment_path": garment_path,
            "product_path": product_path,
            "color_of": color_of,
            "list_event": list_event,
            "panel": panel,
        }

    def render(
        self, template: str, page: PageContext, *, status: int = 200, keep: bool = True, **content: Any
    ) -> HTMLResponse:
        """Return a page as an answer.

        Args:
            template: its name.
            page: what the page says of itself.
            status: of the answer.
            keep: whether the browser may show the page again, going back, without asking.
            content: what else the template needs.
        """
        nonce = secrets.token_urlsafe(NONCE_BYTES)
        snippet = self._snippet.replace("<script", f'<script nonce="{nonce}"') if page.with_script else ""
        html = self._environment.get_template(template).render(
            page=replace(page, nonce=nonce),
            # The shop's own text, not a visitor's.
            snippet=Markup(snippet),  # noqa: S704 - built/loader.html, a part of this package
            **content,
        )
        return HTMLResponse(
            html,
            status,
            headers={
                "Content-Security-Policy": _POLICY.format(nonce=nonce),
                "Cache-Control": "private, no-cache" if keep else "no-store",
                "X-Content-Type-Options": "nosniff",
                # Not no-referrer: browsers then send `Origin: null` with this shop's own forms.
                "Referrer-Policy": "same-origin",
            },
        )


def money(amount: float) -> str:
    """Return euros as the pages write them, and as Kabin's script does in English: €1,259.90."""
    return f"€{amount:,.2f}"
