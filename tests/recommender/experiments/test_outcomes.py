"""What one visitor's events come to, by hand."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalog.buckets import first_seen_of
from recommender.catalog.money import Money
from recommender.catalog.segments import rows_by_item, segment_of
from recommender.events import ACTS, Event, EventItem, ExperimentShown
from recommender.experiments.outcomes.prices import Basis, CostBook
from recommender.experiments.outcomes.visitor import (
    OUTCOMES,
    PRIORS,
    OutcomeRules,
    VisitorOutcome,
    outcome_of,
)
from tests.catalog_rows import row
from tests.recommender.experiments.stories import (
    CATALOG,
    COSTS,
    DAY,
    HOUR,
    START,
    bought,
    event,
    line,
    prices,
    shown,
)

RULES = OutcomeRules("promo-page", now=START + 30 * DAY, window_seconds=7 * DAY)


def told(*events: Event, rules: OutcomeRules = RULES) -> dict[str, float]:
    """Return the outcomes and priors of an exposed visitor by name."""
    found = outcome_of(events, rules, prices())
    assert found is not None
    return dict(zip((*OUTCOMES, *PRIORS), (*found.outcomes, *found.priors), strict=True))


def outcome(*events: Event) -> VisitorOutcome:
    """Return what became of an exposed visitor."""
    found = outcome_of(events, RULES, prices())
    assert found is not None
    return found


# ---------------------------------------------------------------- money


def test_margin_is_the_price_paid_less_the_cost() -> None:
    """Two units at 45 that cost 20 each bring 50, whatever the gross margin is said to be."""
    found = prices().line(line("a-40", 45.0, discount=15.0, quantity=2), START)
    assert (found.revenue, found.margin, found.basis) == (90.0, 50.0, Basis.COST)


def test_a_discount_comes_off_the_margin_where_no_cost_is_known() -> None:
    """100 less 20 at a gross margin of 50 %: 80 paid, 50 assumed cost, 30 left."""
    found = prices().line(line("b-38", 80.0, discount=20.0), START)
    assert (found.revenue, found.margin, found.basis) == (80.0, 30.0, Basis.SHARE)


def test_the_catalog_says_the_list_price_where_the_event_names_no_discount() -> None:
    """80 paid for what is listed at 100 was discounted, also if nobody said so."""
    assert prices().line(line("b-38", 80.0), START).margin == 30.0
    assert prices().line(line("unknown", 80.0), START).margin == 40.0


def test_the_catalog_says_what_was_paid_where_the_event_has_no_price() -> None:
    """The SKU's current price, the named size's for an item, the first SKU's without one."""
    assert prices().line(line("a-40"), START).unit_price == 45.0
    assert prices().line(line("a", size=" 40 "), START).unit_price == 45.0
    assert prices().line(line("a"), START).unit_price == 60.0
    assert prices().line(line("a", item_variant="a-40"), START).unit_price == 45.0


def test_a_price_in_another_currency_is_not_used() -> None:
    """Of a SKU priced in dollars nothing is known in euros, unless the event says it."""
    assert prices().line(line("c"), START).basis is Basis.UNPRICED
    assert prices().line(line("c", 40.0), START).margin == 20.0


def test_costs_are_read_from_the_stored_catalog_in_the_right_currency() -> None:
    """Costs in minor units become major ones; those in another currency are none."""
    rows = [
        row("x-1", "x", cost_of_goods_sold=Money(1990, "EUR")),
        row("x-2", "x", cost_of_goods_sold=Money(1990, "USD")),
        row("y", None, cost_of_goods_sold=None),
    ]
    items = rows_by_item(rows)
    table = segment_of(items, {name: first_seen_of(of, None, START) for name, of in items.items()})
    book = CostBook.joined([CostBook.of_table(table, "EUR"), CostBook.of({"a-38": 7.0})])
    assert len(book) == 2
    assert len(CostBook.of_table(table, "CHF")) == 0
    resolved = CATALOG.resolve("a-38")
    assert resolved is not None
    assert resolved.sku is not None
    assert book.cost_of(resolved.sku) == 7.0
    assert CostBook.of({}).cost_of(resolved.sku) is None
    assert COSTS.cost_of(resolved.sku) == 20.0


# ---------------------------------------------------------------- orders


