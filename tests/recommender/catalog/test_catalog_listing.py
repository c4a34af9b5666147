"""What pages list: the newest at full price, what is on sale, a category."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalog.catalog import Catalog
from recommender.catalog.money import Money
from recommender.catalog.overlay import Changes
from recommender.catalog.rows import Row, SalePeriod
from recommender.catalog.segments import rows_by_item, segment_of
from recommender.departments import DepartmentTable
from tests.catalog_rows import DAY, NOW, row

TABLE = DepartmentTable.default()
SALE = Money(4000, "EUR")


def named(catalog: Catalog, rows: list[int]) -> list[str]:
    """Return the items of rows."""
    return [catalog.item_at(row).item_id for row in rows]


def changes(rows: list[Row], removed: tuple[str, ...] = (), first_seen: float = NOW) -> Changes:
    """Return a step of whole items, all first seen at one moment unless a row says."""
    items = rows_by_item(rows)
    seen = {item: rows[0].first_seen or first_seen for item, rows in items.items()}
    return Changes.of(segment_of(items, seen) if items else None, removed, TABLE)


def shop(overlaid: bool) -> Catalog:
    """Return items 0 (oldest) to 9: odd ones on sale, 4 and 5 sold out, 8 and 9 shoes; built at once or by a step."""
    rows = [
        row(
            f"{n}-38",
            str(n),
            first_seen=NOW - (10 - n) * DAY,
            sale_price=SALE if n % 2 else None,
            availability=0 if n in {4, 5} else 1,
            product_type="Women > Shoes > Boots" if n > 7 else "Women > Dresses > Midi_Dresses",
        )
        for n in range(10)
    ]
    if not overlaid:
        return Catalog.of_rows(rows, now=NOW)
    catalog = Catalog.of_rows([row("0-38", "0", availability=0), row("x", "x"), *rows[6:8]], now=NOW)
    catalog.apply(changes(rows[:6], removed=("x",)), 2)
    catalog.apply(changes(rows[8:]), 3)
    return catalog


@pytest.mark.parametrize("overlaid", [False, True])
def test_lists_the_newest_at_full_price_and_what_is_on_sale(overlaid: bool) -> None:
    """Items in stock, newest first, each in one of the two lists; recent changes count like the bulk."""
    catalog = shop(overlaid)
    assert named(catalog, catalog.newest_full_price(NOW, limit=3)) == ["8", "6", "2"]
    assert named(catalog, catalog.on_sale(NOW, limit=9)) == ["9", "7", "3", "1"]
    assert named(catalog, catalog.newest(NOW, limit=4)) == ["9", "8", "7", "6"]
    assert catalog.on_sale_share(NOW) == 0.5


@pytest.mark.parametrize("overlaid", [False, True])
@pytest.mark.parametrize(
    "category",
    [
        "Women > Dresses",
        "women/dresses",
        "dresses",
        "Home/Women/Dresses",
        "midi-dresses",
        "DRESSES > midi dresses",
    ],
)
def test_lists_a_category_however_the_page_spells_it(overlaid: bool, category: str) -> None:
    """A category is found by any run of its levels, and a breadcrumb's "Home" does no harm."""
    catalog = shop(overlaid)
    assert named(catalog, catalog.newest(NOW, limit=9, category=category)) == ["7", "6", "3", "2", "1", "0"]
    assert named(catalog, catalog.on_sale(NOW, limit=9, category=category)) == ["7", "3", "1"]
    assert named(catalog, catalog.newest_full_price(NOW, limit=9, category=category)) == ["6", "2", "0"]
    assert catalog.in_category(catalog.row("7"), "dresses")
    assert not catalog.in_category(catalog.row("8"), "dresses")


def test_a_category_without_items_lists_nothing() -> None:
    """An unknown category is no reason to list everything."""
    assert shop(False).newest(NOW, limit=9, category="Kids") == []


@pytest.mark.parametrize("overlaid", [False, True])
def test_filters_before_the_cut(overlaid: bool) -> None:
    """What a filter refuses is replaced by the next in order."""
    catalog = shop(overlaid)
    refused = catalog.row("8")
    assert named(catalog, catalog.newest_full_price(NOW, limit=2, accept=lambda row: row != refused)) == [
        "6",
        "2",
    ]


@pytest.mark.parametrize("prepared", [False, True])
def test_sales_begin_and_end_on_the_second(prepared: bool) -> None:
    """The lists follow the dates of sales, whether they were prepared or not."""
    period = SalePeriod(NOW + 10, NOW + 20)
    catalog = Catalog.of_rows(
        [row(sale_price=SALE, sale_price_effective_date=period), row("b", None)], now=NOW
    )
    for moment, on_sale in ((NOW + 9, 0), (NOW + 10, 1), (NOW + 19.9, 1), (NOW + 20, 0), (NOW, 0)):
        if prepared:
            catalog.prepare(moment)
            assert catalog.is_prepared(moment)
        assert len(catalog.on_sale(moment, limit=9)) == on_sale
        assert catalog.on_sale_share(moment) == on_sale / 2


