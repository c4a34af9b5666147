"""A plot of lines with bands around them: an estimate over days, a learning curve, a calibration curve."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from recommender.plots.frame import FULL, Size, frame, level_lines
from recommender.plots.markup import SERIES, element, shortened
from recommender.plots.scale import Scale

_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 30.0, 34.0, 44.0
_LEGEND_ROW: Final = 20.0
_LEGEND_CHARACTERS: Final = 30
_TICK_WIDTH: Final = 90.0


@dataclass(frozen=True, slots=True)
class Line:
    """One series.

    Attributes:
        label: its name in the legend.
        x: places, ascending.
        y: values.
        low: lower edges of the band, or empty for none.
        high: upper edges of the band.
        dots: whether its points are marked; a single one is in any case.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dots: bool = False

    @property
    def is_dotted(self) -> bool:
        """Whether its points are marked."""
        return self.dots or len(self.x) == 1


def line_plot(
    name: str,
    title: str,
    description: str,
    lines: Sequence[Line],
    *,
    x_words: Callable[[float], str],
    y_words: Callable[[float], str],
    x_label: str,
    x_ticks: Sequence[float] | None = None,
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
    references: Sequence[float] = (),
    diagonal: bool = False,
    size: Size = FULL,
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
        x_ticks: where the horizontal axis has words. Default: at round numbers.
        x_limits: least and greatest place of the axis. Default: those of the points.
        y_limits: least and greatest value shown; what lies outside is cut. Default: everything.
        references: heights of level lines, such as 0.
        diagonal: whether to draw where both axes have the same value.
        size: of the drawing, before the rows of a long legend.
    """
    right = size.width - _RIGHT
    rows = _legend_rows([line.label for line in lines], size.width)
    more = _LEGEND_ROW * (len(rows) - 1)
    top, height = _TOP + more, size.height + more
    ends = x_limits or (min(line.x[0] for line in lines), max(line.x[-1] for line in lines))
    x = Scale.over(*ends, _LEFT, right, ticks=round(size.width / _TICK_WIDTH), tight=True)
    y = Scale.over(*(y_limits or _limits(lines, references)), height - _BOTTOM, top)
    drawing = frame(name, title, description, Size(size.width, height))
    drawing.extend(level_lines(y, y_words, _LEFT, right))
    for tick in x.ticks if x_ticks is None else x_ticks:
        below = {"x": x.place(tick), "y": height - _BOTTOM + 18}
        drawing.append(element("text", x_words(tick), **below, text_anchor="middle"))
    drawing.append(element("text", x_label, x=(_LEFT + right) / 2, y=height - 6, text_anchor="middle"))
    drawing.extend(_guides(references, diagonal, x, y))
    for number, line in enumerate(lines):
        drawing.extend(_marks(line, number % SERIES, x, y))
    drawing.extend(_legend(rows, lines))
    return drawing


def _guides(references: Sequence[float], diagonal: bool, x: Scale, y: Scale) -> list[Element]:
    """Return the level lines, and the line on which both axes have the same value."""
    guides = []
    for reference in references:
        place = y.clipped(reference)
        guides.append(element("line", class_="reference", x1=x.start, x2=x.end, y1=place, y2=place))
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        ends = {"x1": x.place(low), "x2": x.place(high), "y1": y.place(low), "y2": y.place(high)}
        guides.append(element("line", class_="diagonal", **ends))
    return guides


def _legend_rows(labels: Sequence[str], width: float) -> list[list[tuple[float, str]]]:
    """Return place and name of each series, in as many rows as they need; a single series needs no name."""
    rows: list[list[tuple[float, str]]] = [[]]
    place = _LEFT
    for label in labels if len(labels) > 1 else ():
        text = shortened(label, _LEGEND_CHARACTERS)
        needed = 56 + 7.2 * len(text)
        if rows[-1] and place + needed > width:
            rows.append([])
            place = _LEFT
        rows[-1].append((place, text))
        place += needed
    return rows


def _legend(rows: Sequence[Sequence[tuple[float, str]]], lines: Sequence[Line]) -> list[Element]:
    """Return samples and names above the plot."""
    marks: list[Element] = []
    entries = [(14 + _LEGEND_ROW * row, *entry) for row, several in enumerate(rows) for entry in several]
    for number, (y, place, label) in enumerate(entries):
        series = f"series-{number % SERIES}"
        if len(lines[number].x) > 1:
            marks.append(element("line", class_=f"line {series}", x1=place, x2=place + 26, y1=y, y2=y))
        if lines[number].is_dotted:
            marks.append(element("circle", class_=f"dot {series}", cx=place + 13, cy=y, r=4))
        marks.append(element("text", label, x=place + 32, y=y + 4))
    return marks


def _marks(line: Line, series: int, x: Scale, y: Scale) -> list[Element]:
    """Return band, line and dots."""
    marks = []
    if line.low and line.high:
        there = [f"{x.place(at):.1f},{y.clipped(to):.1f}" for at, to in zip(line.x, line.high, strict=True)]
        back = [f"{x.place(at):.1f},{y.clipped(to):.1f}" for at, to in zip(line.x, line.low, strict=True)]
        marks.append(element("polygon", class_=f"band series-{series}", points=" ".join(there + back[::-1])))
    points = [(x.place(at), y.clipped(to)) for at, to in zip(line.x, line.y, strict=True)]
    path = " ".join(f"{at:.1f},{to:.1f}" for at, to in points)
    marks.append(element("polyline", class_=f"line series-{series}", points=path))
    if line.is_dotted:
        style = f"dot series-{series}"
        marks += [element("circle", class_=style, cx=at, cy=to, r=4) for at, to in points]
    return marks


def _limits(lines: Sequence[Line], references: Sequence[float]) -> tuple[float, float]:
    values = [value for line in lines for part in (line.y, line.low, line.high) for value in part]
    return min((*values, *references)), max((*values, *references))
