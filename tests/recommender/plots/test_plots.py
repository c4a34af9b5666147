"""Plots as SVG: scales with round ticks, marks at the right places, words for those who cannot see."""

from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.plots.lines import Line, line_plot
from recommender.plots.markup import element, html, shortened, style_sheet
from recommender.plots.scale import Scale
from recommender.plots.whiskers import Whisker, whisker_plot


@given(low=st.floats(-1e9, 1e9), size=st.floats(1e-6, 1e9), tight=st.booleans())
def test_a_scale_spans_its_values_with_few_ticks(low: float, size: float, tight: bool) -> None:
    """Whatever the magnitude, both ends are shown, with two to a dozen ticks (a tight axis may lose the outer ones)."""
    high = low + size * max(1.0, abs(low) / 1e6)
    scale = Scale.over(low, high, 0.0, 100.0, tight=tight)
    assert -1e-6 <= scale.place(low) <= scale.place(high) <= 100 + 1e-6
    assert (0 if tight else 2) <= len(scale.ticks) <= 12
    assert all(-1e-6 <= scale.place(tick) <= 100 + 1e-6 for tick in scale.ticks)


def test_ticks_are_round() -> None:
    """Steps are 1, 2, 2.5 or 5 times a power of ten."""
    assert Scale.over(-0.13, 0.31, 0, 1).ticks == pytest.approx((-0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4))
    assert Scale.over(0, 99, 0, 1).ticks == pytest.approx((0, 20, 40, 60, 80, 100))
    assert Scale.over(3, 3, 0, 1).low < 3 < Scale.over(3, 3, 0, 1).high


@pytest.mark.parametrize("limits", [(1.0, 0.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_an_impossible_axis_is_refused(limits: tuple[float, float]) -> None:
    """The message names both ends."""
    with pytest.raises(ValueError, match="an axis cannot run from"):
        Scale.over(*limits, 0.0, 1.0)


def drawn(**changes: object) -> Element:
    """Return a plot of two lines, one with a band."""
    lines = [
        Line("first", [0, 1, 2], [1, 2, 3], [0, 1, 2], [2, 3, 9]),
        Line("second & third", [0, 2], [3, 1]),
    ]
    settings: dict[str, object] = {
        "x_words": str,
        "y_words": str,
        "x_label": "step",
        "references": (0.0,),
        **changes,
    }
    return line_plot("curve", "A <curve>", "It rises.", lines, **settings)  # type: ignore[arg-type]


def test_lines_are_drawn_with_bands_legend_and_reference() -> None:
    """Two lines, one band, names in the legend, a level line; title and description for a screen reader."""
    plot = drawn()
    assert len(plot.findall("polyline")) == 2
    assert len(plot.findall("polygon")) == 1
    assert len([line for line in plot.findall("line") if line.get("class") == "reference"]) == 1
    texts = [text.text for text in plot.findall("text")]
    assert {"first", "second & third", "step"} <= set(texts)
    assert plot.get("aria-labelledby") == "curve-title curve-description"
    assert plot.findtext("title") == "A <curve>"
    assert "A &lt;curve&gt;" in html(plot)


def test_what_lies_outside_of_the_limits_is_cut_at_the_edge() -> None:
    """An early, huge interval does not flatten the rest."""
    (polygon,) = drawn(y_limits=(0.0, 4.0)).findall("polygon")
    heights = [float(point.split(",")[1]) for point in (polygon.get("points") or "").split()]
    assert min(heights) == pytest.approx(34.0)


def test_a_single_point_is_a_dot() -> None:
    """A line through one point would be invisible."""
    plot = line_plot("one", "One", "One.", [Line("a", [1.0], [2.0])], x_words=str, y_words=str, x_label="x")
    assert len(plot.findall("circle")) == 1


def test_whiskers_stand_around_zero() -> None:
    """Each row has both intervals and its dot; zero is always in the plot."""
    rows = [Whisker("a", 0.2, (0.1, 0.3), (0.05, 0.35)), Whisker("b", 0.4, (0.3, 0.5), (0.2, 9.0), 1)]
    plot = whisker_plot("w", "Title", "Words.", rows, words=str, axis_label="x", limits=(-1.0, 1.0))
    (zero,) = [line for line in plot.findall("line") if line.get("class") == "reference"]
    places = {
        (line.get("class") or "").split()[0]: (float(line.get("x1", 0)), float(line.get("x2", 0)))
        for line in plot.findall("line")
        if (line.get("class") or "").endswith("series-0")
    }
    dot = float(plot.findall("circle")[0].get("cx", 0))
    assert (
        float(zero.get("x1", 0))
        < places["wide"][0]
        < places["narrow"][0]
        < dot
        < places["narrow"][1]
        < places["wide"][1]
    )


def test_a_long_name_loses_its_middle() -> None:
    """Beginning and end tell names apart."""
    assert shortened("promo", 8) == "promo"
    assert shortened("promotions 1", 9) == "promo…s 1"


def test_many_names_take_several_rows_above_the_plot() -> None:
    """None runs out of the drawing, and the plot moves down."""
    several = [Line(f"a very long name of variation {number}", [0, 1], [0, 1]) for number in range(7)]
    drawn = line_plot("x", "x", "x", several, x_words=str, y_words=str, x_label="x")
    texts = [
        text for text in drawn.iter("text") if "variation" in (text.text or "") or "…" in (text.text or "")
    ]
    assert len(texts) == 7
    assert len({text.get("y") for text in texts}) > 1
    assert all(float(text.get("x", 0)) + 7 * len(text.text or "") < 760 for text in texts)
    assert float(drawn.get("viewBox", "").split()[-1]) > 320


def test_markup_is_escaped_and_numbers_are_short() -> None:
    """Texts between elements keep their place."""
    node = element(
        "p",
        "a < b",
        element("b", "c"),
        "d",
        element("i"),
        "e",
        data_x=1.0,
        title='"&',
        class_="k",
        hidden=None,
    )
    assert html(node) == '<p data-x="1" title="&quot;&amp;" class="k">a &lt; b<b>c</b>d<i></i>e</p>'


def test_series_differ_in_more_than_color() -> None:
    """Each has its own dashes, and colors of its own on dark pages."""
    css = style_sheet()
    assert css.count("stroke-dasharray") == 6
    assert "prefers-color-scheme:dark" in css
