"""What the demo shop says of its items: a sentence on the cloth, one on the cut, and how to look after it."""

from typing import Final, NamedTuple

from service.demo.assortment import short_name
from service.demo.shop import DemoItem


class Description(NamedTuple):
    """The text of a product page."""

    lead: str
    cloth: str
    care: str


_CLOTHS: Final = {
    "Cotton": ("Long-staple cotton with a dry, even hand.", "Machine wash at 40 °C."),
    "Jersey": ("Soft single jersey that keeps its shape at the collar.", "Machine wash at 30 °C."),
    "Chambray": ("Light chambray, woven with a white weft so that it fades well.", "Machine wash at 40 °C."),
    "Merino": ("Fine merino: warm when it is cold, and cool when it is not.", "Wool cycle, dry flat."),
    "Poplin": ("Crisp poplin with a tight weave and a matt finish.", "Machine wash at 40 °C, iron warm."),
    "Wool": ("Milled wool, brushed once and left alone.", "Air it; dry clean now and then."),
    "Boxy": (
        "Heavy cotton cut square, so that it stands away from the body.",
        "Machine wash at 30 °C, inside out.",
    ),
    "Oversized": (
        "Sturdy cotton with dropped shoulders and a good deal of room.",
        "Machine wash at 30 °C, inside out.",
    ),
    "Washed": (
        "Garment-washed cotton that feels as if you had owned it for years.",
        "Machine wash at 30 °C.",
    ),
    "Linen": ("Mid-weight linen that softens with every wash.", "Machine wash at 30 °C, hang to dry."),
    "Satin": ("Fluid satin with a quiet sheen.", "Delicate cycle in a bag."),
    "Lace": ("Cotton lace over a light lining.", "Hand wash, dry flat."),
    "Fleece": ("Dense fleece with a flat outer face that wind has trouble with.", "Machine wash at 30 °C."),
    "Ripstop": ("Ripstop with a fine grid: light, strong and quick to dry.", "Machine wash at 30 °C."),
    "Quilted": ("Quilted in narrow channels, light and warm.", "Delicate cycle, tumble dry low."),
}
_CUTS: Final = {
    "Shirt": "A straight shirt with a small collar, to be worn closed, open or over something.",
    "T-shirt": "A T-shirt with a firm neckline and sleeves of a sensible length.",
    "Sweater": "A sweater with a regular fit, ribbed where it has to hold.",
    "Sweatshirt": "A sweatshirt with a regular fit and ribs that do not give up.",
    "Dress": "A dress with an easy waist that falls just below the knee.",
    "Trousers": "Trousers with a mid rise and a straight leg.",
    "Skirt": "A skirt with a flat waistband and a little swing.",
    "Jacket": "A jacket for three seasons, with pockets that are where hands look for them.",
    "Sneakers": "Low sneakers on a flat rubber sole; they run true to size.",
    "Boots": "Ankle boots on a stitched sole that can be replaced.",
    "Tote Bag": "A tote that takes a laptop, a book and the shopping.",
    "Scarf": "A scarf long enough to be wound twice.",
}
_OTHER_CLOTH: Final = ("A cloth chosen for how it wears.", "See the label.")


def describe(item: DemoItem) -> Description:
    """Return the text of an item's page."""
    material = short_name(item).split(" ")[0]
    cloth, care = _CLOTHS.get(material, _OTHER_CLOTH)
    return Description(_CUTS.get(item.garment.noun, f"{item.garment.noun} by {item.brand}."), cloth, care)
