"""The verdict: a sentence that a merchandiser can act on, and that is not said too early."""

import re
from dataclasses import replace

import numpy as np
import pytest

from recommender.experiments.analysis.metrics import METRICS
from recommender.experiments.analysis.plan import AnalysisPlan, Reading
from recommender.experiments.analysis.power import MOST_VISITORS
from recommender.experiments.analysis.report import ExperimentReport, analyze_experiment
from recommender.experiments.analysis.verdict import Outcome
from recommender.experiments.analysis.visitors import ExposedVisitors
from tests.recommender.experiments.exposed import DAY_SECONDS, REVENUE, exposed, plan, shoppers


def read(visitors: ExposedVisitors, settled: AnalysisPlan | None = None) -> ExperimentReport:
    """Return the report of visitors whose window is closed."""
    return analyze_experiment(visitors, settled or plan(), now=0.0)


def spending(control: float, treatment: float, n: int = 4_000, seed: int = 1) -> ExposedVisitors:
    """Return visitors who spend about so much."""
    codes = np.arange(n) % 2
    revenue = np.where(codes == 1, treatment, control) * np.random.default_rng(seed).gamma(2.0, 0.5, n)
    return exposed(codes, variations=("control", "promo"), revenue=revenue)


def words_of(sentence: str) -> tuple[str, float, float, float]:
    """Return a sentence's words before the size, the size, and both ends of the interval."""
    found = re.fullmatch(r"(\D+) ([\d.]+) % revenue per visitor \(95 %: ([\d.]+) to ([\d.]+) %\)", sentence)
    assert found is not None, sentence
    return found[1], float(found[2]), float(found[3]), float(found[4])


@pytest.mark.parametrize(
    ("treatment", "outcome", "words"),
    [(8.0, Outcome.WORSE, "promo loses"), (14.0, Outcome.BETTER, "promo gains")],
)
def test_a_difference_is_said_with_its_size_and_interval(
    treatment: float, outcome: Outcome, words: str
) -> None:
    """A loss is a positive number like a gain, and the smaller end of its interval comes first."""
    visitors = spending(10.0, treatment)
    verdict = read(visitors).verdict
    revenue = visitors.outcomes["revenue"]
    size = abs(revenue[1::2].mean() / revenue[::2].mean() - 1)
    said, percent, low, high = words_of(verdict.sentence)
    assert (verdict.outcome, said) == (outcome, words)
    assert percent == pytest.approx(100 * size, abs=0.05)
    assert 0 < low < percent < high


def test_the_control_is_named_where_it_beats_all_others() -> None:
    """A merchandiser need not conclude from two losses who has won."""
    codes = np.arange(6_000) % 3
    revenue = np.choose(codes, [10.0, 8.0, 7.0]) * np.random.default_rng(1).gamma(2.0, 0.5, codes.size)
    visitors = exposed(codes, variations=("control", "full_price", "promo"), revenue=revenue)
    settled = replace(plan(), phases=(replace(plan().phases[0], weights=(1.0, 1.0, 1.0)),))
    sentence = read(visitors, settled).verdict.sentence
    assert sentence.startswith("control wins: full_price loses ")
    assert "; promo loses " in sentence


def test_too_few_visitors_are_asked_to_wait() -> None:
    """How many more, per arm, in round numbers; with those the wanted power is reached."""
    report = read(spending(10.0, 10.2, n=3_000))
    assert report.verdict.outcome is Outcome.NOT_YET
    found = re.fullmatch(r"not yet: ([\d,]+) more visitors per arm", report.verdict.sentence)
    assert found is not None
    later = read(spending(10.0, 10.2, n=3_000 + 2 * int(found[1].replace(",", ""))))
    assert later.primary is not None
    progress = later.primary.comparisons[0].progress
    assert progress is not None
    assert progress.power == pytest.approx(0.8, abs=0.07)


def test_no_difference_that_matters_is_a_verdict_too() -> None:
    """The whole interval lies inside ± the smallest effect that would matter."""
    verdict = read(spending(10.0, 10.0, n=60_000)).verdict
    assert verdict.outcome is Outcome.NO_DIFFERENCE
    assert "any effect on revenue per visitor is under 5 %" in verdict.sentence


def test_enough_visitors_and_no_answer_is_said_as_such() -> None:
    """At the planned power nobody is sent on collecting for ever."""
    visitors = spending(10.0, 10.25, n=24_000, seed=5)
    verdict = read(visitors, plan(minimum_effect=0.04)).verdict
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "4 % would have been seen with 80 % probability" in verdict.sentence


def test_a_broken_split_silences_everything_else() -> None:
    """No difference is computed, whatever it would have been; the values remain to look for the cause."""
    codes = np.repeat([0, 1], [5_060, 4_700])
    report = read(exposed(codes, revenue=codes * 10.0 + np.random.default_rng(1).normal(size=codes.size)))
    assert report.verdict.outcome is Outcome.DO_NOT_READ
    assert (
        report.verdict.sentence
        == "do not read this: the split is 51.8 : 48.2 where 50 : 50 was set (p = 0.00027)"
    )
    assert all(result.comparisons == () for result in report.results)
    assert report.days == ()
    assert report.results[0].values[1] is not None
    assert any("no difference is shown" in note for note in report.notes)


