"""Where a model's items are in a catalog: found all at once or one by one, also while the catalog changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recommender.decisions.catalog_rows as module
from recommender.catalog.catalog import Catalog
from recommender.catalog.item import Item
from recommender.catalog.overlay import Changes
from recommender.decisions.catalog_rows import ABSENT, CatalogRows
from recommender.model.model import ItemIndex, Model
from tests.recommender.decisions.shop import NOW, model_of, row

ids = st.sets(st.integers(0, 40), max_size=20)


def model_with(item_ids: list[str]) -> Model:
    """Return a model of other items."""
    model = model_of({}).model
    return Model(
        **{name: getattr(model, name) for name in Model.__slots__} | {"items": ItemIndex.of(item_ids)}
    )


def rows_of(rows: CatalogRows, model: Model) -> list[int]:
    """Return the catalog's rows of all items."""
    return [rows.of(number) for number in range(model.item_count)]


@given(ids, ids)
def test_all_at_once_finds_what_one_by_one_finds(trained: set[int], listed: set[int]) -> None:
    """Whatever the model and the catalog have in common."""
    model = model_with([f"d{number}" for number in sorted(trained, reverse=True)])
    catalog = Catalog.of_rows([row(number, "8") for number in listed], now=NOW)
    expected = [catalog.row(model.item_id(number)) for number in range(model.item_count)]
    assert rows_of(CatalogRows.joined(model, catalog), model) == expected
    assert rows_of(CatalogRows(model, catalog), model) == expected


def test_an_item_that_only_shares_the_key_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a billion pairs of items one shares its 40-bit key; the text decides, in pieces of any size."""
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    catalog = Catalog.of_rows([row(number, "8") for number in range(5)], now=NOW)
    model = model_with(["d0", "d1", "d2", "d3", "d4"])
    text = np.frombuffer(b"d0e1d2dddd4", np.uint8)
    offsets = np.array([0, 2, 4, 6, 9, 11])
    items = ItemIndex(text, offsets, model.items.keys, model.items.rows)
    other = Model(**{name: getattr(model, name) for name in Model.__slots__} | {"items": items})
    found = rows_of(CatalogRows.joined(other, catalog), other)
    assert found == [catalog.row("d0"), ABSENT, catalog.row("d2"), ABSENT, catalog.row("d4")]


@pytest.mark.parametrize("joined", [False, True])
def test_what_was_not_found_is_found_once_it_is_listed(joined: bool) -> None:
    """A model often knows an item before the feed lists it again."""
    catalog = Catalog.of_rows([row(1, "8")], now=NOW)
    model = model_with(["d1", "d2"])
    rows = CatalogRows.joined(model, catalog) if joined else CatalogRows(model, catalog)
    assert rows_of(rows, model) == [0, ABSENT]
    catalog.apply(Changes((_item(2),), (), None), 2)
    assert rows_of(rows, model) == [0, 1]
    catalog.apply(Changes((), ("d1",), None), 3)
    assert catalog.stock.bits[rows.of(0)] == 0


def _item(number: int) -> Item:
    item = Catalog.of_rows([row(number, "8")], now=NOW).item_at(0)
    item.row = -1
    return item


def test_popular_items_are_remembered_until_the_catalog_changes() -> None:
    """One that is listed again takes its place among them; absent ones are left out."""
    catalog = Catalog.of_rows([row(1, "8")], now=NOW)
    rows = CatalogRows(model_with(["d1", "d2"]), catalog)
    popular = np.array([1, 0], np.int32)
    assert rows.of_list("popular", popular) == [0]
    assert rows.of_list("popular", popular) is rows.of_list("popular", popular)
    catalog.apply(Changes((_item(2),), (), None), 2)
    assert rows.of_list("popular", popular) == [1, 0]
