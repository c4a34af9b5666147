"""Finding items and SKUs, and what a card and a size selector ask of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalog.catalog import Catalog
from recommender.catalog.item import sku_for
from recommender.catalog.money import Money
from recommender.catalog.rows import Availability, Row, SalePeriod
from recommender.departments import DepartmentTable
from recommender.identifiers import key_of
from recommender.sizes.labels import parse_size
from recommender.sizes.ladder import Ladder
from recommender.sizes.size import Size
from tests.catalog_rows import DAY, NOW, row


def size(label: str, catalog: Catalog) -> Size:
    """Return an EU size in the department of the first item."""
    parsed = parse_size(label, department=catalog.item_at(0).department, size_system="EU")
    assert parsed is not None
    return parsed


def test_resolves_items_and_skus() -> None:
    """An id is an item's, a SKU's, both for an item that is its own only SKU, or unknown."""
    catalog = Catalog.of_rows([row("a-38"), row("a-40", size="40"), row("hat", None)], now=NOW)
    item, sku = catalog.resolve("a-40") or (None, None)
    assert item is not None
    assert sku is not None
    assert (item.item_id, sku.sku_id, sku.label) == ("a", "a-40", "40")
    assert (catalog.resolve("a") or (None, 0))[1] is None
    hat = catalog.resolve("hat")
    assert hat is not None
    assert hat.sku is not None
    assert (hat.item.item_id, hat.sku.sku_id) == ("hat", "hat")
    assert catalog.resolve("unknown") is None
    assert (len(catalog), catalog.sku_count) == (2, 3)


def test_an_id_that_is_an_item_and_one_of_its_skus_means_the_item() -> None:
    """Feeds whose group id is the first variant's id say nothing about the size by it."""
    catalog = Catalog.of_rows([row("a", "a"), row("a-40", "a", size="40")], now=NOW)
    resolved = catalog.resolve("a")
    assert resolved is not None
    assert resolved.sku is None


def test_finds_items_by_row_and_key() -> None:
    """Rows and 40-bit keys lead to the same item; rows that were never given out are refused."""
    catalog = Catalog.of_rows([row(f"{i}-38", str(i)) for i in range(100)], now=NOW)
    for item in catalog.items():
        assert catalog.row(item.item_id) == item.row
        found = catalog.item_of_key(key_of(item.item_id))
        assert found is not None
        assert found.item_id == catalog.item_at(item.row).item_id == item.item_id
    assert catalog.rows_of(["7", "unknown"]).tolist() == [catalog.row("7"), -1]
    assert catalog.item_of_key(key_of("unknown")) is None
    with pytest.raises(LookupError, match="row 100"):
        catalog.item_at(100)


def test_an_empty_catalog_answers_everything() -> None:
    """A service without a catalog has nothing to show and does not fail."""
    catalog = Catalog.empty()
    assert (len(catalog), catalog.sku_count, catalog.row("a"), catalog.resolve("a")) == (0, 0, -1, None)
    assert catalog.newest_full_price(NOW, limit=3) == catalog.on_sale(NOW, limit=3) == []
    assert catalog.newest(NOW, limit=3, category="dresses") == []
    assert catalog.on_sale_share(NOW) == 0.0
    assert len(catalog.merged()) == 0


def test_a_card_shows_the_cheapest_sku_in_stock_at_that_moment() -> None:
    """Prices are in major units and follow the dates of a sale to the second."""
    period = SalePeriod(NOW, NOW + DAY)
    catalog = Catalog.of_rows(
        [
            row("a-38", price=Money(8000, "EUR")),
            row(
                "a-40",
                price=Money(9000, "EUR"),
                sale_price=Money(4550, "EUR"),
                sale_price_effective_date=period,
            ),
            row("a-42", price=Money(100, "EUR"), availability=0),
        ],
        now=NOW,
    )
    shown = [catalog.card(0, moment) for moment in (NOW - 1, NOW, NOW + DAY - 1, NOW + DAY)]
    assert [(card["price"], card["sale_price"]) for card in shown] == [
        (80.0, None),
        (90.0, 45.5),
        (90.0, 45.5),
        (80.0, None),
    ]
    assert shown[0] | {"price": 0} == {
        "title": "Dress a",
        "link": "https://shop.example/a",
        "image_link": None,
        "price": 0,
        "sale_price": None,
        "currency": "EUR",
    }


def test_a_card_of_an_item_out_of_stock_still_has_a_price() -> None:
    """The cart may hold what is sold out by now."""
    catalog = Catalog.of_rows([row("a", None, availability=0, price=Money(500, "JPY"))], now=NOW)
    assert catalog.card(0, NOW)["price"] == 500.0


