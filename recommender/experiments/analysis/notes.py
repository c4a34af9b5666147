"""What a reader should know about how the figures of a report were made."""

from collections.abc import Sequence

from recommender.experiments.analysis.comparison import MetricResult
from recommender.experiments.analysis.plan import AnalysisPlan, Reading
from recommender.experiments.analysis.split import SplitState, SplitTest
from recommender.experiments.analysis.words import (
    amount,
    count,
    duration,
    level,
    percent,
    probability,
    rounded_up,
)


def notes_on(
    split: SplitTest,
    results: Sequence[MetricResult],
    plan: AnalysisPlan,
    skipped: Sequence[str],
    *,
    waiting: int,
    known: int,
) -> tuple[str, ...]:
    """Return the notes of a report, one sentence each.

    Args:
        split: of all exposed visitors.
        results: every metric that was computed.
        plan: how it was read.
        skipped: labels of the metrics that were not.
        waiting: visitors whose conversion window is open.
        known: compared visitors with a pre-period.
    """
    notes = [*_on_split(split), *_on_reading(plan)]
    if waiting:
        notes.append(
            f"{count(waiting)} visitors were exposed less than {duration(plan.window_seconds)} ago: counted in the split, not "
            "compared yet."
        )
    notes += [*_on_lopsided(results), *_on_adjustment(results, known)]
    cuts = [
        f"{result.metric.label} at {amount(result.winsorized_at, result.metric.unit, plan.currency)}"
        for result in results
        if result.winsorized_at is not None
    ]
    if cuts and plan.winsorize_quantile is not None:
        notes.append(
            f"Winsorized at the {level(plan.winsorize_quantile)} quantile of visitors who have any: {', '.join(cuts)}."
        )
    rough = {result.metric.label: result.rough_below for result in results if result.rough_below}
    if rough:
        needed = "; ".join(f"{label} {count(visitors or 0)}" for label, visitors in rough.items())
        notes.append(
            f"Very skewed outcomes: one variation's value alone is well measured from so many visitors on: {needed}. "
            "A difference between arms of like size needs far fewer."
        )
    if skipped:
        notes.append(f"No data, so not shown: {', '.join(skipped)}.")
    return tuple(notes)


def _on_split(split: SplitTest) -> list[str]:
    chance = probability(split.p_value)
    chance = f"p {chance}" if chance.startswith("<") else f"p = {chance}"
    if split.state is SplitState.AS_CONFIGURED:
        return [f"The split is as configured: {split.shares()} ({chance})."]
    what = f"The split is {split.shares()} ({chance})"
    if split.state is SplitState.SUSPICIOUS:
        advice = (
            "not enough to stop at 0.001, but only one sound experiment in a hundred looks like this. "
            "See whether a variation loses visitors before its exposure is logged."
        )
    else:
        advice = (
            "visitors are lost or counted twice in one variation, and who is lost is hardly ever a random visitor. "
            "Look at redirects, crashes, bots and late exposures; no difference is shown until then."
        )
    return [f"{what}: {advice}"]


def _on_reading(plan: AnalysisPlan) -> list[str]:
    arms = len(plan.phases[-1].weights) - 1
    if plan.reading is Reading.ALWAYS_VALID:
        reading = "The verdict is read from the always-valid interval, which holds however often and whenever somebody looks."
    else:
        reading = f"The verdict is read once, when {count(plan.planned_visitors)} visitors have been compared; looking earlier and stopping would break it."
    if arms < 2:
        return [reading]
    several = (
        f"{arms} variations are compared with {plan.control}: each interval is at {level(1 - plan.alpha / arms)}, so that all "
        f"hold together with {level(plan.level)} (Bonferroni)."
    )
    return [reading, several]


def _on_lopsided(results: Sequence[MetricResult]) -> list[str]:
    below = {
        result.metric.label: max(comparison.lopsided_below or 0 for comparison in result.comparisons)
        for result in results
        if any(comparison.lopsided_below for comparison in result.comparisons)
    }
    if not below:
        return []
    needed = "; ".join(f"{label} {count(rounded_up(visitors))}" for label, visitors in below.items())
    text = (
        "Warning: arms of unlike size, and orders that are few or of unlike value: these intervals err too often, mostly in favor "
        f"of the larger arm, until both arms together have so many visitors: {needed}. Of money, --winsorize 99% needs fewer."
    )
    return [text]


def _on_adjustment(results: Sequence[MetricResult], known: int) -> list[str]:
    kept = [
        f"{result.metric.label} {percent(1 - comparison.variance_kept)}"
        for result in results
        for comparison in result.comparisons[:1]
        if comparison.variance_kept is not None
    ]
    if not kept:
        return []
    return [
        f"Differences are adjusted by what {count(known)} known visitors did before (CUPED); variance taken out: {', '.join(kept)}."
    ]
