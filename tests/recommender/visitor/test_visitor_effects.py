"""What one event does to a visitor's state."""

import pytest

from recommender.affinity import AffinityKind, contribution
from recommender.events import Event, EventItem, EventName, ExperimentShown
from recommender.identifiers import key_of
from recommender.sizes.size import EvidenceKind, Size
from recommender.visitor.effects import Effects, effects_of, quantized
from tests.visitor_events import PARAMETERS, SHOP, START


def _effects(name: EventName, *items: EventItem, **fields: object) -> Effects:
    values = {"event_id": "e1", "timestamp": START, "source": "browser", **fields}
    return effects_of(Event(name=name, items=items, **values), SHOP, PARAMETERS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "size"),
    [
        (EventItem("i1-12"), Size(1, 24, 0)),
        (EventItem("i1", item_variant="i1-10"), Size(1, 20, 0)),
        (EventItem("i1", size=" 14 "), Size(1, 28, 0)),
        (EventItem("i1", item_variant="green", size="8"), Size(1, 16, 0)),
        (EventItem("gone", item_variant="i1-8"), Size(1, 16, 0)),
        (EventItem("i1", item_variant="i2-8", size="10"), Size(1, 20, 0)),
    ],
    ids=[
        "SKU as item_id",
        "item_variant",
        "label",
        "variant is no SKU",
        "only the SKU is known",
        "another item's SKU",
    ],
)
def test_size_comes_from_the_sku_else_from_the_label(entry: EventItem, size: Size) -> None:
    """The size acted on is the SKU's, else that of the item's SKU with the event's label."""
    (record,) = _effects(EventName.SELECT_SIZE, entry).evidence
    assert (record.item_key, record.department, record.size) == (key_of("i1"), 2, size)


@pytest.mark.parametrize(
    ("name", "fields", "kind"),
    [
        (EventName.SELECT_SIZE, {}, EvidenceKind.CLICK),
        (EventName.DESELECT_SIZE, {}, EvidenceKind.DESELECT),
        (EventName.ADD_TO_CART, {}, EvidenceKind.CART),
        (EventName.PURCHASE, {}, EvidenceKind.PURCHASE_UNCONFIRMED),
        (EventName.PURCHASE, {"source": "server"}, EvidenceKind.PURCHASE),
        (EventName.PURCHASE, {"source": "import"}, EvidenceKind.PURCHASE),
        (EventName.PURCHASE, {"preselected": True}, EvidenceKind.PURCHASE_PRESELECTED),
        (EventName.REFUND, {}, EvidenceKind.REFUND),
        (EventName.FIT_FEEDBACK, {"fit": "small"}, EvidenceKind.TOO_SMALL),
        (EventName.FIT_FEEDBACK, {"fit": "large"}, EvidenceKind.TOO_LARGE),
        (EventName.FIT_FEEDBACK, {"fit": "true"}, EvidenceKind.TRUE_TO_SIZE),
    ],
)
def test_kind_of_evidence(name: EventName, fields: dict[str, object], kind: EvidenceKind) -> None:
    """Each act with a size leaves evidence of its own kind."""
    (record,) = _effects(name, EventItem("i1-12"), **fields).evidence
    assert record.kind == kind
    assert record.day == int(START // 86_400)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (EventName.SELECT_SIZE, {"preselected": True}),
        (EventName.ADD_TO_CART, {"preselected": True}),
        (EventName.VIEW_ITEM, {}),
        (EventName.REMOVE_FROM_CART, {}),
        (EventName.FIT_FEEDBACK, {}),
    ],
)
def test_no_evidence(name: EventName, fields: dict[str, object]) -> None:
    """A size that Kabin preselected, or an act that says nothing about size, is no evidence."""
    assert _effects(name, EventItem("i1-12"), **fields).evidence == ()


@pytest.mark.parametrize(
    ("name", "whole_event", "kinds"),
    [
        (
            EventName.PURCHASE,
            False,
            [EvidenceKind.PURCHASE_UNCONFIRMED, EvidenceKind.PURCHASE_PRESELECTED],
        ),
        (EventName.PURCHASE, True, [EvidenceKind.PURCHASE_PRESELECTED, EvidenceKind.PURCHASE_PRESELECTED]),
        (EventName.ADD_TO_CART, False, [EvidenceKind.CART]),
        (EventName.ADD_TO_CART, True, []),
        (EventName.REFUND, False, [EvidenceKind.REFUND, EvidenceKind.REFUND]),
    ],
)
def test_each_item_says_whether_its_size_was_preselected(
    name: EventName, whole_event: bool, kinds: list[EvidenceKind]
) -> None:
    """Of a mixed order only the marked item is weak evidence; a marked event speaks for all its items."""
    own, ours = EventItem("i1-12"), EventItem("i2-12", preselected=True)
    evidence = _effects(name, own, ours, preselected=whole_event).evidence
    assert [record.kind for record in evidence] == kinds
    if len(kinds) == 2:
        assert [record.item_key for record in evidence] == [key_of("i1"), key_of("i2")]


