"""What the figures mean, in one sentence for each variation."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from recommender.experiments.analysis.comparison import Comparison, MetricResult
from recommender.experiments.analysis.intervals import Interval
from recommender.experiments.analysis.metrics import Direction, Metric
from recommender.experiments.analysis.plan import AnalysisPlan, Reading
from recommender.experiments.analysis.split import SplitState, SplitTest
from recommender.experiments.analysis.words import (
    absolute_span,
    amount,
    count,
    duration,
    level,
    percent,
    probability,
    rounded_up,
    span,
)


class Outcome(StrEnum):
    """What to make of a variation."""

    DO_NOT_READ = "do_not_read"
    NOT_YET = "not_yet"
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no_difference"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class VariationVerdict:
    """The verdict on one variation; its sentence starts with a lower-case word or the variation's name."""

    variation: str
    outcome: Outcome
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on an experiment.

    Attributes:
        outcome: of the split if it is broken, else the first of BETTER, WORSE, NOT_YET, INCONCLUSIVE and NO_DIFFERENCE
            that a variation has.
        sentence: all of it in plain words.
        variations: one by one.
        remarks: other metrics that moved, worse ones first. They were not what the experiment was planned for, and with
            many metrics one in twenty moves by chance.
    """

    outcome: Outcome
    sentence: str
    variations: tuple[VariationVerdict, ...]
    remarks: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the verdict."""
        return {
            "outcome": self.outcome.value,
            "sentence": self.sentence,
            "variations": [
                {"variation": one.variation, "outcome": one.outcome.value, "sentence": one.sentence}
                for one in self.variations
            ],
            "remarks": list(self.remarks),
        }


def judge(split: SplitTest, results: Sequence[MetricResult], plan: AnalysisPlan, compared: int) -> Verdict:
    """Say what an experiment shows.

    Args:
        split: comes first: where it is broken nothing else is said.
        results: every metric, the primary one among them.
        plan: what decides, and how.
        compared: visitors of all variations whose conversion window is closed.
    """
    if split.state is SplitState.BROKEN:
        sentence = f"do not read this: the split is {split.shares()} (p = {probability(split.p_value)})"
        return Verdict(Outcome.DO_NOT_READ, sentence.replace("p = <", "p <"), (), ())
    primary = next((result for result in results if result.metric.name == plan.primary), None)
    if primary is None or not primary.comparisons:
        return Verdict(Outcome.NOT_YET, _nothing(split, primary, plan, compared), (), ())
    judged = tuple(_judge(primary.metric, comparison, plan, compared) for comparison in primary.comparisons)
    order = (Outcome.BETTER, Outcome.WORSE, Outcome.NOT_YET, Outcome.INCONCLUSIVE, Outcome.NO_DIFFERENCE)
    outcome = min((one.outcome for one in judged), key=order.index)
    remarks = (
        [] if outcome is Outcome.NOT_YET and plan.reading is Reading.PLANNED else _remarks(results, plan)
    )
    sentence = "; ".join(one.sentence for one in judged)
    if len(judged) > 1 and all(one.outcome is Outcome.WORSE for one in judged):
        sentence = f"{plan.control} wins: {sentence}"
    return Verdict(outcome, sentence, judged, tuple(remarks))


def _nothing(split: SplitTest, primary: MetricResult | None, plan: AnalysisPlan, compared: int) -> str:
    """Return why there is no comparison."""
    if split.observed.size < 2:
        return "nothing to compare: the experiment has one variation only"
    if not compared and split.observed.any():
        return f"not yet: nobody's conversion window of {duration(plan.window_seconds)} is over"
    what = plan.primary if primary is None else primary.metric.label
    return f"not yet: there is no {what} to compare"