def test_an_order_counts_within_the_window_and_not_at_its_open_end() -> None:
    """Just after the exposure and at the window's last second, but neither with it nor later."""
    found = told(
        shown(),
        bought(0.0, line("a-38", 60.0)),
        bought(1.0, line("a-38", 60.0)),
        bought(7 * DAY, line("a-38", 60.0)),
        bought(7 * DAY + 1, line("a-38", 60.0)),
    )
    assert (found["converted"], found["orders"], found["revenue"], found["margin"]) == (1, 2, 120.0, 80.0)
    assert (found["prior_orders"], found["prior_revenue"]) == (1, 60.0)


def test_an_order_reported_by_browser_and_server_is_one_the_servers() -> None:
    """One transaction, two reports: the server's price stands, whichever came first."""
    found = told(
        shown(),
        bought(HOUR, line("a-38", 60.0), order="T"),
        bought(2 * HOUR, line("a-38", 48.0), order="T", source="server"),
    )
    assert (found["orders"], found["revenue"], found["margin"]) == (1, 48.0, 28.0)


def test_an_order_was_placed_when_it_was_first_reported() -> None:
    """A payment confirmed after the exposure, or after the window, is of the order before; an import may know no hour."""
    paid_later = bought(60.0, line("b-38", 100.0), order="T", source="server")
    assert told(shown(), bought(-60.0, line("b-38", 90.0), order="T"), paid_later)["orders"] == 0
    late = bought(8 * DAY, line("b-38", 100.0), order="T", source="server")
    assert told(shown(), bought(6 * DAY, line("b-38", 90.0), order="T"), late)["revenue"] == 100
    imported = bought(-5 * HOUR, line("b-38", 90.0), order="T", source="import")
    assert told(shown(), imported, paid_later)["orders"] == 1
    assert told(shown(), imported)["prior_orders"] == 1


def test_a_refund_without_a_price_gives_back_what_that_size_cost() -> None:
    """Two sizes of an item may have been sold at different prices."""
    order = bought(HOUR, line("a-38", 60.0), line("a-40", 45.0), order="T")
    for size, price in (("a-38", 60), ("a-40", 45), ("a", 45)):
        back = event("refund", DAY, transaction_id="T", items=(line(size),))
        assert told(shown(), order, back)["refunds"] == price


def test_an_impossible_amount_is_no_price() -> None:
    """What HTTP refuses may come from an import: sums must not run out of numbers."""
    wild = bought(HOUR, line("unknown", 1e308, quantity=10**400, discount=1e308), order="T")
    assert (told(shown(), wild)["orders"], told(shown(), wild)["revenue"]) == (1, 0)


def test_a_refund_counts_whenever_it_comes_but_only_of_orders_that_count() -> None:
    """Three weeks after the window one of two units comes back; an older order's refund is none of the experiment's."""
    found = told(
        bought(-5 * DAY, line("b-38", 100.0), order="old"),
        shown(),
        bought(HOUR, line("a-38", 60.0, quantity=2), order="T"),
        event("refund", 25 * DAY, transaction_id="T", items=(line("a-38"),), source="server"),
        event("refund", 2 * DAY, transaction_id="old", source="server"),
    )
    assert (found["refunds"], found["returned_orders"], found["orders"]) == (60.0, 1, 1)
    assert found["revenue"] == 120.0


def test_a_refund_without_items_gives_back_the_order_and_no_refund_more_than_it() -> None:
    """GA4's whole refund; the same refund told twice, or by browser and server, gives nothing twice."""
    story = [shown(), bought(HOUR, line("a-38", 60.0), order="T")]
    whole = event("refund", DAY, transaction_id="T", source="server")
    again = event("refund", 2 * DAY, transaction_id="T", source="server")
    browser = event("refund", DAY, transaction_id="T", items=(line("a-38", 10.0),))
    assert told(*story, whole)["refunds"] == 60.0
    assert told(*story, whole, again)["refunds"] == 60.0
    assert told(*story, browser)["refunds"] == 10.0
    assert told(*story, browser, whole)["refunds"] == 60.0


def test_what_has_not_happened_yet_is_not_looked_at() -> None:
    """A report as of an earlier day knows neither the order nor the refund that came later."""
    story = [
        shown(),
        bought(HOUR, line("a-38", 60.0), order="T"),
        event("refund", 3 * DAY, transaction_id="T"),
    ]
    early = OutcomeRules("promo-page", now=START + DAY, window_seconds=7 * DAY)
    assert told(*story, rules=early)["returned_orders"] == 0
    assert outcome_of(story, OutcomeRules("promo-page", now=START - 1, window_seconds=DAY), prices()) is None


