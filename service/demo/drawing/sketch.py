"""A sketch: pieces of cloth, seams, folds and buttons in the order they lie on each other, written as one SVG."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Final

from service.demo.drawing.fabric import Fabric
from service.demo.drawing.outline import Point, Step, other_side, path
from service.demo.drawing.palette import BLACK, WHITE, Palette, Rgb, hex_of, lightness, mix

WIDTH: Final = 300
HEIGHT: Final = 400


class Sketch:
    """Collects what a drawing consists of.

    Args:
        palette: its colours.
        fabric: what the cloth is made of.
        rng: of the small differences between two garments of one kind.
    """

    def __init__(self, palette: Palette, fabric: Fabric, rng: Random) -> None:
        self.palette = palette
        self.fabric = fabric
        self.rng = rng
        self._shapes: list[str] = []
        self._uses: list[str] = []
        self._body: list[str] = []
        self._place = ""

    @contextmanager
    def placed(self, x: float, y: float, scale: float) -> Iterator[None]:
        """Draw what follows around another origin and larger: one shoe of a pair."""
        self._place = f' transform="translate({x} {y}) scale({scale})"'
        self._body.append(f"<g{self._place}>")
        yield
        self._body.append("</g>")
        self._place = ""

    def piece(
        self,
        outline: str,
        *,
        tone: float = 0.0,
        color: Rgb | None = None,
        fabric: bool = True,
        shade: str = "round",
    ) -> None:
        """Add a piece of cloth.

        Args:
            outline: closed path data.
            tone: share of black (positive) or white (negative) in the colour: pieces that lie lower or higher.
            color: instead of the cloth's.
            fabric: whether the fabric's pattern shows on it.
            shade: ``round``, ``flat`` or ``none``, how light falls on it.
        """
        number = len(self._shapes)
        self._shapes.append(f'<path id="p{number}" d="{outline}"/>')
        self._uses.append(f'<use href="#p{number}"{self._place}/>')
        base = self.palette.cloth if color is None else color
        base = mix(base, BLACK, tone) if tone > 0 else mix(base, WHITE, -tone)
        use = f'<use href="#p{number}" '
        line = hex_of(mix(base, WHITE, 0.12) if lightness(base) < 32 else mix(base, BLACK, 0.3))
        self._body.append(use + f'fill="{hex_of(base)}" stroke="{line}" stroke-width=".9"/>')
        if fabric and self.fabric.pattern:
            self._body.append(use + 'fill="url(#m)"/>')
        if fabric and self.fabric.sheen:
            self._body.append(use + f'fill="url(#h)" opacity="{self.fabric.sheen}"/>')
        if shade != "none":
            self._body.append(use + f'fill="url(#{shade[0]})"/>')

    def pieces(self, start: Point, *steps: Step, tone: float = 0.0, shade: str = "round") -> None:
        """Add a piece and its mirror image."""
        self.piece(path(start, *steps, closed=True), tone=tone, shade=shade)
        self.piece(other_side(start, *steps, closed=True), tone=tone, shade=shade)

    def hole(self, outline: str) -> None:
        """Add a look into the garment: the inner side, in the shade."""
        self._body.append(
            f'<path d="{outline}" fill="{hex_of(self.palette.inside)}" stroke="{hex_of(self.palette.seam)}" stroke-width=".6"/>'
        )

    def seam(self, *lines: str, width: float = 1.0, opacity: float = 0.75) -> None:
        """Add seams: thin lines."""
        self._stroke(lines, f'stroke-width="{width}" opacity="{opacity}"', self.palette.seam)

    def stitch(self, *lines: str) -> None:
        """Add stitches: dashes beside a seam or a hem."""
        self._stroke(lines, 'stroke-width=".8" stroke-dasharray="2.6 1.9" opacity=".62"', self.palette.seam)

    def fold(self, *lines: str, width: float = 7.0, opacity: float = 0.16) -> None:
        """Add folds: soft shadows with a light edge."""
        joined = "".join(lines)
        self._body.append(
            f'<g clip-path="url(#c)" fill="none" stroke-linecap="round" filter="url(#b)"><path d="{joined}" stroke="#000" '
            f'stroke-width="{width}" opacity="{opacity}"/><path d="{joined}" stroke="#fff" stroke-width="{width * 0.6:.1f}" '
            f'opacity="{opacity * (0.5 if self.palette.is_dark else 1.1):.2f}" transform="translate({width * 0.75:.1f} 1)"/></g>'
        )

    def ribs(self, outline: str, *, tone: float = 0.06, upright: bool = True) -> None:
        """Add a ribbed band: cuffs, hems and collars of knitwear."""
        number = len(self._shapes)
        self.piece(outline, tone=tone, fabric=False, shade="flat")
        self._body.append(f'<use href="#p{number}" fill="url(#{"v" if upright else "w"})"/>')

    def button(self, x: float, y: float, radius: float = 2.6) -> None:
        """Add a button."""
        rim = hex_of(mix(self.palette.trim, BLACK, 0.4))
        self._body.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{hex_of(self.palette.trim)}" stroke="{rim}" stroke-width=".7"/>'
            f'<path d="M{x - 0.8:.1f},{y:.1f}h.1M{x + 0.8:.1f},{y:.1f}h.1" stroke="{rim}" stroke-width="1" stroke-linecap="round"/>'
        )

    def zip(self, line: str) -> None:
        """Add a zip: teeth on a dark tape."""
        metal = hex_of((196, 192, 184))
        self._body.append(
            f'<g fill="none"><path d="{line}" stroke="{hex_of(mix(self.palette.cloth, BLACK, 0.5))}" stroke-width="4.4"/>'
            f'<path d="{line}" stroke="{metal}" stroke-width="2.2" stroke-dasharray="1.1 1.1"/></g>'
        )

    def raw(self, element: str) -> None:
        """Add an element as it is."""
        self._body.append(element)

    def svg(self, *, tilt: float = 0.0) -> str:
        """Return the drawing, turned by ``tilt`` degrees, on its background."""
        uses = "".join(self._uses)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{2 * WIDTH}" height="{2 * HEIGHT}">'
            f"<defs>{''.join(self._shapes)}<clipPath id='c'>{uses}</clipPath>{self._gradients()}{self.fabric.pattern}</defs>"
            f'<path fill="url(#g)" d="M0,0h{WIDTH}v{HEIGHT}H0z"/>'
            f'<g transform="rotate({tilt:.1f} 150 200)">'
            f'<g filter="url(#s)" opacity="{0.3 if self.palette.is_dark else 0.36}" transform="translate(5 9)">{uses}</g>'
            f"{''.join(self._body)}</g></svg>"
        )

    def _gradients(self) -> str:
        palette = self.palette
        ground = palette.ground
        deep = 0.34 if palette.is_dark else 0.2 if lightness(palette.cloth) < 85 else 0.13
        light = 0.14 if palette.is_dark else 0.3
        seam = hex_of(palette.seam)
        shine = hex_of(palette.glow)
        return (
            '<linearGradient id="g" x2=".25" y2="1">'
            f'<stop stop-color="{hex_of(mix(ground, WHITE, 0.35))}"/><stop offset="1" stop-color="{hex_of(mix(ground, BLACK, 0.07))}"/></linearGradient>'
            '<linearGradient id="r"><stop stop-opacity="%s"/><stop offset=".2" stop-color="#fff" stop-opacity="%s"/>'
            '<stop offset=".42" stop-color="#fff" stop-opacity="%s"/><stop offset=".72" stop-opacity=".03"/><stop offset="1" stop-opacity="%s"/></linearGradient>'
            % (deep * 0.75, light * 0.6, light * 0.35, deep)
            + f'<linearGradient id="f" x2="0" y2="1"><stop stop-color="#fff" stop-opacity="{light * 0.5}"/><stop offset="1" stop-opacity="{deep * 0.55}"/></linearGradient>'
            f'<linearGradient id="h" x2="1" y2=".7"><stop stop-color="{shine}" stop-opacity="0"/><stop offset=".3" stop-color="{shine}"/><stop offset=".42" stop-color="{shine}" stop-opacity=".1"/>'
            f'<stop offset=".63" stop-color="{shine}" stop-opacity=".8"/><stop offset=".8" stop-color="{shine}" stop-opacity="0"/></linearGradient>'
            f'<pattern id="v" width="3.2" height="4" patternUnits="userSpaceOnUse"><path d="M.8,0v4" stroke="{seam}" stroke-width=".9" opacity=".5"/></pattern>'
            f'<pattern id="w" width="4" height="3.2" patternUnits="userSpaceOnUse"><path d="M0,.8h4" stroke="{seam}" stroke-width=".9" opacity=".5"/></pattern>'
            '<filter id="s" x="-20%" y="-20%" width="140%" height="140%"><feGaussianBlur stdDeviation="7"/></filter>'
            '<filter id="b"><feGaussianBlur stdDeviation="2.6"/></filter>'
        )

    def _stroke(self, lines: tuple[str, ...], attributes: str, color: Rgb) -> None:
        self._body.append(
            f'<path d="{"".join(lines)}" fill="none" stroke="{hex_of(color)}" stroke-linecap="round" stroke-linejoin="round" {attributes}/>'
        )