def test_a_planned_reading_waits_for_the_planned_visitors() -> None:
    """However big the difference looks: whoever stops at the first good day is fooled."""
    visitors = spending(10.0, 20.0, n=4_000)
    early = read(visitors, plan(reading=Reading.PLANNED, planned_visitors=5_000)).verdict
    assert early.outcome is Outcome.NOT_YET
    assert early.sentence == "not yet: 500 more visitors per arm"
    assert early.remarks == ()
    late = read(visitors, plan(reading=Reading.PLANNED, planned_visitors=4_000)).verdict
    assert late.outcome is Outcome.BETTER


def test_a_planned_reading_uses_the_narrower_interval() -> None:
    """2.5 standard errors are a difference for the reader who looked once, and not for one who looks daily."""
    visitors = spending(10.0, 10.0)
    revenue = visitors.outcomes["revenue"]
    first, second = revenue[::2], revenue[1::2]
    error = np.sqrt(first.var(ddof=1) / first.size + second.var(ddof=1) / second.size)
    second += first.mean() - second.mean() + 2.5 * error
    always, once = (
        read(visitors, plan(reading=reading, planned_visitors=4_000)).verdict for reading in Reading
    )
    assert (always.outcome, once.outcome) == (Outcome.NOT_YET, Outcome.BETTER)


def test_a_planned_reading_that_found_nothing_does_not_go_on() -> None:
    """To collect until something shows is the peeking that one look must not do; the next experiment can be larger."""
    verdict = read(spending(10.0, 10.1), plan(reading=Reading.PLANNED, planned_visitors=4_000)).verdict
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert re.search(r"probability only: plan a new experiment for [\d,]+ visitors$", verdict.sentence)


def lopsided(seed: int, n: int = 4_000) -> ExposedVisitors:
    """Return an A/A test of a 5 : 95 split, in which a few great orders decide."""
    rng = np.random.default_rng(seed)
    codes = (rng.random(n) > 0.05).astype(np.int64)
    revenue = rng.lognormal(4.0, 1.2, n) * (rng.random(n) < 0.05)
    return exposed(codes, variations=("control", "promo"), revenue=revenue)


@pytest.mark.parametrize("reading", list(Reading))
def test_a_small_arm_without_great_orders_proves_nothing(reading: Reading) -> None:
    """Most holdouts of a few buyers lack the great orders, and their interval knows nothing of those."""
    settled = plan(5, 95, reading=reading, planned_visitors=4_000)
    reports = [read(lopsided(seed), settled) for seed in range(30)]
    assert {report.verdict.outcome for report in reports} == {Outcome.NOT_YET}
    wrong = [
        report.primary.comparisons[0].difference.decisive(reading).excludes_zero
        for report in reports
        if report.primary is not None
    ]
    assert np.mean(wrong) > 0.05
    assert all("the smaller arm has too few visitors" in report.verdict.sentence for report in reports)
    assert all(any("arms of unlike size" in note for note in report.notes) for report in reports)


def test_a_small_arm_without_returns_proves_nothing() -> None:
    """Of three orders none came back: its return rate of 0 seems to be without noise."""
    rng = np.random.default_rng(1)
    codes = np.repeat([0, 1], [60, 1_140])
    orders = np.where(np.arange(codes.size) < 60, np.arange(codes.size) < 3, rng.random(codes.size) < 0.1)
    returned = orders & (codes == 1) & (rng.random(codes.size) < 0.3)
    visitors = exposed(
        codes,
        variations=("control", "promo"),
        orders=orders.astype(np.float64),
        returned_orders=returned.astype(np.float64),
    )
    settled = plan(5, 95, primary="return_rate", planned_visitors=1_200)
    report = analyze_experiment(visitors, settled, now=0.0)
    assert report.primary is not None
    assert report.primary.comparisons[0].difference.always_absolute.excludes_zero
    assert report.verdict.outcome is Outcome.NOT_YET
    assert report.verdict.remarks == ()


def test_great_orders_are_no_matter_in_arms_of_one_size() -> None:
    """What both arms have alike cancels in their difference."""
    visitors = lopsided(1)
    even = replace(visitors, variation=(np.arange(len(visitors)) % 2).astype(np.int16))
    report = read(even, plan())
    assert report.primary is not None
    assert report.primary.comparisons[0].lopsided_below is None


def test_noise_beyond_measure_asks_for_no_more_visitors_than_there_are_people() -> None:
    """One absurd order would ask for a number that JSON cannot hold."""
    visitors = spending(10.0, 10.0)
    visitors.outcomes["revenue"][3] = 1e18
    report = read(visitors)
    assert report.primary is not None
    progress = report.primary.comparisons[0].progress
    assert progress is not None
    assert progress.needed <= MOST_VISITORS


