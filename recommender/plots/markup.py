"""Elements of SVG and HTML; the standard library's tree escapes every text and attribute."""

from typing import Final
from xml.etree.ElementTree import Element, tostring

SERIES: Final = 6
"""Number of series that look different: classes ``series-0`` to ``series-5``."""

_COLORS: Final = ("#0072b2", "#b34700", "#007a5a", "#a8447f", "#6b5d00", "#4a4a4a")
_DARK_COLORS: Final = ("#56b4e9", "#ffa040", "#4cc9a4", "#f0a3cf", "#f0e442", "#c8c8c8")
_DASHES: Final = ("none", "8 4", "2 3", "10 3 2 3", "5 5", "1 5")


def element(tag: str, *children: "Element | str", **attributes: str | float | None) -> Element:
    """Return an element.

    Args:
        tag: its name.
        children: elements and texts, in order.
        attributes: by name; ``_`` stands for ``-``, a trailing one is dropped (``class_``), None leaves it out.
    """
    node = Element(
        tag,
        {
            name.rstrip("_").replace("_", "-"): value
            if isinstance(value, str)
            else f"{value:.2f}".removesuffix(".00")
            for name, value in attributes.items()
            if value is not None
        },
    )
    for child in children:
        if isinstance(child, Element):
            node.append(child)
        elif len(node):
            node[-1].tail = (node[-1].tail or "") + child
        else:
            node.text = (node.text or "") + child
    return node


def shortened(text: str, characters: int) -> str:
    """Return a text that is too long for its place without its middle: what tells two names apart is often their end."""
    if len(text) <= characters:
        return text
    tail = characters // 3
    return f"{text[: characters - tail - 1]}\N{HORIZONTAL ELLIPSIS}{text[-tail:]}"


def html(node: Element) -> str:
    """Return the element as HTML text."""
    return tostring(node, encoding="unicode", method="html")


def style_sheet() -> str:
    """Return the CSS that plots need: colors of light and dark pages, told apart by dashes too."""
    rules = [
        ".plot{display:block;width:100%;height:auto;min-width:38rem;max-width:50rem;font:13px system-ui,sans-serif;fill:currentColor}",
        ".plot.half{min-width:20rem;max-width:30rem}",
        ".plot .axis{stroke:currentColor;opacity:.45}",
        ".plot .grid{stroke:currentColor;opacity:.13}",
        ".plot .reference{stroke:currentColor;stroke-width:1.5}",
        ".plot .floor,.plot .diagonal{stroke:currentColor;stroke-width:1.5;stroke-dasharray:4 4;opacity:.7}",
        ".plot .track{fill:currentColor;opacity:.08}",
        ".plot .line{fill:none;stroke-width:2}",
        ".plot .band{stroke:none;fill-opacity:.16}",
        ".plot .wide{stroke-width:1.5}",
        ".plot .narrow{stroke-width:6;stroke-opacity:.55}",
        *(_rule(number, color) for number, color in enumerate(_COLORS)),
        _column_rule(_COLORS[0]),
        *(f".plot .line.series-{number}{{stroke-dasharray:{dash}}}" for number, dash in enumerate(_DASHES)),
    ]
    dark = "".join(_rule(number, color) for number, color in enumerate(_DARK_COLORS))
    dark += _column_rule(_DARK_COLORS[0])
    return "".join(rules) + f"@media(prefers-color-scheme:dark){{{dark}}}"


def _rule(number: int, color: str) -> str:
    return (
        f".plot .series-{number}{{stroke:{color}}}"
        f".plot .band.series-{number},.plot .dot.series-{number}{{fill:{color};stroke:none}}"
    )


def _column_rule(color: str) -> str:
    return f".plot .column{{fill:{color};stroke:{color}}}.plot .outlined{{fill-opacity:.2}}"