def _judge(metric: Metric, comparison: Comparison, plan: AnalysisPlan, compared: int) -> VariationVerdict:
    name, interval = comparison.variation, comparison.difference.decisive(plan.reading)
    if plan.reading is Reading.PLANNED and compared < plan.planned_visitors:
        missing = -(-(plan.planned_visitors - compared) // len(plan.phases[-1].weights))
        return VariationVerdict(name, Outcome.NOT_YET, _not_yet(name, missing, plan))
    if comparison.lopsided_below is not None:
        return VariationVerdict(name, Outcome.NOT_YET, _lopsided(metric, comparison, plan))
    if interval.excludes_zero:
        better = (interval.estimate > 0) == (metric.direction is Direction.UP)
        sentence = effect_sentence(metric, comparison, plan)
        return VariationVerdict(name, Outcome.BETTER if better else Outcome.WORSE, sentence)
    return _without_effect(metric, comparison, plan)


def _without_effect(metric: Metric, comparison: Comparison, plan: AnalysisPlan) -> VariationVerdict:
    """Return what an interval that holds zero says: that there is nothing, nothing yet, or nothing to be known."""
    name, interval = comparison.variation, comparison.difference.decisive(plan.reading)
    relative, wanted = comparison.difference.relative is not None, level(plan.minimum_effect)
    if relative and interval.low > -plan.minimum_effect and interval.high < plan.minimum_effect:
        sentence = (
            f"{name} makes no difference that matters: any effect on {metric.label} is under {wanted} "
            f"{_level(interval, plan)}"
        )
        return VariationVerdict(name, Outcome.NO_DIFFERENCE, sentence)
    progress = comparison.progress
    if progress is None or progress.missing_per_variation == 0:
        sentence = (
            f"{name} shows no effect on {metric.label}, though {wanted} would have been seen with "
            f"{level(plan.power)} probability {_level(interval, plan)}"
        )
        return VariationVerdict(name, Outcome.INCONCLUSIVE, sentence)
    if plan.reading is Reading.PLANNED:
        # To go on now because nothing was found, and to look again, is the peeking that this reading must not do.
        sentence = (
            f"{name} shows no effect on {metric.label} {_level(interval, plan)}, and {wanted} would have been seen with "
            f"{percent(progress.power)} probability only: plan a new experiment for {count(rounded_up(progress.needed))} visitors"
        )
        return VariationVerdict(name, Outcome.INCONCLUSIVE, sentence)
    return VariationVerdict(name, Outcome.NOT_YET, _not_yet(name, progress.missing_per_variation, plan))


def effect_sentence(metric: Metric, comparison: Comparison, plan: AnalysisPlan) -> str:
    """Return what a variation does to a metric: ``promo loses 3.1 % margin per visitor (95 %: 1.2 to 4.9 %)``."""
    name, interval = comparison.variation, comparison.difference.decisive(plan.reading)
    verb = metric.verb(rises=interval.estimate > 0)
    if interval in (comparison.difference.absolute, comparison.difference.always_absolute):
        size = amount(abs(interval.estimate), metric.unit, plan.currency)
        bounds = f"({level(plan.level)}: {absolute_span(interval, metric.unit, plan.currency)})"
    else:
        size = percent(abs(interval.estimate))
        bounds = _level(interval if interval.estimate > 0 else _turned(interval), plan)
    if verb in {"gains", "loses"}:
        return f"{name} {verb} {size} {metric.label} {bounds}"
    return f"{name} {verb} {metric.label} by {size} {bounds}"


def _remarks(results: Sequence[MetricResult], plan: AnalysisPlan) -> list[str]:
    """Return what moved besides the primary metric, what is worse first."""
    worse: list[str] = []
    better: list[str] = []
    for result in results:
        for comparison in result.comparisons if result.metric.name != plan.primary else ():
            interval = comparison.difference.decisive(plan.reading)
            if not interval.excludes_zero or comparison.lopsided_below is not None:
                continue
            good = (interval.estimate > 0) == (result.metric.direction is Direction.UP)
            (better if good else worse).append(effect_sentence(result.metric, comparison, plan))
    return worse + better


def _not_yet(name: str, missing: int, plan: AnalysisPlan) -> str:
    several = f"{name}: " if len(plan.phases[-1].weights) > 2 else ""
    return f"{several}not yet: {count(rounded_up(missing))} more visitors per arm"


def _lopsided(metric: Metric, comparison: Comparison, plan: AnalysisPlan) -> str:
    several = f"{comparison.variation}: " if len(plan.phases[-1].weights) > 2 else ""
    return (
        f"{several}not yet: the smaller arm has too few visitors for {metric.label}, which can be read from about "
        f"{count(rounded_up(comparison.lopsided_below or 0))} visitors of both arms on"
    )


def _level(interval: Interval, plan: AnalysisPlan) -> str:
    ends = span(interval, signed=interval.low < 0 < interval.high)
    return f"({level(plan.level)}: {ends})"


def _turned(interval: Interval) -> Interval:
    """Return a loss as a positive number, its smaller end first."""
    return Interval(-interval.estimate, -interval.high, -interval.low)
