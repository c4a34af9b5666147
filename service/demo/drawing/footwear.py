"""Sneakers and boots: a pair, the far one behind the near one, seen from the side."""

from typing import Final

from service.demo.drawing.palette import BLACK, WHITE, Rgb, hex_of, lightness, mix
from service.demo.drawing.sketch import Sketch

_SNEAKER: Final = (
    "M12,-4C10,-24 12,-44 16,-62C18,-72 30,-74 38,-70C50,-66 60,-70 70,-82C74,-86 80,-86 84,-82C96,-68 112,-54 134,-45"
    "C156,-37 182,-36 194,-18C198,-10 198,-6 197,-2L12,-2Z"
)
_SNEAKER_TOE: Final = "M148,-40C170,-36 188,-32 195,-16C198,-8 198,-4 197,-2H140C137,-16 140,-30 148,-40Z"
_SNEAKER_HEEL: Final = "M12,-2C10,-24 12,-42 15,-56C26,-54 34,-50 42,-50C38,-34 40,-18 46,-2Z"
_SNEAKER_EYELETS: Final = "M72,-80C82,-60 98,-46 122,-36L134,-45C112,-54 96,-68 84,-82C80,-86 75,-85 72,-80Z"
_SNEAKER_SOLE: Final = "M6,-8C6,-12 10,-12 14,-11C70,-4 150,-6 196,-11C204,-12 207,-4 205,4C203,11 198,13 190,13H22C10,13 6,4 6,-8Z"
_SNEAKER_LACES: Final = "M75,-69l16,-6M84,-58l16,-7M95,-49l15,-8M107,-42l14,-9"

_BOOT: Final = (
    "M18,-2C14,-30 16,-64 19,-96C21,-120 20,-138 19,-154C40,-160 66,-160 84,-156C84,-130 84,-106 88,-84"
    "C92,-66 112,-58 138,-50C170,-42 190,-32 192,-2Z"
)
_BOOT_TOE: Final = "M138,-50C170,-42 190,-32 192,-2H122C120,-22 126,-40 138,-50Z"
_BOOT_HEEL: Final = "M18,-2C15,-26 16,-48 18,-72C28,-68 36,-64 44,-64C42,-40 46,-18 54,-2Z"
_BOOT_TONGUE: Final = (
    "M62,-164L86,-160C86,-130 86,-104 90,-84C96,-66 112,-60 130,-53L116,-46C90,-56 72,-78 70,-104Z"
)
_BOOT_LACES: Final = (
    "M68,-146l19,-3M69,-130l18,-3M71,-114l17,-4M75,-99l16,-6M82,-85l14,-8M92,-73l13,-10M104,-64l11,-10"
)
_BOOT_SOLE: Final = "M14,-6H194C200,-2 199,6 194,9H84L78,20H18C13,12 12,2 14,-6Z"


