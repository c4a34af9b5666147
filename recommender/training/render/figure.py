"""A plot with its heading and a sentence that says what is to be seen in it."""

from typing import NamedTuple
from xml.etree.ElementTree import Element


class Figure(NamedTuple):
    """A plot, or two of one kind, under a heading.

    Attributes:
        title: the heading.
        reading: what is to be seen, with its figures.
        plots: the drawings.
    """

    title: str
    reading: str
    plots: tuple[Element, ...]
