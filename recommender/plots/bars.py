"""A plot of one bar a row, each with its name before and its figure behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from recommender.plots.frame import HALF, Size, frame
from recommender.plots.markup import element, shortened

_ROW: Final = 30.0
_BAR: Final = 14.0
_LABEL_SHARE: Final = 0.5
_TOP: Final = 8.0
_CHARACTER: Final = 7.2


@dataclass(frozen=True, slots=True)
class Bar:
    """One row.

    Attributes:
        label: its name.
        value: its length, not negative.
        words: its figure.
        outlined: whether it is another one's than the filled bars, such as the model's before.
    """

    label: str
    value: float
    words: str
    outlined: bool = False


def bar_plot(
    name: str,
    title: str,
    description: str,
    bars: Sequence[Bar],
    *,
    most: float | None = None,
    width: float = HALF.width,
) -> Element:
    """Draw bars below each other, from zero.

    Args:
        name: unique in the page.
        title: what is shown; read out by a screen reader.
        description: what there is to see; read out too.
        bars: at least one, from top to bottom.
        most: value of a bar over the whole width, drawn as a track behind each; the longest bar's when None.
        width: of the drawing.
    """
    left = min(width * _LABEL_SHARE, 16 + _CHARACTER * max(len(bar.label) for bar in bars))
    longest = max(most or max(bar.value for bar in bars), 1e-12)
    room = width - left - 12 - _CHARACTER * max(len(bar.words) for bar in bars)
    drawing = frame(name, title, description, Size(width, 2 * _TOP + _ROW * len(bars)))
    for number, bar in enumerate(bars):
        middle = _TOP + _ROW * (number + 0.5)
        label = shortened(bar.label, int((left - 12) / _CHARACTER))
        drawing.append(element("text", label, x=left - 12, y=middle + 4, text_anchor="end"))
        box = {"x": left, "y": middle - _BAR / 2, "height": _BAR}
        length = room * min(bar.value / longest, 1.0)
        if most is not None:
            drawing.append(element("rect", class_="track", **box, width=room))
        style = "column outlined" if bar.outlined else "column"
        drawing.append(element("rect", class_=style, **box, width=length))
        after = left + (room if most is not None else length) + 8
        drawing.append(element("text", bar.words, x=after, y=middle + 4))
    return drawing
