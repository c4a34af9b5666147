"""A plot of lines with bands around them: an estimate over days, a learning curve, a calibration curve."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from recommender.plots.markup import SERIES, element, shortened
from recommender.plots.scale import Scale

WIDTH: Final = 760.0
HEIGHT: Final = 320.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 30.0, 34.0, 44.0
_LEGEND_ROW: Final = 20.0
_LEGEND_CHARACTERS: Final = 30


@dataclass(frozen=True, slots=True)
class Line:
    """One series.

    Attributes:
        label: its name in the legend.
        x: places, ascending.
        y: values.
        low: lower edges of the band, or empty for none.
        high: upper edges of the band.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def line_plot(
    name: str,
    title: str,
    description: str,
    lines: Sequence[Line],
    *,
    x_words: Callable[[float], str],
    y_words: Callable[[float], str],
    x_label: str,
    y_limits: tuple[float, float] | None = None,
    references: Sequence[float] = (),
) -> Element:
    """Draw lines over a common axis.

    Args:
        name: unique in the page, for the ids of title and description.
        title: what is shown; read out by a screen reader.
        description: what there is to see, in a sentence or two; read out too.
        lines: at least one with at least one point.
        x_words: text of a tick below the plot.
        y_words: text of a tick beside the plot.
        x_label: what the horizontal axis is.
        y_limits: least and greatest value shown; what lies outside is cut. Default: everything.
        references: heights of level lines, such as 0.
    """
    rows = _legend_rows([line.label for line in lines])
    top, height = _TOP + _LEGEND_ROW * (len(rows) - 1), HEIGHT + _LEGEND_ROW * (len(rows) - 1)
    low, high = y_limits or _limits(lines, references)
    x = Scale.over(
        min(line.x[0] for line in lines),
        max(line.x[-1] for line in lines),
        _LEFT,
        WIDTH - _RIGHT,
        ticks=8,
        tight=True,
    )
    y = Scale.over(low, high, height - _BOTTOM, top)
    drawing = frame(name, title, description, height)
    for tick in y.ticks:
        place = y.place(tick)
        drawing.append(element("line", class_="grid", x1=_LEFT, x2=WIDTH - _RIGHT, y1=place, y2=place))
        drawing.append(element("text", y_words(tick), x=_LEFT - 8, y=place + 4, text_anchor="end"))
    for tick in x.ticks:
        drawing.append(
            element("text", x_words(tick), x=x.place(tick), y=height - _BOTTOM + 18, text_anchor="middle")
        )
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    drawing.append(element("text", x_label, x=middle, y=height - 6, text_anchor="middle"))
    for reference in references:
        place = y.clipped(reference)
        drawing.append(element("line", class_="reference", x1=_LEFT, x2=WIDTH - _RIGHT, y1=place, y2=place))
    for number, line in enumerate(lines):
        drawing.extend(_marks(line, number % SERIES, x, y))
    drawing.extend(_legend(rows))
    return drawing


def frame(name: str, title: str, description: str, height: float) -> Element:
    """Return an empty drawing that a screen reader announces by title and description."""
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-description"),
        xmlns="http://www.w3.org/2000/svg",
        class_="plot",
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-description",
    )


def _legend_rows(labels: Sequence[str]) -> list[list[tuple[float, str]]]:
    """Return place and name of each series, in as many rows as they need; a single series needs no name."""
    rows: list[list[tuple[float, str]]] = [[]]
    place = _LEFT
    for label in labels if len(labels) > 1 else ():
        text = shortened(label, _LEGEND_CHARACTERS)
        width = 56 + 7.2 * len(text)
        if rows[-1] and place + width > WIDTH:
            rows.append([])
            place = _LEFT
        rows[-1].append((place, text))
        place += width
    return rows


def _legend(rows: Sequence[Sequence[tuple[float, str]]]) -> list[Element]:
    """Return samples and names above the plot."""
    marks: list[Element] = []
    entries = [(14 + _LEGEND_ROW * row, *entry) for row, several in enumerate(rows) for entry in several]
    for number, (y, place, label) in enumerate(entries):
        style = f"line series-{number % SERIES}"
        marks.append(element("line", class_=style, x1=place, x2=place + 26, y1=y, y2=y))
        marks.append(element("text", label, x=place + 32, y=y + 4))
    return marks


def _marks(line: Line, series: int, x: Scale, y: Scale) -> list[Element]:
    """Return band, line and, for a single point, a dot."""
    marks = []
    if line.low and line.high:
        there = [f"{x.place(at):.1f},{y.clipped(to):.1f}" for at, to in zip(line.x, line.high, strict=True)]
        back = [f"{x.place(at):.1f},{y.clipped(to):.1f}" for at, to in zip(line.x, line.low, strict=True)]
        marks.append(element("polygon", class_=f"band series-{series}", points=" ".join(there + back[::-1])))
    points = [(x.place(at), y.clipped(to)) for at, to in zip(line.x, line.y, strict=True)]
    path = " ".join(f"{at:.1f},{to:.1f}" for at, to in points)
    marks.append(element("polyline", class_=f"line series-{series}", points=path))
    if len(points) == 1:
        marks.append(element("circle", class_=f"dot series-{series}", cx=points[0][0], cy=points[0][1], r=4))
    return marks


def _limits(lines: Sequence[Line], references: Sequence[float]) -> tuple[float, float]:
    values = [value for line in lines for part in (line.y, line.low, line.high) for value in part]
    return min((*values, *references)), max((*values, *references))
