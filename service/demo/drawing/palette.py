"""Colours of a drawing: what a garment's colour looks like, its shades, and the backgrounds it stands out from."""

from dataclasses import dataclass
from random import Random
from typing import Final

Rgb = tuple[int, int, int]

BLACK: Final[Rgb] = (18, 18, 22)
WHITE: Final[Rgb] = (255, 255, 255)

_CLOTH: Final[dict[str, Rgb]] = {
    "black": (46, 46, 51),
    "white": (246, 245, 242),
    "navy": (44, 58, 97),
    "olive": (111, 114, 71),
    "sand": (211, 187, 150),
    "rust": (178, 88, 54),
    "sky blue": (139, 183, 216),
    "burgundy": (122, 36, 56),
    "grey": (151, 155, 161),
    "cream": (240, 228, 204),
}
_UNDYED: Final[Rgb] = (201, 194, 184)
"""Of a colour that has no entry: another seed's shop may be extended with one."""

_BACKGROUNDS: Final[tuple[Rgb, ...]] = (
    (243, 238, 230),
    (231, 234, 229),
    (232, 236, 240),
    (240, 230, 226),
    (225, 220, 213),
    (214, 221, 222),
    (221, 212, 206),
    (236, 232, 240),
)

_LEAST_DIFFERENCE: Final = 14.0
"""Least difference of lightness, in percent, between a garment and what it lies on."""


def hex_of(color: Rgb) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def mix(color: Rgb, other: Rgb, share: float) -> Rgb:
    """Return ``color`` with a ``share`` (0 to 1) of ``other`` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return red, green, blue


def lightness(color: Rgb) -> float:
    """Return how light a colour looks, 0 to 100: luma of ITU-R BT.601."""
    red, green, blue = color
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 2.55


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one drawing.

    Attributes:
        cloth: of the garment.
        inside: of its lining and inner side, seen at necks and hems.
        seam: of lines on the cloth; lighter than it where the cloth is dark.
        glow: of the cloth's light side.
        trim: of what is not cloth: buttons, soles, hardware.
        ground: what the garment lies on.
    """

    cloth: Rgb
    inside: Rgb
    seam: Rgb
    glow: Rgb
    trim: Rgb
    ground: Rgb

    @property
    def is_dark(self) -> bool:
        """Whether the cloth is too dark for darker lines."""
        return lightness(self.cloth) < 32


def palette_of(color: str, rng: Random) -> Palette:
    """Return the colours of a garment of the feed's ``color`` on a background chosen by ``rng``."""
    cloth = _CLOTH.get(color, _UNDYED)
    # No two dyes are the same: a grid of twenty black shirts is not one drawing twenty times.
    cloth = mix(cloth, rng.choice((WHITE, BLACK)), rng.uniform(0.0, 0.05))
    dark = lightness(cloth) < 32
    grounds = [
        ground for ground in _BACKGROUNDS if abs(lightness(ground) - lightness(cloth)) >= _LEAST_DIFFERENCE
    ]
    # White and cream lie on their own shade, darkened: no ready background is far enough from all of them.
    ground = rng.choice(grounds) if grounds else mix(rng.choice(_BACKGROUNDS), (120, 118, 116), 0.44)
    return Palette(
        cloth=cloth,
        inside=mix(cloth, BLACK, 0.42 if not dark else 0.55),
        seam=mix(cloth, WHITE, 0.26) if dark else mix(cloth, BLACK, 0.42),
        glow=mix(cloth, WHITE, 0.22 if dark else 0.45),
        trim=rng.choice(((92, 74, 60), (232, 226, 214), (58, 58, 64))),
        ground=ground,
    )
