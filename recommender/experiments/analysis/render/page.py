"""A report as one HTML page: nothing to load, nothing to run, readable without seeing the plots."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element

from recommender.evaluation.report import ReportTable
from recommender.experiments.analysis.comparison import MetricResult
from recommender.experiments.analysis.days import DAY_SECONDS
from recommender.experiments.analysis.plan import Reading
from recommender.experiments.analysis.report import ExperimentReport
from recommender.experiments.analysis.words import level, percent, tick
from recommender.plots.lines import Line, line_plot
from recommender.plots.markup import element, html, style_sheet
from recommender.plots.whiskers import Whisker, whisker_plot

WIDEST: Final = 1.0
"""Relative differences beyond ±100 % are cut in the plots: an early, very wide interval would flatten the rest."""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""The page may load nothing at all, which a browser then holds it to."""

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1.5rem;max-width:68rem}"
    "h1{font-size:1.1rem;font-weight:600;margin:0}"
    ".verdict{font-size:1.5rem;line-height:1.3;margin:.3rem 0 1rem;padding-left:.8rem;border-left:.4rem solid}"
    ".better{border-color:#00875f}.worse,.do_not_read{border-color:#c2410c}"
    ".not_yet,.no_difference,.inconclusive{border-color:#6b7280}"
    "h2{font-size:1.1rem;margin:2rem 0 .5rem}"
    ".scroll{overflow-x:auto}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "caption{text-align:left;font-weight:600;padding:.3rem 0}"
    "th,td{padding:.3rem .8rem .3rem 0;text-align:right;border-bottom:1px solid #8884;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}"
    "th[scope=row]{font-weight:400}"
)


def experiment_page(report: ExperimentReport) -> str:
    """Return the report as a whole HTML document.

    Every figure of a plot is also in a table. Names of experiments, variations and metrics are escaped.
    """
    verdict = report.verdict
    body = element(
        "main",
        element("h1", f"Experiment {report.experiment}, {_moment(report.as_of)}"),
        element("p", _sentence(verdict.sentence), class_=f"verdict {verdict.outcome.value}"),
    )
    if verdict.remarks:
        body.append(_list("Other metrics that moved", [_sentence(remark) for remark in verdict.remarks]))
    body.extend(_plots(report))
    body.append(element("h2", "Figures"))
    # The verdict, which titles the first table in a terminal, stands above already.
    first, *others = report.tables()
    tables = [replace(first, title="Visitors"), *others]
    body.extend(element("div", _table(table), class_="scroll", tabindex="0") for table in tables)
    if report.days:
        body.append(element("div", _table(_days_table(report)), class_="scroll", tabindex="0"))
    notes = [note for table in tables for note in table.notes if not note.startswith("Also:")]
    body.append(_list("Notes", notes))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{report.experiment}: {verdict.sentence}"),
        element("style", _STYLE + style_sheet()),
    )
    return "<!doctype html>\n" + html(element("html", head, element("body", body), lang="en")) + "\n"


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
    if lines and report.primary is not None:
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
    return drawn


def _whiskers(result: MetricResult, report: ExperimentReport) -> list[Whisker]:
    others = [name for name in report.variations if name != report.plan.control]
    rows = []
    for comparison in result.comparisons:
        narrow, wide = comparison.difference.relative, comparison.difference.always_relative
        if narrow is None:
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
    """Return limits that show the last band three times over: the first days' bands may run out of the plot."""
    reach = 3.0 * max(max(abs(line.low[-1]), abs(line.high[-1])) for line in lines)
    reach = min(max(reach, *(abs(line.y[-1]) for line in lines)), WIDEST)
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


def _table(table: ReportTable) -> Element:
    head = element("tr", *(element("th", column, scope="col") for column in table.columns))
    rows = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:]))
        for row in table.rows
    ]
    return element("table", element("caption", table.title), element("thead", head), element("tbody", *rows))


def _list(title: str, texts: list[str]) -> Element:
    items = [element("li", text) for text in texts]
    return element("section", element("h2", title), element("ul", *items))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _day(days: float) -> str:
    return datetime.fromtimestamp(days * DAY_SECONDS, UTC).strftime("%d %b" if days.is_integer() else "%H:%M")
