"""The CSS of every report's page; plots bring their own."""

from typing import Final

STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1.5rem;max-width:68rem}"
    "h1{font-size:1.1rem;font-weight:600;margin:0}"
    ".verdict{font-size:1.5rem;line-height:1.3;margin:.3rem 0 1rem;padding-left:.8rem;border-left:.4rem solid;text-wrap:balance}"
    ".better{border-color:#00875f}.worse,.do_not_read{border-color:#c2410c}"
    ".not_yet,.no_difference,.inconclusive{border-color:#6b7280}"
    "h2{font-size:1.1rem;margin:2rem 0 .5rem}"
    ".scroll{overflow-x:auto}"
    ".warning{border:2px solid #c2410c;border-radius:.3rem;padding:.4rem .8rem;margin:.5rem 0}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin-bottom:1.2rem}"
    "caption{text-align:left;font-weight:600;padding:.3rem 0}"
    "summary{cursor:pointer;padding:.3rem 0}"
    "th,td{padding:.3rem .8rem .3rem 0;text-align:right;border-bottom:1px solid #8884;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}"
    "th:first-child{position:sticky;left:0;background:Canvas}"
    "th[scope=row]{font-weight:400}"
)
