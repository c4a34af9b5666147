"""The demo shop's cart and order: what a cookie may hold, what a form may do, and a purchase that is told once."""

import json
import re
from html import unescape
from typing import Any

import httpx
import pytest

from service.demo.assortment import Assortment, DemoSku
from service.demo.cart import MAX_LINES, MAX_QUANTITY, Cart, CartError
from service.demo.order import Order, is_transaction_id, new_transaction_id
from service.demo.shop import simulate_shop
from tests.service.demo.shopper import BASE_URL, NOW, enter_shop

ITEMS = simulate_shop(7)
ASSORTMENT = Assortment(ITEMS)
SKUS = [sku for item in ITEMS for sku_id, _, _ in item.skus() if (sku := ASSORTMENT.sku(sku_id))]
IN_STOCK = [sku for sku in SKUS if sku.in_stock]
SOLD_OUT = next(sku for sku in SKUS if not sku.in_stock)


@pytest.fixture
def shop() -> httpx.Client:
    """Return a new shopper."""
    return enter_shop(ITEMS)


def add(shop: httpx.Client, sku: DemoSku) -> httpx.Response:
    """Press "Add to bag"."""
    form = {"action": "add", "sku": sku.sku_id, "item_id": sku.item.item_id}
    return shop.post("/cart", data=form)


def cart_in(shop: httpx.Client) -> Cart:
    """Return what the browser keeps."""
    return Cart.parse(shop.cookies.get("shop_cart"), ASSORTMENT)


def pushed(html: str) -> list[dict[str, Any]]:
    """Return the GA4 entries that a page pushes while it loads."""
    entries = re.findall(r'dataLayer\.push\(\{"ecommerce": null\}, (.+)\);', html)
    return [json.loads(entry) for entry in entries]


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "nonsense",
        "k9999-black-m:1",
        f"{IN_STOCK[0].sku_id}:0",
        f"{IN_STOCK[0].sku_id}:10",
        f"{IN_STOCK[0].sku_id}:-1",
        f"{IN_STOCK[0].sku_id}:1e9",
        f"{IN_STOCK[0].sku_id}:٣",
        f"{SOLD_OUT.sku_id}:1",
        "../../etc/passwd:1",
        "<script>:1",
        f"{IN_STOCK[0].sku_id}:1." * 500,
    ],
)
def test_a_cookie_is_believed_only_as_far_as_the_shelves_agree(cookie: str) -> None:
    """Unknown or sold-out SKUs, absurd quantities and garbage are no lines of a cart."""
    assert Cart.parse(cookie, ASSORTMENT) == Cart()


def test_a_cart_survives_its_cookie() -> None:
    """What is written is what is read, and garbage between the lines costs only itself."""
    cart = Cart().added(IN_STOCK[0]).added(IN_STOCK[40]).added(IN_STOCK[0])
    assert [line.quantity for line in cart.lines] == [2, 1]
    assert Cart.parse(cart.cookie(), ASSORTMENT) == cart
    assert Cart.parse(f"x.{cart.cookie()}.y:1.{IN_STOCK[0].sku_id}:7", ASSORTMENT) == cart


def test_totals_are_what_the_items_cost_now() -> None:
    """Reductions are what full prices exceed them by."""
    reduced = next(sku for sku in IN_STOCK if sku.item.sale_price is not None)
    cart = Cart().added(reduced).changed(reduced.sku_id, 3)
    assert cart.count == 3
    assert cart.total == round(3 * reduced.item.paid_price, 2)
    assert cart.total + cart.saved == pytest.approx(round(3 * reduced.item.price, 2))


def test_a_cart_has_its_limits() -> None:
    """No sold-out SKU, no twenty-first line and no tenth piece; other quantities change nothing."""
    with pytest.raises(CartError, match="sold_out"):
        Cart().added(SOLD_OUT)
    full = Cart()
    for sku in IN_STOCK[:MAX_LINES]:
        full = full.added(sku)
    with pytest.raises(CartError, match="full"):
        full.added(IN_STOCK[MAX_LINES])
    many = full.changed(IN_STOCK[0].sku_id, MAX_QUANTITY)
    with pytest.raises(CartError, match="full"):
        many.added(IN_STOCK[0])
    assert many.changed(IN_STOCK[0].sku_id, MAX_QUANTITY + 1) == many.changed(IN_STOCK[0].sku_id, 0) == many


def test_the_buttons_of_the_bag_work_without_a_script(shop: httpx.Client) -> None:
    """Adding, changing and removing are forms, each answered with a page that can be reloaded."""
    answer = add(shop, IN_STOCK[0])
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cart?added={IN_STOCK[0].sku_id}")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "is in your bag" in shop.get(answer.headers["location"]).text
    shop.post("/cart", data={"action": "change", "sku": IN_STOCK[0].sku_id, "quantity": "4"})
    assert cart_in(shop).count == 4
    shop.post("/cart", data={"action": "change", "sku": IN_STOCK[0].sku_id, "quantity": "400"})
    assert cart_in(shop).count == 4
    answer = shop.post("/cart", data={"action": "remove", "sku": IN_STOCK[0].sku_id})
    assert (answer.status_code, answer.headers["location"]) == (303, "/cart")
    assert cart_in(shop) == Cart()
    assert "nothing in it yet" in shop.get("/cart").text


