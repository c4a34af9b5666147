"""The demo shop as a web site: what is found where, and the pages to look at."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from service.demo.accounts import account_of
from service.demo.assets import Assets, Draw, Drawings
from service.demo.assortment import Assortment, color_of, discount_percent, short_name
from service.demo.checkout import Checkout
from service.demo.descriptions import describe
from service.demo.listing import CATEGORIES, SORTS, Category, category_of, facet_slug, list_category
from service.demo.rendering import PageContext, Renderer
from service.demo.shop import DemoItem
from service.demo.tagging import item_event, list_event, promotion_event, tagged_item
from service.demo.visit import cart_of, path_of

HOME_ITEMS = 8
PICTURED_ITEMS = 3
"""How many garments a hero shows."""
SALE_PROMOTION = ("sale", "Sale")
_NOTICES = {
    "size": "Please choose a size.",
    "sold_out": "That size has just sold out. Please choose another one.",
}


def shop_routes(
    items: Sequence[DemoItem],
    *,
    draw: Draw,
    snippet: str,
    clock: Callable[[], float],
    base_url: str,
    panel: Mapping[str, Any] | None = None,
) -> list[BaseRoute]:
    """Return the routes of the shop.

    Args:
        items: what it sells.
        draw: draws a garment in a colour, as SVG.
        snippet: what a shop pastes into its ``<head>`` for Kabin: the loader and the script's tag, without nonces.
        clock: Unix seconds now; orders are placed then.
        base_url: where the feed's links lead, such as ``http://127.0.0.1:8000``.
        panel: given to ``panel.html`` as ``panel``.

    Raises:
        OSError: stylesheets or scripts cannot be read.
    """
    assortment = Assortment(items)
    assets = Assets()
    renderer = Renderer(assets, snippet=snippet, panel=panel or {})
    site = Site(assortment, renderer, base_url)
    checkout = Checkout(assortment, renderer, clock)
    return [
        Route("/", site.home),
        Route("/category/{slug}", site.category),
        Route("/product/{item_id}", site.product),
        *checkout.routes(),
        *Drawings(assortment, draw).routes(),
        *assets.routes(),
    ]


class Site:
    """The pages to look at: home, categories, products.

    Args:
        assortment: the shop.
        renderer: makes the pages.
        base_url: where the feed's links lead.
    """

    def __init__(self, assortment: Assortment, renderer: Renderer, base_url: str) -> None:
        self._assortment = assortment
        self._renderer = renderer
        self._host = urlsplit(base_url).netloc

    async def home(self, request: Request) -> Response:
        """Show both variants of the homepage, of which the visitor sees one."""
        if elsewhere := self._canonical(request):
            return elsewhere
        newest = self._assortment.full_price(HOME_ITEMS + PICTURED_ITEMS)
        reduced = self._assortment.on_sale(HOME_ITEMS + PICTURED_ITEMS)
        offers = self._assortment.on_sale(len(self._assortment.items))
        return self._renderer.render(
            "home.html",
            self._page(request, title="Clothes for unhurried days", kind="home"),
            newest=newest,
            reduced=reduced,
            reduced_count=len(offers),
            largest_discount=discount_percent(offers[0]) if offers else 0,
            pictured=PICTURED_ITEMS,
            doors=self._doors(but_not={*newest, *reduced}),
            seen_newest=list_event("view_item_list", newest[PICTURED_ITEMS:], list_id="home_new"),
            seen_promotion=promotion_event("view_promotion", *SALE_PROMOTION, slot="homepage"),
            chosen_promotion=promotion_event("select_promotion", *SALE_PROMOTION, slot="homepage"),
        )

    async def category(self, request: Request) -> Response:
        """Show a category, filtered and sorted as the address says."""
        if elsewhere := self._canonical(request):
            return elsewhere
        category = category_of(request.path_params["slug"])
        if category is None:
            return self._not_found(request)
        listing = list_category(self._assortment, category, request.query_params)
        list_id = f"category_{category.slug}" + (f"_{listing.facet.slug}" if listing.facet else "")
        promotion = {"promotion_id": SALE_PROMOTION[0]} if category.shelf == "sale" else {}
        page = self._page(
            request,
            title=listing.facet.label if listing.facet else category.title,
            kind="category",
            category=listing.product_type,
            description=category.intro,
            data_layer=(list_event("view_item_list", listing.items, list_id=list_id, **promotion),),
        )
        return self._renderer.render("category.html", page, listing=listing, list_id=list_id, sorts=SORTS)

    async def product(self, request: Request) -> Response:
        """Show an item in one of its colours."""
        if elsewhere := self._canonical(request):
            return elsewhere
        item = self._assortment.item(request.path_params["item_id"])
        if item is None:
            return self._not_found(request)
        color = color_of(item, request.query_params.get("color"))
        tagged = tagged_item(item, color=color, quantity=1)
        page = self._page(
            request,
            title=f"{short_name(item)}, {color}",
            kind="product",
            description=describe(item).lead,
            item_id=item.item_id,
            sku=item.sku_id(color, item.garment.sizes[0]),
            category=item.garment.product_type,
            data_layer=(item_event("view_item", tagged),),
        )
        department, *_, kind = item.garment.product_type.split(" > ")
        return self._renderer.render(
            "product.html",
            page,
            item=item,
            color=color,
            skus=[(item.sku_id(color, size), size, size in item.sold_out) for size in item.garment.sizes],
            about=describe(item),
            home_category=category_of(department.lower()),
            kind=kind,
            kind_slug=facet_slug(kind),
            added=item_event("add_to_cart", tagged),
            notice=_NOTICES.get(request.query_params.get("notice", "")),
        )

    def _page(self, request: Request, *, title: str, kind: str, **more: Any) -> PageContext:
        return PageContext(
            title=title,
            kind=kind,
            path=path_of(request),
            cart=cart_of(request, self._assortment),
            account=account_of(request),
            with_script=request.query_params.get("script") != "off",
            **more,
        )

    def _doors(self, *, but_not: Collection[DemoItem]) -> list[tuple[Category, DemoItem]]:
        """Return the departments, each with a new item: none that the page shows, no kind or colour twice."""
        doors: list[tuple[Category, DemoItem]] = []
        listed = [item for item in self._assortment.newest_first if item not in but_not]
        for category in CATEGORIES:
            held = [item for item in listed if category.holds(item)] if category.root else []
            if not held:
                continue
            item = next(
                (item for item in held if not any(_alike(item, other) for _, other in doors)), held[0]
            )
            doors.append((category, item))
        return doors

    def _not_found(self, request: Request) -> Response:
        page = self._page(request, title="Not here", kind="other")
        return self._renderer.render("not_found.html", page, status=404)

    def _canonical(self, request: Request) -> Response | None:
        """Send whoever asked for ``localhost`` to where the feed's links lead: cookies are one host's."""
        host = request.headers.get("host", "")
        if host != self._host and host.replace("localhost", "127.0.0.1") == self._host:
            return RedirectResponse(f"http://{self._host}{path_of(request)}", 307)
        return None


def _alike(item: DemoItem, other: DemoItem) -> bool:
    return item.garment.noun == other.garment.noun or item.colors[0] == other.colors[0]
