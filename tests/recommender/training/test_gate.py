"""The gate: what lets a model go live, and what each refusal says."""

from dataclasses import replace

import pytest

from recommender.recommendations.replay import Hits
from recommender.training import GateSettings, Refusal
from recommender.training.comparison import Comparison
from recommender.training.gate import GateFacts, judge, unjudged

SETTINGS = GateSettings()
OLD = Hits(0.45, 0.15, 5000)
EVEN = Comparison(5000, "2026-11-20", OLD, OLD, "old", (-0.01, 0.01), (-0.005, 0.005))
WEEK = tuple((f"2026-11-{day:02d}", 10_000) for day in range(13, 21))
GOOD = GateFacts(
    comparison=EVEN,
    nonfinite={"the items' ALS vectors": 0},
    in_stock_items=1000,
    in_stock_share=0.8,
    current_in_stock_share=0.8,
    looked_at_share=0.98,
    candidate_looked_at_share=0.95,
    current_looked_at_share=0.95,
    shared_interactions=70_000,
    current_interactions=70_000,
    whole_days=WEEK,
)


def refused(facts: GateFacts, settings: GateSettings = SETTINGS) -> Refusal:
    """Return the one refusal."""
    refusals = judge(facts, settings)
    assert len(refusals) == 1, refusals
    return refusals[0]


def compared(hit_rate: float, mrr: float, *, high: float = -0.01, cases: int = 5000) -> GateFacts:
    """Return facts of a candidate with these hits, and the upper end of both intervals."""
    candidate = Hits(hit_rate, mrr, cases)
    return replace(
        GOOD,
        comparison=replace(
            EVEN,
            cases=cases,
            candidate=candidate,
            hit_rate_difference=(-0.3, high),
            mrr_difference=(-0.3, high),
        ),
    )


def day(count: int) -> GateFacts:
    """Return facts of a newest day with so many interactions."""
    return replace(GOOD, whole_days=(*WEEK[:-1], ("2026-11-20", count)))


def test_a_model_as_good_as_the_current_one_goes_live() -> None:
    """Nothing speaks against it, and nothing was left unjudged."""
    assert judge(GOOD, SETTINGS) == ()
    assert unjudged(GOOD, SETTINGS) == ()


@pytest.mark.parametrize(
    ("hit_rate", "mrr", "says"),
    [
        (0.40, 0.15, "HR@20 would fall from 45.0 % to 40.0 % on 5,000 held-out clicks"),
        (0.45, 0.12, "MRR@20 would fall from 15.0 % to 12.0 % on 5,000 held-out clicks"),
    ],
)
def test_either_figure_may_stop_a_worse_model(hit_rate: float, mrr: float, says: str) -> None:
    """Finding as much and ranking it lower is worse too."""
    refusal = refused(compared(hit_rate, mrr))
    assert refusal.code == "quality"
    assert refusal.detail.startswith(says)


def test_a_loss_within_the_margin_is_let_through() -> None:
    """Certain as it may be: 4 % of the hit rate are under the 5 % that may be lost, and over a margin of 3 %."""
    facts = compared(0.432, 0.15)
    assert judge(facts, SETTINGS) == ()
    assert refused(facts, replace(SETTINGS, margin=0.03)).code == "quality"


def test_a_loss_that_chance_explains_is_let_through() -> None:
    """The interval of the difference reaches 0: tonight's clicks do not tell the two apart."""
    assert judge(compared(0.40, 0.12, high=0.002), SETTINGS) == ()


def test_quality_is_left_alone_on_few_clicks() -> None:
    """And it is said: a bootstrap of a hundred sessions is no interval."""
    facts = compared(0.1, 0.01, cases=100)
    assert judge(facts, SETTINGS) == ()
    assert unjudged(facts, SETTINGS) == (
        "Quality is not judged: 100 held-out clicks are under the 200 that it takes.",
    )


@pytest.mark.parametrize(
    ("comparison", "says"),
    [
        (None, "too little history"),
        (replace(EVEN, current=None, hit_rate_difference=None, mrr_difference=None), "may have learned from"),
        (replace(EVEN, current=None, current_version=None), "no current model"),
    ],
)
def test_what_cannot_be_compared_is_said(comparison: Comparison | None, says: str) -> None:
    """A first model, a second training of the same evening, and a shop's first minutes."""
    facts = replace(GOOD, comparison=comparison)
    assert judge(facts, SETTINGS) == ()
    (sentence,) = unjudged(facts, SETTINGS)
    assert says in sentence


