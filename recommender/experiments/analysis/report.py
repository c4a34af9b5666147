"""The report of an experiment: everything that was found, as one value that can be printed, drawn or sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from recommender.evaluation.report import ReportTable
from recommender.experiments.analysis.comparison import MetricResult, compare_variations
from recommender.experiments.analysis.days import DayPoint, compare_by_day
from recommender.experiments.analysis.metrics import METRICS, Metric
from recommender.experiments.analysis.notes import notes_on
from recommender.experiments.analysis.plan import AnalysisPlan, check_primary
from recommender.experiments.analysis.policies import PolicyValue
from recommender.experiments.analysis.render.tables import (
    VisitorCounts,
    metrics_table,
    policies_table,
    visitors_table,
)
from recommender.experiments.analysis.split import SplitState, SplitTest, check_split
from recommender.experiments.analysis.verdict import Verdict, judge
from recommender.experiments.analysis.visitors import ExposedVisitors

_REWEIGHTED: Final = (
    "Weights were changed on the way: every visitor counts by 1 / propensity, or early days would be compared with "
    "late ones."
)

_REMARKS: Final = "What else moved is a hint and no verdict: the more metrics are looked at, the likelier one of them moves by chance."


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentReport:
    """What an experiment shows at one moment.

    Attributes:
        experiment: its key.
        variations: names, in the order of their codes.
        plan: how it was read.
        as_of: Unix seconds, the moment it was read at.
        split: the sample-ratio-mismatch test over all exposed visitors.
        compared: visitors of each variation whose conversion window is closed; the others are waited for.
        results: one for each metric whose columns are there. Without comparisons where the split is broken.
        skipped: metrics whose columns are not there.
        days: differences by day of the primary metric.
        policies: values estimated from the randomized slice.
        verdict: in plain words.
        notes: what a reader should know about how these figures were made.
    """

    experiment: str
    variations: tuple[str, ...]
    plan: AnalysisPlan
    as_of: float
    split: SplitTest
    compared: tuple[int, ...]
    results: tuple[MetricResult, ...]
    skipped: tuple[str, ...]
    days: tuple[DayPoint, ...]
    policies: tuple[PolicyValue, ...]
    verdict: Verdict
    notes: tuple[str, ...]

    @property
    def primary(self) -> MetricResult | None:
        """The result that the verdict is about."""
        return next((result for result in self.results if result.metric.name == self.plan.primary), None)

    def as_json(self) -> dict[str, object]:
        """Return the report as plain dictionaries, lists, strings and finite numbers."""
        plan = self.plan
        return {
            "experiment": self.experiment,
            "as_of": self.as_of,
            "verdict": self.verdict.as_json(),
            "split": self.split.as_json(),
            "variations": [
                {
                    "variation": name,
                    "control": name == plan.control,
                    "exposed": int(self.split.observed[code]),
                    "compared": self.compared[code],
                }
                for code, name in enumerate(self.variations)
            ],
            "metrics": [result.as_json() for result in self.results],
            "skipped_metrics": list(self.skipped),
            "days": [
                {
                    "until": point.until,
                    "visitors": point.visitors,
                    "differences": {name: one.as_json() for name, one in point.differences.items()},
                }
                for point in self.days
            ],
            "policies": [value.as_json() for value in self.policies],
            "plan": {
                "primary": plan.primary,
                "reading": plan.reading.value,
                "level": plan.level,
                "minimum_effect": plan.minimum_effect,
                "power": plan.power,
                "planned_visitors": plan.planned_visitors,
                "window_seconds": plan.window_seconds,
                "winsorize_quantile": plan.winsorize_quantile,
                "currency": plan.currency,
            },
            "notes": list(self.notes),
        }

    def tables(self) -> tuple[ReportTable, ...]:
        """Return the report as tables for a terminal."""
        title = f"{self.experiment}: {self.verdict.sentence}"
        counts = VisitorCounts(self.split.observed.tolist(), self.split.expected.tolist(), self.compared)
        tables = [visitors_table(title, self.variations, counts, self.results, self.plan)]
        if any(result.comparisons for result in self.results):
            tables.append(metrics_table(self.results, self.plan))
        if self.policies:
            tables.append(policies_table(self.policies, self.plan))
        last = tables.pop()
        remarks = tuple(f"Also: {remark}." for remark in self.verdict.remarks)
        remarks += (_REMARKS,) if remarks else ()
        return (*tables, replace(last, notes=(*last.notes, *remarks, *self.notes)))


def analyze_experiment(
    visitors: ExposedVisitors,
    plan: AnalysisPlan,
    *,
    now: float,
    metrics: Iterable[Metric] = tuple(METRICS.values()),
    policies: Sequence[PolicyValue] = (),
) -> ExperimentReport:
    """Read an experiment.

    Args:
        visitors: everybody exposed until ``now``, once.
        plan: what was settled before.
        now: Unix seconds; who was exposed less than the conversion window ago is counted but not compared.
        metrics: what to compare.
        policies: values of :func:`~recommender.experiments.analysis.policies.policy_values` to show with it.

    Raises:
        VisitorsError: the table cannot be analyzed.
        PlanError: the plan does not fit the experiment.
    """
    visitors.check()
    plan.control_code(visitors.variations)
    declared = tuple(metrics)
    check_primary(plan, [metric.name for metric in declared])
    split = check_split(visitors, plan)
    closed = visitors.take(visitors.exposed_at + plan.window_seconds <= now)
    possible = [metric for metric in declared if set(metric.needs) <= visitors.outcomes.keys()]
    results = tuple(compare_variations(metric, closed, plan) for metric in possible)
    days: tuple[DayPoint, ...] = ()
    if split.state is SplitState.BROKEN:
        # The values of each variation help to find the cause; a difference would only be believed.
        results = tuple(replace(result, comparisons=()) for result in results)
    else:
        primary = next((metric for metric in possible if metric.name == plan.primary), None)
        days = compare_by_day(primary, closed, plan) if primary is not None else ()
    compared = tuple(int(count) for count in closed.counts())
    skipped = tuple(metric.label for metric in declared if metric not in possible)
    known = int(np.count_nonzero(closed.known))
    weighted = len(closed) > 0 and closed.weights() is not None
    notes = notes_on(split, results, plan, skipped, waiting=len(visitors) - len(closed), known=known)
    return ExperimentReport(
        visitors.experiment,
        visitors.variations,
        plan,
        now,
        split,
        compared,
        results,
        skipped,
        days,
        tuple(policies),
        judge(split, results, plan, sum(compared)),
        (*notes, _REWEIGHTED) if weighted else notes,
    )
