"""A plot of one column a day, with the days that are of another kind drawn as outlines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from recommender.plots.frame import FULL, Size, frame, level_lines
from recommender.plots.markup import element
from recommender.plots.scale import Scale

_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 30.0, 34.0, 44.0
_WIDEST: Final = 96.0
_WORDS_EVERY: Final = 84.0
_SAMPLE: Final = 12.0


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        label: what stands below it, where there is room.
        value: its height, not negative.
        outlined: whether it is of the other kind.
    """

    label: str
    value: float
    outlined: bool = False


def column_plot(
    name: str,
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    words: Callable[[float], str],
    axis_label: str,
    kinds: tuple[str, str],
    reference: tuple[float, str] | None = None,
    size: Size = FULL,
) -> Element:
    """Draw columns side by side, from zero.

    Args:
        name: unique in the page.
        title: what is shown; read out by a screen reader.
        description: what there is to see; read out too.
        columns: at least one, from left to right.
        words: text of a tick beside the plot.
        axis_label: what the columns stand for.
        kinds: names of filled and outlined columns; told apart in a legend where there are both.
        reference: height and name of a level line.
        size: of the drawing.
    """
    right, bottom = size.width - _RIGHT, size.height - _BOTTOM
    highest = max(0.0 if reference is None else reference[0], *(column.value for column in columns), 1.0)
    y = Scale.over(0.0, highest, bottom, _TOP)
    drawing = frame(name, title, description, size)
    drawing.extend(level_lines(y, words, _LEFT, right))
    step = min((right - _LEFT) / len(columns), _WIDEST)
    width = step * (0.8 if step > 6 else 1.0)
    every = -(-_WORDS_EVERY // step)
    for number, column in enumerate(columns):
        middle, top = _LEFT + step * (number + 0.5), y.place(column.value)
        style = "column outlined" if column.outlined else "column"
        box = {"x": middle - width / 2, "y": top, "width": width, "height": bottom - top}
        drawing.append(element("rect", class_=style, **box))
        # Counted from the newest, which is the one that readers look for.
        if (len(columns) - 1 - number) % every == 0:
            drawing.append(element("text", column.label, x=middle, y=bottom + 18, text_anchor="middle"))
    drawing.append(
        element("text", axis_label, x=(_LEFT + right) / 2, y=size.height - 6, text_anchor="middle")
    )
    several = len({column.outlined for column in columns}) > 1
    drawing.extend(_legend(kinds if several else (), None if reference is None else reference[1]))
    if reference is not None:
        height = y.place(reference[0])
        drawing.append(element("line", class_="floor", x1=_LEFT, x2=right, y1=height, y2=height))
    return drawing


def _legend(kinds: Sequence[str], reference: str | None) -> list[Element]:
    """Return samples and names above the plot."""
    marks: list[Element] = []
    place = _LEFT
    for kind, style in zip(kinds, ("column", "column outlined"), strict=False):
        marks.append(element("rect", class_=style, x=place, y=8, width=_SAMPLE, height=_SAMPLE))
        marks.append(element("text", kind, x=place + 20, y=18))
        place += 48 + 7.2 * len(kind)
    if reference is not None:
        marks.append(element("line", class_="floor", x1=place, x2=place + 26, y1=14, y2=14))
        marks.append(element("text", reference, x=place + 34, y=18))
    return marks
