"""The empty drawing that every plot starts from, and the level lines that most have."""

from collections.abc import Callable
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from recommender.plots.markup import element
from recommender.plots.scale import Scale


class Size(NamedTuple):
    """Width and height of a drawing, in its own units."""

    width: float
    height: float


FULL: Final = Size(760.0, 320.0)
"""A plot that has the page's width for itself."""

HALF: Final = Size(460.0, 300.0)
"""A plot that two of find room side by side."""


def frame(name: str, title: str, description: str, size: Size) -> Element:
    """Return an empty drawing that a screen reader announces by title and description.

    Args:
        name: unique in the page, for the ids of title and description.
        title: what is shown.
        description: what there is to see, in a sentence or two.
        size: of the drawing; one as narrow as ``HALF`` is shown smaller.
    """
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-description"),
        xmlns="http://www.w3.org/2000/svg",
        class_="plot half" if size.width <= HALF.width else "plot",
        viewBox=f"0 0 {size.width:g} {size.height:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-description",
    )


def level_lines(scale: Scale, words: Callable[[float], str], left: float, right: float) -> list[Element]:
    """Return a line from left to right at each tick of an upright axis, with the tick's words before it."""
    lines = []
    for tick in scale.ticks:
        place = scale.place(tick)
        lines.append(element("line", class_="grid", x1=left, x2=right, y1=place, y2=place))
        lines.append(element("text", words(tick), x=left - 8, y=place + 4, text_anchor="end"))
    return lines
