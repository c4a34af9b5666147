"""From single visitors to the table that is analyzed: variations, weights, propensities, and what is left out."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from recommender.events import Event
from recommender.experiments.analysis.plan import Phase
from recommender.experiments.analysis.split import SplitState, split_test
from recommender.experiments.outcomes.homepage import homepage_policies, logged_homepages
from recommender.experiments.outcomes.notes import notes_on_table, warnings_on
from recommender.experiments.outcomes.phases import (
    default_control,
    derived_phases,
    moved_to_their_phase,
    variations_in,
)
from recommender.experiments.outcomes.table import Exposures, OutcomeTable, Tally
from recommender.experiments.outcomes.visitor import OutcomeRules
from tests.recommender.experiments.stories import DAY, HOUR, START, bought, line, prices, shown

RULES = OutcomeRules("promo-page", now=START + 30 * DAY, window_seconds=7 * DAY)


class Noted(NamedTuple):
    """A phase of the journal."""

    since: float
    variations: tuple[str, ...]
    weights: tuple[float, ...]


HALVES = Noted(START - DAY, ("personalized", "promo"), (0.5, 0.5))


def table_of(
    *stories: list[Event], journal: tuple[Noted, ...] = (HALVES,), since: float = -math.inf
) -> Exposures:
    """Return the table of some visitors' stories."""
    table = OutcomeTable(RULES, prices(), since=since)
    for story in stories:
        table.add(story)
    return table.finished(journal)


def notes_of(exposures: Exposures) -> str:
    """Return all notes on a table as one text."""
    notes = notes_on_table(exposures.tally, currency="EUR", gross_margin_share=0.5, unreadable=0)
    return " ".join((*warnings_on(exposures.tally), *notes))


def test_visitors_become_rows_with_the_journals_variations() -> None:
    """Codes follow the journal's order, whatever was seen first; outcomes stand beside them."""
    found = table_of(
        [shown(1.0, 1, "promo"), bought(HOUR, line("a-38", 60.0))],
        [shown(2.0, 0, "personalized")],
        [shown(experiment_id="other")],
    )
    visitors = found.visitors
    visitors.check()
    assert visitors.variations == ("personalized", "promo")
    assert visitors.variation.tolist() == [1, 0]
    assert visitors.outcomes["margin"].tolist() == [40.0, 0.0]
    assert visitors.exposed_at.tolist() == [START + 1.0, START + 2.0]
    assert found.phases == (Phase(HALVES.since, (0.5, 0.5)),)
    assert (found.tally.visitors, found.tally.orders, found.tally.by_cost) == (2, 1, 60.0)


def test_an_empty_table_is_a_table() -> None:
    """Nobody exposed: no rows, the journal's variations, and no failure."""
    assert len(table_of().visitors) == 0
    assert len(table_of(journal=()).visitors) == 0


def test_an_exposure_without_a_name_has_that_of_its_id_at_its_time() -> None:
    """A variation put in between shifts the ids of those after it."""
    later = Noted(START + DAY, ("personalized", "sale", "promo"), (0.4, 0.3, 0.3))
    found = table_of(
        [shown(0.0, 1, "")], [shown(2 * DAY, 1, "")], [shown(2 * DAY, 7, "")], journal=(HALVES, later)
    )
    names = [found.visitors.variations[code] for code in found.visitors.variation.tolist()]
    assert names == ["promo", "sale"]
    assert found.tally.strange == 1
    assert found.phases[0].weights == (0.5, 0.0, 0.5)


def test_a_variation_the_experiment_never_had_is_left_out_and_told() -> None:
    """Somebody's own report of a variation is no reason to invent one."""
    found = table_of([shown(0.0, 5, "free-shoes")], [shown()])
    assert (len(found.visitors), found.tally.strange) == (1, 1)
    assert "Warning: 1 visitor reported a variation that the experiment never had" in notes_of(found)


def test_crossing_over_is_a_note_and_above_one_in_a_hundred_a_warning() -> None:
    """One of two hundred washes out nothing; one of fifty does."""
    both = [shown(0.0, 1, "promo"), shown(HOUR, 0, "personalized")]
    few = table_of(both, *([shown()] for _ in range(199)))
    many = table_of(both, *([shown()] for _ in range(49)))
    assert few.tally.crossed_over == many.tally.crossed_over == 1
    assert "1 visitor (0.50 %) saw more than one variation, counted" in notes_of(few)
    assert "Warning" not in notes_of(few)
    assert "Warning: 1 visitor (2.0 %)" in notes_of(many)


