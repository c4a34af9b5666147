"""How an experiment's figures came to be: what the report would have said on each earlier day."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from recommender.experiments.analysis.comparison import Difference, compare_variations
from recommender.experiments.analysis.metrics import Metric
from recommender.experiments.analysis.plan import AnalysisPlan
from recommender.experiments.analysis.visitors import ExposedVisitors

DAY_SECONDS: Final = 86_400.0

MOST_LOOKS: Final = 60
"""Points of one curve at most; of longer experiments every second, third … day is shown."""


@dataclass(frozen=True, slots=True)
class DayPoint:
    """The differences to the control among the visitors exposed until the end of one day.

    Attributes:
        until: Unix seconds, end of the day in UTC (of the last day, the last exposure).
        visitors: compared so far, of all variations.
        differences: by variation; one without enough visitors is absent.
    """

    until: float
    visitors: int
    differences: dict[str, Difference]


def compare_by_day(metric: Metric, visitors: ExposedVisitors, plan: AnalysisPlan) -> tuple[DayPoint, ...]:
    """Return the comparison on the visitors exposed until each day's end, oldest first.

    Every visitor counts with the whole conversion window, so a day's point is what a report of one window later said.
    """
    if not len(visitors):
        return ()
    ordered = visitors.take(np.argsort(visitors.exposed_at, kind="stable"))
    first, last = float(ordered.exposed_at[0]), float(ordered.exposed_at[-1])
    start = math.floor(first / DAY_SECONDS)
    days = math.floor(last / DAY_SECONDS) - start + 1
    points = []
    for day in range(days, 0, -max(1, -(-days // MOST_LOOKS))):
        until = min((start + day) * DAY_SECONDS, last)
        rows = int(np.searchsorted(ordered.exposed_at, until, side="right"))
        result = compare_variations(metric, ordered.take(slice(rows)), plan)
        differences = {
            one.variation: one.difference for one in result.comparisons if one.lopsided_below is None
        }
        points.append(DayPoint(until, rows, differences))
    return tuple(reversed(points))
