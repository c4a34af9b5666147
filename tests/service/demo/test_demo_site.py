"""The demo shop's pages: tagged for GA4, marked for Kabin, safe, and linked so that nothing leads nowhere."""

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from service.demo.assortment import Assortment, color_of, discount_percent, short_name
from service.demo.experiment_page import PAGE_PATH
from service.demo.listing import CATEGORIES, PAGE_ITEMS, category_of, list_category
from service.demo.shop import feed_rows, simulate_shop
from tests.service.demo.shopper import BASE_URL, NOW, enter_shop

ITEMS = simulate_shop(7)
TWO_COLORS = next(item for item in ITEMS if len(item.colors) == 2 and item.sold_out)
PAGES = ("/", "/category/women", "/category/sale?sort=price_asc", f"/product/{TWO_COLORS.item_id}", "/cart")


@pytest.fixture(scope="module")
def shop() -> httpx.Client:
    """Return a browser that has put nothing anywhere."""
    return enter_shop(ITEMS)


class Markup(HTMLParser):
    """The elements of a page: their names and attributes, and the text of each script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a script."""
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        """Note the text of a script."""
        if self._in_script:
            self.scripts[-1] += data

    def having(self, attribute: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element that has this one."""
        return [attributes for _, attributes in self.elements if attribute in attributes]


def pushed(html: str) -> list[dict[str, Any]]:
    """Return the GA4 entries that a page pushes while it loads."""
    entries = re.findall(r'dataLayer\.push\(\{"ecommerce": null\}, (.+)\);', html)
    return [json.loads(entry) for entry in entries]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_that_it_is_simulated_and_keeps_to_a_strict_policy(
    shop: httpx.Client, path: str
) -> None:
    """Scripts carry the nonce of their answer, nothing is styled inline, nothing comes from elsewhere."""
    answer = shop.get(path)
    assert answer.status_code == 200
    assert "Simulated shop: items, prices and visitors are invented." in answer.text
    policy = answer.headers["content-security-policy"]
    (nonce,) = re.findall(r"script-src 'nonce-([\w-]{20,})'", policy)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    page = Markup(answer.text)
    for tag, attributes in page.elements:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "script":
            assert attributes["nonce"] == nonce
        for name in ("src", "href", "action"):
            assert not re.match(r"(\w+:)?//", attributes.get(name) or ""), attributes
    assert shop.get(path).headers["content-security-policy"] != policy


@pytest.mark.parametrize("path", PAGES)
def test_headings_labels_and_pictures_are_there_for_everybody(shop: httpx.Client, path: str) -> None:
    """One h1 that is not hidden, a main part to skip to, names for controls and sizes for pictures."""
    html = shop.get(path).text
    page = Markup(html)
    assert len(re.findall("<h1", html)) == (2 if path == "/" else 1)
    assert any(attributes.get("href") == "#main" for attributes in page.having("href"))
    labelled = {attributes["for"] for attributes in page.having("for")}
    for tag, attributes in page.elements:
        if tag == "img":
            assert {"alt", "width", "height"} <= attributes.keys()
        if tag == "input" and attributes["type"] != "hidden":
            assert attributes["id"] in labelled
    ids = [attributes["id"] for attributes in page.having("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_every_local_link_and_file_is_there(shop: httpx.Client) -> None:
    """Starting at home, no page, picture, stylesheet or script of the shop is missing."""
    seen, pending = set[str](), ["/"]
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = shop.get(path)
        assert answer.status_code == 200, path
        # Of all the products a few stand for the others.
        if "html" not in answer.headers["content-type"] or sum("/product/" in one for one in seen) > 10:
            continue
        for attributes in Markup(answer.text).having("href") + Markup(answer.text).having("src"):
            link = urljoin(path, attributes.get("href") or attributes.get("src") or "")
            # These two are not the shop's.
            if urlsplit(link).path not in {"/kabin.js", PAGE_PATH} and "#" not in link:
                pending.append(link)
    assert len(seen) > 100


def test_the_feed_leads_to_pages_and_pictures_that_exist(shop: httpx.Client) -> None:
    """A recommendation can be clicked and looked at."""
    for row in list(feed_rows(ITEMS, base_url=BASE_URL, now=NOW))[::97]:
        page, picture = shop.get(row["link"]), shop.get(row["image_link"])
        assert page.status_code == picture.status_code == 200
        assert picture.headers["content-type"] == "image/svg+xml"
        assert row["item_group_id"] in picture.text


def test_home_has_both_variants_and_shows_full_price_until_told_otherwise(shop: httpx.Client) -> None:
    """The newest at full price, and what is reduced most; each item is where it belongs."""
    html = shop.get("/").text
    page = Markup(html)
    variants = {
        attributes["data-kabin-variant"]: attributes for attributes in page.having("data-kabin-variant")
    }
    assert list(variants) == ["full_price", "promo"]
    assert "hidden" in variants["promo"]
    assert "hidden" not in variants["full_price"]
    full_price, promo = html.split("data-kabin-variant=")[1:]
    assortment = Assortment(ITEMS)
    for part, is_on_sale in ((full_price, False), (promo.partition('class="doors"')[0], True)):
        items = [assortment.item(item_id) for item_id in re.findall(r"/product/(\w+)", part)]
        assert len(items) == 11
        assert all(item is not None and (item.sale_price is not None) == is_on_sale for item in items)


def test_a_promotion_of_the_slot_is_told_when_it_is_seen_and_as_the_slots(shop: httpx.Client) -> None:
    """Kabin's own promotion says that it stood in the slot; only a click on it is the visitor's choice."""
    html = shop.get("/").text
    seen = [json.loads(unescape(tag)) for tag in re.findall(r"data-push-when-seen='(.+?)'", html)]
    assert [(one["event"], one["ecommerce"].get("slot")) for one in seen] == [
        ("view_item_list", None),
        ("view_promotion", "homepage"),
    ]
    assert "select_promotion" in html.partition('data-kabin-variant="promo"')[2]
    assert "select_promotion" not in html.partition('data-kabin-variant="promo"')[0]
    assert pushed(html) == []


def test_a_product_page_is_tagged_and_marked(shop: httpx.Client) -> None:
    """GA4 hears the item in the colour being viewed, Kabin which item, SKU and category it is."""
    item, color = TWO_COLORS, TWO_COLORS.colors[1]
    html = shop.get(f"/product/{item.item_id}?color={color.replace(' ', '_')}").text
    (entry,) = pushed(html)
    (tagged,) = entry["ecommerce"]["items"]
    assert entry["event"] == "view_item"
    assert (tagged["item_id"], tagged["item_variant"], tagged["price"]) == (
        item.item_id,
        color,
        item.paid_price,
    )
    body = Markup(html).having("data-kabin-page")[0]
    assert body["data-kabin-page"] == "product"
    assert body["data-kabin-item-id"] == item.item_id
    assert body["data-kabin-sku"] == item.sku_id(color, item.garment.sizes[0])
    assert body["data-kabin-category"] == item.garment.product_type
    assert f"/garments/{item.item_id}-{color.replace(' ', '_')}.svg" in html


def test_the_size_picker_disables_what_is_sold_out_and_chooses_nothing(shop: httpx.Client) -> None:
    """Every size of the colour is there with its SKU; choosing is the shopper's, or Kabin's."""
    item = TWO_COLORS
    page = Markup(shop.get(f"/product/{item.item_id}").text)
    sizes = [attributes for attributes in page.having("data-kabin-size") if attributes["type"] == "radio"]
    assert [one["data-kabin-size"] for one in sizes] == list(item.garment.sizes)
    assert {one["data-kabin-size"] for one in sizes if "disabled" in one} == item.sold_out
    assert all(one["value"] == one["data-kabin-sku"] for one in sizes)
    assert not page.having("checked")
    assert len(page.having("data-kabin-size-picker")) == len(page.having("data-kabin-size-note")) == 1


def test_what_comes_in_one_size_needs_no_picker(shop: httpx.Client) -> None:
    """A bag can be put into the cart as it is."""
    bag = next(item for item in ITEMS if item.garment.noun == "Tote Bag")
    page = Markup(shop.get(f"/product/{bag.item_id}").text)
    assert not page.having("data-kabin-size-picker")
    (sku,) = [attributes["value"] for attributes in page.having("name") if attributes["name"] == "sku"]
    assert sku == bag.sku_id(bag.colors[0], "One Size")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_one_place_for_recommendations(shop: httpx.Client, path: str) -> None:
    """A hidden section with a heading and a template, which works with the script's contract."""
    page = Markup(shop.get(path).text)
    (slot,) = [one for one in page.having("data-kabin-slot") if one["data-kabin-slot"] == "recommendations"]
    assert "hidden" in slot
    fields = [one["data-kabin-field"] for one in page.having("data-kabin-field")]
    assert fields == ["link", "image_link", "title", "sale_price", "price"]


def test_the_script_can_be_left_out_to_measure_what_it_costs(shop: httpx.Client) -> None:
    """``?script=off`` serves the same page without Kabin's loader and script."""
    assert "/kabin.js" in shop.get("/").text
    without = shop.get("/?script=off").text
    assert "/kabin.js" not in without
    assert "loader" not in without


def test_a_title_cannot_break_out_of_a_script() -> None:
    """Whatever a title says is data: in the dataLayer, in attributes and in the text."""
    title = "</script><img src=x onerror=alert(1)> 'quoted' & \"more\" in Red"
    items = [replace(item, title=title) if item is TWO_COLORS else item for item in ITEMS]
    shop = enter_shop(items)
    for path in (f"/product/{TWO_COLORS.item_id}", f"/category/{CATEGORIES[-1].slug}", "/"):
        html = shop.get(path).text
        assert "<img src=x" not in html
        assert "</script><img" not in html
        assert not Markup(html).having("onerror")
    (entry,) = pushed(shop.get(f"/product/{TWO_COLORS.item_id}").text)
    assert entry["ecommerce"]["items"][0]["item_name"] == short_name(replace(TWO_COLORS, title=title))


@pytest.mark.parametrize(
    "path",
    [
        "/category/none",
        "/product/K9999",
        "/product/%3Cscript%3E",
        "/garments/K0001-pink.svg",
        "/static/x.css",
    ],
)
def test_what_is_not_there_is_not_found(shop: httpx.Client, path: str) -> None:
    """Unknown categories, items, colours and files are answered with 404, and nothing is echoed."""
    answer = shop.get(path)
    assert answer.status_code == 404
    assert "<script>" not in answer.text.replace("<script>/* loader */", "")


def test_a_listing_filters_sorts_and_turns_pages() -> None:
    """The address says which type, which order and which page; what it says wrongly is ignored."""
    assortment = Assortment(ITEMS)
    women = category_of("women")
    assert women is not None
    plain = list_category(assortment, women, {})
    assert len(plain.items) == PAGE_ITEMS < plain.total
    assert plain == list_category(assortment, women, {"type": "hats", "sort": "random", "page": "-1"})
    assert plain.product_type == "Women"
    dresses = list_category(assortment, women, {"type": "dresses", "sort": "price_asc", "page": "2"})
    assert dresses.product_type == "Women > Dresses"
    assert {item.garment.noun for item in dresses.items} == {"Dress"}
    prices = [item.paid_price for item in dresses.items]
    assert prices == sorted(prices)
    assert dresses.page == 2
    assert list_category(assortment, women, {"page": "99999"}).page == plain.pages
    assert dresses.path(sort="newest") == "/category/women?type=dresses"
    assert dresses.path(page=3) == "/category/women?type=dresses&sort=price_asc&page=3"


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.slug)
def test_every_category_lists_what_it_says(shop: httpx.Client, category: Any) -> None:
    """The list is tagged as it is shown; the sale is all reduced, what is new is not."""
    listing = list_category(Assortment(ITEMS), category, {})
    (entry,) = pushed(shop.get(category.path).text)
    assert entry["event"] == "view_item_list"
    assert [one["item_id"] for one in entry["ecommerce"]["items"]] == [item.item_id for item in listing.items]
    assert all(("discount" in one) for one in entry["ecommerce"]["items"]) == (category.slug == "sale")
    assert entry["ecommerce"].get("promotion_id") == ("sale" if category.slug == "sale" else None)
    if category.slug == "new":
        assert not any("discount" in one for one in entry["ecommerce"]["items"])