def test_numbers_that_are_none_are_refused_by_place_and_count() -> None:
    """One is enough, with or without a current model."""
    facts = GateFacts(nonfinite={"the items' ALS vectors": 1200, "the blend lists' scores": 0})
    refusal = refused(facts)
    assert refusal.code == "not_finite"
    assert "1,200 of the items' ALS vectors." in refusal.detail
    assert "blend" not in refusal.detail


@pytest.mark.parametrize(
    ("now_there", "says"),
    [(34_000, "a part of the archive is missing"), (211_000, "something was brought in twice")],
)
def test_history_that_shrinks_or_swells_is_refused(now_there: int, says: str) -> None:
    """What the current model learned from must still be about as much: half to three times."""
    refusal = refused(replace(GOOD, shared_interactions=now_there))
    assert refusal.code == "volume"
    assert refusal.detail.startswith(
        f"The current model learned from 70,000 interactions, and of the same time {now_there:,}"
    )
    assert says in refusal.detail


@pytest.mark.parametrize("now_there", [35_000, 210_000])
def test_volume_bounds_are_included(now_there: int) -> None:
    """Half and three times are still let through."""
    assert judge(replace(GOOD, shared_interactions=now_there), SETTINGS) == ()


@pytest.mark.parametrize(
    ("count", "says"), [(1_999, "events of that day are missing"), (50_001, "more events than visitors do")]
)
def test_a_day_unlike_the_week_before_is_refused(count: int, says: str) -> None:
    """A storefront that stopped sending, or a loop that sends everything again."""
    refusal = refused(day(count))
    assert refusal.code == "volume"
    assert refusal.detail.startswith(
        f"2026-11-20 has {count:,} interactions where the 7 days before have 10,000"
    )
    assert says in refusal.detail


@pytest.mark.parametrize("count", [2_000, 50_000])
def test_a_quiet_sunday_and_a_black_friday_are_let_through(count: int) -> None:
    """A fifth and five times are still days."""
    assert judge(day(count), SETTINGS) == ()


def test_a_days_volume_takes_three_days_before_it() -> None:
    """The median of two days is no custom."""
    days = (*WEEK[:2], ("2026-11-20", 1))
    assert judge(replace(GOOD, whole_days=days), SETTINGS) == ()
    assert refused(replace(GOOD, whole_days=(*WEEK[:3], days[-1]))).code == "volume"


def test_a_shops_first_hours_say_nothing_of_its_volume() -> None:
    """From 300 interactions to 40,000 is how shops start."""
    start = replace(GOOD, current_interactions=300, shared_interactions=40_000)
    assert judge(start, SETTINGS) == ()
    days = (*((name, 50) for name, _ in WEEK[:-1]), ("2026-11-20", 9_000))
    assert judge(replace(start, whole_days=days), SETTINGS) == ()


def test_a_first_model_is_not_held_against_any_volume() -> None:
    """There is nothing that it could be worse than."""
    assert judge(replace(day(10), current_interactions=None), SETTINGS) == ()


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (
            replace(GOOD, in_stock_share=0.7),
            "70.0 % of the items in stock has neighbours where the current model has",
        ),
        (
            replace(GOOD, candidate_looked_at_share=0.8),
            "80.0 % of what visitors looked at lately has neighbours where",
        ),
        (
            replace(GOOD, looked_at_share=0.4),
            "Only 40.0 % of what visitors looked at lately has neighbours, under 50 %",
        ),
    ],
)
def test_a_model_that_covers_less_is_refused(facts: GateFacts, says: str) -> None:
    """Of the catalog, of the newest day against the current model, and by itself."""
    refusal = refused(facts)
    assert refusal.code == "coverage"
    assert refusal.detail.startswith(says)


def test_events_that_name_other_items_than_the_catalog_are_found_out() -> None:
    """Not one item in stock has neighbours: such a model could recommend nothing, even as the first."""
    facts = replace(
        GOOD,
        comparison=replace(EVEN, current=None, current_version=None),
        in_stock_share=0.0,
        current_in_stock_share=None,
        current_looked_at_share=None,
    )
    refusal = refused(facts)
    assert refusal.code == "coverage"
    assert refusal.detail.startswith("None of the 1,000 items in stock has neighbours")


def test_every_reason_is_given_at_once() -> None:
    """Whoever looks in the morning should not find the second reason the next night."""
    facts = replace(
        compared(0.1, 0.01), nonfinite={"x": 1}, shared_interactions=1, in_stock_share=0.1, whole_days=()
    )
    assert [refusal.code for refusal in judge(facts, SETTINGS)] == [
        "not_finite", "volume", "quality", "quality", "coverage",
    ]  # fmt: skip
