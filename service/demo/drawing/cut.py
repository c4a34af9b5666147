"""The cut of a top: where its lines run, and the parts that shirts, sweaters and jackets share."""

from dataclasses import dataclass, replace
from typing import Final, Self

from service.demo.drawing.outline import Point, Step, flipped, mirrored, other_side, path
from service.demo.drawing.sketch import Sketch

_WIDER: Final = {"boxy": 9.0, "oversized": 13.0, "fleece": 4.0}
_LONGER: Final = {"boxy": -14.0, "oversized": 9.0}


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the lines of a top run; x of the left half.

    Attributes:
        neck: x of the neck's side.
        depth: y of the neck's lowest point.
        shoulder: x of the shoulder's tip.
        side: x of the body below the arm.
        waist: how far the side comes in.
        hem: y of the hem.
        drop: y of the shoulder's tip, more for softer shoulders.
    """

    neck: float
    depth: float
    shoulder: float
    side: float
    waist: float
    hem: float
    drop: float = 84.0

    @classmethod
    def of(cls, sketch: Sketch, *, neck: float, depth: float, hem: float, waist: float = 0.0) -> Self:
        """Return a cut for the sketch's material, with its own small differences."""
        rng, name = sketch.rng, sketch.fabric.name
        wider = _WIDER.get(name, 0.0)
        return cls(
            neck + rng.uniform(-2, 2),
            depth + rng.uniform(-2, 3),
            80 - wider + rng.uniform(-2, 2),
            81 - wider + rng.uniform(-3, 2),
            waist,
            hem + _LONGER.get(name, 0.0) + rng.uniform(-8, 6),
            84 + wider * 0.4,
        )

    @property
    def armpit(self) -> Point:
        """Where sleeve and side meet."""
        return self.side + 2, self.drop + 68

    def torso(self, neckline: Step, *, hem: Step) -> str:
        """Return the body's outline.

        Args:
            neckline: from the axis to the neck's side.
            hem: from the side's end to the axis.
        """
        x, y = self.armpit
        return mirrored(
            (150, self.depth),
            neckline,
            [(self.shoulder, self.drop)],
            [(self.shoulder + 7, self.drop + 22), (self.shoulder + 5, y - 22), (x, y)],
            [
                (x + self.waist, y + 50),
                (self.side - 1 + self.waist, self.hem - 70),
                (self.side - 2, hem[0][1]),
            ],
            hem,
        )

    def sleeve(self, *, length: float, opening: float, sway: float) -> tuple[Point, Step, Step, Step, Step]:
        """Return the left sleeve: start and steps.

        Args:
            length: y of the cuff.
            opening: width of the cuff.
            sway: how far the cuff swings out.
        """
        x, y = self.armpit
        outer = (self.shoulder - sway, length)
        inner = (outer[0] + opening, length + opening * 0.32 * (1.6 if length < 220 else 0.4))
        bend = (length - self.drop) * 0.42
        return (
            (self.shoulder + 2, self.drop - 1),
            [(self.shoulder - 15, self.drop + 8), (outer[0] + 3, length - bend), outer],
            [inner],
            [(inner[0] + 2, length - bend * 0.6), (x - 6, y + bend * 0.45), (x + 1, y + 2)],
            [
                (self.shoulder + 9, y - 24),
                (self.shoulder + 8, self.drop + 24),
                (self.shoulder + 2, self.drop - 1),
            ],
        )


def neck_hole(sketch: Sketch, cut: Cut, *, depth: float) -> None:
    """Draw the back of the neck, seen from inside, with its band and a label."""
    sketch.hole(
        mirrored(
            (150, 73), [(136, 73), (cut.neck - 3, 64)], [(cut.neck + 4, 92), (150, depth)], [(150, depth)]
        )
    )
    sketch.ribs(
        mirrored((150, 66), [(136, 67), (cut.neck + 1, 60)], [(cut.neck - 2, 66)], [(134, 76), (150, 76)]),
        tone=0.2,
    )
    sketch.raw('<path d="M143,77h14v8h-14z" fill="#f5f1e8" opacity=".9"/>')


def deeper(cut: Cut, by: float) -> Cut:
    """Return the cut with a neck that reaches farther down."""
    return replace(cut, depth=cut.depth + by)


def cuff_of(cut: Cut, length: float, opening: float, sway: float) -> tuple[Point, Point]:
    """Return the outer and the inner end of the left sleeve."""
    _, upper, lower, _, _ = cut.sleeve(length=length, opening=opening, sway=sway)
    return upper[-1], lower[-1]


def hem_line(cut: Cut, above: float) -> str:
    """Return a line along the hem, ``above`` it."""
    left = cut.side - 2
    return path(
        (left, cut.hem + 3 - above), [(150, cut.hem + 6 - above), flipped((left, cut.hem + 3 - above))]
    )


def armholes(sketch: Sketch, cut: Cut) -> None:
    """Draw the seams between body and sleeves."""
    x, y = cut.armpit
    line = [(cut.shoulder + 7, cut.drop + 22), (cut.shoulder + 5, y - 22), (x, y)]
    sketch.seam(path((cut.shoulder, cut.drop), line), other_side((cut.shoulder, cut.drop), line), opacity=0.5)


def drape(sketch: Sketch, cut: Cut, *, hem: float | None = None) -> None:
    """Draw the folds of a body that lies flat, down to ``hem`` (the cut's, if not given)."""
    rng, low = sketch.rng, (cut.hem if hem is None else hem) - 6
    x, y = cut.armpit
    lean = rng.uniform(-9, 9)
    sketch.fold(
        path((x + 6, y + 8), [(x + 24, y + 40), (x + 15 + lean, low - 60)]),
        path((292 - x, y + 8), [(272 - x, y + 36), (276 - x + lean, low - 78)]),
        path((118 + lean, low), [(122 + lean, low - 44), (114 + lean, low - 92)]),
        path((196 + lean, low), [(190 + lean, low - 30), (193 + lean, low - 70)]),
        path((x - 19, y - 20), [(x - 12, y - 4), (x + 2, y + 4)]),
        path((319 - x, y - 20), [(312 - x, y - 4), (298 - x, y + 4)]),
    )


def neck_band(sketch: Sketch, cut: Cut, *, v_neck: bool, width: float) -> None:
    """Draw a ribbed band around a round or a V neck."""
    inner: Step = [(cut.neck + 12, 92), (cut.neck, 66)] if v_neck else [(127, cut.depth), (cut.neck, 66)]
    outer: Step = (
        [(cut.neck + 7, 98), (150, cut.depth + width * 1.3)]
        if v_neck
        else [(120, cut.depth + width), (150, cut.depth + width)]
    )
    sketch.ribs(mirrored((150, cut.depth), inner, [(cut.neck - width, 68)], outer))
