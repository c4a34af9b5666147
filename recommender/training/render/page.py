"""A training's report as one HTML page: the verdict first, then why, then every figure as a plot and in a table."""

from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element

from recommender.experiments.analysis.words import count, percent
from recommender.pages.document import document, list_of, scrolled, table_of
from recommender.plots.markup import element
from recommender.training.render.extent import (
    calibration_figure,
    coverage_figure,
    popularity_figure,
    stages_figure,
    volume_figure,
)
from recommender.training.render.figure import Figure
from recommender.training.render.quality import comparison_figure, history_figure, learning_figure
from recommender.training.render.tables import detail_tables_of, tables_of
from recommender.training.render.words import is_tested, memory, points, short, time_taken, verdict
from recommender.training.report import TrainingReport

_STYLE: Final = (
    ".published{border-color:#00875f}.refused{border-color:#c2410c}.written{border-color:#6b7280}"
    ".facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:1rem 1.5rem;margin:1.2rem 0}"
    ".facts dt{font-size:.85rem}.facts dd{margin:0;font-size:1.4rem;font-weight:600;font-variant-numeric:tabular-nums}"
    ".facts small{display:block;font-size:.85rem;font-weight:400}"
    ".small{font-size:.85rem;max-width:50rem}figure{margin:0}figure h2{margin-top:1.6rem}figure p{margin:0 0 .6rem;max-width:50rem}"
    ".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 2rem;align-items:start}"
    "@media print{html{font-size:12px}body{max-width:none;padding:0;font-size:1rem}figure,table,.facts{break-inside:avoid}"
    ".scroll{overflow:visible}.plot{min-width:0}details::details-content{content-visibility:visible}}"
)

_MEASURES_NOTE: Final = (
    "HR@20: how often the item that a visitor clicked next, one new to the session, was among 20 recommendations. MRR@20: "
    "the mean of 1 / its place there."
)

_TEST_NOTE: Final = (
    "What is tested on the held-out days is a candidate that has not seen them. The model that is published has learned from "
    "all days, with the candidate's settings."
)


def training_page(report: TrainingReport) -> str:
    """Return the report as a whole HTML document.

    Every figure of a plot is also in a table; versions, notes and reasons are escaped.
    """
    sentence = verdict(report)
    tone = "refused" if report.refusals else report.result
    main = element(
        "main",
        element("h1", f"Training {report.version}, {_moment(report.created_at)}"),
        element("p", _unbroken(sentence), class_=f"verdict {tone}"),
    )
    main.extend(element("p", refusal.detail, class_="warning") for refusal in report.refusals)
    main.append(_facts(report))
    if is_tested(report):
        main.append(element("p", _MEASURES_NOTE, class_="small"))
    main.extend(_figures(report))
    main.append(element("h2", "Figures"))
    main.extend(table_of(table) for table in tables_of(report))
    main.extend(
        element("details", element("summary", table.title), table_of(table))
        for table in detail_tables_of(report)
    )
    main.append(list_of("Notes", [*report.notes, _TEST_NOTE]))
    return document(f"Kabin training: {sentence}", main, style=_STYLE)


def _facts(report: TrainingReport) -> Element:
    """Return the few figures that whoever is in a hurry looks for."""
    facts: list[tuple[str, str, str]] = []
    comparison = report.comparison
    if comparison is not None and is_tested(report):
        current = comparison.current
        for label, name in (("HR@20", "hit_rate"), ("MRR@20", "mrr")):
            mine = getattr(comparison.candidate, name)
            beside = "nothing to compare with"
            if current is not None:
                base = getattr(current, name)
                beside = _unbroken(f"{points(mine - base)} against the current model's {percent(base)}")
            facts.append((label, percent(mine), beside))
    facts += [
        ("Learned from", short(report.interactions), f"interactions of {count(report.visitors)} visitors"),
        ("Items", count(report.items), f"in {count(report.sessions)} sessions"),
        ("Time", time_taken(report.seconds), f"most memory {memory(report.peak_memory_bytes)}"),
    ]
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value, element("small", beside)))
            for name, value, beside in facts
        ),
        class_="facts",
    )


def _figures(report: TrainingReport) -> list[Element]:
    """Return the plots: first what decides, then what explains."""
    rows = (
        (comparison_figure(report), coverage_figure(report.coverage, report.items)),
        (history_figure(report),),
        (volume_figure(report),),
        (learning_figure(report.learning_curve),),
        (popularity_figure(report.popularity), calibration_figure(report.calibration), stages_figure(report)),
    )
    drawn = []
    for row in rows:
        figures = [_figure(figure) for figure in row if figure is not None]
        drawn += figures if len(row) == 1 else [element("div", *figures, class_="pair")]
    return drawn


def _figure(figure: Figure) -> Element:
    plots = [scrolled(plot) for plot in figure.plots]
    shown = plots[0] if len(plots) == 1 else element("div", *plots, class_="pair")
    return element("figure", element("h2", figure.title), element("p", _unbroken(figure.reading)), shown)


def _unbroken(text: str) -> str:
    """Return a text that no line breaks between a figure and its unit."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%").replace(" points", "\N{NO-BREAK SPACE}points")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
