"""What may be shown: the filter by stock and size, held against its plain definition."""

from hypothesis import given
from hypothesis import strategies as st

from recommender.catalog.catalog import Catalog
from recommender.catalog.item import Item
from recommender.decisions.fit import Fit, WantedBits
from recommender.sizes.calibration import SizeCalibration
from recommender.sizes.decision import preferred_size
from recommender.sizes.ladder import SAME_SIZE
from tests.recommender.decisions.shop import DAY, NOW, row, visitor

TODAY = int(NOW // DAY)
LABELS = ["6", "8", "10", "12", "M", "36", "38", "one of a kind"]


def plain_fit(fit: Fit, item: Item) -> bool | None:
    """Return whether an item is in stock in the visitor's size, ``None`` where that cannot be said."""
    ladder = item.ladder()
    size = preferred_size(
        fit.evidence, department=item.department, calibration=SizeCalibration(), today=TODAY
    )
    closeness = None if ladder is None or size is None else ladder.kernel_row(size)
    if ladder is None or closeness is None:
        return None
    best = max(closeness)
    return best > SAME_SIZE and ladder.sizes[closeness.index(best)] in item.sizes_in_stock()


skus = st.lists(
    st.tuples(st.sampled_from(LABELS), st.booleans(), st.sampled_from(["US", "EU", None])),
    min_size=1,
    max_size=4,
    unique_by=lambda sku: sku[0],
)


@given(st.lists(skus, min_size=1, max_size=6), st.lists(st.sampled_from(["8", "10", "12"]), max_size=4))
def test_bits_of_stock_say_what_the_definition_says(
    items: list[list[tuple[str, bool, str | None]]], chosen: list[str]
) -> None:
    """For any assortment and visitor, an item may be shown if it is in stock and not known not to fit."""
    own = [row(90 + number, size) for number in range(4) for size in ("8", "10", "12")]
    rows = [
        row(number, label, availability=int(stock), size_system=system)
        for number, item in enumerate(items)
        for label, stock, system in item
    ]
    catalog = Catalog.of_rows([*rows, *own], now=NOW)
    state = visitor(catalog, *(("purchase", f"d{90 + number}-{size}") for number, size in enumerate(chosen)))
    fit = Fit(state.settled_evidence(), SizeCalibration(), today=TODAY)
    wanted, stock = WantedBits(fit), catalog.stock
    for item in catalog.items():
        may_be_shown = stock.bits[item.row] & wanted[stock.ladders[item.row]] != 0
        assert may_be_shown == (item.in_stock and plain_fit(fit, item) is not False)


def test_a_ladder_of_any_length_has_a_bit_for_each_size() -> None:
    """Trousers by waist and inseam come in over 64 sizes."""
    labels = [f"{waist}x{inseam}" for waist in range(26, 46) for inseam in range(28, 37, 2)]
    rows = [
        row(1, label, product_type="Men > Jeans", gender="male", availability=int(label == "45x36"))
        for label in labels
    ]
    catalog = Catalog.of_rows(rows, now=NOW)
    ladder = catalog.stock.ladders[0]
    assert ladder is not None
    assert len(ladder) == 100
    assert [rung for rung in range(100) if catalog.stock.bits[0] & (2 << rung)] == [99]
