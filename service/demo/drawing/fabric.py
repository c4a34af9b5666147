"""Fabrics: what a title's material word looks like up close, as an SVG pattern over the cloth's colour."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from service.demo.drawing.palette import WHITE, Palette, hex_of, mix


@dataclass(frozen=True, slots=True)
class Fabric:
    """One fabric.

    Attributes:
        name: its word, in lower case.
        pattern: a ``<pattern id="m">``, or nothing for a plain one.
        sheen: opacity of the light that glides over it, 0 for a matt one.
    """

    name: str
    pattern: str
    sheen: float = 0.0


def fabric_of(material: str, palette: Palette, rng: Random, *, knitted: bool = False) -> Fabric:
    """Return the fabric of a material word; an unknown one is plain.

    Args:
        material: such as ``Chambray``.
        palette: its threads are shades of the cloth.
        rng: of the print.
        knitted: sweaters show their stitches whatever yarn they are of.
    """
    name = material.casefold()
    if knitted and name not in ("lace", "quilted", "fleece"):
        return Fabric(name, _knit(palette, rng.choice((5.0, 6.5, 8.0))), 0.25 if name == "satin" else 0.0)
    weave = _WEAVES.get(name)
    return Fabric(name, "" if weave is None else weave(palette, rng), _SHEEN.get(name, 0.0))


def printed(fabric: Fabric, palette: Palette, kind: str, rng: Random) -> Fabric:
    """Return the fabric with a print woven over it: ``breton``, ``check`` or ``pinstripe``."""
    dark, light = hex_of(palette.seam), hex_of(mix(palette.cloth, WHITE, 0.75))
    ink = light if palette.is_dark else dark
    if kind == "breton":
        gap, bar = rng.choice(((17, 5), (13, 3.4), (24, 9)))
        drawn = f'<path d="M0,{bar / 2}h20" stroke="{ink}" stroke-width="{bar}" opacity=".82"/>'
        return Fabric(fabric.name, _pattern(20, gap, drawn), fabric.sheen)
    if kind == "check":
        size = rng.choice((14, 20, 26))
        half = size / 2
        drawn = (
            f'<path d="M0,{half / 2}h{size}" stroke="{ink}" stroke-width="{half}" opacity=".3"/>'
            f'<path d="M{half / 2},0v{size}" stroke="{ink}" stroke-width="{half}" opacity=".3"/>'
            f'<path d="M0,{half * 1.5}h{size}M{half * 1.5},0v{size}" stroke="{light}" stroke-width="1" opacity=".45"/>'
        )
        return Fabric(fabric.name, _pattern(size, size, drawn), fabric.sheen)
    gap = rng.choice((7, 9, 12))
    drawn = f'<path d="M{gap / 2},0v20" stroke="{ink}" stroke-width="1.1" opacity=".55"/>'
    return Fabric(fabric.name, _pattern(gap, 20, drawn), fabric.sheen)


def _pattern(width: float, height: float, drawn: str, transform: str = "") -> str:
    turned = f' patternTransform="{transform}"' if transform else ""
    return f'<pattern id="m" width="{width}" height="{height}" patternUnits="userSpaceOnUse"{turned}>{drawn}</pattern>'


def _lines(palette: Palette, data: str, width: float, opacity: float, *, light: bool = False) -> str:
    color = palette.glow if light else palette.seam
    return (
        f'<path d="{data}" fill="none" stroke="{hex_of(color)}" stroke-width="{width}" opacity="{opacity}"/>'
    )


def _cotton(palette: Palette, _rng: Random) -> str:
    return _pattern(3, 3, _lines(palette, "M0,.8h1.4M1.6,2.3h1.4", 0.5, 0.28))


def _jersey(palette: Palette, _rng: Random) -> str:
    return _pattern(2.6, 6, _lines(palette, "M.6,0v6", 0.5, 0.28))


def _chambray(palette: Palette, _rng: Random) -> str:
    drawn = _lines(palette, "M0,1h5M0,3.4h5", 0.6, 0.5, light=True) + _lines(
        palette, "M1.2,0v5M3.6,0v5", 0.5, 0.32
    )
    return _pattern(5, 5, drawn + f'<path d="M2,2h1" stroke="{hex_of(WHITE)}" opacity=".35"/>', "rotate(8)")


def _merino(palette: Palette, _rng: Random) -> str:
    return _knit(palette, 4.2)


def _knit(palette: Palette, size: float) -> str:
    half = size / 2
    drawn = _lines(palette, f"M0,0L{half},{half}L{size},0", size * 0.17, 0.42)
    drawn += _lines(
        palette, f"M0,{half * 0.7}L{half},{half * 1.7}L{size},{half * 0.7}", size * 0.14, 0.4, light=True
    )
    return _pattern(size, size, drawn)


def _poplin(palette: Palette, rng: Random) -> str:
    gap = rng.choice((5, 6.5, 9))
    return _pattern(gap, 10, _lines(palette, f"M{gap / 2},0v10", 0.9, 0.34))


def _wool(palette: Palette, _rng: Random) -> str:
    drawn = _lines(palette, "M0,4L4,0L8,4M0,8L4,4L8,8M0,12L4,8L8,12", 0.9, 0.34)
    return _pattern(8, 8, drawn)


def _linen(palette: Palette, rng: Random) -> str:
    slubs = "".join(f"M{rng.randint(0, 20)},{rng.randint(0, 23)}h{rng.randint(3, 10)}" for _ in range(9))
    threads = "".join(f"M{rng.randint(0, 23)},{rng.randint(0, 18)}v{rng.randint(3, 9)}" for _ in range(8))
    return _pattern(
        24, 24, _lines(palette, slubs, 0.7, 0.34) + _lines(palette, threads, 0.7, 0.55, light=True)
    )


def _lace(palette: Palette, _rng: Random) -> str:
    petal = "q-3.4,-3.6 0,-6q3.4,2.4 0,6"
    bloom = f'<path id="k" d="M0,0{petal}"/>' + "".join(
        f'<use href="#k" transform="rotate({turn})"/>' for turn in (72, 144, 216, 288)
    )
    twig = "M0,11q5,-6 11,0M0,0q-6,5 0,11"
    flower = f'<g id="n" transform="translate(6 6)">{bloom}</g><use href="#n" transform="translate(11 11)"/>'
    drawn = (
        _lines(palette, "M0,0L22,22M22,0L0,22M11,0L22,11L11,22L0,11Z", 0.4, 0.35)
        + _lines(palette, twig, 0.7, 0.45)
        + f'<g fill="{hex_of(palette.glow)}" fill-opacity=".45" stroke="{hex_of(palette.seam)}" stroke-width=".7" stroke-opacity=".8">{flower}</g>'
    )
    return _pattern(22, 22, drawn)


def _fleece(palette: Palette, rng: Random) -> str:
    def curls() -> str:
        return "".join(
            f"M{rng.randint(1, 21)},{rng.randint(1, 21)}q{rng.randint(1, 3)},-2 {rng.randint(2, 4)},{rng.randint(0, 2)}"
            for _ in range(26)
        )

    return _pattern(
        24, 24, _lines(palette, curls(), 0.9, 0.28) + _lines(palette, curls(), 1.0, 0.5, light=True)
    )


def _ripstop(palette: Palette, _rng: Random) -> str:
    return _pattern(
        8,
        8,
        _lines(palette, "M0,.5h8M.5,0v8", 0.7, 0.4)
        + _lines(palette, "M0,1.3h8M1.3,0v8", 0.5, 0.5, light=True),
    )


def _quilted(palette: Palette, _rng: Random) -> str:
    drawn = (
        f'<ellipse cx="13" cy="12" rx="8" ry="8" fill="{hex_of(palette.glow)}" opacity=".3"/>'
        + _lines(palette, "M0,13L13,0L26,13L13,26Z", 1.3, 0.5)
        + _lines(palette, "M1.6,13L13,1.6L24.4,13", 1.2, 0.5, light=True)
    )
    return _pattern(26, 26, drawn)


def _washed(palette: Palette, rng: Random) -> str:
    spots = "".join(
        f'<ellipse cx="{rng.randint(0, 90)}" cy="{rng.randint(0, 110)}" rx="{rng.randint(9, 22)}" ry="{rng.randint(12, 30)}" '
        f'fill="{hex_of(palette.glow if rng.random() < 0.7 else palette.seam)}" opacity=".{rng.randint(10, 17)}"/>'
        for _ in range(9)
    )
    return _pattern(90, 110, f'<g filter="url(#b)">{spots}</g>' + _lines(palette, "M0,0L90,110", 0.4, 0.1))


_WEAVES: Final[dict[str, Callable[[Palette, Random], str]]] = {
    "cotton": _cotton,
    "jersey": _jersey,
    "chambray": _chambray,
    "merino": _merino,
    "poplin": _poplin,
    "wool": _wool,
    "boxy": _cotton,
    "oversized": _jersey,
    "washed": _washed,
    "linen": _linen,
    "lace": _lace,
    "fleece": _fleece,
    "ripstop": _ripstop,
    "quilted": _quilted,
}
_SHEEN: Final[dict[str, float]] = {"satin": 0.75, "ripstop": 0.2, "poplin": 0.12}
