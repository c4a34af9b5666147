"""How good the recommendations are: against the current model, night by night, and by amount of data."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import log2, sqrt
from typing import Final
from xml.etree.ElementTree import Element

from recommender.experiments.analysis.words import count, percent, tick
from recommender.plots.frame import HALF
from recommender.plots.lines import Line, line_plot
from recommender.plots.whiskers import Whisker, whisker_plot
from recommender.recommendations.replay import Hits
from recommender.training.learning_curve import CurvePoint
from recommender.training.render.figure import Figure
from recommender.training.render.words import points, share_words, short
from recommender.training.report import TrainingReport

MEASURES: Final = (("HR@20", "hit_rate"), ("MRR@20", "mrr"))
"""Names of the measures, and of the attributes that hold them."""

_LEAST_SPAN: Final = 0.1
"""An axis reaches at least this share of its middle to both sides: small steps shall look small."""


def comparison_figure(report: TrainingReport) -> Figure | None:
    """Return the difference to the current model; None without a comparison."""
    comparison = report.comparison
    if comparison is None or comparison.current is None:
        return None
    rows, readings = [], []
    for label, name in MEASURES:
        mine, base = getattr(comparison.candidate, name), getattr(comparison.current, name)
        interval = comparison.hit_rate_difference if name == "hit_rate" else comparison.mrr_difference
        if interval is None or base <= 0:
            continue
        ends = (interval[0] / base, interval[1] / base)
        rows.append(Whisker(label, (mine - base) / base, ends))
        readings.append(f"{label} {points(mine - base)}")
    if not rows:
        return None
    since = "" if comparison.from_day is None else f" from {comparison.from_day} on"
    reading = f"Both models answered the same {count(comparison.cases)} clicks{since}: {', '.join(readings)}."
    if report.margin is not None:
        reading += (
            f" A model is refused when its dot is left of the dashed line ({share_words(report.margin)} worse) and its whole "
            "line left of zero."
        )
    plot = whisker_plot(
        "comparison",
        "Relative difference to the current model",
        f"The dot is the difference, the line its 95 % interval. {reading}",
        rows,
        words=tick,
        axis_label="difference to the current model, 95 % interval",
        width=HALF.width,
        floor=None if report.margin is None else -report.margin,
    )
    return Figure("Against the current model", reading, (plot,))


def history_figure(report: TrainingReport) -> Figure | None:
    """Return HR@20 and MRR@20 of the models so far; None if there is no earlier one."""
    comparison = report.comparison
    if not report.history or comparison is None or comparison.cases == 0:
        return None
    times = [model.created_at for model in report.history]
    plots = []
    for label, name in MEASURES:
        past = [getattr(model, name) for model in report.history]
        mine = getattr(comparison.candidate, name)
        lines = [
            Line("earlier models", times, past, dots=True),
            Line("this model", [report.created_at], [mine]),
        ]
        plots.append(
            line_plot(
                f"history-{name}",
                f"{label} of every model",
                f"{label} was {percent(past[-1])} with the last one before and is {percent(mine)} now.",
                lines,
                x_words=_day_of,
                y_words=share_words,
                x_label=f"{label} by training (UTC)",
                x_ticks=_spread([*times, report.created_at], 5),
                y_limits=_calm_limits([*past, mine]),
                size=HALF,
            )
        )
    reading = "Each model was tested on its own held-out days, and days differ: small steps mean little here."
    return Figure("Night by night", reading, tuple(plots))


def learning_figure(curve: Sequence[CurvePoint]) -> Figure | None:
    """Return quality by the amount of data; None if only the whole was measured."""
    if len(curve) < 2:
        return None
    before, whole = curve[-2:]
    gain = whole.hits.hit_rate - before.hits.hit_rate
    # Both points answer the same cases, so this overstates the error; the words are on the safe side.
    error = sqrt(2) * _standard_error(whole.hits)
    means = "which chance alone may do: more history would bring little"
    if gain > 2 * error:
        means = "more than chance alone does: more history would help"
    elif gain < -2 * error:
        means = (
            "more than chance alone does: older history does harm, and a shorter half-life may serve better"
        )
    start = "half of the data" if before.share == 0.5 else f"{share_words(before.share)} of the data"
    reading = f"From the newest {start} to all of it HR@20 changes by {points(gain)}, {means}."
    places = [log2(point.share) for point in curve]
    amounts = {place: short(point.interactions) for place, point in zip(places, curve, strict=True)}
    plots = [_learning_plot(label, name, curve, amounts) for label, name in MEASURES]
    return Figure("Learning curve", reading, tuple(plots))


def _learning_plot(
    label: str, name: str, curve: Sequence[CurvePoint], amounts: Mapping[float, str]
) -> Element:
    """Return one measure by the amount of data, doublings equally far apart."""
    places = list(amounts)
    values = [getattr(point.hits, name) for point in curve]
    # Of MRR@20 the hits do not hold what an interval takes.
    reach = [1.96 * _standard_error(point.hits) for point in curve] if name == "hit_rate" else []
    low = [value - width for value, width in zip(values, reach, strict=False)]
    high = [value + width for value, width in zip(values, reach, strict=False)]
    return line_plot(
        f"learning-{name}",
        f"{label} by amount of data",
        f"{label} is {percent(values[0])} with {amounts[places[0]]} interactions and {percent(values[-1])} with all.",
        [Line(label, places, values, low, high, dots=True)],
        x_words=amounts.__getitem__,
        y_words=share_words,
        x_label=f"{label} by interactions learned from" + ("; band: 95 % interval" if reach else ""),
        x_ticks=places,
        y_limits=_calm_limits([*values, *low, *high]),
        size=HALF,
    )


def _standard_error(hits: Hits) -> float:
    """Return the binomial standard error of a hit rate."""
    return sqrt(hits.hit_rate * (1 - hits.hit_rate) / hits.cases) if hits.cases else 0.0


def _calm_limits(values: Sequence[float]) -> tuple[float, float]:
    """Return limits around shares that do not blow small differences up."""
    middle = (min(values) + max(values)) / 2
    reach = max((max(values) - min(values)) / 2 * 1.1, _LEAST_SPAN * middle, 0.001)
    return max(0.0, middle - reach), middle + reach


def _spread(places: Sequence[float], most: int) -> list[float]:
    """Return at most ``most`` of some places, evenly spaced by number, the last always among them."""
    every = -(-len(places) // most)
    return list(places[::-1][::every][::-1])


def _day_of(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b")
