"""Jackets: bombers, blazers, quilted and denim ones, by their material."""

from typing import Final

from service.demo.drawing.cut import Cut
from service.demo.drawing.outline import Point, Step, mirrored, other_side, path
from service.demo.drawing.palette import hex_of
from service.demo.drawing.sketch import Sketch

_BLAZERS: Final = frozenset({"merino", "poplin", "wool", "linen", "satin", "lace"})
_DENIM: Final = frozenset({"chambray", "washed", "cotton"})


def draw_jacket(sketch: Sketch) -> None:
    """Draw a jacket of the cut that suits its material."""
    name = sketch.fabric.name
    if name in _BLAZERS:
        _draw_blazer(sketch)
    elif name in _DENIM:
        _draw_trucker(sketch)
    else:
        _draw_zipped(sketch, hooded=name in ("ripstop", "quilted") and sketch.rng.random() < 0.6)


def _arms(sketch: Sketch, cut: Cut, *, length: float) -> tuple[Point, Point]:
    """Draw both sleeves; return the left cuff's outer and inner end."""
    sleeve = cut.sleeve(length=length, opening=31, sway=sketch.rng.uniform(32, 40))
    sketch.pieces(*sleeve, tone=0.06)
    return sleeve[1][-1], sleeve[2][-1]


def _folds(sketch: Sketch, cut: Cut) -> None:
    x, y = cut.armpit
    lean = sketch.rng.uniform(-6, 6)
    sketch.fold(
        path((x + 8, y + 12), [(x + 26, y + 44), (x + 16 + lean, cut.hem - 70)]),
        path((292 - x, y + 12), [(274 - x, y + 40), (282 - x + lean, cut.hem - 80)]),
        path((x - 24, y + 8), [(x - 14, y + 16), (x - 4, y + 14)]),
        path((324 - x, y + 8), [(314 - x, y + 16), (304 - x, y + 14)]),
        path((118 + lean, cut.hem - 8), [(122, cut.hem - 44), (116, cut.hem - 90)]),
    )


def _draw_blazer(sketch: Sketch) -> None:
    rng = sketch.rng
    cut = Cut.of(sketch, neck=124, depth=84, hem=322, waist=5)
    button_y = rng.uniform(200, 222)
    length = rng.uniform(300, 312)
    sketch.hole(mirrored((150, 58), [(136, 57), (cut.neck, 60)], [(124, 120), (150, button_y)]))
    _arms(sketch, cut, length=length)
    x, y = cut.armpit
    front: tuple[Step, ...] = (
        [(cut.shoulder, cut.drop)],
        [(cut.shoulder + 7, cut.drop + 22), (cut.shoulder + 5, y - 22), (x, y)],
        [(x + 6, y + 56), (cut.side + 3, cut.hem - 70), (cut.side - 4, cut.hem)],
        [(112, cut.hem + 6), (136, cut.hem + 4)],
        [(152, cut.hem - 4), (154, cut.hem - 40)],
        [(154, button_y)],
        [(138, 120), (cut.neck, 62)],
    )
    start = (cut.neck, 62.0)
    sketch.piece(other_side(start, *front, closed=True), tone=0.03)
    sketch.piece(path(start, *front, closed=True))
    _folds(sketch, cut)
    notch = rng.uniform(108, 122)
    lapel: tuple[Step, ...] = (
        [(cut.neck - 12, 84), (106, notch)],
        [(118, notch + 8)],
        [(104, notch + 16)],
        [(120, 176), (152, button_y)],
        [(136, 120), (cut.neck + 4, 56)],
    )
    sketch.piece(
        mirrored(
            (150, 62),
            [(136, 62), (cut.neck + 4, 50)],
            [(cut.neck - 5, 60)],
            [(cut.neck - 3, 78)],
            [(132, 76), (150, 76)],
        ),
        tone=0.16,
        shade="flat",
    )
    sketch.piece(other_side((cut.neck + 4, 54), *lapel, closed=True), tone=0.08, shade="flat")
    sketch.piece(path((cut.neck + 4, 54), *lapel, closed=True), tone=0.02, shade="flat")
    collar: tuple[Step, ...] = (
        [(cut.neck - 10, 62), (cut.neck - 14, 84)],
        [(108, notch - 4)],
        [(118, notch + 6)],
        [(128, 104), (cut.neck + 7, 78)],
        [(cut.neck + 6, 62), (cut.neck + 5, 50)],
    )
    sketch.pieces((cut.neck + 5, 50), *collar, tone=0.05, shade="flat")
    for number in range(rng.choice((1, 2, 2))):
        sketch.button(150, button_y + 8 + 30 * number, 3.6)
    for outline in (f"M96,{cut.hem - 66:.0f}l34,3v9l-34,-3z", f"M204,{cut.hem - 66:.0f}l-34,3v9l34,-3z"):
        sketch.piece(outline, tone=0.08, shade="flat")
    sketch.seam("M172,158l24,-4")
    _sleeve_buttons(sketch, cut, length)


def _sleeve_buttons(sketch: Sketch, cut: Cut, length: float) -> None:
    for number in range(3):
        sketch.button(cut.shoulder - 10, length - 8 - number * 7, 1.8)
        sketch.button(310 - cut.shoulder, length - 8 - number * 7, 1.8)