def test_an_item_keeps_its_row_when_it_changes() -> None:
    """Rows stay valid through changes; a removed item's row lists and finds nothing any more."""
    catalog = shop(False)
    rows = {item.item_id: item.row for item in catalog.items()}
    catalog.apply(changes([row("3-38", "3", title="New title"), row("new", "new")], removed=("9",)), 7)
    assert catalog.version == 7
    assert catalog.row("3") == rows["3"]
    assert catalog.card(rows["3"], NOW)["title"] == "New title"
    assert catalog.row("new") == 10
    assert (catalog.row("9"), catalog.resolve("9-38"), catalog.in_stock(rows["9"])) == (-1, None, False)
    assert "9" not in named(catalog, catalog.newest(NOW, limit=99))
    with pytest.raises(LookupError):
        catalog.item_at(rows["9"])


def test_a_merged_catalog_does_not_disturb_the_old_one() -> None:
    """A decision that began with the old catalog still finds its rows in it."""
    catalog = shop(True)
    step = changes([row("aa", "aa")])
    catalog.apply(step, 9)
    held = catalog.item("aa")
    assert held is not None
    before = held.row
    merged = catalog.merged()
    merged.apply(changes([row("zz", "zz")]), 10)
    merged.apply(step, 11)
    assert held.row == before
    assert catalog.item_at(before).item_id == "aa"
    assert merged.item_at(merged.row("aa")).item_id == "aa"


ids = st.sampled_from("abcdef")
item_rows = st.lists(
    st.tuples(
        st.sampled_from(["36", "38", "M"]),
        st.sampled_from([0, 1]),
        st.sampled_from([None, SALE]),
        st.sampled_from([None, SalePeriod(None, NOW), SalePeriod(NOW - 5, NOW + 5)]),
        st.sampled_from(["Women > Dresses", "Women > Tops"]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda values: values[0],
)
steps = st.lists(st.tuples(st.dictionaries(ids, item_rows, max_size=3), st.sets(ids, max_size=2)), max_size=5)


def _rows(items: dict[str, list[tuple[str, int, Money | None, SalePeriod | None, str]]]) -> list[Row]:
    return [
        row(
            f"{id_}-{label}",
            id_,
            size=label,
            availability=stock,
            sale_price=sale,
            sale_price_effective_date=period,
            product_type=kind,
            first_seen=NOW - 1000 + ord(id_),
        )
        for id_, skus in items.items()
        for label, stock, sale, period, kind in skus
    ]


def _seen(catalog: Catalog, now: float) -> object:
    """Return all that can be asked of a catalog, by id."""
    items = sorted(catalog.items(), key=lambda item: item.item_id)
    return (
        len(catalog),
        catalog.sku_count,
        [(item.item_id, item.skus, item.title, item.department, item.first_seen) for item in items],
        [
            (
                catalog.in_stock(item.row),
                catalog.stock.ladders[item.row],
                catalog.stock.bits[item.row],
                catalog.key_at(item.row),
                catalog.categories_at(item.row),
                catalog.shown[item.row].item_id,
                catalog.card(item.row, now),
            )
            for item in items
        ],
        [
            (catalog.resolve(sku.sku_id) or item, catalog.row(item.item_id) == item.row)[1]
            for item in items
            for sku in item.skus
        ],
        named(catalog, catalog.newest(now, limit=99)),
        named(catalog, catalog.on_sale(now, limit=99)),
        named(catalog, catalog.newest_full_price(now, limit=2)),
        named(catalog, catalog.newest(now, limit=99, category="dresses")),
        catalog.on_sale_share(now),
    )


@given(
    st.dictionaries(ids, item_rows), steps, st.booleans(), st.sampled_from([NOW - 9, NOW - 1, NOW, NOW + 9])
)
def test_changes_lead_to_the_catalog_that_would_have_been_built(
    start: dict[str, list[tuple[str, int, Money | None, SalePeriod | None, str]]],
    taken: list[tuple[dict[str, list[tuple[str, int, Money | None, SalePeriod | None, str]]], set[str]]],
    merging: bool,
    now: float,
) -> None:
    """Any steps, merged in between or not, give the same answers as building the result from scratch."""
    catalog = Catalog.of_rows(_rows(start), now=NOW)
    held = dict(start)
    _seen(catalog, now)
    for number, (put, removed) in enumerate(taken):
        held = {id_: skus for id_, skus in held.items() if id_ not in removed} | put
        catalog.apply(changes(_rows(put), removed=tuple(removed)), number)
        if merging:
            catalog = catalog.merged()
        expected = Catalog.of_rows(_rows(held), now=NOW)
        assert _seen(catalog, now) == _seen(expected, now)
    assert _seen(catalog.merged(), now) == _seen(catalog, now)
