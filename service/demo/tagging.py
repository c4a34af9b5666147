"""The demo shop's tags: entries of GA4's dataLayer, as a shop that has never heard of Kabin writes them.

Format: Google Analytics 4, "Measure ecommerce". ``size`` is the one field of an item that GA4 does not name.
"""

from collections.abc import Iterable
from typing import Any, Final

from service.demo.assortment import short_name
from service.demo.cart import Cart, CartLine
from service.demo.order import Order
from service.demo.shop import DemoItem

CURRENCY: Final = "EUR"

Entry = dict[str, Any]
"""One push to the dataLayer: ``{"event": …, "ecommerce": {…}}``."""


def tagged_item(
    item: DemoItem, *, color: str | None = None, size: str | None = None, quantity: int | None = None
) -> dict[str, Any]:
    """Return an entry of ``items``; ``price`` is what one piece costs now, ``discount`` what was taken off it."""
    tagged: dict[str, Any] = {
        "item_id": item.item_id,
        "item_name": short_name(item),
        "item_brand": item.brand,
    }
    for level, name in enumerate(item.garment.product_type.split(" > "), 1):
        tagged["item_category" if level == 1 else f"item_category{level}"] = name
    tagged["item_variant"] = color or item.colors[0]
    if size is not None:
        tagged["size"] = size
    tagged["price"] = item.paid_price
    if item.sale_price is not None:
        tagged["discount"] = round(item.price - item.sale_price, 2)
    if quantity is not None:
        tagged["quantity"] = quantity
    return tagged


def tagged_line(line: CartLine, quantity: int | None = None) -> dict[str, Any]:
    """Return a line of the cart, with another quantity if given."""
    sku = line.sku
    return tagged_item(sku.item, color=sku.color, size=sku.size, quantity=quantity or line.quantity)


def item_event(name: str, item: dict[str, Any]) -> Entry:
    """Return ``view_item``, ``add_to_cart`` or ``remove_from_cart`` of one tagged item."""
    value = round(item["price"] * item.get("quantity", 1), 2)
    return {"event": name, "ecommerce": {"currency": CURRENCY, "value": value, "items": [item]}}


def list_event(name: str, items: Iterable[DemoItem], *, list_id: str, **params: str) -> Entry:
    """Return ``view_item_list`` or ``select_item``; ``params`` go beside the items."""
    tagged = [tagged_item(item) for item in items]
    return {
        "event": name,
        "ecommerce": {"currency": CURRENCY, "item_list_id": list_id, **params, "items": tagged},
    }


def promotion_event(name: str, promotion_id: str, promotion_name: str, *, slot: str) -> Entry:
    """Return ``view_promotion`` or ``select_promotion`` of what a slot shows."""
    return {
        "event": name,
        "ecommerce": {
            "promotion_id": promotion_id,
            "promotion_name": promotion_name,
            "creative_slot": slot,
            # Kabin's word for it: what a slot shows is no choice of the visitor's.
            "slot": slot,
        },
    }


def cart_event(name: str, cart: Cart) -> Entry:
    """Return ``view_cart`` or ``begin_checkout``."""
    items = [tagged_line(line) for line in cart.lines]
    return {"event": name, "ecommerce": {"currency": CURRENCY, "value": cart.total, "items": items}}


def purchase_event(order: Order) -> Entry:
    """Return ``purchase``."""
    entry = cart_event("purchase", order.cart)
    entry["ecommerce"]["transaction_id"] = order.transaction_id
    return entry
