"""Trousers, skirts and dresses."""

from service.demo.drawing.outline import Point, Step, flipped, mirrored, other_side, path
from service.demo.drawing.sketch import Sketch


def draw_trousers(sketch: Sketch) -> None:
    """Draw trousers, narrow to wide, with pockets, a fly and perhaps a crease, turn-ups or a drawstring."""
    rng = sketch.rng
    wide = sketch.fabric.name in ("oversized", "boxy", "linen", "satin") or rng.random() < 0.2
    ankle = rng.uniform(4, 12) if wide else rng.uniform(-14, -4)
    waist, top, bottom = 102 + rng.uniform(-2, 2), 52.0, rng.uniform(350, 364)
    hip, outer, inner = (
        (86 - (4 if wide else 0), 128.0),
        (84 - ankle, bottom),
        (140 - ankle * 0.3, bottom + 3),
    )
    sketch.hole(
        mirrored((150, top + 4), [(126, top + 3), (waist, top - 2)], [(126, top + 12), (150, top + 13)])
    )
    leg: tuple[Step, ...] = (
        [(waist - 6, top + 34), (hip[0], hip[1] - 24), hip],
        [(hip[0] - 3, 200), (outer[0] - 1, 270), outer],
        [inner],
        [(inner[0] + 3, 270), (146, 200), (150, 156)],
        [(150, top + 22)],
    )
    sketch.pieces((waist, top + 14), *leg)
    sketch.fold(
        path((128, 164), [(116, 150), (104, 146)]),
        path((172, 164), [(184, 152), (196, 150)]),
        path((inner[0] - 14, bottom - 8), [(124, 300), (122, 236)]),
        path((314 - inner[0], bottom - 8), [(180, 290), (176, 222)]),
        path((outer[0] + 14, 250), [(outer[0] + 24, 238), (outer[0] + 38, 240)]),
    )
    if rng.random() < 0.4 and not wide:
        middle = (outer[0] + inner[0]) / 2
        crease: Step = [(118, 200), (middle, bottom)]
        sketch.seam(path((122, 96), crease), other_side((122, 96), crease), opacity=0.45)
    _waistband(
        sketch, waist, top, drawstring=sketch.fabric.name in ("fleece", "jersey") or rng.random() < 0.2
    )
    pocket: Step = [(waist + 2, top + 46), (hip[0] + 5, top + 56)]
    sketch.seam(path((waist + 17, top + 17), pocket), other_side((waist + 17, top + 17), pocket))
    sketch.seam(f"M150,{top + 16:.0f}V156")
    sketch.stitch(path((160, top + 18), [(161, 110), (151, 124)]))
    if rng.random() < 0.35:
        up: tuple[Step, ...] = ([(inner[0] + 1, inner[1] - 15)], [inner], [outer])
        sketch.pieces((outer[0] - 1, outer[1] - 15), *up, tone=0.06, shade="flat")
    else:
        end: Step = [(inner[0], inner[1] - 6)]
        sketch.stitch(path((outer[0], outer[1] - 6), end), other_side((outer[0], outer[1] - 6), end))


def draw_skirt(sketch: Sketch) -> None:
    """Draw a skirt: straight, flared or pleated, of two lengths."""
    rng = sketch.rng
    kind = rng.choice(("straight", "flared", "flared", "pleated"))
    waist, top = 109 + rng.uniform(-2, 2), 88.0
    bottom = rng.uniform(292, 330)
    spread = {"straight": 90.0, "flared": 52.0, "pleated": 60.0}[kind] + rng.uniform(-4, 4)
    hem: Step = [
        (100, bottom + (4 if kind == "straight" else 16)),
        (150, bottom + (4 if kind == "straight" else 16)),
    ]
    sketch.hole(
        mirrored((150, top - 6), [(126, top - 7), (waist, top - 12)], [(126, top + 4), (150, top + 4)])
    )
    sketch.piece(
        mirrored(
            (150, top),
            [(waist, top)],
            [
                (waist - 12, top + 40),
                (spread + (0 if kind == "straight" else 16), top + 80),
                (spread, bottom),
            ],
            hem,
        )
    )
    if kind == "pleated":
        _pleats(sketch, waist, top + 10, spread, bottom + 8, count=7)
    else:
        lean = rng.uniform(-8, 8)
        sketch.fold(
            path((spread + 32, bottom - 2), [(112, 220), (124 + lean, top + 40)]),
            path((268 - spread, bottom - 2), [(184, 230), (174 + lean, top + 50)]),
            path((146 + lean, bottom + 6), [(148, 250), (143, 190)]),
        )
    _waistband(sketch, waist, top - 12, drawstring=False)
    if kind == "straight" and rng.random() < 0.6:
        sketch.seam(f"M{172 + rng.randint(-3, 3)},{bottom + 2:.0f}v-74")
    elif kind == "flared" and rng.random() < 0.4:
        sketch.seam(f"M150,{top + 6:.0f}V{bottom + 14:.0f}", opacity=0.6)
        for number in range(7):
            sketch.button(155, top + 16 + number * (bottom - top - 20) / 6.5, 2.4)
    line: Step = [(x, y - 8) for x, y in hem]
    sketch.stitch(path((spread + 1, bottom - 7), line), other_side((spread + 1, bottom - 7), line))