@pytest.mark.parametrize("availability", list(Availability))
def test_only_what_can_be_sent_today_is_in_stock(availability: Availability) -> None:
    """Preorder and backorder are no stock."""
    catalog = Catalog.of_rows([row(availability=int(availability))], now=NOW)
    in_stock = availability is Availability.IN_STOCK
    assert catalog.in_stock(0) is in_stock
    assert bool(catalog.item_at(0).sizes_in_stock()) is in_stock


def test_the_ladder_has_the_sizes_of_the_scale_most_skus_share() -> None:
    """Sizes out of stock and of any colour count; those of another scale and unreadable ones do not."""
    rows = [row(f"a-{n}", size=n, availability=0) for n in ("36", "38", "40")]
    rows += [
        row("a-40-blue", size="40", color="blue"),
        row("a-us", size="8", size_system="US"),
        row("a-?", size="?!"),
    ]
    catalog = Catalog.of_rows(rows, now=NOW)
    ladder = catalog.item_at(0).ladder()
    assert ladder is not None
    assert set(ladder.sizes) == {size(label, catalog) for label in ("36", "38", "40")}
    assert Catalog.of_rows([row("b", None, size=None)], now=NOW).item_at(0).ladder() is None


def test_picks_the_sku_of_a_size_in_the_colour_being_viewed() -> None:
    """The viewed colour first; another one only if allowed; nothing that is out of stock."""
    rows = [
        row("red-38"),
        row("blue-38", color="Blue"),
        row("red-40", size="40"),
        row("blue-40", size="40", color="blue", availability=0),
    ]
    catalog = Catalog.of_rows(rows, now=NOW)
    item = catalog.item_at(0)

    def picked(label: str, **options: object) -> str | None:
        sku = sku_for(item, size(label, catalog), **options)  # type: ignore[arg-type]
        return None if sku is None else sku.sku_id

    assert picked("38") == "red-38"
    assert picked("38", prefer_color="blue") == "blue-38"
    assert picked("38", prefer_like_sku="blue-40") == "blue-38"
    assert picked("40", prefer_like_sku=item.sku_of("blue-38")) == "red-40"
    assert picked("40", prefer_color="blue", same_color_only=True) is None
    assert picked("44") is None


def test_a_sku_is_found_by_its_key() -> None:
    """A visitor's cart remembers keys."""
    item = Catalog.of_rows([row("a-38"), row("a-40")], now=NOW).item_at(0)
    sku = item.sku_of_key(key_of("a-40"))
    assert sku is not None
    assert sku.sku_id == "a-40"
    assert item.sku_of_key(key_of("b")) is None


def test_departments_come_from_the_shops_table() -> None:
    """An override of the table changes an item's department."""
    table = DepartmentTable.from_mapping({"product_type": {"Women > Dresses": "tops"}})
    default, overridden = (Catalog.of_rows([row()], now=NOW, departments=d).item_at(0) for d in (None, table))
    assert default.department != overridden.department


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
prices = st.integers(1, 10**12).map(lambda minor: Money(minor, "EUR"))
rows_of_any_kind = st.builds(
    row,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
    st.none() | st.sampled_from(["a", "b", "€ 1"]),
    title=texts,
    link=texts,
    image_link=st.none() | texts.filter(bool),
    availability=st.sampled_from(Availability).map(int),
    price=prices,
    brand=st.none() | texts,
    product_type=st.none() | texts,
    color=st.none() | texts,
    size=st.none() | st.sampled_from(["38", "M", "W32/L34", "?"]),
)


@given(st.lists(rows_of_any_kind, max_size=12, unique_by=lambda row: row.id))
def test_holds_what_the_rows_say(rows: list[Row]) -> None:
    """Every SKU comes back with its own values, every item with its first row's, however odd the strings."""
    catalog = Catalog.of_rows(rows, now=NOW)
    assert len(catalog) == len({row.item_id for row in rows})
    for given_row in rows:
        item = catalog.item(given_row.item_id)
        assert item is not None
        first = next(other for other in rows if other.item_id == given_row.item_id)
        clean = [text.replace("\x1e", " ").replace("\x1f", " ") for text in (first.title, first.link)]
        assert [item.title, item.link, item.brand, item.product_type] == [
            *clean,
            first.brand,
            first.product_type,
        ]
        sku = item.sku_of(given_row.id)
        assert sku is not None
        assert (sku.price_minor, sku.color, sku.label) == (
            given_row.price.minor,
            given_row.color,
            given_row.size or "",
        )
        assert sku.in_stock == (given_row.availability == Availability.IN_STOCK)
        worked_out = Ladder.of((each.size for each in item.skus), item.department)
        assert catalog.stock.ladders[item.row] is item.ladder() is worked_out
        assert catalog.in_stock(item.row) == item.in_stock