def test_unknown_item_is_remembered_but_teaches_nothing() -> None:
    """An item that the catalog lacks is kept as viewed and in the cart, without evidence or affinity."""
    viewed = _effects(EventName.VIEW_ITEM, EventItem("new", size="12", discount=5.0))
    carted = _effects(EventName.ADD_TO_CART, EventItem("new", size="12", discount=5.0))
    assert [seen.item_key for seen in viewed.recently_viewed] == [key_of("new")]
    assert [line.item_key for line in carted.cart] == [key_of("new")]
    assert not any((viewed.affinity, carted.affinity, carted.evidence))


def test_the_event_says_whether_it_was_discounted_and_else_the_catalog() -> None:
    """``discount`` decides, also when it is 0; without it the SKU's sale at that moment does."""
    full = _effects(EventName.VIEW_ITEM, EventItem("i0", discount=0.0)).affinity[0]
    told = _effects(EventName.VIEW_ITEM, EventItem("i1", discount=1.0)).affinity[0]
    on_sale = _effects(EventName.VIEW_ITEM, EventItem("i0-8")).affinity[0]
    before = _effects(EventName.VIEW_ITEM, EventItem("i0-8"), timestamp=START - 1).affinity[0]
    assert [once.sums.observed > 0 for once in (full, told, on_sale, before)] == [False, True, True, False]


def test_a_view_counts_once_per_item_day_and_discount() -> None:
    """Two views share a fingerprint exactly when item, UTC day and discount are the same."""

    def view(entry: EventItem, **fields: object) -> int:
        return _effects(EventName.VIEW_ITEM, entry, **fields).affinity[0].fingerprint

    first = view(EventItem("i1"))
    assert first == view(EventItem("i1-8"), event_id="e2", timestamp=START + 60)
    others = {
        view(EventItem("i1", discount=1.0)),
        view(EventItem("i2")),
        view(EventItem("i1"), timestamp=START + 86_400),
    }
    assert len(others | {first}) == 4


def test_an_order_adds_its_items_and_its_coupon() -> None:
    """An order's contribution is 10 per item and 10 per coupon, attributed to its transaction."""
    entries = (EventItem("i1-8", coupon="TEN"), EventItem("i2-8"), EventItem("gone"))
    order = _effects(EventName.PURCHASE, *entries, transaction_id="t1", coupon="TEN").order
    day = int(START // 86_400)
    one = quantized(
        contribution(
            AffinityKind.PURCHASE, discounted=False, day=day, mu=PARAMETERS.mu_at(day), parameters=PARAMETERS
        )
    )
    assert order is not None
    assert order.sums.weight == 3 * one.weight
    assert order.sums.observed == one.weight
    assert _effects(EventName.PURCHASE, *entries).order is None
    assert _effects(EventName.PURCHASE, *entries).affinity[0].sums.weight == 2 * one.weight + one.weight


@pytest.mark.parametrize(
    ("name", "fields", "contributions"),
    [
        (EventName.SORT_ITEMS, {"sort_by": "price_asc"}, 1),
        (EventName.SORT_ITEMS, {"sort_by": "Price: low to high"}, 1),
        (EventName.SORT_ITEMS, {"sort_by": "price_high_to_low"}, 0),
        (EventName.SORT_ITEMS, {"sort_by": "newest"}, 0),
        (EventName.SELECT_PROMOTION, {"promotion_id": "sale"}, 1),
        (EventName.VIEW_PROMOTION, {"promotion_id": "sale"}, 1),
        (EventName.VIEW_PROMOTION, {"promotion_id": "sale", "slot": "homepage"}, 0),
        (EventName.VIEW_ITEM_LIST, {"promotion_id": "sale"}, 1),
        (EventName.VIEW_ITEM_LIST, {}, 0),
    ],
)
def test_sale_pages_and_sorting(name: EventName, fields: dict[str, object], contributions: int) -> None:
    """Seeking out promotions or low prices counts, being shown one of ours does not."""
    assert len(_effects(name, **fields).affinity) == contributions


def test_a_list_of_discounted_items_is_a_sale_page() -> None:
    """A list counts as a sale page if it is long enough and every known item of it is discounted."""
    sale = [EventItem("i0"), EventItem("i3"), EventItem("i6")]
    assert len(_effects(EventName.VIEW_ITEM_LIST, *sale).affinity) == 1
    assert len(_effects(EventName.VIEW_ITEM_LIST, *sale, EventItem("i1")).affinity) == 0
    assert len(_effects(EventName.VIEW_ITEM_LIST, *sale[:2]).affinity) == 0


def test_absurd_numbers_stay_within_what_a_state_holds() -> None:
    """Moments before 1970 or after 2144 and variations over 255 neither raise nor wrap around."""
    shown = (ExperimentShown("hero", 300), ExperimentShown("rank", 1))
    for timestamp in (-1e9, 1e12):
        effects = _effects(
            EventName.ADD_TO_CART, EventItem("i1-8"), timestamp=timestamp, experiments=shown[:1]
        )
        assert 0 <= effects.evidence[0].day <= 0xFFFF
        assert 0 <= effects.cart[0].tick < 1 << 39
    assert _effects(EventName.DECISION_SHOWN, experiments=shown).exposures[0].variation == 1