def draw_dress(sketch: Sketch) -> None:
    """Draw a dress: with straps, sleeveless, with short or long sleeves; with a belt, tiers or buttons."""
    rng = sketch.rng
    top = rng.choice(("straps", "sleeveless", "short", "short", "long"))
    waist_y, waist = rng.uniform(166, 182), 112 + rng.uniform(-4, 3)
    bottom, spread = rng.uniform(340, 368), rng.uniform(58, 82)
    if sketch.fabric.name in ("boxy", "oversized"):
        waist -= 12
    v_neck = rng.random() < 0.5
    depth = (104 if v_neck else 84) + rng.uniform(-3, 5)
    neck = 124 - (6 if top == "straps" else 0) + rng.uniform(-2, 2)
    shoulder = {"straps": neck - 8, "sleeveless": 99.0}.get(top, 92.0)
    _dress_sleeves(sketch, top, shoulder)
    low = 92.0 if top == "straps" else 63.0
    back = mirrored(
        (150, low), [(136, low), (neck + 2, 55)], [(neck + 4, 88), (150, depth + 4)], [(150, depth + 4)]
    )
    sketch.hole(back)
    neckline: Step = [(neck + 10, 86), (neck, 56)] if v_neck else [(neck + 3, depth), (neck, 56)]
    if top == "straps":
        neckline = [(neck + 8, depth - 4), (neck + 1, depth - 18), (neck, 56)]
    armhole: Step = [(shoulder + 9, 84), (shoulder + (2 if top == "straps" else 6), 104), (100, 118)]
    sketch.piece(
        mirrored(
            (150, depth),
            neckline,
            [(shoulder, 56 if top == "straps" else 63)],
            armhole,
            [(102, 140), (waist, 156), (waist, waist_y)],
            [(waist - 8, waist_y + 40), (spread + 12, waist_y + 84), (spread, bottom)],
            [(100, bottom + 13), (150, bottom + 13)],
        )
    )
    _dress_folds(sketch, waist, waist_y, spread, bottom)
    edge: Step = [(150, depth)]
    sketch.seam(
        path((neck, 56), [*reversed(neckline[:-1]), *edge]),
        other_side((neck, 56), [*reversed(neckline[:-1]), *edge]),
        width=2.2,
        opacity=0.6,
    )
    _dress_details(sketch, (waist, waist_y), spread, bottom, depth)
    hem: Step = [(100, bottom + 6), (150, bottom + 6)]
    sketch.stitch(path((spread + 1, bottom - 7), hem), other_side((spread + 1, bottom - 7), hem))


# ---------------------------------------------------------------- parts


def _waistband(sketch: Sketch, waist: float, top: float, *, drawstring: bool) -> None:
    band = mirrored(
        (150, top + 10),
        [(126, top + 9), (waist, top - 1)],
        [(waist - 2, top + 15)],
        [(126, top + 25), (150, top + 26)],
    )
    if drawstring:
        sketch.ribs(band, tone=0.03)
        sketch.raw(
            f'<path d="M147,{top + 20:.0f}q-10,16 -7,36M153,{top + 20:.0f}q8,14 6,28" fill="none" stroke="#f4efe6" stroke-width="2.2" stroke-linecap="round"/>'
        )
        return
    sketch.piece(band, tone=0.04, shade="flat")
    for x in (118.0, 174.0):
        sketch.piece(f"M{x},{top + 4:.1f}h5v20h-5z", tone=0.1, shade="none")
    sketch.button(150, top + 18, 3)


