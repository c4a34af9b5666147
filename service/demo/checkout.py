"""The demo shop's cart and order: forms that work without a script, and answers that can be reloaded."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.demo.accounts import account_of
from service.demo.assortment import Assortment
from service.demo.cart import MAX_LINES, MAX_QUANTITY, Cart, CartError
from service.demo.order import Order, is_transaction_id, new_transaction_id
from service.demo.rendering import PageContext, Renderer
from service.demo.shop import product_path
from service.demo.tagging import cart_event, item_event, purchase_event, tagged_line
from service.demo.visit import (
    FormError,
    cart_of,
    form_of,
    go,
    keep_cart,
    keep_order,
    order_of,
    path_of,
)

_NOTICES = {
    "sold_out": "That size has just sold out, so it was not added.",
    "full": f"A bag holds {MAX_LINES} pieces, and {MAX_QUANTITY} of each: nothing was added.",
    "gone": "That item is not in the shop any more, so it was not added.",
}


class Checkout:
    """Cart and order.

    Args:
        assortment: the shop.
        renderer: makes the pages.
        clock: Unix seconds now.
    """

    def __init__(self, assortment: Assortment, renderer: Renderer, clock: Callable[[], float]) -> None:
        self._assortment = assortment
        self._renderer = renderer
        self._clock = clock

    def routes(self) -> list[BaseRoute]:
        """Return where cart and order are."""
        return [
            Route("/cart", self._show_cart, methods=["GET"]),
            Route("/cart", self._change_cart, methods=["POST"]),
            Route("/order", self._show_order, methods=["GET"]),
            Route("/order", self._place_order, methods=["POST"]),
        ]

    async def _show_cart(self, request: Request) -> Response:
        cart = cart_of(request, self._assortment)
        query = request.query_params
        page = self._page(
            request,
            cart,
            title="Your bag",
            kind="cart",
            data_layer=(cart_event("view_cart", cart),) if cart.lines else (),
        )
        return self._renderer.render(
            "cart.html",
            page,
            keep=False,
            added=cart.line(query.get("added", "")),
            notice=_NOTICES.get(query.get("notice", "")),
            max_quantity=MAX_QUANTITY,
            transaction_id=new_transaction_id(),
            checkout=cart_event("begin_checkout", cart),
            tagged_line=tagged_line,
            item_event=item_event,
        )

    async def _change_cart(self, request: Request) -> Response:
        try:
            form = await form_of(request)
        except FormError as error:
            return self._refused(request, error)
        cart = cart_of(request, self._assortment)
        sku_id = form.get("sku", "")
        if form.get("action") == "add":
            return self._add(cart, sku_id, form.get("item_id", ""))
        quantity = form.get("quantity", "")
        if form.get("action") == "remove":
            cart = cart.without(sku_id)
        elif len(quantity) == 1 and quantity.isdecimal():
            cart = cart.changed(sku_id, int(quantity))
        answer = go("/cart")
        keep_cart(answer, cart)
        return answer

    def _add(self, cart: Cart, sku_id: str, item_id: str) -> Response:
        sku = self._assortment.sku(sku_id)
        if sku is None:
            if not sku_id and self._assortment.item(item_id) is not None:
                return go(f"{product_path(item_id)}?notice=size")
            return go("/cart?notice=gone")
        try:
            cart = cart.added(sku)
        except CartError as error:
            return go(f"/cart?notice={error.reason}")
        answer = go(f"/cart?{urlencode({'added': sku.sku_id})}")
        keep_cart(answer, cart)
        return answer

    async def _place_order(self, request: Request) -> Response:
        try:
            form = await form_of(request)
        except FormError as error:
            return self._refused(request, error)
        cart = cart_of(request, self._assortment)
        if not cart.lines:
            return go("/cart")
        # The page with the button brings the id, so that pressing it twice is still one order.
        brought = form.get("transaction_id", "")
        transaction_id = brought if is_transaction_id(brought) else new_transaction_id()
        answer = go("/order")
        keep_order(answer, Order(transaction_id, int(self._clock()), cart))
        keep_cart(answer, Cart())
        return answer

    async def _show_order(self, request: Request) -> Response:
        order = order_of(request, self._assortment)
        if order is None:
            return go("/cart")
        page = self._page(
            request,
            cart_of(request, self._assortment),
            title="Thank you",
            kind="order",
            data_layer=() if order.is_told else (purchase_event(order),),
        )
        placed_at = datetime.fromtimestamp(order.placed_at, UTC)
        answer = self._renderer.render(
            "order.html", page, keep=False, order=order, placed_on=f"{placed_at:%-d %B %Y}"
        )
        if not order.is_told:
            keep_order(answer, order.told())
        return answer

    def _refused(self, request: Request, error: FormError) -> Response:
        page = self._page(request, Cart(), title="Not taken", kind="other")
        return self._renderer.render(
            "refused.html", page, status=error.status, keep=False, message=error.message
        )

    def _page(self, request: Request, cart: Cart, **more: Any) -> PageContext:
        with_script = request.query_params.get("script") != "off"
        return PageContext(
            path=path_of(request), cart=cart, account=account_of(request), with_script=with_script, **more
        )