def test_an_order_in_another_currency_is_an_order_without_money() -> None:
    """It converted; its francs are no euros, and its refund is a return without money."""
    found = outcome(
        shown(),
        bought(HOUR, line("a-38", 70.0), order="T", currency="CHF"),
        event("refund", DAY, transaction_id="T", currency="CHF"),
    )
    assert dict(zip(OUTCOMES, found.outcomes, strict=True)) == {
        "converted": 1, "orders": 1, "revenue": 0, "margin": 0, "added_to_cart": 0, "preselections": 0,
        "size_changes": 0, "refunds": 0, "returned_orders": 1,
    }  # fmt: skip
    assert [order.is_foreign for order in found.orders] == [True]


def test_an_order_that_only_a_browser_reported_is_marked() -> None:
    """Anybody can send one from a page; the shop's server and imports are believed."""
    found = outcome(
        shown(),
        bought(1.0, line(), order="A"),
        bought(2.0, line(), order="B"),
        bought(3.0, line(), order="B", source="server"),
        bought(4.0, line(), source="import"),
    )
    assert [order.is_confirmed for order in found.orders] == [False, True, True]


def test_orders_without_a_currency_are_in_the_shops() -> None:
    """`KABIN_DEFAULT_CURRENCY` is the currency of prices that do not say theirs."""
    assert told(shown(), bought(HOUR, line("a-38", 60.0), currency=None))["revenue"] == 60.0


# ---------------------------------------------------------------- exposure


def test_the_first_exposure_counts_and_a_second_variation_is_noticed() -> None:
    """A visitor who also saw the other page stays with the first one, and is marked."""
    found = outcome(shown(HOUR, 0, "personalized"), shown(0.0, 1, "promo"))
    assert (found.exposure.variation, found.exposure.at, found.exposure.is_only) == ("promo", START, False)
    again = outcome(shown(HOUR, 1, "promo"), shown(0.0, 1, "promo"))
    assert again.exposure.is_only


def test_the_newest_bucket_version_is_the_experiment() -> None:
    """What was shown before everybody was assigned anew is no exposure and no second variation."""
    found = outcome(shown(0.0, 0, "personalized"), shown(DAY, 1, "promo", bucket_version=1))
    assert (found.exposure.variation, found.exposure.at, found.exposure.is_only) == (
        "promo",
        START + DAY,
        True,
    )


def test_another_experiments_exposure_is_none() -> None:
    """Somebody who never saw the experiment has no row, whatever else they did."""
    assert outcome_of([shown(experiment_id="other"), bought(HOUR, line())], RULES, prices()) is None


def test_an_impossible_propensity_is_none() -> None:
    """A share of 0 or over 1 comes from no assignment."""
    assert outcome(shown(propensity=0.0)).exposure.propensity is None
    assert outcome(shown(propensity=1.5)).exposure.propensity is None
    assert outcome(shown(propensity=0.25)).exposure.propensity == 0.25


def test_an_old_entry_without_name_and_propensity_is_an_exposure() -> None:
    """Entries of an earlier version hold two fields."""
    text = (
        b'{"name":"decision_shown","event_id":"1","timestamp":%d,"source":"browser","experiments":[["promo-page",1]]}'
        % START
    )
    exposure = outcome(msgspec.json.decode(text, type=Event)).exposure
    assert (exposure.variation_id, exposure.variation, exposure.propensity) == (1, "", None)


def test_known_is_who_was_there_in_an_earlier_session() -> None:
    """Half an hour's silence ends a session; what came before in the same one makes nobody known."""
    assert not outcome(event("view_item", -20 * 60), event("view_item", -40 * 60), shown()).known
    assert outcome(event("view_item", -31 * 60), shown()).known
    assert not outcome(shown(), event("view_item", DAY)).known


def test_orders_longer_ago_than_ninety_days_are_no_prior() -> None:
    """The pre-period is the same for everybody."""
    found = told(bought(-91 * DAY, line("a-38", 60.0)), bought(-89 * DAY, line("a-38", 60.0)), shown())
    assert (found["prior_orders"], found["prior_revenue"]) == (1, 60.0)


# ---------------------------------------------------------------- sizes and carts


def test_something_put_into_the_cart_counts_once() -> None:
    """The share of visitors who did, not how often."""
    found = told(shown(), event("add_to_cart", 1, items=(line(),)), event("add_to_cart", 2, items=(line(),)))
    assert found["added_to_cart"] == 1


def size_shown(*items: EventItem) -> Event:
    """Return the exposure to an experiment on sizes, which preselected one."""
    return shown(slot="size", decision_id="D", preselected=True, items=items)