def _pleats(sketch: Sketch, waist: float, top: float, spread: float, bottom: float, *, count: int) -> None:
    for number in range(1, count + 1):
        share = number / (count + 1)
        x_top = waist + (300 - 2 * waist) * share
        x_bottom = spread + (300 - 2 * spread) * share
        line = path((x_top, top), [((x_top * 2 + x_bottom) / 3, top + 60), (x_bottom, bottom - 2)])
        sketch.seam(line, opacity=0.5)
        sketch.fold(
            path((x_top + 4, top + 14), [((x_top * 2 + x_bottom) / 3 + 5, top + 70), (x_bottom + 8, bottom)]),
            opacity=0.2,
        )


def _dress_sleeves(sketch: Sketch, top: str, shoulder: float) -> None:
    if top == "short":
        flare = sketch.rng.uniform(0, 10)
        start: Point = (shoulder + 2, 62)
        steps: tuple[Step, ...] = (
            [(shoulder - 18, 68), (66 - flare, 100), (62 - flare, 122)],
            [(80, 136), (92, 130)],
            [(98, 122), (100, 118)],
            [(shoulder + 9, 96), (shoulder + 2, 62)],
        )
        sketch.pieces(start, *steps, tone=0.04)
        line: Step = [(80, 130), (93, 125)]
        sketch.stitch(path((64 - flare, 117), line), other_side((64 - flare, 117), line))
    elif top == "long":
        steps = (
            [(shoulder - 20, 72), (62, 150), (52, 236)],
            [(56, 246), (76, 243)],
            [(82, 190), (92, 150), (101, 120)],
            [(shoulder + 9, 96), (shoulder + 2, 62)],
        )
        sketch.pieces((shoulder + 2, 62), *steps, tone=0.05)
        cuff: tuple[Step, ...] = ([(78, 234)], [(75, 246)], [(50, 242)])
        sketch.pieces((52, 228), *cuff, tone=0.02, shade="flat")


def _dress_folds(sketch: Sketch, waist: float, waist_y: float, spread: float, bottom: float) -> None:
    lean = sketch.rng.uniform(-10, 10)
    sketch.fold(
        path((spread + 28, bottom - 2), [(108 + lean, 270), (waist + 12, waist_y + 18)]),
        path((spread + 66 + lean, bottom + 8), [(132, 290), (waist + 24, waist_y + 16)]),
        path((266 - spread, bottom), [(190 + lean, 270), (290 - waist, waist_y + 16)]),
        path((226 - spread + lean, bottom + 6), [(168, 300), (276 - waist, waist_y + 20)]),
        path((106, 126), [(118, 136), (132, 132)]),
        path((194, 128), [(182, 138), (170, 136)]),
    )


def _dress_details(sketch: Sketch, left: Point, spread: float, bottom: float, depth: float) -> None:
    rng = sketch.rng
    detail = rng.choice(("seam", "belt", "belt", "tiers", "buttons", "wrap"))
    (waist, waist_y), right = left, flipped(left)
    middle = (150, waist_y + 4)
    if detail == "belt":
        sketch.piece(
            mirrored(
                (150, waist_y - 3),
                [(130, waist_y - 4), (waist - 1, waist_y - 7)],
                [(waist - 1, waist_y + 6)],
                [(130, waist_y + 10), (150, waist_y + 10)],
            ),
            tone=0.16,
            shade="flat",
        )
        sketch.piece(f"M158,{waist_y:.0f}l-4,{58 + rng.randint(0, 20)}l9,3l4,-60z", tone=0.14, shade="flat")
        sketch.piece(f"M162,{waist_y:.0f}l6,{44 + rng.randint(0, 14)}l8,-3l-6,-42z", tone=0.12, shade="flat")
        return
    sketch.seam(path(left, [middle, right]), opacity=0.6)
    if detail == "tiers":
        for share in (0.36, 0.7):
            y = waist_y + (bottom - waist_y) * share
            x = waist + (spread - waist) * (share**0.7) + 1
            sketch.seam(path((x, y), [(150, y + 14), flipped((x, y))]), opacity=0.65)
            ruffle = "".join(f"M{x + step:.0f},{y + 7:.0f}v13" for step in range(10, int(300 - 2 * x), 12))
            sketch.fold(ruffle, width=3, opacity=0.2)
    elif detail == "buttons":
        sketch.seam(f"M150,{depth:.0f}V{bottom + 12:.0f}", opacity=0.6)
        for number in range(10):
            sketch.button(150, depth + 10 + number * (bottom - depth - 8) / 9.4, 2.3)
    elif detail == "wrap":
        sketch.seam(
            path((172, 78), [(142, 130), (waist + 4, waist_y)]),
            path((waist + 6, waist_y), [(150, 240), (168, bottom + 11)]),
            opacity=0.7,
        )