def test_a_visitor_who_brings_much_of_the_revenue_is_a_warning() -> None:
    """A wholesaler, a mistake or a forged order: whoever reads of it can cut it; among few orders it is no wonder."""
    (warning,) = warnings_on(Tally(visitors=900, orders=60, revenue=1000.0, largest=120.0))
    assert warning.startswith("Warning: a single visitor's orders are 12.0 % of all revenue")
    assert warnings_on(Tally(visitors=900, orders=60, revenue=1000.0, largest=90.0)) == ()
    assert warnings_on(Tally(visitors=900, orders=9, revenue=1000.0, largest=500.0)) == ()
    cut = Tally(visitors=900, orders=60, revenue=1000.0, largest=120.0)
    assert warnings_on(cut, is_winsorized=True) == ()


def test_an_older_bucket_version_is_left_out() -> None:
    """Whoever has not come back since everybody was assigned anew is not in the experiment any more."""
    found = table_of([shown()], [shown(bucket_version=2)])
    assert (len(found.visitors), found.tally.older_version) == (1, 1)


def test_visitors_exposed_before_since_are_left_out() -> None:
    """`--since` looks at first exposures: an old visitor who comes back is not new."""
    found = table_of([shown(0.0), shown(2 * DAY)], [shown(2 * DAY)], since=START + DAY)
    assert (len(found.visitors), found.tally.early) == (1, 1)


def test_a_missing_propensity_is_the_phases_weight() -> None:
    """Entries of servers and older versions do not say with which probability they came about."""
    journal = (Noted(START, ("personalized", "promo"), (8.0, 2.0)),)
    found = table_of(
        [shown(propensity=None)], [shown(1.0, 0, "personalized", propensity=None)], journal=journal
    )
    assert found.visitors.propensity.tolist() == [0.2, 0.8]
    assert found.tally.without_propensity == 2


def test_without_a_journal_the_weights_are_what_the_exposures_say() -> None:
    """Names and weights come from the log; a variation nobody saw yet gets what is left."""
    found = table_of([shown(0.0, 1, "promo", propensity=0.2)], journal=())
    assert found.visitors.variations == ("promo",)
    both = table_of(
        [shown(0.0, 1, "promo", propensity=0.2)], [shown(1.0, 0, "personalized", propensity=0.8)], journal=()
    )
    assert both.visitors.variations == ("personalized", "promo")
    assert both.phases == (Phase(START, (0.8, 0.2)),)
    assert "has noted no weights" in notes_of(both)
    silent = table_of([shown(0.0, 0, "", propensity=None)], [shown(0.0, 1, "", propensity=None)], journal=())
    assert silent.visitors.variations == ("0", "1")
    assert silent.phases == (Phase(0.0, (1.0, 1.0)),)


def test_a_change_of_propensities_is_a_phase() -> None:
    """Half and half on the first day, a fifth on the second: two phases; complete disorder is one average."""
    at = np.arange(8.0)
    variation = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    share = np.array([0.5, 0.5, 0.5, 0.5, 0.8, 0.2, 0.8, 0.2])
    assert derived_phases(at, variation, share, 2) == (Phase(0.0, (0.5, 0.5)), Phase(4.0, (0.8, 0.2)))
    many = np.random.default_rng(1).uniform(0.1, 0.9, 200)
    (only,) = derived_phases(np.arange(200.0), np.arange(200) % 2, many, 2)
    assert sum(only.weights) == pytest.approx(1.0, abs=0.1)


def test_a_page_confirmed_after_the_weights_changed_counts_with_its_own() -> None:
    """The promotion was stopped while a page was open: that visitor is no sign of a broken split."""
    stopped = Noted(START + DAY, ("personalized", "promo"), (1.0, 0.0))
    late = [[shown(DAY + 60.0, 1, "promo")]]
    before = [[shown(float(n), n % 2, ("personalized", "promo")[n % 2])] for n in range(9)]
    found = table_of(*late, *before, journal=(HALVES, stopped))
    assert found.tally.moved == 1
    assert found.visitors.exposed_at[0] < stopped.since
    counts = np.array([found.visitors.counts(), [0, 0]])
    weights = np.array([phase.weights for phase in found.phases])
    assert split_test(counts, weights).state is SplitState.AS_CONFIGURED
    assert "1 visitor confirmed an exposure just after" in notes_of(found)


def test_an_exposure_is_not_moved_without_need() -> None:
    """Only who fits the phase next door and not the own one goes there, and only within a day."""
    phases = (Phase(0.0, (0.5, 0.5)), Phase(10 * DAY, (0.8, 0.2)))
    at = np.array([10 * DAY + 60, 10 * DAY - 2, 10 * DAY + 60, 12 * DAY, 10 * DAY + 60, 10 * DAY + 60])
    share = np.array([0.5, 0.2, 0.2, 0.5, np.nan, 0.3])
    moved, total = moved_to_their_phase(at, np.ones(6, np.int16), share, phases)
    assert total == 2
    assert (moved != at).tolist() == [True, True, False, False, False, False]
    assert moved[0] < 10 * DAY == moved[1]


