"""Cards: what answers show of items, written once and true as long as no sale begins or ends."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalog.catalog import Catalog
from recommender.catalog.item import Item
from recommender.catalog.money import Money, major_units
from recommender.catalog.rows import SalePeriod
from recommender.catalog.texts import Text, Texts
from tests.catalog_rows import NOW, row

moments = st.sampled_from([None, NOW - 20, NOW - 10, NOW, NOW + 10, NOW + 20])
offers = st.tuples(
    st.integers(0, 3),
    st.integers(2, 4),
    st.sampled_from([None, 1, 3]),
    st.one_of(st.none(), st.tuples(moments, moments)),
)


def plain_card(item: Item, now: float) -> dict[str, object]:
    """Return an item's card by the words of its definition."""
    offered = [sku for sku in item.skus if sku.in_stock] or list(item.skus)
    least = min(sku.current_price_minor(now) for sku in offered)
    sku = next(sku for sku in offered if sku.current_price_minor(now) == least)
    sale = sku.sale_price_minor if sku.on_sale(now) else None
    return {
        "title": item.title,
        "link": item.link,
        "image_link": item.image_link,
        "price": major_units(sku.price_minor, sku.currency),
        "sale_price": None if sale is None else major_units(sale, sku.currency),
        "currency": sku.currency,
    }


@given(st.lists(offers, min_size=1, max_size=4), st.sampled_from([None, "https://cdn.shop.example/ä.jpg"]))
def test_a_card_is_that_of_the_cheapest_offer_at_every_moment(
    skus: list[tuple[int, int, int | None, tuple[float | None, float | None] | None]], image: str | None
) -> None:
    """Of a row and of the item built from it, asked before, at and after the ends of sales, in any order."""
    rows = [
        row(
            f"a-{number}",
            "a",
            availability=int(stock > 0),
            image_link=image,
            price=Money(price * 1000, "EUR"),
            sale_price=None if sale is None or sale >= price else Money(sale * 1000, "EUR"),
            sale_price_effective_date=None if period is None else SalePeriod(*period),
        )
        for number, (stock, price, sale, period) in enumerate(skus)
    ]
    catalog = Catalog.of_rows(rows, now=NOW)
    item, shown = catalog.item_at(0), catalog.shown[0]
    assert shown.item_id == item.item_id
    for moment in (NOW, NOW - 20, NOW + 20, NOW - 11, NOW + 9, NOW + 10, NOW - 30, NOW + 30):
        expected = orjson.dumps(plain_card(item, moment))
        assert shown.card_json(moment) == item.card_json(moment) == expected
        assert shown.card(moment) == plain_card(item, moment)


def test_a_card_is_written_once() -> None:
    """The same bytes serve every answer until a sale begins or ends."""
    catalog = Catalog.of_rows([row()], now=NOW)
    assert catalog.shown[0].card_json(NOW) is catalog.shown[0].card_json(NOW + 1)


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_texts_come_back_whatever_was_added_after_the_first(count: int) -> None:
    """Later texts may have nothing in common with those that the dictionary was made of."""
    texts = Texts()
    first = [Text(f"Dress {n}", f"https://shop.example/{n}", "") for n in range(count)]
    later = [Text("襯衫" * n, "", f"ftp://else.where/{n}") for n in range(count)]
    numbers = texts.add(first) + texts.add([]) + texts.add(later)
    assert [texts.get(number) for number in numbers] == first + later