def _draw_trucker(sketch: Sketch) -> None:
    cut = Cut.of(sketch, neck=123, depth=82, hem=288)
    length = sketch.rng.uniform(286, 298)
    sketch.hole(mirrored((150, 58), [(136, 58), (cut.neck, 62)], [(130, 84), (150, 96)]))
    _arms(sketch, cut, length=length)
    sketch.piece(cut.torso([(138, 80), (cut.neck, 62)], hem=[(90, cut.hem + 2), (150, cut.hem + 3)]))
    _folds(sketch, cut)
    chest = cut.armpit[1] - 24
    yoke = path((cut.shoulder + 7, chest), [(150, chest + 10), (293 - cut.shoulder, chest)])
    sketch.seam(yoke)
    sketch.stitch(yoke.replace(f"{chest:.1f}".removesuffix(".0"), f"{chest + 3:.1f}".removesuffix(".0")))
    seams = [path((112, chest + 6), [(124, cut.hem)]), path((136, chest + 8), [(138, cut.hem)])]
    mirror = [other_side((112, chest + 6), [(124, cut.hem)]), other_side((136, chest + 8), [(138, cut.hem)])]
    sketch.seam(*seams, *mirror)
    sketch.stitch(path((115, chest + 6), [(127, cut.hem)]), other_side((115, chest + 6), [(127, cut.hem)]))
    for left in (106.0, 166.0):
        flap = f"M{left},{chest - 2:.0f}h28v11l-14,8l-14,-8z"
        sketch.piece(flap, tone=0.06, shade="flat")
        sketch.button(left + 14, chest + 11, 2.2)
    band = mirrored(
        (150, cut.hem - 2),
        [(cut.side - 2, cut.hem - 3)],
        [(cut.side, cut.hem + 17)],
        [(110, cut.hem + 19), (150, cut.hem + 19)],
    )
    sketch.piece(band, tone=0.05, shade="flat")
    sketch.seam(
        f"M144,{cut.depth + 8:.0f}V{cut.hem + 18:.0f}M156,{cut.depth + 8:.0f}V{cut.hem + 18:.0f}", opacity=0.6
    )
    for number in range(6):
        sketch.button(150, cut.depth + 20 + number * (cut.hem - cut.depth - 14) / 5, 3)
    _turned_collar(sketch, cut)


def _turned_collar(sketch: Sketch, cut: Cut) -> None:
    neck = cut.neck
    sketch.piece(
        mirrored((150, 60), [(136, 60), (neck + 6, 54)], [(neck + 2, 66)], [(134, 70), (150, 70)]), tone=0.18
    )
    wing: tuple[Step, ...] = (
        [(neck - 6, 58), (neck - 14, 72)],
        [(neck - 10, 112)],
        [(142, 92), (150, 88)],
        [(134, 74), (neck + 6, 53)],
    )
    sketch.pieces((neck + 6, 53), *wing, tone=0.03)


def _draw_zipped(sketch: Sketch, *, hooded: bool) -> None:
    rng = sketch.rng
    cut = Cut.of(sketch, neck=122, depth=80, hem=300)
    length = rng.uniform(288, 300)
    if hooded:
        sketch.piece(
            mirrored((150, 30), [(112, 28), (100, 52), (108, 84)], [(128, 100), (150, 102)]), tone=0.12
        )
        sketch.hole(mirrored((150, 42), [(126, 42), (116, 62), (126, 82)], [(138, 92), (150, 94)]))
    outer, inner = _arms(sketch, cut, length=length)
    sketch.piece(cut.torso([(136, cut.depth), (cut.neck, 64)], hem=[(90, cut.hem + 2), (150, cut.hem + 2)]))
    _folds(sketch, cut)
    left = cut.side - 3
    band = mirrored(
        (150, cut.hem - 3),
        [(left, cut.hem - 4)],
        [(left + 6, cut.hem + 17)],
        [(110, cut.hem + 20), (150, cut.hem + 20)],
    )
    sketch.ribs(band, tone=0.1)
    start = (outer[0] + 1, outer[1] - 2)
    cuff: tuple[Step, ...] = (
        [(inner[0] + 2, inner[1] - 2)],
        [(inner[0] - 2, inner[1] + 13)],
        [(start[0] + 3, start[1] + 15)],
    )
    sketch.ribs(path(start, *cuff, closed=True), tone=0.1)
    sketch.ribs(other_side(start, *cuff, closed=True), tone=0.1)
    collar = mirrored(
        (150, 72), [(134, 70), (cut.neck + 3, 52)], [(cut.neck - 6, 68)], [(126, 88), (150, 92)]
    )
    if not hooded:
        sketch.hole(mirrored((150, 56), [(134, 52), (cut.neck + 3, 52)], [(134, 76), (150, 80)]))
    sketch.ribs(collar, tone=0.08)
    sketch.zip(f"M150,{74:.0f}V{cut.hem + 18:.0f}")
    pull = hex_of((214, 208, 196))
    sketch.raw(
        f'<rect x="148" y="96" width="4" height="11" rx="1.6" fill="{pull}" stroke="#555" stroke-width=".5"/>'
    )
    pocket: Step = [(112, cut.hem - 46), (106, cut.hem - 22)]
    sketch.seam(path((120, cut.hem - 74), pocket), other_side((120, cut.hem - 74), pocket), width=2)
    if rng.random() < 0.5:
        sketch.seam(f"M176,{cut.armpit[1] - 14:.0f}h24", width=2)
        sketch.stitch(f"M176,{cut.armpit[1] - 10:.0f}h24")
