"""Tables, buckets and patches: what is stored comes back, and patches change what they name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalog.buckets import FirstSeenMemory, SkuIndex, bucket_of, first_seen_of
from recommender.catalog.cache import RecentCache
from recommender.catalog.columns import Coded, Strings, narrow
from recommender.catalog.money import Money
from recommender.catalog.patching import Draft, Stored
from recommender.catalog.rows import Row, RowPatch, SalePeriod
from recommender.catalog.segments import rows_by_item, rows_of, segment_of
from recommender.catalog.staging import Staging
from recommender.catalog.table import Table, TableError, decode_table, encode_table
from recommender.identifiers import key_of
from tests.catalog_rows import DAY, NOW, row

PERIOD = SalePeriod(NOW, None)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5)), st.data())
def test_packed_columns_take_any_rows(texts: list[str], data: st.DataObject) -> None:
    """Strings and coded values answer like the lists they were made of."""
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1)) if texts else st.just([]))
    for column in (Strings.of(texts), Coded.of(texts)):
        taken = column.take(np.array(rows, np.int64))
        assert taken.slice(0, len(taken)) == [texts[place] for place in rows]
        both = type(column).concatenated([column, taken])  # type: ignore[list-item]
        assert both.slice(0, len(both)) == texts + [texts[place] for place in rows]


@given(st.lists(st.integers(-(2**62), 2**62), max_size=5))
def test_narrowing_keeps_every_number(numbers: list[int]) -> None:
    """A smaller type holds the same integers."""
    assert narrow(np.array(numbers, np.int64)).tolist() == numbers


def test_a_row_survives_being_stored() -> None:
    """A segment gives back every field of its rows, in feed order."""
    rows = [
        row("a-40", image_link="https://s/i", sale_price=Money(1, "EUR"), sale_price_effective_date=PERIOD),
        row("a-38", cost_of_goods_sold=Money(7, "USD"), first_seen=3.5, brand=None, size=None),
        row("hat", None),
    ]
    items = rows_by_item(rows)
    segment = decode_table(encode_table(segment_of(items, {"a": 1.0, "hat": 2.0})))
    stored = {rows[0].item_id: rows for rows in (rows_of(segment, item) for item in range(len(segment)))}
    assert stored == items


@pytest.mark.parametrize(
    "data", [b"", b"\x02abc", b"\x01abc", encode_table(segment_of({"a": [row()]}, {"a": 1.0}))[:-9]]
)
def test_damaged_bytes_are_told_from_tables(data: bytes) -> None:
    """A part of the catalog that cannot be read is an error with a reason, not an empty shop."""
    with pytest.raises(TableError, match="catalog"):
        decode_table(data)


def test_a_cache_keeps_the_recent_and_never_more_than_its_capacity() -> None:
    """The newest half always stays; asking keeps a value young."""
    made: list[int] = []

    def make(number: int) -> int | None:
        made.append(number)
        return number if number >= 0 else None

    cache: RecentCache[int, int | None] = RecentCache(8, make)
    for number in range(100):
        assert (cache[number], cache[0]) == (number, 0), "0 is asked for in every round"
        assert cache.held <= 8
    assert [cache[number] for number in (99, 98, 97)] == [99, 98, 97]
    assert made == list(range(100)), "each was made once"
    cache.discard(99)
    assert (cache[99], made[-1]) == (99, 99), "and 99 once more, as it was forgotten"
    assert (cache[-1], cache[-1], made[-2:]) == (None, None, [-1, -1]), "nothing is not held"
    cache.clear()
    assert cache.held == 0


def test_first_seen_is_what_rows_say_else_what_is_known_else_now() -> None:
    """A shop that knows its own dates may give them; none lies in the future."""
    assert first_seen_of([row(first_seen=5.0), row(first_seen=3.0)], 1.0, NOW) == 3.0
    assert first_seen_of([row(first_seen=NOW + DAY)], None, NOW) == NOW
    assert first_seen_of([row()], 1.0, NOW) == 1.0
    assert first_seen_of([row()], None, NOW) == NOW


def test_the_index_finds_both_items_of_a_collision() -> None:
    """Two SKUs with one key are told apart later, by their ids."""
    index = SkuIndex.decode(None).changed([(7, 1), (7, 2), (8, 3)], [])
    assert index.item_keys(7) == [1, 2]
    assert SkuIndex.decode(index.changed([], [(7, 1)]).encode()).item_keys(7) == [2]
    with pytest.raises(TableError, match="damaged"):
        SkuIndex.decode(b"abc")


def test_what_left_is_remembered_for_a_while() -> None:
    """Coming back within 400 days is no novelty."""
    memory = FirstSeenMemory.decode(None).changed({1: 10.0, 2: 20.0}, [], NOW)
    assert FirstSeenMemory.decode(memory.encode()).first_seen() == {1: 10.0, 2: 20.0}
    assert memory.changed({}, [1], NOW).first_seen() == {2: 20.0}
    assert memory.changed({3: 30.0}, [], NOW + 401 * DAY).first_seen() == {3: 30.0}


def test_staging_packs_rows_and_keeps_their_order() -> None:
    """A bucket gets its items' rows in feed order, with the first sight known before."""
    staging = Staging()
    rows = [row(f"a-{n}", title="x" * 99) for n in range(2000)]
    for one in rows:
        staging.add(one)
    bucket = bucket_of(key_of("a"))
    before = segment_of({"a": rows[:1], "gone": [row("gone", None)]}, {"a": 1.0, "gone": 2.0})
    made = staging.bucket(bucket, before, FirstSeenMemory.decode(None), NOW)
    assert made.segment is not None
    assert rows_of(made.segment, 0) == rows
    assert np.asarray(made.segment.items["first_seen"]).tolist() == [1.0]
    assert made.memory.first_seen() == {key_of("gone"): 2.0}
    assert staging.index()[bucket_of(key_of("a-7"))].item_keys(key_of("a-7")) == [key_of("a")]


