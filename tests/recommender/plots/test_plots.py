"""Plots as SVG: scales with round ticks, marks at the right places, words for those who cannot see."""

from itertools import pairwise
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.plots.bars import Bar, bar_plot
from recommender.plots.columns import Column, column_plot
from recommender.plots.frame import HALF
from recommender.plots.lines import Line, line_plot
from recommender.plots.markup import SERIES, element, html, shortened, style_sheet
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


def test_a_floor_is_marked_even_if_nothing_comes_near_it() -> None:
    """What must not be crossed is in the plot, at its own place; one interval is one line."""
    rows = [Whisker("a", 0.2, (0.1, 0.3))]
    plot = whisker_plot("w", "T", "W.", rows, words=str, axis_label="x", floor=-0.5, width=HALF.width)
    styles = [line.get("class") or "" for line in plot.findall("line")]
    assert styles.count("floor") == 1
    assert sum(style.startswith(("wide", "narrow")) for style in styles) == 1
    (floor,) = [line for line in plot.findall("line") if line.get("class") == "floor"]
    (zero,) = [line for line in plot.findall("line") if line.get("class") == "reference"]
    assert 0 < float(floor.get("x1", 0)) < float(zero.get("x1", 0)) < HALF.width


def test_columns_stand_on_zero_and_say_which_are_of_the_other_kind() -> None:
    """Heights go with values; a legend is there only where there are two kinds."""
    columns = [Column("mon", 10), Column("tue", 20), Column("wed", 5, outlined=True)]
    plot = column_plot("c", "T", "W.", columns, words=str, axis_label="days", kinds=("in", "out"))
    drawn = [box for box in plot.findall("rect") if box.get("y") != "8"]
    heights = [float(box.get("height", 0)) for box in drawn]
    assert heights == pytest.approx([heights[0], 2 * heights[0], heights[0] / 2], rel=1e-3)
    assert len({float(box.get("y", 0)) + float(box.get("height", 0)) for box in drawn}) == 1
    assert [box.get("class") for box in drawn] == ["column", "column", "column outlined"]
    assert {"in", "out", "days", "wed"} <= {text.text for text in plot.findall("text")}
    plain = column_plot("c", "T", "W.", columns[:2], words=str, axis_label="days", kinds=("in", "out"))
    assert not {"in", "out"} & {text.text for text in plain.findall("text")}


@pytest.mark.parametrize("number", [1, 7, 90, 365])
def test_names_of_many_columns_do_not_run_into_each_other(number: int) -> None:
    """However many days, those named are at least a name apart, and the newest is one of them."""
    columns = [Column(f"{day} Nov", 3.0) for day in range(number)]
    plot = column_plot(
        "c", "T", "W.", columns, words=str, axis_label="x", kinds=("a", "b"), reference=(4.0, "most")
    )
    named = [text for text in plot.findall("text") if (text.text or "").endswith("Nov")]
    places = [float(text.get("x", 0)) for text in named]
    assert named[-1].text == f"{number - 1} Nov"
    assert all(later - earlier >= 60 for earlier, later in pairwise(places))
    assert max(float(box.get("x", 0)) + float(box.get("width", 0)) for box in plot.findall("rect")) <= 731


def test_no_column_at_all_has_a_height() -> None:
    """Days without anything are an axis from zero, not an error."""
    plot = column_plot("c", "T", "W.", [Column("a", 0.0)], words=str, axis_label="x", kinds=("a", "b"))
    assert [box.get("height") for box in plot.findall("rect")] == ["0"]


def test_bars_are_as_long_as_their_values_and_keep_their_words() -> None:
    """With a track, bars are shares of it; without one, the longest fills the room; words stay inside."""
    bars = [
        Bar("tuning", 4.0, "4 min 10 s"),
        Bar("a very long name of a stage of training", 1.0, "1 min 02 s"),
    ]
    plot = bar_plot("b", "T", "W.", bars)
    long, short = (float(box.get("width", 0)) for box in plot.findall("rect"))
    assert long == pytest.approx(4 * short, rel=1e-3)
    for text in plot.findall("text"):
        place, width = float(text.get("x", 0)), 6.5 * len(text.text or "")
        assert place >= width if text.get("text-anchor") == "end" else place + width <= HALF.width
    shares = bar_plot(
        "b", "T", "W.", [Bar("a", 0.5, "50 %"), Bar("b", 0.25, "25 %", outlined=True)], most=1.0
    )
    widths = [float(box.get("width", 0)) for box in shares.findall("rect")]
    assert widths == pytest.approx([widths[0], widths[0] / 2, widths[0], widths[0] / 4], rel=1e-3)


def test_a_diagonal_runs_where_both_axes_agree() -> None:
    """From the least to the greatest value that both have."""
    line = Line("a", [0.2, 0.8], [0.3, 0.7], dots=True)
    plot = line_plot(
        "d",
        "T",
        "W.",
        [line],
        x_words=str,
        y_words=str,
        x_label="x",
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.0),
        diagonal=True,
        size=HALF,
    )
    (diagonal,) = [one for one in plot.findall("line") if one.get("class") == "diagonal"]
    ends = [float(diagonal.get(end, 0)) for end in ("x1", "y1", "x2", "y2")]
    assert ends[0] < ends[2]
    assert ends[1] > ends[3]
    dots = [(float(dot.get("cx", 0)), float(dot.get("cy", 0))) for dot in plot.findall("circle")]
    assert len(dots) == 2
    slope = (ends[3] - ends[1]) / (ends[2] - ends[0])
    above, below = (y - (ends[1] + slope * (x - ends[0])) for x, y in dots)
    assert above < 0 < below


def test_ticks_may_be_told() -> None:
    """Where only the points themselves mean something, as in doublings."""
    plot = drawn(x_ticks=[0.0, 2.0], x_words=lambda place: f"at {place:g}")
    assert [text.text for text in plot.findall("text") if (text.text or "").startswith("at ")] == [
        "at 0",
        "at 2",
    ]


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
    assert all(f".plot .line.series-{number}{{stroke-dasharray:" in css for number in range(SERIES))
    assert "prefers-color-scheme:dark" in css