def test_what_cannot_be_bought_is_refused_with_a_reason(shop: httpx.Client) -> None:
    """A sold-out size, a vanished item and a forgotten size each lead to a page that says so."""
    answer = add(shop, SOLD_OUT)
    assert "just sold out" in shop.get(answer.headers["location"]).text
    answer = shop.post("/cart", data={"action": "add", "sku": "k9999-black-m"})
    assert "not in the shop any more" in shop.get(answer.headers["location"]).text
    answer = shop.post("/cart", data={"action": "add", "item_id": IN_STOCK[0].item.item_id})
    assert "choose a size" in shop.get(answer.headers["location"]).text
    assert cart_in(shop) == Cart()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/cart", "/order"])
def test_a_form_of_another_site_is_refused(shop: httpx.Client, path: str, headers: dict[str, str]) -> None:
    """Nobody else's page can fill a bag or place an order."""
    shop.headers.pop("Sec-Fetch-Site")
    shop.cookies.set("shop_cart", f"{IN_STOCK[0].sku_id}:1")
    answer = shop.post(path, data={"action": "add", "sku": IN_STOCK[1].sku_id}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "not sent from a page of the shop" in answer.text


def test_an_older_browser_is_believed_by_its_origin(shop: httpx.Client) -> None:
    """Where Sec-Fetch-Site is missing, an Origin of this very host will do."""
    shop.headers.pop("Sec-Fetch-Site")
    form = {"action": "add", "sku": IN_STOCK[0].sku_id}
    assert shop.post("/cart", data=form, headers={"Origin": BASE_URL}).status_code == 303


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"a=" + b"x" * 5_000, 413), (b"\xff\xfe", 400), (b"&".join([b"a=1"] * 100), 400)],
)
def test_a_form_that_is_none_is_refused(shop: httpx.Client, body: bytes, status: int) -> None:
    """Too large, not text, too many fields: a page says so, nothing breaks."""
    assert shop.post("/cart", content=body).status_code == status


def test_an_order_tells_its_purchase_once(shop: httpx.Client) -> None:
    """The confirmation pushes the purchase with its transaction; a reload shows it without pushing again."""
    add(shop, IN_STOCK[0])
    add(shop, IN_STOCK[0])
    bag = shop.get("/cart")
    assert [entry["event"] for entry in pushed(bag.text)] == ["view_cart"]
    assert bag.headers["cache-control"] == "no-store"
    (transaction_id,) = re.findall(r'name="transaction_id" value="(.+?)"', bag.text)
    answer = shop.post("/order", data={"transaction_id": transaction_id})
    assert (answer.status_code, answer.headers["location"]) == (303, "/order")
    assert cart_in(shop) == Cart()
    first, second = shop.get("/order"), shop.get("/order")
    (purchase,) = pushed(first.text)
    item = IN_STOCK[0].item
    assert purchase["event"] == "purchase"
    assert purchase["ecommerce"]["transaction_id"] == transaction_id
    assert purchase["ecommerce"]["value"] == round(2 * item.paid_price, 2)
    (bought,) = purchase["ecommerce"]["items"]
    assert (bought["item_id"], bought["item_variant"], bought["size"], bought["quantity"]) == (
        item.item_id,
        IN_STOCK[0].color,
        IN_STOCK[0].size,
        2,
    )
    assert pushed(second.text) == []
    assert transaction_id in second.text
    assert "21 November 2025" in second.text


def test_an_order_of_nothing_is_none(shop: httpx.Client) -> None:
    """An empty bag cannot be ordered, and without an order there is no confirmation."""
    assert shop.post("/order").headers["location"] == "/cart"
    assert shop.get("/order").headers["location"] == "/cart"


@pytest.mark.parametrize("brought", ["", "X-1", "S-<script>", "S-" + "A" * 40])
def test_a_transaction_id_is_the_shops_own(shop: httpx.Client, brought: str) -> None:
    """An id that no page of the shop could have brought is replaced."""
    add(shop, IN_STOCK[0])
    shop.post("/order", data={"transaction_id": brought})
    (purchase,) = pushed(shop.get("/order").text)
    assert is_transaction_id(purchase["ecommerce"]["transaction_id"])


@pytest.mark.parametrize(
    "cookie",
    ["", "S-23456789AB~1~new~", "S-23456789AB~99999999999999~new~x:1", "S-1~1~new~x:1", "~~~", "a~b~c~d"],
)
def test_a_garbled_order_is_none(cookie: str) -> None:
    """A cookie that the shop did not write confirms nothing."""
    assert Order.parse(cookie, ASSORTMENT) is None


def test_an_order_survives_its_cookie() -> None:
    """What is written is what is read, told or not."""
    order = Order(new_transaction_id(), int(NOW), Cart().added(IN_STOCK[3]))
    assert Order.parse(order.cookie(), ASSORTMENT) == order
    assert Order.parse(order.told().cookie(), ASSORTMENT) == order.told() != order


def test_the_tags_of_the_bag_name_one_piece_or_all(shop: httpx.Client) -> None:
    """Fewer and more are told with quantity 1, removing with all there are."""
    add(shop, IN_STOCK[0])
    add(shop, IN_STOCK[0])
    html = shop.get("/cart").text
    told = [json.loads(unescape(tag)) for tag in re.findall(r"data-push='(.+?)'", html)]
    names = [(one["event"], [item["quantity"] for item in one["ecommerce"]["items"]]) for one in told]
    assert names == [
        ("remove_from_cart", [1]),
        ("add_to_cart", [1]),
        ("remove_from_cart", [2]),
        ("begin_checkout", [2]),
    ]
