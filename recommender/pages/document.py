"""An HTML document of a report, and the parts that every report has: verdict, warnings, tables, lists."""

from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element

from recommender.evaluation.report import ReportTable
from recommender.pages.style import STYLE
from recommender.plots.markup import element, html, style_sheet

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""The page may load nothing at all, which a browser then holds it to."""


def document(title: str, main: Element, *, style: str = "") -> str:
    """Return a whole HTML document.

    Args:
        title: of the browser's tab.
        main: the ``main`` element.
        style: CSS that this page needs besides what all have.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", STYLE + style + style_sheet()),
    )
    return "<!doctype html>\n" + html(element("html", head, element("body", main), lang="en")) + "\n"


def table_of(table: ReportTable) -> Element:
    """Return a table with its caption; its notes are left to the page."""
    head = element("tr", *map(_heading, table.columns))
    rows = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:]))
        for row in table.rows
    ]
    return scrolled(
        element("table", element("caption", table.title), element("thead", head), element("tbody", *rows))
    )


def _heading(column: str) -> Element:
    """Return a column's heading; the corner above the rows' names is none."""
    return element("th", column, scope="col") if column else element("td")


def list_of(title: str, texts: Sequence[str]) -> Element:
    """Return a titled section with one item for each text."""
    items = [element("li", text) for text in texts]
    return element("section", element("h2", title), element("ul", *items))


def scrolled(wide: Element) -> Element:
    """Return a frame in which a telephone moves a table or a plot sideways: made smaller, it could not be read."""
    return element("div", wide, class_="scroll", tabindex="0")
