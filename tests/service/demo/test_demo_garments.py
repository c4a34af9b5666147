"""The drawn garments: every item in every colour has a picture of its own, small and harmless."""

from xml.etree import ElementTree

import pytest

from service.demo.drawing.palette import lightness, palette_of
from service.demo.garments import draw_garment
from service.demo.shop import GARMENTS, DemoItem, simulate_shop

SVG = "{http://www.w3.org/2000/svg}"
ITEMS = simulate_shop(7)
DRAWN = {"defs", "path", "circle", "ellipse", "rect", "g", "use", "clipPath", "pattern", "filter"} | {
    "feGaussianBlur",
    "linearGradient",
    "stop",
    "svg",
}


@pytest.mark.parametrize("noun", sorted({garment.noun for garment in GARMENTS}))
def test_every_item_has_a_small_picture_without_text_or_scripts(noun: str) -> None:
    """Well-formed, three wide to four high, under 10 KB, nothing but shapes, and every reference leads somewhere."""
    for item in of(noun):
        for color in item.colors:
            drawn = draw_garment(item, color)
            root = ElementTree.fromstring(drawn)  # noqa: S314 - drawn by ourselves
            assert root.get("viewBox") == "0 0 300 400"
            assert {element.tag.removeprefix(SVG) for element in root.iter()} <= DRAWN
            assert not [element for element in root.iter() if (element.text or "").strip()]
            assert len(drawn) < 10_000
            known = {element.get("id") for element in root.iter()}
            used = {
                value.split("#")[1].rstrip(")")
                for element in root.iter()
                for value in element.attrib.values()
                if value.startswith(("url(#", "#p", "#k", "#n"))
            }
            assert used <= known


def test_the_same_item_is_always_drawn_the_same_and_no_other_is() -> None:
    """A picture can be cached; a grid of one kind does not look cloned."""
    shirts = of("Shirt")
    pictures = [draw_garment(item, item.colors[0]) for item in shirts]
    assert pictures == [draw_garment(item, item.colors[0]) for item in shirts]
    assert len(set(pictures)) == len(pictures)


def test_a_colour_changes_the_dye_and_not_the_cut() -> None:
    """An item in two colours is one item."""
    item = next(item for item in of("Dress") if len(item.colors) == 2)
    outlines = [
        [path.get("d") for path in ElementTree.fromstring(draw_garment(item, color)).iter(SVG + "path")]  # noqa: S314 - drawn by ourselves
        for color in item.colors
    ]
    assert outlines[0] == outlines[1]
    assert draw_garment(item, item.colors[0]) != draw_garment(item, item.colors[1])


@pytest.mark.parametrize("color", sorted({color for item in ITEMS for color in item.colors}))
def test_garments_stand_out_from_what_they_lie_on(color: str) -> None:
    """Whatever the dye, the background is clearly lighter or darker."""
    from random import Random

    for seed in range(40):
        palette = palette_of(color, Random(seed))
        assert abs(lightness(palette.cloth) - lightness(palette.ground)) > 9


def of(noun: str) -> list[DemoItem]:
    """Return the items of one kind."""
    return [item for item in ITEMS if item.garment.noun == noun]
