"""A report as tables for a terminal; the command line prints them."""

from collections.abc import Sequence
from dataclasses import dataclass

from recommender.evaluation.report import ReportTable
from recommender.experiments.analysis.comparison import Comparison, MetricResult
from recommender.experiments.analysis.metrics import MetricKind, Unit
from recommender.experiments.analysis.plan import AnalysisPlan, Reading
from recommender.experiments.analysis.policies import PolicyValue
from recommender.experiments.analysis.words import (
    NONE,
    absolute_span,
    amount,
    count,
    level,
    percent,
    probability,
    rounded_up,
    span,
)


@dataclass(frozen=True, slots=True)
class VisitorCounts:
    """Visitors of each variation, by code: exposed, expected by the configured weights, and compared."""

    exposed: Sequence[int]
    expected: Sequence[float]
    compared: Sequence[int]


def visitors_table(
    title: str,
    variations: Sequence[str],
    visitors: VisitorCounts,
    results: Sequence[MetricResult],
    plan: AnalysisPlan,
) -> ReportTable:
    """Return the visitors of each variation, and the plain value of every metric among those compared."""
    columns = ("", *(f"{name} (control)" if name == plan.control else name for name in variations))
    counts = (
        ("exposed visitors", visitors.exposed),
        ("expected by the weights", visitors.expected),
        ("compared (window over)", visitors.compared),
    )
    rows = [(label, *(count(number) for number in numbers)) for label, numbers in counts]
    rows += [
        (result.metric.label, *(_value(result, code, plan) for code in range(len(variations))))
        for result in results
        if any(value is not None for value in result.values)
    ]
    return ReportTable(title, columns, tuple(rows))


def metrics_table(results: Sequence[MetricResult], plan: AnalysisPlan) -> ReportTable:
    """Return the difference of every metric in every variation."""
    once, always, missing = f"{level(plan.level)}, one look", "always valid", "missing per arm"
    columns: tuple[str, ...] = (
        "metric",
        "variation",
        "difference",
        "relative",
        once,
        always,
        "p",
        "power",
        missing,
    )
    rows = tuple(
        _comparison(result, comparison, plan) for result in results for comparison in result.comparisons
    )
    names = {row[1] for row in rows}
    title = f"Against {plan.control}"
    if len(names) == 1:
        title = f"{names.pop()} against {plan.control}"
        columns, rows = columns[:1] + columns[2:], tuple(row[:1] + row[2:] for row in rows)
    decides, other = (always, once) if plan.reading is Reading.ALWAYS_VALID else (once, always)
    notes = (*_decision_notes(results, plan, decides), *_progress_notes(results, plan))
    expendable = ("power", "p", missing, other, "difference")
    return ReportTable(title, columns, rows, notes, expendable)


def _decision_notes(results: Sequence[MetricResult], plan: AnalysisPlan, decides: str) -> list[str]:
    primary = next((result for result in results if result.metric.name == plan.primary), None)
    label = plan.primary if primary is None else primary.metric.label
    note = f"Decides: {label}, column “{decides}”."
    if plan.reading is Reading.PLANNED:
        return [note]
    notes = [f"{note} Interval and p of one look are narrower, and right only for who looks once."]
    for comparison in () if primary is None else primary.comparisons:
        interval = comparison.difference.decisive(plan.reading)
        if not interval.excludes_zero:
            notes.append(f"So far {_stand(comparison, label)} is still possible.")
    return notes


def _stand(comparison: Comparison, label: str) -> str:
    """Return where a variation stands, and what else it may come to."""
    relative = comparison.difference.always_relative
    if relative is None:
        return f"{comparison.variation} was seen by too few visitors to say anything of its {label}: any difference"
    estimate = percent(relative.estimate, signed=True)
    return f"{comparison.variation} stands at {estimate} {label}, and anything from {span(relative)}"


