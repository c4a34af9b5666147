"""Shirts and T-shirts."""

from service.demo.drawing.cut import Cut, armholes, cuff_of, deeper, drape, hem_line, neck_band, neck_hole
from service.demo.drawing.outline import Point, Step, mirrored, other_side, path
from service.demo.drawing.sketch import Sketch


def draw_tshirt(sketch: Sketch) -> None:
    """Draw a T-shirt with a round or a V neck, some with a pocket."""
    rng = sketch.rng
    cut = Cut.of(sketch, neck=121, depth=94, hem=326, waist=rng.choice((0, 4, 7)))
    v_neck = rng.random() < 0.25
    length, opening, sway = rng.uniform(148, 174), rng.uniform(36, 42), rng.uniform(36, 44)
    outer, inner = cuff_of(cut, length, opening, sway)
    neck_hole(sketch, cut, depth=cut.depth + (26 if v_neck else 6))
    sketch.pieces(*cut.sleeve(length=length, opening=opening, sway=sway), tone=0.03)
    neckline: Step = [(cut.neck + 12, 92), (cut.neck, 66)] if v_neck else [(127, cut.depth), (cut.neck, 66)]
    if v_neck:
        cut = deeper(cut, 22)
    sketch.piece(cut.torso(neckline, hem=[(90, cut.hem + 4), (150, cut.hem + 5)]))
    neck_band(sketch, cut, v_neck=v_neck, width=7)
    sketch.stitch(hem_line(cut, 8), hem_line(cut, 11))
    start: Point = (outer[0], outer[1] - 8)
    end: Step = [(inner[0], inner[1] - 8)]
    sketch.stitch(path(start, end), other_side(start, end))
    armholes(sketch, cut)
    drape(sketch, cut)
    if rng.random() < 0.35:
        _chest_pocket(sketch, cut, pointed=False)


def draw_shirt(sketch: Sketch) -> None:
    """Draw a buttoned shirt: a collar, a placket, cuffs, and a curved or straight hem."""
    rng = sketch.rng
    cut = Cut.of(sketch, neck=124, depth=82, hem=330, waist=rng.choice((0, 3, 8)))
    short = rng.random() < 0.3
    length = rng.uniform(166, 186) if short else rng.uniform(298, 316)
    opening, sway = (rng.uniform(38, 43), rng.uniform(36, 42)) if short else (25.0, rng.uniform(38, 45))
    sketch.hole(mirrored((150, 58), [(134, 58), (cut.neck, 64)], [(130, 84), (150, 96)]))
    sleeve = cut.sleeve(length=length, opening=opening, sway=sway)
    sketch.pieces(*sleeve, tone=0.05)
    _sleeve_end(sketch, cut, length, opening, sway, band=7.0 if short else 19.0)
    curved = rng.random() < 0.65
    hem: Step = (
        [(86, cut.hem - 26), (112, cut.hem + 6), (150, cut.hem + 8)]
        if curved
        else [(90, cut.hem + 3), (150, cut.hem + 4)]
    )
    sketch.piece(cut.torso([(138, 80), (cut.neck, 64)], hem=hem))
    armholes(sketch, cut)
    drape(sketch, cut)
    _placket(sketch, cut)
    _shirt_collar(sketch, cut, style=rng.choice(("pointed", "pointed", "button-down", "band")))
    if rng.random() < 0.6:
        _chest_pocket(sketch, cut, pointed=rng.random() < 0.6)
    end = other_side((cut.side - 1, hem[0][1] - 6), *[[(x, y - 7) for x, y in hem]])
    sketch.stitch(path((cut.side - 1, hem[0][1] - 6), [(x, y - 7) for x, y in hem]), end)


def _sleeve_end(sketch: Sketch, cut: Cut, length: float, opening: float, sway: float, *, band: float) -> None:
    outer, inner = cuff_of(cut, length, opening, sway)
    if band < 10:
        start = (outer[0] + 2, outer[1] - band)
        line: Step = [(inner[0] + 1, inner[1] - band)]
        sketch.stitch(path(start, line), other_side(start, line))
        return
    upper_outer, upper_inner = (outer[0] + 0.5, outer[1] - band), (inner[0] + 1.5, inner[1] - band + 2)
    steps: tuple[Step, ...] = ([upper_inner], [inner], [outer])
    sketch.pieces(upper_outer, *steps, tone=0.02)
    sketch.stitch(path((outer[0] + 1, outer[1] - 3), [(inner[0], inner[1] - 3)]))
    sketch.button(inner[0] - 6, inner[1] - band * 0.55, 2.0)
    sketch.button(306 - inner[0], inner[1] - band * 0.55, 2.0)


def _placket(sketch: Sketch, cut: Cut) -> None:
    top, bottom = cut.depth + 6, cut.hem + 4
    sketch.seam(f"M142,{top:.0f}V{bottom:.0f}M158,{top:.0f}V{bottom:.0f}", opacity=0.6)
    sketch.stitch(f"M145,{top:.0f}V{bottom:.0f}")
    count = sketch.rng.choice((6, 7))
    for number in range(count):
        sketch.button(150, top + 16 + number * (bottom - top - 34) / (count - 1))


def _shirt_collar(sketch: Sketch, cut: Cut, *, style: str) -> None:
    neck = cut.neck
    if style == "band":
        sketch.pieces((neck - 5, 66), [(128, 84), (150, 92)], [(150, 82)], [(134, 76), (neck + 2, 58)])
        sketch.button(150, 87, 2.2)
        return
    reach = sketch.rng.uniform(28, 38)
    tip = (neck + sketch.rng.uniform(-6, 4), 72 + reach)
    start, steps = (
        (neck + 6, 54),
        ([(neck - 4, 58), (neck - 8, 70)], [tip], [(140, 88), (150, 86)], [(134, 74), (neck + 6, 54)]),
    )
    # The stand behind, seen between the two wings.
    sketch.piece(
        mirrored((150, 60), [(136, 60), (neck + 6, 54)], [(neck + 2, 66)], [(134, 70), (150, 70)]), tone=0.16
    )
    sketch.pieces(start, *steps, tone=-0.05)
    line: tuple[Step, ...] = ([(tip[0] + 1, tip[1] - 4)], [(140, 84)])
    sketch.stitch(path((neck - 4, 72), *line), other_side((neck - 4, 72), *line))
    if style == "button-down":
        sketch.button(tip[0] + 2, tip[1] - 6, 1.8)
        sketch.button(298 - tip[0], tip[1] - 6, 1.8)


def _chest_pocket(sketch: Sketch, cut: Cut, *, pointed: bool) -> None:
    left, top = 170.0, cut.armpit[1] - 20
    point = 7 if pointed else 0
    outline = path(
        (left, top),
        [(left + 32, top)],
        [(left + 32, top + 32)],
        [(left + 16, top + 32 + point)],
        [(left, top + 32)],
        closed=True,
    )
    sketch.piece(outline, tone=0.02, shade="flat")
    sketch.stitch(f"M{left},{top + 6:.1f}h32")