def _stored(rows: list[Row]) -> Stored:
    """Return all buckets of a catalog."""
    segments: dict[int, Table | None] = dict.fromkeys(range(1024))
    index = {bucket: SkuIndex.decode(None) for bucket in range(1024)}
    for item_id, item_rows in rows_by_item(rows).items():
        outcome = Draft(Stored(segments, index, _no_memory()), NOW)
        for one in item_rows:
            fields = {name: getattr(one, name) for name in Row.__struct_fields__ if name != "id"}
            outcome.patch(RowPatch(1, one.id, fields))
        done = outcome.outcome()
        assert done.removed == []
        assert done.items_added == 1, item_id
        segments |= done.segments
        index |= done.sku_index
    return Stored(segments, index, _no_memory())


def _no_memory() -> dict[int, FirstSeenMemory]:
    return {bucket: FirstSeenMemory.decode(None) for bucket in range(1024)}


def _patched(rows: list[Row], *patches: RowPatch) -> tuple[list[Row], list[str]]:
    """Return the changed items' rows, and the reports."""
    draft = Draft(_stored(rows), NOW)
    for patch in patches:
        draft.patch(patch)
    outcome = draft.outcome()
    changed = outcome.changed
    stored = (
        [] if changed is None else [one for item in range(len(changed)) for one in rows_of(changed, item)]
    )
    return stored, [f"{report.line} {report.field}" for report in outcome.reports]


def test_a_patch_changes_the_fields_it_names() -> None:
    """Price and availability of one SKU change, its other fields and its siblings do not."""
    rows = [row("a-38"), row("a-40", size="40")]
    patch = RowPatch(1, "a-40", {"price": Money(1, "EUR"), "availability": 0})
    assert _patched(rows, patch) == (
        [rows[0], row("a-40", size="40", price=Money(1, "EUR"), availability=0)],
        [],
    )


def test_a_patch_may_add_rows_and_items() -> None:
    """A whole row of an unknown SKU is added; a partial one is reported by the field it lacks."""
    fields = {name: getattr(row(), name) for name in ("title", "link", "price")}
    stored, reports = _patched(
        [row()], RowPatch(1, "hat", fields), RowPatch(2, "x", {"price": Money(1, "EUR")})
    )
    assert [(one.id, one.item_id, one.price) for one in stored] == [("hat", "hat", Money(5990, "EUR"))]
    assert reports == ["2 title"]


def test_a_patch_may_move_a_sku_to_another_item() -> None:
    """Its old item loses it, the new one gains it, and the index follows."""
    draft = Draft(_stored([row("a-38"), row("a-40"), row("b-38", "b")]), NOW)
    draft.patch(RowPatch(1, "a-40", {"item_group_id": "b"}))
    outcome = draft.outcome()
    assert outcome.changed is not None
    assert sorted((one.id, one.item_id) for item in range(2) for one in rows_of(outcome.changed, item)) == [
        ("a-38", "a"),
        ("a-40", "b"),
        ("b-38", "b"),
    ]
    assert (outcome.items_added, outcome.skus_added, outcome.removed) == (0, 0, [])
    assert outcome.sku_index[bucket_of(key_of("a-40"))].item_keys(key_of("a-40")) == [key_of("b")]


def test_moving_the_last_sku_away_removes_the_item() -> None:
    """An item without SKUs is none, and its first sight is remembered."""
    draft = Draft(_stored([row("a-38"), row("b-38", "b")]), NOW + 5)
    draft.patch(RowPatch(1, "a-38", {"item_group_id": "b"}))
    outcome = draft.outcome()
    assert (outcome.removed, outcome.items_added, outcome.skus_added) == (["a"], -1, 0)
    assert outcome.memory[bucket_of(key_of("a"))].first_seen() == {key_of("a"): NOW}


def test_a_patch_cannot_clear_what_every_row_needs() -> None:
    """Null for price, title, link or availability is reported and changes nothing."""
    for field in ("price", "title", "link", "availability"):
        assert _patched([row()], RowPatch(4, "a-38", {field: None})) == ([], [f"4 {field}"])


def test_a_price_patched_below_the_sale_price_ends_the_sale() -> None:
    """The sale would be dearer than the price: it is dropped and reported."""
    rows = [row(sale_price=Money(4000, "EUR"))]
    stored, reports = _patched(rows, RowPatch(1, "a-38", {"price": Money(3000, "EUR")}))
    assert stored == [row(price=Money(3000, "EUR"))]
    assert reports == ["1 sale_price"]


def test_removing_takes_an_item_or_one_sku() -> None:
    """An item's id takes all its SKUs, a SKU's id itself, an unknown one nothing."""
    rows = [row("a-38"), row("a-40"), row("hat", None)]
    for id_, items, skus in (("a", -1, -2), ("a-40", 0, -1), ("hat", -1, -1), ("nothing", 0, 0)):
        draft = Draft(_stored(rows), NOW)
        assert draft.remove(id_) == -skus
        outcome = draft.outcome()
        assert (outcome.items_added, outcome.skus_added) == (items, skus)