def _progress_notes(results: Sequence[MetricResult], plan: AnalysisPlan) -> list[str]:
    """Return how far the deciding metric is where it has not decided; narrow terminals lack the columns that say so."""
    notes = []
    for result in results:
        for comparison in result.comparisons if result.metric.name == plan.primary else ():
            power, missing = progress_words(comparison)
            decided = comparison.difference.decisive(plan.reading).excludes_zero
            if comparison.progress is None or decided:
                continue
            several = f" with {comparison.variation}" if len(plan.phases[-1].weights) > 2 else ""
            needed = "are" if plan.reading is Reading.ALWAYS_VALID else "would have been"
            notes.append(
                f"A difference of {level(plan.minimum_effect)} in {result.metric.label}{several} would be seen by now with {power} "
                f"probability (power); for {level(plan.power)} about {missing} more visitors per arm {needed} needed."
            )
    return notes


def policies_table(policies: Sequence[PolicyValue], plan: AnalysisPlan) -> ReportTable:
    """Return what ways of choosing the homepage would earn per visitor, from the randomized slice."""
    sure = level(plan.level)
    snips, robust, gain, effective = "SNIPS", "doubly robust", "gain", "effective visitors"
    spans = tuple(f"{name}, {sure}" for name in (snips, robust, gain))
    columns = ("policy", snips, spans[0], robust, spans[1], gain, spans[2], effective)
    rows = []
    for value in policies:
        cells = [value.policy]
        for interval, signed in ((value.snips, False), (value.doubly_robust, False), (value.gain, True)):
            if interval is None:
                cells += [NONE, NONE]
                continue
            estimate, low, high = (
                _cents(end, signed=signed) for end in (interval.estimate, interval.low, interval.high)
            )
            cells += [estimate, f"{low} to {high}"]
        rows.append((*cells, count(value.effective_decisions)))
    title = f"Homepage policies, from visitors whose homepage was drawn at random: margin per visitor in {plan.currency}"
    return ReportTable(
        title, columns, tuple(rows), _policy_notes(policies), (spans[0], effective, snips, spans[1])
    )


def _policy_notes(policies: Sequence[PolicyValue]) -> tuple[str, ...]:
    notes = [
        "What each policy would earn if everybody got it; nobody was shown it for that. These intervals are for one look, one policy."
    ]
    baseline = next((value.baseline for value in policies if value.baseline), None)
    if baseline is not None:
        notes.append(f"Gain: over {baseline}, doubly robust.")
    thin = [value.policy for value in policies if value.thin]
    if thin:
        notes.append(
            f"Warning: too few visitors agree with a policy to trust its interval: {', '.join(thin)}."
        )
    return tuple(notes)


def _cents(value: float, *, signed: bool) -> str:
    return amount(value, Unit.MONEY, "", signed=signed).rstrip()


def progress_words(comparison: Comparison) -> tuple[str, str]:
    """Return the power reached and the visitors still missing per arm."""
    progress = comparison.progress
    if progress is None:
        return NONE, NONE
    power = percent(progress.power)
    if not 0.001 <= progress.power <= 0.99:
        power = "> 99 %" if progress.power > 0.99 else "< 0.1 %"
    return power, count(rounded_up(progress.missing_per_variation))


def _comparison(result: MetricResult, comparison: Comparison, plan: AnalysisPlan) -> tuple[str, ...]:
    difference, metric = comparison.difference, result.metric
    pairs = (
        (difference.relative, difference.absolute),
        (difference.always_relative, difference.always_absolute),
    )
    intervals = [
        absolute_span(absolute, metric.unit, plan.currency) if relative is None else span(relative)
        for relative, absolute in pairs
    ]
    change = amount(difference.absolute.estimate, metric.unit, plan.currency, signed=True)
    return (
        metric.label,
        comparison.variation,
        change.replace(" %", " points"),
        NONE if difference.relative is None else percent(difference.relative.estimate, signed=True),
        *intervals,
        probability(difference.p_value),
        *progress_words(comparison),
    )


def _value(result: MetricResult, code: int, plan: AnalysisPlan) -> str:
    value = result.values[code]
    if value is None:
        return NONE
    text = amount(value.value, result.metric.unit, plan.currency)
    return f"{text} ({count(result.totals[code])})" if result.metric.kind is MetricKind.PROPORTION else text
