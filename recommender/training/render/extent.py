"""What a model was made from and what it holds: days, items, popularity, sizes, time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Final

from recommender.experiments.analysis.words import count, percent
from recommender.plots.bars import Bar, bar_plot
from recommender.plots.columns import Column, column_plot
from recommender.plots.frame import FULL, HALF
from recommender.plots.lines import Line, line_plot
from recommender.sizes.calibration import PRESELECT_CONFIDENCE
from recommender.training.calibration_curve import CalibrationBin, calibration_error, error_by_chance
from recommender.training.concentration import Concentration
from recommender.training.render.figure import Figure
from recommender.training.render.words import points, share_words, short, time_taken
from recommender.training.report import Coverage, TrainingReport

FEW_DAYS: Final = 10
"""Days that half of the page's width is enough for."""

LEAST_SHARE: Final = 0.01
"""Share of the time from which on a stage is drawn by itself; the table has the others too."""


def volume_figure(report: TrainingReport) -> Figure | None:
    """Return the interactions of each day; None without real times."""
    if not report.volumes:
        return None
    # The day of the training itself is not over: half an hour of it would look like an outage.
    today = datetime.fromtimestamp(report.created_at, UTC).date().isoformat()
    over = [day for day in report.volumes if day.day != today] or report.volumes
    usual, newest = median(day.interactions for day in over), over[-1]
    reading = f"{newest.day} brought {count(newest.interactions)} interactions"
    if usual:
        reading += f", {percent(newest.interactions / usual)} of the median day's"
    bots = report.bots
    if bots.visitors:
        reading += f". {count(bots.visitors)} visitors with {count(bots.interactions)} interactions were left out as bots"
    plot = column_plot(
        "volume",
        "Interactions by day",
        f"{reading}.",
        [Column(_day_words(day.day), day.interactions, day.held_out) for day in report.volumes],
        words=short,
        axis_label="interactions by day (UTC)",
        kinds=("learned from", "held out"),
        reference=(usual, f"median day: {short(usual)}"),
        size=FULL if len(report.volumes) > FEW_DAYS else HALF,
    )
    return Figure("Data volume", f"{reading}.", (plot,))


def coverage_figure(coverage: Coverage, items: int) -> Figure | None:
    """Return which items the model has something to say of; None if there is nothing to have it of."""
    total = items if coverage.in_stock_items is None else coverage.in_stock_items
    what = "items learned from" if coverage.in_stock_items is None else "items in stock"
    if not total:
        return None
    share = coverage.with_neighbours / total
    bars = [Bar(what, share, percent(share))]
    reading = f"{count(coverage.with_neighbours)} of {count(total)} {what} have neighbours."
    looked_at, before = coverage.looked_at_share, coverage.current_looked_at_share
    if looked_at is not None:
        bars.append(Bar("interest, this model", looked_at, percent(looked_at)))
        reading += f" On the held-out days {percent(looked_at)} of the interest went to items that have them in the candidate"
        reading += (
            "." if before is None else f", {percent(before)} to items that have them in the current model."
        )
    if before is not None:
        bars.append(Bar("interest, current model", before, percent(before), outlined=True))
    plot = bar_plot("coverage", "Share of items with neighbours", reading, bars, most=1.0)
    return Figure("Coverage", reading, (plot,))


def popularity_figure(popularity: Concentration | None) -> Figure | None:
    """Return how much of the recommendations goes to few items."""
    if popularity is None:
        return None
    reading = (
        f"Half of the recommendations are of {percent(popularity.half_of_recommendations)} of the items, half of the "
        f"interest goes to {percent(popularity.half_of_interactions)}. {percent(popularity.recommended / popularity.items)} "
        "of the items were recommended to somebody."
    )
    lines = [
        Line("recommendations", popularity.shares, popularity.recommendations),
        Line("interactions", popularity.shares, popularity.interactions),
    ]
    plot = line_plot(
        "popularity",
        "Share of recommendations and interactions by share of items",
        f"{reading} On the dashed line all items would get the same.",
        lines,
        x_words=share_words,
        y_words=share_words,
        x_label="share of items, most popular first; dashed: all alike",
        y_limits=(0.0, 1.0),
        diagonal=True,
        size=HALF,
    )
    return Figure("Popularity", reading, (plot,))


def calibration_figure(bins: Sequence[CalibrationBin]) -> Figure | None:
    """Return said and true probability of sizes; None without held-out purchases."""
    if not bins:
        return None
    purchases = sum(one.outcomes for one in bins)
    sure = [one for one in bins if one.predicted >= PRESELECT_CONFIDENCE]
    off, chance = (points(error).lstrip("+") for error in (calibration_error(bins), error_by_chance(bins)))
    reading = f"On {count(purchases)} held-out purchases the confidence of a size was off by {off} on average; chance alone makes {chance}."
    if sure:
        right = sum(one.observed * one.outcomes for one in sure) / sum(one.outcomes for one in sure)
        reading += f" Of sizes sure enough to be preselected (from {share_words(PRESELECT_CONFIDENCE)} on), {percent(right)} were bought."
    said, was = [one.predicted for one in bins], [one.observed for one in bins]
    low, high = ([one.interval[end] for one in bins] for end in (0, 1))
    plot = line_plot(
        "calibration",
        "How often a size was right, by the confidence in it",
        f"{reading} On the dashed line confidence and truth are the same.",
        [Line("sizes", said, was, low, high, dots=True)],
        x_words=share_words,
        y_words=share_words,
        x_label="confidence said; band: 95 % interval; dashed: exact",
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.0),
        diagonal=True,
        size=HALF,
    )
    return Figure("Size calibration", reading, (plot,))


def stages_figure(report: TrainingReport) -> Figure | None:
    """Return where the time went; None if nobody measured."""
    if not report.stage_seconds or max(report.stage_seconds.values()) <= 0:
        return None
    longest = max(report.stage_seconds, key=report.stage_seconds.__getitem__)
    share = report.stage_seconds[longest] / max(report.seconds, report.stage_seconds[longest])
    reading = f"{time_taken(report.seconds)} in all, {percent(share)} of it for “{longest}”."
    drawn = {
        name: seconds
        for name, seconds in report.stage_seconds.items()
        if seconds >= LEAST_SHARE * report.seconds
    }
    bars = [Bar(name, seconds, time_taken(seconds)) for name, seconds in drawn.items()]
    rest = report.seconds - sum(drawn.values())
    if len(drawn) < len(report.stage_seconds) and rest > 0:
        bars.append(Bar("everything else", rest, time_taken(rest), outlined=True))
    return Figure("Time", reading, (bar_plot("stages", "Time of each stage", reading, bars),))


def _day_words(day: str) -> str:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).strftime("%d %b")
