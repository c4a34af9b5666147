"""A report as one HTML page: nothing to load, nothing to run, readable without seeing the plots."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element

from recommender.evaluation.report import ReportTable
from recommender.experiments.analysis.comparison import MetricResult
from recommender.experiments.analysis.days import DAY_SECONDS
from recommender.experiments.analysis.metrics import Unit
from recommender.experiments.analysis.plan import Reading
from recommender.experiments.analysis.report import ExperimentReport
from recommender.experiments.analysis.words import amount, level, percent, tick
from recommender.pages.document import document, list_of, scrolled, table_of
from recommender.plots.lines import Line, line_plot
from recommender.plots.markup import element
from recommender.plots.whiskers import Whisker, whisker_plot

WIDEST: Final = 1.0
"""Relative differences beyond ±100 % are cut in the plots: an early, very wide interval would flatten the rest."""


def experiment_page(report: ExperimentReport) -> str:
    """Return the report as a whole HTML document.

    Every figure of a plot is also in a table. Names of experiments, variations and metrics are escaped.
    """
    verdict = report.verdict
    body = element(
        "main",
        element("h1", f"Experiment {report.experiment}, {_moment(report.as_of)}"),
        element(
            "p", _sentence(verdict.sentence, report.variations), class_=f"verdict {verdict.outcome.value}"
        ),
    )
    # The verdict, which titles the first table in a terminal, stands above already.
    first, *others = report.tables()
    tables = [replace(first, title="Visitors"), *others]
    notes = [note for table in tables for note in table.notes if not note.startswith("Also:")]
    warnings = [note for note in notes if note.startswith("Warning: ")]
    body.extend(element("p", warning, class_="warning") for warning in warnings)
    if verdict.remarks:
        body.append(
            list_of(
                "Other metrics that moved: hints, no verdict",
                [_sentence(remark, report.variations) for remark in verdict.remarks],
            )
        )
    body.extend(scrolled(one) if one.tag == "svg" else one for one in _plots(report))
    body.append(element("h2", "Figures"))
    body.extend(table_of(table) for table in tables)
    if report.days:
        body.append(
            element("details", element("summary", "The same day by day"), table_of(_days_table(report)))
        )
    body.append(list_of("Notes", [note for note in notes if note not in warnings]))
    return document(f"{report.experiment}: {verdict.sentence}", body)


def _plots(report: ExperimentReport) -> list[Element]:
    """Return the differences of all metrics, and the primary one by day."""
    drawn: list[Element] = []
    whiskers = [whisker for result in report.results for whisker in _whiskers(result, report)]
    sure = level(report.plan.level)
    if whiskers:
        drawn += [
            element("h2", f"Difference to {report.plan.control}"),
            whisker_plot(
                "differences",
                f"Relative difference to {report.plan.control}, by metric",
                f"A dot is the estimate, the thick line its {sure} interval for one look, the thin line the interval that "
                "holds at every look. A line that does not touch the zero line is a difference. The table below has the figures.",
                whiskers,
                words=tick,
                axis_label=f"thick: {sure} interval for one look; thin: always valid",
                limits=(-WIDEST, WIDEST),
            ),
        ]
    lines = _day_lines(report)
    # Of a single day there is no course, and no axis.
    if report.primary is not None and len({at for line in lines for at in line.x}) > 1:
        label = report.primary.metric.label
        drawn += [
            element("h2", f"{label[:1].upper()}{label[1:]}, day by day"),
            line_plot(
                "days",
                f"Relative difference of {label} to {report.plan.control} by day",
                "The line is the estimate from all visitors exposed until that day, the band the always-valid interval. "
                "Once the band leaves the zero line, there is a difference, and it was right to look.",
                lines,
                x_words=_day,
                y_words=tick,
                x_label="exposed until (UTC); band: always-valid interval",
                y_limits=_day_limits(lines),
                references=(0.0,),
            ),
        ]
    if any(value.gain is not None for value in report.policies):
        drawn += _policies_plot(report)
    return drawn


def _policies_plot(report: ExperimentReport) -> list[Element]:
    """Return what each homepage policy would gain over the one in use."""
    gains = [(value.policy, value.gain) for value in report.policies if value.gain is not None]
    baseline = next(value.baseline for value in report.policies if value.baseline)
    sure, currency = level(report.plan.level), report.plan.currency
    title = f"Margin per visitor of homepage policies, against {baseline}"
    return [
        element("h2", title),
        whisker_plot(
            "policies",
            title,
            f"A dot is the doubly robust estimate from visitors whose homepage was drawn at random, the line its {sure} "
            "interval for one look. The table below has the figures.",
            [Whisker(policy, gain.estimate, (gain.low, gain.high)) for policy, gain in gains],
            words=lambda value: amount(value, Unit.MONEY, "", signed=True).rstrip(),
            axis_label=f"{currency} per visitor, with {sure} interval for one look",
        ),
    ]


def _whiskers(result: MetricResult, report: ExperimentReport) -> list[Whisker]:
    others = [name for name in report.variations if name != report.plan.control]
    rows = []
    for comparison in result.comparisons:
        narrow, wide = comparison.difference.relative, comparison.difference.always_relative
        if narrow is None or comparison.lopsided_below is not None:
            continue
        suffix = f", {comparison.variation}" if len(others) > 1 else ""
        # Where the always-valid interval has no bounds yet, it is drawn over the whole plot.
        ends = (-WIDEST, WIDEST) if wide is None else (wide.low, wide.high)
        rows.append(
            Whisker(
                result.metric.label + suffix,
                narrow.estimate,
                (narrow.low, narrow.high),
                ends,
                others.index(comparison.variation),
            )
        )
    return rows


def _day_lines(report: ExperimentReport) -> list[Line]:
    lines = []
    for name in report.variations:
        points = [
            (point.until, interval)
            for point in report.days
            if name in point.differences and (interval := point.differences[name].always_relative) is not None
        ]
        if points:
            intervals = [interval for _, interval in points]
            lines.append(
                Line(
                    name,
                    [until / DAY_SECONDS for until, _ in points],
                    [interval.estimate for interval in intervals],
                    [interval.low for interval in intervals],
                    [interval.high for interval in intervals],
                )
            )
    return lines


def _day_limits(lines: list[Line]) -> tuple[float, float]:
    """Return limits that show the later two thirds whole: the first days' bands may run out of the plot."""
    ends = [abs(end) for line in lines for edge in (line.low, line.high) for end in edge[len(edge) // 3 :]]
    reach = min(max(ends), WIDEST)
    return -reach, reach


def _days_table(report: ExperimentReport) -> ReportTable:
    names = [name for name in report.variations if name != report.plan.control]
    reading = "one look" if report.plan.reading is Reading.PLANNED else "always valid"
    rows = []
    for point in report.days:
        cells = [_moment(point.until), f"{point.visitors:,}"]
        for name in names:
            one = point.differences.get(name)
            interval = one.decisive(report.plan.reading) if one else None
            relative = one is not None and interval in (one.relative, one.always_relative)
            cells += (
                [
                    percent(interval.estimate, signed=True),
                    f"{percent(interval.low, signed=True)} to {percent(interval.high, signed=True)}",
                ]
                if interval is not None and relative
                else ["-", "-"]
            )
        rows.append(tuple(cells))
    heads = [cell for name in names for cell in (name, f"{name}, {reading}")]
    return ReportTable("Day by day", ("exposed until", "visitors", *heads), tuple(rows))


def _sentence(text: str, names: Sequence[str]) -> str:
    """Return a sentence for itself; a variation's name is written as it is, also at the beginning."""
    is_named = text.startswith(tuple(names))
    return f"{text}." if is_named else f"{text[:1].upper()}{text[1:]}."


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _day(days: float) -> str:
    return datetime.fromtimestamp(days * DAY_SECONDS, UTC).strftime("%d %b" if days.is_integer() else "%H:%M")
