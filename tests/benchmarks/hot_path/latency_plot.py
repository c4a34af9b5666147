"""The plot of latency against rate, as a file that stands alone."""

from typing import Any, Final

from recommender.plots.lines import Line, line_plot
from recommender.plots.markup import element, html, style_sheet

PERCENTILES: Final = {"p50_ms": "p50", "p90_ms": "p90", "p99_ms": "p99", "p999_ms": "p99.9"}
"""Names of figures, and what they are called."""

_PLOTTED: Final = ("p50_ms", "p90_ms", "p99_ms")
_COLORS: Final = "svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}"
"""An image takes no colors from the page around it."""


def latency_plot(latency: dict[str, Any]) -> str:
    """Return the plot of latency against rate as an SVG file."""
    rates = [float(rate) for rate in latency]
    most = max(figures["p99_ms"] for figures in latency.values())
    plot = line_plot(
        "latency",
        "Latency of POST /personalize by rate",
        f"Median, 90th and 99th percentile in milliseconds at {rates[0]:,.0f} to {rates[-1]:,.0f} requests a second; "
        f"the 99th is {most:.1f} ms at most.",
        [
            Line(PERCENTILES[name], rates, [figures[name] for figures in latency.values()], dots=True)
            for name in _PLOTTED
        ],
        x_words=lambda rate: f"{rate:,.0f}",
        y_words=lambda milliseconds: f"{milliseconds:g} ms",
        x_label="requests a second",
        x_ticks=rates,
        y_limits=(0.0, most),
    )
    plot.insert(0, element("style", style_sheet() + _COLORS))
    return html(plot) + "\n"