def test_the_control_is_what_the_shop_has_without_the_experiment() -> None:
    """Kabin's own features have one; otherwise it is the first variation, as everywhere."""
    assert default_control(("promo", "personalized")) == "personalized"
    assert default_control(("false", "true")) == "true"
    assert default_control(("als", "blend")) == "blend"
    assert default_control(("held_out", "personalized")) == "held_out"
    assert default_control(("red", "green")) == "red"
    assert default_control(("false", "true"), is_shops_own=True) == "false"
    assert variations_in([HALVES, Noted(START, ("promo", "sale"), (1, 1))]) == (
        "promo",
        "sale",
        "personalized",
    )


def test_the_notes_say_where_margin_and_money_come_from() -> None:
    """Known costs, an assumed margin, both; foreign orders and lines without a price."""
    known = table_of([shown(), bought(1.0, line("a-38", 60.0))])
    assert "known for all revenue" in notes_of(known)
    mixed = table_of([shown(), bought(1.0, line("a-38", 60.0), line("b-38", 60.0))])
    assert "cost_of_goods_sold for 50.0 % of the revenue; for the rest a gross margin of 50 %" in notes_of(
        mixed
    )
    assumed = table_of([shown(), bought(1.0, line("b-38", 60.0))])
    assert "Margin is assumed" in notes_of(assumed)
    odd = table_of([shown(), bought(1.0, line("c")), bought(2.0, line("a"), currency="CHF")])
    assert "1 order was not paid in EUR (50.0 % of all)" in notes_of(odd)
    assert "1 line of an order has no price" in notes_of(odd)
    assert "Margin" not in notes_of(table_of([shown()]))
    (note,) = notes_on_table(Tally(has_journal=True), currency="EUR", gross_margin_share=0.5, unreadable=3)[
        1:
    ]
    assert note.startswith("3 entries")


# ---------------------------------------------------------------- the random slice


def slice_of(visitors: int) -> Exposures:
    """Return a slice in which promo brings 40 to whom affinity says so and full price 30 to the others."""
    table = OutcomeTable(OutcomeRules("kabin-random", START + 30 * DAY, 7 * DAY), prices())
    for number in range(visitors):
        high, promo = number % 4 == 0, number // 4 % 2
        exposure = shown(
            float(number),
            promo,
            ("full_price", "promo")[promo],
            experiment_id="kabin-random",
            discount_affinity="high" if high else "low",
            personalized_homepage="promo" if high else "full_price",
        )
        good = promo == high and number % 3 == 0
        order = [bought(HOUR + number, line("a-38", 60.0 if high else 50.0))] if good else []
        table.add([exposure, *order])
    return table.finished([Noted(START, ("full_price", "promo"), (0.5, 0.5))])


def test_the_random_slice_values_what_was_not_done() -> None:
    """Promo for whom it helps earns what giving each visitor the right page would have: 10 and 7.50 mixed."""
    values = {
        value.policy: value
        for value in homepage_policies(
            slice_of(2400), now=START + 30 * DAY, window_seconds=7 * DAY, level=0.95
        )
    }
    assert list(values) == [
        "personalized",
        "always full price",
        "always promo",
        "promo for high affinity",
        "promo for high and medium",
    ]
    best = values["personalized"]
    assert best.snips is not None
    assert best.snips.estimate == pytest.approx(0.25 * 40 / 3 + 0.75 * 30 / 3, rel=0.02)
    assert values["always full price"].doubly_robust.estimate == pytest.approx(0.75 * 30 / 3, rel=0.02)
    assert values["always promo"].doubly_robust.estimate == pytest.approx(0.25 * 40 / 3, rel=0.05)
    assert values["promo for high affinity"].doubly_robust.estimate == best.doubly_robust.estimate
    gain = values["always promo"].gain
    assert gain is not None
    assert gain.high < 0


def test_open_windows_and_silent_entries_are_no_evidence_of_a_policy() -> None:
    """A reward that may still come, and a decision that does not say what was known, are left out."""
    whole = slice_of(40)
    assert len(logged_homepages(whole, now=START + 30 * DAY, window_seconds=7 * DAY)) == 40
    assert len(logged_homepages(whole, now=START + 7 * DAY + 10, window_seconds=7 * DAY)) == 11
    silent = OutcomeTable(OutcomeRules("kabin-random", START + 30 * DAY, 7 * DAY), prices())
    silent.add([shown(experiment_id="kabin-random")])
    assert len(logged_homepages(silent.finished(), now=START + 30 * DAY, window_seconds=7 * DAY)) == 0
    assert (
        homepage_policies(silent.finished(), now=START + 30 * DAY, window_seconds=7 * DAY, level=0.95) == ()
    )