def test_localhost_is_sent_where_the_feed_leads(shop: httpx.Client) -> None:
    """A cookie belongs to one host, and the policy allows pictures of this one only."""
    answer = shop.get("http://localhost:8000/category/men?sort=price_asc")
    assert (answer.status_code, answer.headers["location"]) == (
        307,
        f"{BASE_URL}/category/men?sort=price_asc",
    )
    assert shop.get("http://shop.test/").status_code == 200


def test_files_are_kept_as_long_as_their_address_names_their_content(shop: httpx.Client) -> None:
    """A versioned address is for ever, another one is asked again, and what is unchanged is not sent twice."""
    (address,) = re.findall(r"/static/shop\.css\?v=\w+", shop.get("/").text)
    answer = shop.get(address)
    assert "immutable" in answer.headers["cache-control"]
    assert shop.get("/static/shop.css?v=old").headers["cache-control"] == "no-cache"
    unchanged = shop.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_names_colours_and_discounts_are_read_off_the_item() -> None:
    """A title without its colour, a colour by its address, a discount in whole percent."""
    item = TWO_COLORS
    assert f"{short_name(item)} in {item.colors[0].title()}" == item.title
    assert color_of(item, item.colors[1].replace(" ", "_")) == item.colors[1]
    assert color_of(item, "pink") == color_of(item, None) == item.colors[0]
    assert discount_percent(replace(item, price=80.0, sale_price=56.0)) == 30
    assert discount_percent(replace(item, sale_price=None)) == 0
