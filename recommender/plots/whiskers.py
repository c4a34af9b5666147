"""A plot of estimates with a narrow and a wide interval each, one a row, around a common zero."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from recommender.plots.frame import FULL, Size, frame
from recommender.plots.markup import SERIES, element, shortened
from recommender.plots.scale import Scale

_ROW: Final = 30.0
_WIDEST_LABEL, _RIGHT, _TOP, _BOTTOM = 250.0, 34.0, 12.0, 44.0
_CHARACTER: Final = 7.4
_LABEL_CHARACTERS: Final = 33


@dataclass(frozen=True, slots=True)
class Whisker:
    """One row: an estimate, the interval drawn thick, and the wider one, if there is one, drawn thin."""

    label: str
    estimate: float
    narrow: tuple[float, float]
    wide: tuple[float, float] | None = None
    series: int = 0

    @property
    def reach(self) -> tuple[float, float]:
        """The ends of the wider of its intervals."""
        return self.narrow if self.wide is None else self.wide


def whisker_plot(
    name: str,
    title: str,
    description: str,
    rows: Sequence[Whisker],
    *,
    words: Callable[[float], str],
    axis_label: str,
    limits: tuple[float, float] | None = None,
    floor: float | None = None,
    width: float = FULL.width,
) -> Element:
    """Draw one row for each estimate.

    Args:
        name: unique in the page.
        title: what is shown; read out by a screen reader.
        description: what there is to see; read out too.
        rows: at least one, from top to bottom.
        words: text of a tick.
        axis_label: what the axis is.
        limits: least and greatest value shown; what lies outside is cut at the edge. Default: everything.
        floor: a value that the estimates should not fall below, marked by a dashed line.
        width: of the drawing.
    """
    least = min(0.0, floor or 0.0, *(row.reach[0] for row in rows))
    most = max(0.0, *(row.reach[1] for row in rows))
    if limits is not None:
        least, most = max(least, limits[0]), min(most, limits[1])
    left = min(_WIDEST_LABEL, 32 + _CHARACTER * max(len(row.label) for row in rows))
    scale = Scale.over(least, most, left, width - _RIGHT)
    bottom = _TOP + _ROW * len(rows)
    drawing = frame(name, title, description, Size(width, bottom + _BOTTOM))
    for tick in scale.ticks:
        place = scale.place(tick)
        drawing.append(element("line", class_="grid", x1=place, x2=place, y1=_TOP, y2=bottom))
        drawing.append(element("text", words(tick), x=place, y=bottom + 18, text_anchor="middle"))
    middle = (left + width - _RIGHT) / 2
    drawing.append(element("text", axis_label, x=middle, y=bottom + 38, text_anchor="middle"))
    zero = scale.clipped(0.0)
    drawing.append(element("line", class_="reference", x1=zero, x2=zero, y1=_TOP, y2=bottom))
    if floor is not None:
        place = scale.clipped(floor)
        drawing.append(element("line", class_="floor", x1=place, x2=place, y1=_TOP, y2=bottom))
    for number, row in enumerate(rows):
        drawing.extend(_marks(row, scale, left - 12, _TOP + _ROW * (number + 0.5)))
    return drawing


def _marks(row: Whisker, scale: Scale, label_end: float, y: float) -> list[Element]:
    """Return a row's name, its intervals and its dot."""
    style = f"series-{row.series % SERIES}"
    label = shortened(row.label, _LABEL_CHARACTERS)
    marks = [element("text", label, x=label_end, y=y + 4, text_anchor="end")]
    for kind, interval in (("wide", row.wide), ("narrow", row.narrow)):
        if interval is not None:
            ends = {"x1": scale.clipped(interval[0]), "x2": scale.clipped(interval[1])}
            marks.append(element("line", class_=f"{kind} {style}", y1=y, y2=y, **ends))
    return [*marks, element("circle", class_=f"dot {style}", cx=scale.clipped(row.estimate), cy=y, r=4.5)]
