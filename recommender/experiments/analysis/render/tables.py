"""A report as tables for a terminal; the command line prints them."""

from collections.abc import Sequence
from dataclasses import dataclass

from recommender.evaluation.report import ReportTable
from recommender.experiments.analysis.comparison import Comparison, MetricResult
from recommender.experiments.analysis.metrics import MetricKind
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
        ("as configured", visitors.expected),
        ("compared", visitors.compared),
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
    columns = (
        "metric", "variation", "difference", "relative", f"{level(plan.level)} interval", "always valid", "p", "power",
        "missing per arm",
    )  # fmt: skip
    rows = tuple(
        _comparison(result, comparison, plan) for result in results for comparison in result.comparisons
    )
    primary = next(
        (result.metric.label for result in results if result.metric.name == plan.primary), plan.primary
    )
    decides = "always valid" if plan.reading is Reading.ALWAYS_VALID else f"{level(plan.level)} interval"
    note = (
        f"Decides: {primary}, “{decides}”. Power and missing visitors: to see a difference of "
        f"{level(plan.minimum_effect)} by it, with {level(plan.power)} probability."
    )
    return ReportTable(f"Against {plan.control}", columns, rows, (note,))


def policies_table(policies: Sequence[PolicyValue], plan: AnalysisPlan) -> ReportTable:
    """Return what policies would earn per decision, from the randomized slice."""
    sure = level(plan.level)
    columns = ("policy", "SNIPS", sure, "doubly robust", sure, "gain", sure, "effective decisions")
    rows = []
    for value in policies:
        cells = [value.policy]
        for interval in (value.snips, value.doubly_robust, value.gain):
            if interval is None:
                cells += [NONE, NONE]
            else:
                cells += [f"{interval.estimate:.4g}", f"{interval.low:.4g} to {interval.high:.4g}"]
        rows.append((*cells, count(value.effective_decisions)))
    baseline = next((value.baseline for value in policies if value.baseline), None)
    notes = [f"Gain: over {baseline}, doubly robust."] if baseline else []
    thin = [value.policy for value in policies if value.thin]
    if thin:
        notes.append(f"Too few decisions agree to trust the intervals of: {', '.join(thin)}.")
    title = "Policies, from uniformly randomized decisions: reward per decision"
    return ReportTable(title, columns, tuple(rows), tuple(notes))


def progress_words(comparison: Comparison) -> tuple[str, str]:
    """Return the power reached and the visitors still missing per arm."""
    progress = comparison.progress
    if progress is None:
        return NONE, NONE
    power = "> 99 %" if progress.power > 0.99 else percent(progress.power)
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