@pytest.mark.parametrize(
    ("reaction", "changed"),
    [
        (event("add_to_cart", 5, decision_id="D", preselected=True, items=(line("a", size="38"),)), 0),
        (event("deselect_size", 5, decision_id="D", items=(line("a", size="38"),)), 1),
        (event("select_size", 5, decision_id="D", items=(line("a", size="40"),)), 1),
        (event("select_size", 5, decision_id="D", items=(line("a", size="38"),)), 0),
        (event("add_to_cart", 5, items=(line("a-40", size="40"),)), 1),
        (event("add_to_cart", 5, items=(line("a", size="38"),)), 0),
        (event("add_to_cart", 5, items=(line("b", size="40"),)), 0),
    ],
)
def test_a_preselected_size_is_kept_or_changed(reaction: Event, changed: int) -> None:
    """Taken back, another one selected, or another one put into the cart: each is a change of that item's size."""
    found = told(size_shown(line("a", size="38")), reaction)
    assert (found["preselections"], found["size_changes"]) == (1, changed)


def test_a_preselection_is_known_by_what_was_done_about_it() -> None:
    """Pages that do not say what they preselected tell by an undo, or by a cart with the size that was ours."""
    undone = told(shown(), event("deselect_size", 5, decision_id="D", items=(line("a", size="38"),)))
    assert (undone["preselections"], undone["size_changes"]) == (1, 1)
    kept = told(
        shown(), event("add_to_cart", 5, decision_id="D", items=(line("a", size="38", preselected=True),))
    )
    assert (kept["preselections"], kept["size_changes"]) == (1, 0)


def test_a_size_that_was_only_hinted_at_is_no_preselection() -> None:
    """A hint that was taken up is a choice of the visitor's own."""
    found = told(
        shown(slot="size", decision_id="D"),
        event("select_size", 5, decision_id="D", items=(line("a", size="38"),)),
    )
    assert (found["preselections"], found["size_changes"]) == (0, 0)


# ---------------------------------------------------------------- order and repetition


def _entries() -> st.SearchStrategy[EventItem]:
    return st.builds(
        EventItem,
        item_id=st.sampled_from(["a", "a-38", "a-40", "b", "b-38", "c", "unknown"]),
        size=st.sampled_from([None, "38", "40"]),
        price=st.sampled_from([None, 45.0, 60.0]),
        discount=st.sampled_from([None, 0.0, 15.0]),
        quantity=st.integers(0, 3),
        preselected=st.booleans(),
    )


def _events() -> st.SearchStrategy[Event]:
    experiments = st.builds(
        ExperimentShown,
        experiment_id=st.sampled_from(["promo-page", "other"]),
        variation_id=st.integers(0, 1),
        variation=st.sampled_from(["", "personalized", "promo"]),
        propensity=st.sampled_from([None, 0.5, 0.8]),
        bucket_version=st.integers(0, 1),
    )
    return st.builds(
        Event,
        name=st.sampled_from(list(ACTS)),
        event_id=st.integers(0, 40).map(str),
        timestamp=st.integers(-100, 100).map(lambda step: START + step * HOUR),
        source=st.sampled_from(["browser", "server", "import"]),
        items=st.lists(_entries(), max_size=3).map(tuple),
        currency=st.sampled_from([None, "EUR", "CHF"]),
        transaction_id=st.sampled_from([None, "t1", "t2"]),
        decision_id=st.sampled_from([None, "D", "E"]),
        preselected=st.booleans(),
        slot=st.sampled_from(["size", "homepage"]),
        experiments=st.lists(experiments, max_size=2).map(tuple),
    )


@given(st.lists(_events(), max_size=25), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_events_matters(events: list[Event], rng: random.Random) -> None:
    """An event counts once by its id, and moments decide, not the place in the log."""
    again = [*events, *rng.choices(events, k=5)] if events else []
    rng.shuffle(again)
    assert outcome_of(again, RULES, prices()) == outcome_of(events, RULES, prices())


@given(st.lists(_events(), max_size=25))
def test_money_and_counts_stay_within_their_bounds(events: list[Event]) -> None:
    """No refund above the revenue, no change without a preselection, no return without an order."""
    found = outcome_of(events, RULES, prices())
    if found is None:
        return
    named = dict(zip(OUTCOMES, found.outcomes, strict=True))
    assert 0 <= named["refunds"] <= named["revenue"] + 1e-9
    assert named["returned_orders"] <= named["orders"]
    assert named["size_changes"] <= named["preselections"]
    assert named["converted"] == (named["orders"] > 0)
    assert named["margin"] <= named["revenue"] + 1e-9
