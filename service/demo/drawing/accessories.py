"""Tote bags and scarves."""

from service.demo.drawing.outline import mirrored, path
from service.demo.drawing.palette import BLACK, WHITE, hex_of, lightness, mix
from service.demo.drawing.sketch import Sketch


def draw_tote_bag(sketch: Sketch) -> None:
    """Draw a tote bag: two handles, and a pocket, a leather foot or a band of another shade."""
    rng = sketch.rng
    top, bottom = 160 + rng.uniform(-6, 6), 344 + rng.uniform(-8, 8)
    side, foot = rng.uniform(66, 76), rng.uniform(74, 90)
    reach = rng.uniform(48, 84)
    handle = hex_of(mix(sketch.palette.cloth, BLACK, 0.14)) if rng.random() < 0.5 else hex_of((134, 92, 62))
    for shift, tone in ((8, "#0005"), (0, None)):
        color = tone or handle
        loop = f"M{110},{top + 20 - shift:.0f}C106,{top - reach - shift:.0f} 194,{top - reach - shift:.0f} 190,{top + 20 - shift:.0f}"
        sketch.raw(f'<path d="{loop}" fill="none" stroke="{handle}" stroke-width="8"/>')
        if tone:
            sketch.raw(f'<path d="{loop}" fill="none" stroke="{color}" stroke-width="8"/>')
            sketch.hole(
                mirrored((150, top - 8), [(100, top - 9), (side + 4, top)], [(100, top + 6), (150, top + 6)])
            )
    sketch.piece(
        mirrored(
            (150, top + 3),
            [(100, top + 3), (side, top)],
            [(foot, bottom - 8)],
            [(foot, bottom), (foot + 8, bottom)],
        )
    )
    loop = f"M110,{top + 26:.0f}C106,{top - reach + 6:.0f} 194,{top - reach + 6:.0f} 190,{top + 26:.0f}"
    sketch.raw(
        f'<path d="{loop}" fill="none" stroke="#0004" stroke-width="8" transform="translate(1.5 3)" clip-path="url(#c)"/>'
    )
    sketch.raw(f'<path d="{loop}" fill="none" stroke="{handle}" stroke-width="8"/>')
    sketch.fold(
        path((side + 16, top + 30), [(side + 34, top + 90), (foot + 18, bottom - 20)]),
        path((228, top + 24), [(206, top + 80), (214, bottom - 12)]),
        path((128, bottom - 4), [(136, bottom - 50), (128, bottom - 84)]),
    )
    sketch.stitch(path((side + 1, top + 9), [(150, top + 13), (299 - side, top + 9)]))
    detail = rng.choice(("foot", "pocket", "band"))
    if detail == "foot":
        y = bottom - 42
        x = side + (foot - side) * (y - top) / (bottom - top)
        sketch.piece(
            mirrored((150, y), [(x, y)], [(foot, bottom - 8)], [(foot, bottom), (foot + 8, bottom)]),
            color=(140, 98, 66),
            fabric=False,
            shade="flat",
        )
        sketch.stitch(f"M{x + 2:.0f},{y + 4:.0f}H{298 - x:.0f}")
    elif detail == "pocket":
        sketch.piece(f"M112,{top + 66:.0f}h76v66q0,6 -6,6h-64q-6,0 -6,-6z", tone=0.04, shade="flat")
        sketch.stitch(f"M112,{top + 74:.0f}h76")
    else:
        light = mix(sketch.palette.cloth, BLACK if lightness(sketch.palette.cloth) > 60 else WHITE, 0.4)
        sketch.raw(
            f'<path d="M0,{top + 92:.0f}h300M0,{top + 110:.0f}h300" stroke="{hex_of(light)}" stroke-width="10" opacity=".8" clip-path="url(#c)"/>'
        )


def draw_scarf(sketch: Sketch) -> None:
    """Draw a scarf, looped once, with fringed ends; some striped at the ends."""
    rng = sketch.rng
    left, right = rng.uniform(304, 326), rng.uniform(270, 330)
    _tail(sketch, 160, right, 0.07, lean=rng.uniform(4, 14))
    _tail(sketch, 98, left, 0.0, lean=rng.uniform(-12, -2))
    # The loop lies over both tails: its far side, what is seen through it, and its near side.
    sketch.piece("M72,106C76,52 224,52 228,106C230,150 188,176 150,178C112,176 70,150 72,106Z", tone=0.02)
    sketch.hole("M108,100C114,78 186,78 192,100C194,118 174,130 150,130C126,130 106,118 108,100Z")
    sketch.fold(
        "M88,96C96,66 204,66 212,96",
        "M84,118C92,156 208,156 216,118",
        "M98,132C120,166 180,166 202,132",
        "M96,82C120,64 180,64 204,82",
        width=5,
        opacity=0.22,
    )
    sketch.seam("M104,112C116,142 184,142 196,112", "M80,112C92,158 208,158 220,112", opacity=0.35)


def _tail(sketch: Sketch, x: float, bottom: float, tone: float, *, lean: float) -> None:
    end = x + lean
    fringe = "".join(
        f"M{end + 2 + step:.1f},{bottom - 2:.0f}q{(step % 3) - 1},10 {(step % 5) - 2},{19 + step % 4}"
        for step in range(0, 46, 3)
    )
    sketch.raw(
        f'<path d="{fringe}" fill="none" stroke="{hex_of(mix(sketch.palette.cloth, BLACK, 0.12 + tone))}" stroke-width="2" stroke-linecap="round"/>'
    )
    sketch.piece(
        path(
            (x, 140),
            [(x - 4, 210), (end, 250), (end, bottom)],
            [(end + 48, bottom)],
            [(end + 52, 250), (x + 42, 210), (x + 44, 140)],
            closed=True,
        ),
        tone=tone,
    )
    if sketch.rng.random() < 0.6:
        color = mix(sketch.palette.cloth, WHITE if lightness(sketch.palette.cloth) < 62 else BLACK, 0.42)
        bars = "".join(
            f'<path d="M{end:.1f},{bottom - offset:.0f}h48" stroke-width="{width}"/>'
            for offset, width in ((16, 8), (32, 4), (44, 8))
        )
        sketch.raw(f'<g stroke="{hex_of(color)}" opacity=".75">{bars}</g>')
    sketch.fold(
        path((x + 14, 190), [(end + 12, 240), (end + 15, bottom - 6)]),
        path((x + 32, 186), [(end + 36, 250), (end + 33, bottom - 6)]),
        width=5,
    )