def draw_sneakers(sketch: Sketch) -> None:
    """Draw a pair of sneakers with laces, a cap and a side panel that differs from pair to pair."""
    rng = sketch.rng
    sole: Rgb = (248, 245, 239) if rng.random() < 0.75 else (206, 174, 132)
    kind = rng.choice(("stripe", "panel", "plain", "dots"))
    accent = hex_of(mix(sketch.palette.cloth, WHITE if lightness(sketch.palette.cloth) < 60 else BLACK, 0.5))
    sides = {
        "stripe": f'<path d="M62,-4C64,-24 70,-38 80,-50M80,-4C82,-20 87,-32 96,-41" fill="none" stroke="{accent}" stroke-width="7"/>',
        "panel": f'<path d="M46,-3C46,-28 56,-44 84,-52C88,-28 104,-12 128,-3Z" fill="{accent}" opacity=".8"/>',
        "dots": f'<path d="M62,-20h.1M72,-20h.1M82,-20h.1M62,-30h.1M72,-30h.1" stroke="{accent}" stroke-width="3.4" stroke-linecap="round"/>',
    }
    for x, y, scale, tone in ((66, 176, 0.94, 0.1), (36, 296, 1.1, 0.0)):
        with sketch.placed(x, y, scale):
            sketch.piece(
                "M52,-66C58,-92 74,-104 88,-100L98,-70L80,-62Z", tone=tone + 0.12, shade="none"
            )  # The tongue.
            sketch.piece(_SNEAKER, tone=tone, shade="flat")
            sketch.raw(sides.get(kind, ""))
            sketch.piece(_SNEAKER_TOE, tone=tone + 0.06, fabric=False, shade="flat")
            sketch.piece(_SNEAKER_HEEL, tone=tone + 0.1, fabric=False, shade="flat")
            sketch.piece(_SNEAKER_EYELETS, tone=tone + 0.07, fabric=False, shade="none")
            sketch.stitch(
                "M145,-37C137,-28 134,-14 137,-4",
                "M45,-48C42,-34 43,-18 49,-4",
                "M19,-63C30,-69 46,-62 60,-68",
            )
            _laces(sketch, _SNEAKER_LACES, hex_of(mix(sole, WHITE, 0.4)), 4.2)
            sketch.piece(_SNEAKER_SOLE, color=mix(sole, BLACK, tone * 0.8), fabric=False, shade="flat")
            sketch.raw('<path d="M8,3C70,7 150,6 205,1" fill="none" stroke="#0002" stroke-width="1.6"/>')


def draw_boots(sketch: Sketch) -> None:
    """Draw a pair of boots: laced ones, or with an elastic side."""
    rng = sketch.rng
    laced = rng.random() < 0.6
    sole: Rgb = rng.choice(((58, 46, 40), (40, 38, 40), (150, 116, 82)))
    loop = hex_of(sketch.palette.seam)
    for x, y, scale, tone in ((84, 212, 0.92, 0.12), (40, 336, 1.08, 0.0)):
        with sketch.placed(x, y, scale):
            sketch.raw(
                f'<path d="M22,-152c-6,-18 12,-20 12,-6" fill="none" stroke="{loop}" stroke-width="4"/>'
            )
            if laced:
                sketch.piece(_BOOT_TONGUE, tone=tone + 0.2, shade="none")
            sketch.piece(_BOOT, tone=tone)
            sketch.piece(_BOOT_TOE, tone=tone + 0.05, fabric=False, shade="flat")
            sketch.piece(_BOOT_HEEL, tone=tone + 0.08, fabric=False, shade="flat")
            sketch.stitch(
                "M135,-47C122,-38 117,-20 119,-4",
                "M48,-62C46,-40 50,-20 58,-4",
                "M20,-148C40,-154 64,-154 83,-150",
            )
            sketch.fold("M30,-92C48,-86 66,-88 82,-94", "M34,-78C52,-70 74,-72 90,-78", width=4, opacity=0.2)
            if laced:
                sketch.seam("M66,-157C68,-120 68,-90 112,-50", width=1.4)
                _laces(sketch, _BOOT_LACES, "#e9dcc3", 3.2)
            else:
                sketch.ribs(
                    "M40,-152L68,-153C68,-124 66,-102 60,-80L52,-80C46,-100 42,-126 40,-152Z",
                    tone=tone + 0.24,
                )
            sketch.piece(_BOOT_SOLE, color=mix(sole, BLACK, tone), fabric=False, shade="flat")
            sketch.raw(
                '<path d="M16,1H196" stroke="#fff" opacity=".25" stroke-width="1.2" stroke-dasharray="3 2"/>'
            )


def _laces(sketch: Sketch, rungs: str, color: str, width: float) -> None:
    sketch.raw(
        f'<g fill="none" stroke-linecap="round"><path d="{rungs}" stroke="#000" opacity=".22" stroke-width="{width + 1}" transform="translate(.6 1.6)"/>'
        f'<path d="{rungs}" stroke="{color}" stroke-width="{width}"/></g>'
    )
