"""Pictures of the simulated shop's items, drawn instead of photographed: no file, no licence, no request."""

from collections.abc import Callable
from random import Random
from typing import Final

from service.demo.drawing.accessories import draw_scarf, draw_tote_bag
from service.demo.drawing.bottoms import draw_dress, draw_skirt, draw_trousers
from service.demo.drawing.fabric import fabric_of, printed
from service.demo.drawing.footwear import draw_boots, draw_sneakers
from service.demo.drawing.knitwear import draw_sweater, draw_sweatshirt
from service.demo.drawing.outerwear import draw_jacket
from service.demo.drawing.palette import palette_of
from service.demo.drawing.sketch import Sketch
from service.demo.drawing.tops import draw_shirt, draw_tshirt
from service.demo.shop import DemoItem

_DRAWINGS: Final[dict[str, Callable[[Sketch], None]]] = {
    "Shirt": draw_shirt,
    "T-shirt": draw_tshirt,
    "Sweater": draw_sweater,
    "Sweatshirt": draw_sweatshirt,
    "Dress": draw_dress,
    "Trousers": draw_trousers,
    "Skirt": draw_skirt,
    "Jacket": draw_jacket,
    "Sneakers": draw_sneakers,
    "Boots": draw_boots,
    "Tote Bag": draw_tote_bag,
    "Scarf": draw_scarf,
}

_PRINTS: Final = {
    ("T-shirt", "Cotton"): "breton",
    ("T-shirt", "Jersey"): "breton",
    ("Sweater", "Cotton"): "breton",
    ("Shirt", "Chambray"): "check",
    ("Shirt", "Washed"): "check",
    ("Shirt", "Fleece"): "check",
    ("Scarf", "Wool"): "check",
    ("Scarf", "Merino"): "check",
    ("Shirt", "Poplin"): "pinstripe",
    ("Dress", "Cotton"): "pinstripe",
}
_PRINTED_SHARE: Final = 0.5


def draw_garment(item: DemoItem, color: str) -> str:
    """Return the picture of an item in one of its colours: a whole SVG document, 3 wide to 4 high.

    The same item always gives the same picture. Its cut is the item's, its dye and background the colour's.

    Raises:
        KeyError: there is no drawing of this kind of garment.
    """
    material = item.title.split(" ", 1)[0]
    noun = item.garment.noun
    shape = Random(f"{item.item_id} {item.title}")  # noqa: S311 - reproducible pictures, no secrets
    palette = palette_of(color, Random(f"{item.item_id} {color}"))  # noqa: S311 - likewise
    fabric = fabric_of(material, palette, shape, knitted=noun in ("Sweater", "Scarf"))
    print_ = _PRINTS.get((noun, material))
    if print_ is not None and shape.random() < _PRINTED_SHARE:
        fabric = printed(fabric, palette, print_, shape)
    sketch = Sketch(palette, fabric, shape)
    tilt = shape.uniform(-2.4, 2.4)
    _DRAWINGS[noun](sketch)
    return sketch.svg(tilt=tilt)
