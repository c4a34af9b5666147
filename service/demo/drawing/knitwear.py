"""Sweaters and sweatshirts: ribbed ends, and a neck of many kinds."""

from service.demo.drawing.cut import Cut, armholes, cuff_of, deeper, drape, neck_band, neck_hole
from service.demo.drawing.outline import Step, flipped, mirrored, other_side, path
from service.demo.drawing.palette import hex_of
from service.demo.drawing.sketch import Sketch


def draw_sweater(sketch: Sketch) -> None:
    """Draw a sweater: ribbed neck, cuffs and hem; some with cables or a yoke."""
    rng = sketch.rng
    cut = Cut.of(sketch, neck=121, depth=92, hem=308)
    neck = rng.choice(("crew", "crew", "v", "roll"))
    length, sway = rng.uniform(290, 304), rng.uniform(36, 44)
    _knit_body(sketch, cut, neck=neck, length=length, sway=sway)
    drape(sketch, cut, hem=cut.hem - 12)
    pattern = rng.random()
    if pattern < 0.4:
        _cables(sketch, cut)
    elif pattern < 0.6:
        _yoke(sketch, cut)
    _ribbed_ends(sketch, cut, length=length, sway=sway)
    _knit_neck(sketch, cut, neck)


def draw_sweatshirt(sketch: Sketch) -> None:
    """Draw a sweatshirt: ribbed ends, a triangle at the neck, or a hood with strings and a pouch."""
    rng = sketch.rng
    cut = Cut.of(sketch, neck=120, depth=94, hem=306)
    hooded = rng.random() < 0.45
    length, sway = rng.uniform(290, 302), rng.uniform(36, 44)
    if hooded:
        _hood_behind(sketch, cut)
    _knit_body(sketch, cut, neck="crew", length=length, sway=sway)
    drape(sketch, cut, hem=cut.hem - 12)
    if hooded:
        _hood_front(sketch, cut)
        _pouch(sketch, cut)
    else:
        _knit_neck(sketch, cut, "crew")
        sketch.stitch(mirrored((150, cut.depth + 30), [(138, cut.depth + 11)]))
    _ribbed_ends(sketch, cut, length=length, sway=sway)
    if rng.random() < 0.4:
        # Raglan: a seam from the neck to the arm.
        x, y = cut.armpit
        sketch.seam(
            path((cut.neck - 1, 76), [(104, 110), (x + 1, y)]),
            other_side((cut.neck - 1, 76), [(104, 110), (x + 1, y)]),
        )
    else:
        armholes(sketch, cut)


def _knit_body(sketch: Sketch, cut: Cut, *, neck: str, length: float, sway: float) -> None:
    neck_hole(sketch, cut, depth=cut.depth + (30 if neck == "v" else 6))
    sketch.pieces(*cut.sleeve(length=length, opening=27, sway=sway), tone=0.05)
    body = deeper(cut, 26) if neck == "v" else cut
    neckline: Step = (
        [(cut.neck + 12, 92), (cut.neck, 66)] if neck == "v" else [(127, cut.depth), (cut.neck, 66)]
    )
    sketch.piece(body.torso(neckline, hem=[(90, cut.hem + 2), (150, cut.hem + 2)]))


def _ribbed_ends(sketch: Sketch, cut: Cut, *, length: float, sway: float) -> None:
    outer, inner = cuff_of(cut, length, 27, sway)
    steps: tuple[Step, ...] = (
        [(inner[0] + 1, inner[1] - 3)],
        [(inner[0] - 2, inner[1] + 15)],
        [(outer[0] + 2, outer[1] + 15)],
    )
    start = (outer[0], outer[1] - 3)
    sketch.ribs(path(start, *steps, closed=True))
    sketch.ribs(other_side(start, *steps, closed=True))
    left = cut.side - 3
    sketch.ribs(
        mirrored(
            (150, cut.hem - 3),
            [(left, cut.hem - 4)],
            [(left + 7, cut.hem + 19)],
            [(110, cut.hem + 22), (150, cut.hem + 22)],
        )
    )


def _knit_neck(sketch: Sketch, cut: Cut, neck: str) -> None:
    if neck == "roll":
        sketch.ribs(
            mirrored(
                (150, 48), [(130, 47), (cut.neck - 1, 52)], [(cut.neck - 5, 70)], [(126, 94), (150, 95)]
            ),
            tone=0.02,
        )
        sketch.fold(path((cut.neck + 2, 72), [(150, 90), flipped((cut.neck + 2, 72))]), width=4)
        return
    neck_band(sketch, deeper(cut, 26) if neck == "v" else cut, v_neck=neck == "v", width=9)


def _cables(sketch: Sketch, cut: Cut) -> None:
    columns = sketch.rng.choice(((150,), (128, 172), (118, 150, 182)))
    top, bottom = cut.depth + 14, cut.hem - 8
    for x in columns:
        twist, y = "", top
        while y < bottom - 12:
            twist += f"M{x - 6},{y:.0f}q6,4 12,13M{x + 6},{y:.0f}q-6,4 -12,13"
            y += 13
        sketch.seam(twist, width=1.7, opacity=0.55)
        sketch.seam(
            f"M{x - 10},{top:.0f}V{bottom:.0f}M{x + 10},{top:.0f}V{bottom:.0f}", width=1.2, opacity=0.45
        )


def _yoke(sketch: Sketch, cut: Cut) -> None:
    rows = "".join(
        f'<path d="M{cut.shoulder + 6 - row},{cut.drop + 24 + row * 11:.0f}Q150,{cut.drop + 62 + row * 12:.0f} {294 - cut.shoulder + row},{cut.drop + 24 + row * 11:.0f}" '
        f'stroke-dasharray="{("5 5", "2 4", "8 3")[row]}" stroke-width="{(5, 3, 4)[row]}"/>'
        for row in range(3)
    )
    sketch.raw(
        f'<g clip-path="url(#c)" fill="none" opacity=".75" stroke="{hex_of(sketch.palette.glow)}">{rows}</g>'
    )


def _hood_behind(sketch: Sketch, cut: Cut) -> None:
    sketch.piece(
        mirrored((150, 36), [(112, 34), (102, 54), (cut.neck - 16, 84)], [(128, 104), (150, 106)]), tone=0.08
    )


def _hood_front(sketch: Sketch, cut: Cut) -> None:
    sketch.hole(mirrored((150, 50), [(128, 48), (118, 66), (125, 84)], [(136, 98), (150, 106)]))
    start, steps = (
        (150, 42),
        (
            [(118, 38), (106, 60), (cut.neck - 14, 86)],
            [(126, 106), (150, 116)],
            [(150, 104)],
            [(136, 98), (125, 84)],
            [(120, 66), (130, 50), (150, 50)],
        ),
    )
    sketch.pieces(start, *steps, tone=0.02)
    cord = "#f2eee6" if sketch.palette.is_dark else "#fbf8f2"
    sketch.raw(
        f'<path d="M140,108q-4,24 -1,46M160,108q4,22 2,40" fill="none" stroke="{cord}" stroke-width="2.4" stroke-linecap="round"/>'
    )


def _pouch(sketch: Sketch, cut: Cut) -> None:
    top, bottom = cut.hem - 66, cut.hem - 5
    sketch.piece(
        mirrored((150, top), [(122, top)], [(106, top + 34), (101, bottom - 14)], [(101, bottom)]),
        tone=0.02,
        shade="flat",
    )
    sketch.stitch(
        path((125, top + 2), [(110, top + 34), (105, bottom - 14)]),
        other_side((125, top + 2), [(110, top + 34), (105, bottom - 14)]),
    )
