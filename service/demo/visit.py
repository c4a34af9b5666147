"""One request to the demo shop: whose cart it is, and whether a form may be believed."""

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.demo.assortment import Assortment
from service.demo.cart import Cart
from service.demo.order import Order

CART_COOKIE: Final = "shop_cart"
ORDER_COOKIE: Final = "shop_order"
MAX_FORM_BYTES: Final = 4_096
MAX_FORM_FIELDS: Final = 20

_MAX_BACK_CHARACTERS: Final = 500
_CART_SECONDS: Final = 30 * 86_400
_ORDER_SECONDS: Final = 3_600


class FormError(Exception):
    """A form cannot be taken; ``status`` is the answer's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def cart_of(request: Request, assortment: Assortment) -> Cart:
    """Return the shopper's cart."""
    return Cart.parse(request.cookies.get(CART_COOKIE), assortment)


def order_of(request: Request, assortment: Assortment) -> Order | None:
    """Return the shopper's last order."""
    return Order.parse(request.cookies.get(ORDER_COOKIE), assortment)


def path_of(request: Request) -> str:
    """Return where a request went, with its query."""
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form that a page of this shop sent.

    Raises:
        FormError: it comes from another site, or is too large.
    """
    if not is_same_origin(request):
        raise FormError(403, "This form was not sent from a page of the shop.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise FormError(413, "This form is too large.")
    try:
        fields = parse_qsl(body.decode(), max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise FormError(400, "This form cannot be read.") from None
    return dict(fields)


def is_same_origin(request: Request) -> bool:
    """Tell whether a page of this very origin sent the request; one that says nothing of itself is not believed.

    ``Sec-Fetch-Site`` cannot be set by a page; where a browser leaves it out, ``Origin`` has to name this host.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


def go(path: str) -> Response:
    """Return the answer to a form: go and look there."""
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})


def local_path(given: str | None) -> str:
    """Return a path of this shop to go back to, the home page for anything else.

    Browsers read a backslash as a slash, and leave tabs and line breaks out: what only looks local is not.
    """
    path = given or "/"
    is_local = path.startswith("/") and not path.startswith("//") and len(path) <= _MAX_BACK_CHARACTERS
    return path if is_local and path.isascii() and path.isprintable() and "\\" not in path else "/"


def refused(error: FormError) -> Response:
    """Return the answer to a form of the panel that cannot be taken."""
    return Response(error.message, error.status, media_type="text/plain")


def keep_cart(answer: Response, cart: Cart) -> None:
    """Let the browser keep a cart."""
    if cart.lines:
        _set(answer, CART_COOKIE, cart.cookie(), _CART_SECONDS)
    else:
        answer.delete_cookie(CART_COOKIE, httponly=True, samesite="lax")


def keep_order(answer: Response, order: Order) -> None:
    """Let the browser keep an order until its confirmation has been looked at for an hour."""
    _set(answer, ORDER_COOKIE, order.cookie(), _ORDER_SECONDS)


def _set(answer: Response, name: str, value: str, max_age_seconds: int) -> None:
    answer.set_cookie(name, value, max_age=max_age_seconds, httponly=True, samesite="lax")