def test_why_there_is_nothing_to_compare_is_said() -> None:
    """One variation only, or nobody's window over."""
    alone = exposed(np.zeros(9, np.int64), variations=("control",), revenue=np.ones(9))
    verdict = read(alone, plan(1)).verdict
    assert verdict.sentence == "nothing to compare: the experiment has one variation only"
    waiting = analyze_experiment(spending(10.0, 10.0), plan(window_seconds=7 * DAY_SECONDS), now=0.0)
    assert waiting.verdict.sentence == "not yet: nobody's conversion window of 7 days is over"


def test_other_metrics_are_remarked_on_worse_ones_first() -> None:
    """More revenue at the price of more returns must not go unsaid; a fall of what should fall is good."""
    rng = np.random.default_rng(4)
    n = 20_000
    codes = np.arange(n) % 2
    orders = rng.poisson(np.where(codes == 1, 0.6, 0.4)).astype(float)
    visitors = exposed(
        codes,
        revenue=orders * 50.0,
        orders=orders,
        converted=(orders > 0) * 1.0,
        returned_orders=rng.binomial(orders.astype(int), np.where(codes == 1, 0.5, 0.25)) * 1.0,
        preselections=np.ones(n),
        size_changes=(rng.random(n) < np.where(codes == 1, 0.1, 0.2)) * 1.0,
    )
    verdict = read(visitors).verdict
    assert verdict.outcome is Outcome.BETTER
    assert [remark.split(" by ")[0] for remark in verdict.remarks] == [
        "treatment raises return rate",
        "treatment raises conversion",
        "treatment raises orders per visitor",
        "treatment lowers size changed after preselect",
    ]


def test_a_metric_that_should_fall_is_better_when_it_falls() -> None:
    """Direction is the metric's, not the number's."""
    rng = np.random.default_rng(6)
    codes = np.arange(8_000) % 2
    visitors = exposed(
        codes,
        preselections=np.ones(8_000),
        size_changes=(rng.random(8_000) < np.where(codes == 1, 0.2, 0.3)) * 1.0,
    )
    verdict = read(visitors, plan(primary="size_changed")).verdict
    assert verdict.outcome is Outcome.BETTER
    assert verdict.sentence.startswith("treatment lowers size changed after preselect by 3")


def test_a_difference_without_a_sure_control_is_told_in_money() -> None:
    """A control that earns nothing for certain has no relative difference."""
    rng = np.random.default_rng(8)
    codes = np.arange(4_000) % 2
    visitors = exposed(codes, margin=rng.normal(np.where(codes == 1, 2.0, 0.0), 3.0))
    verdict = read(visitors, plan(primary="margin_per_visitor")).verdict
    assert verdict.outcome is Outcome.BETTER
    assert verdict.sentence.startswith("treatment gains 2.0")
    assert " EUR margin per visitor (95 %: +1." in verdict.sentence


def test_each_of_several_variations_gets_its_sentence() -> None:
    """The experiment's outcome is what there is to act on."""
    visitors = shoppers(30_000, np.random.default_rng(3), lift=1.0, arms=3)
    report = read(visitors, plan(1, 1, 1))
    assert report.verdict.outcome is Outcome.BETTER
    assert [one.variation for one in report.verdict.variations] == ["variant 1", "treatment"]
    assert report.verdict.sentence.count("; ") == 1
    assert any("Bonferroni" in note and "97.5 %" in note for note in report.notes)


def test_open_windows_are_waited_for() -> None:
    """Who came yesterday had no time to order: counted in the split, not compared."""
    visitors = spending(10.0, 10.0)
    recent = replace(visitors, exposed_at=np.where(np.arange(4_000) < 3_000, 0.0, 6 * DAY_SECONDS))
    report = analyze_experiment(recent, plan(window_seconds=7 * DAY_SECONDS), now=7 * DAY_SECONDS)
    assert sum(report.compared) == 3_000
    assert report.split.observed.sum() == 4_000
    assert any("1,000 visitors were exposed less than 7 days ago" in note for note in report.notes)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_experiment_that_has_just_begun_is_not_judged(count: int) -> None:
    """No visitors, one, one in each variation: a report all the same."""
    report = read(exposed(np.arange(count) % 2, revenue=np.ones(count)))
    assert report.verdict.outcome is Outcome.NOT_YET
    assert report.verdict.sentence == "not yet: there is no revenue per visitor to compare"
    assert report.tables()


def test_a_primary_metric_without_data_is_named() -> None:
    """The verdict says what is missing, and the note lists everything that is."""
    report = read(exposed([0, 1] * 50, orders=np.ones(100)), plan(primary="margin_per_visitor"))
    assert report.verdict.sentence == "not yet: there is no margin_per_visitor to compare"
    assert any("margin per visitor" in note for note in report.notes if note.startswith("No data"))
    assert METRICS["margin_per_visitor"].label in report.skipped
    assert REVENUE.label in report.skipped
