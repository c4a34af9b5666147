"""A report as JSON, as tables and as a page."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from recommender.experiments.analysis.days import MOST_LOOKS, compare_by_day
from recommender.experiments.analysis.intervals import Interval
from recommender.experiments.analysis.policies import policy_values
from recommender.experiments.analysis.render.page import experiment_page
from recommender.experiments.analysis.report import ExperimentReport, analyze_experiment
from recommender.experiments.analysis.visitors import ExposedVisitors
from recommender.experiments.analysis.words import (
    duration,
    level,
    percent,
    probability,
    rounded_up,
    span,
    tick,
)
from tests.data.simulated_experiment import simulated_decisions
from tests.recommender.experiments.exposed import DAY_SECONDS, REVENUE, exposed, plan, shoppers

START = 1_767_225_600.0
"""2026-01-01 00:00 UTC."""


def over_days(visitors: ExposedVisitors, days: float, seed: int = 1) -> ExposedVisitors:
    """Spread the exposures over some days."""
    times = START + np.random.default_rng(seed).uniform(0, days * DAY_SECONDS, len(visitors))
    return replace(visitors, exposed_at=times)


@pytest.fixture(scope="module")
def report() -> ExperimentReport:
    """Return a report with everything in it: three variations, ten days, policies."""
    visitors = over_days(shoppers(12_000, np.random.default_rng(1), lift=0.5, arms=3), 10)
    logged = simulated_decisions(2_000, np.random.default_rng(2))
    policies = policy_values(
        logged, {name: logged.always(name) for name in logged.actions}, baseline="full_price"
    )
    settled = plan(1, 1, 1, window_seconds=DAY_SECONDS, winsorize_quantile=0.999)
    return analyze_experiment(visitors, settled, now=START + 10 * DAY_SECONDS, policies=policies)


def numbers_in(value: Any) -> list[float]:
    """Return every number of a JSON value."""
    if isinstance(value, dict):
        return [number for one in value.values() for number in numbers_in(one)]
    if isinstance(value, list):
        return [number for one in value for number in numbers_in(one)]
    return [value] if isinstance(value, int | float) else []


def test_json_holds_plain_finite_values(report: ExperimentReport) -> None:
    """Strict JSON can carry it, and reading it back changes nothing."""
    content = report.as_json()
    text = json.dumps(content, allow_nan=False)
    assert json.loads(text) == content
    assert all(math.isfinite(number) for number in numbers_in(content))
    assert list(content) == [
        "experiment", "as_of", "verdict", "split", "variations", "metrics", "skipped_metrics", "days", "policies",
        "plan", "notes",
    ]  # fmt: skip
    assert [one["name"] for one in content["metrics"]] == [result.metric.name for result in report.results]  # type: ignore[attr-defined]


def test_json_of_an_experiment_that_has_just_begun_is_strict_too() -> None:
    """What cannot be computed is null, never NaN."""
    begun = analyze_experiment(exposed([0], revenue=np.ones(1)), plan(), now=0.0)
    json.dumps(begun.as_json(), allow_nan=False)
    broken = analyze_experiment(exposed([1] * 50, revenue=np.ones(50)), plan(1.0, 0.0), now=0.0)
    json.dumps(broken.as_json(), allow_nan=False)


def test_tables_have_as_many_cells_as_columns(report: ExperimentReport) -> None:
    """Verdict, differences, policies; the notes come last."""
    tables = report.tables()
    assert tables[0].title == f"homepage: {report.verdict.sentence}"
    assert len(tables) == 3
    for table in tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert set(report.notes) <= set(tables[-1].notes)


def test_the_differences_say_whose_they_are(report: ExperimentReport) -> None:
    """Of two variations the title names the pair; of more a column does, and the deciding column is never given up."""
    two = analyze_experiment(shoppers(2_000, np.random.default_rng(3)), plan(), now=0.0).tables()[1]
    assert two.title == "treatment against control"
    assert "variation" not in two.columns
    three = report.tables()[1]
    assert three.columns[1] == "variation"
    for table in (two, three):
        assert {"relative", "always valid"} <= set(table.columns) - set(table.expendable)
        assert set(table.expendable) < set(table.columns)


def test_a_report_says_where_an_undecided_variation_stands() -> None:
    """Neither hidden nor sold as a result: the estimate, and what else is possible."""
    undecided = analyze_experiment(
        shoppers(10_000, np.random.default_rng(5)), plan(planned_visitors=10_000), now=0.0
    )
    notes = undecided.tables()[1].notes
    assert any(
        note.startswith("So far treatment stands at") and "is still possible" in note for note in notes
    )
    hardly_begun = analyze_experiment(shoppers(40, np.random.default_rng(5)), plan(), now=0.0)
    assert any("too few visitors to say anything" in note for note in hardly_begun.tables()[1].notes)
    assert any("with < 0.1 % probability (power)" in note for note in hardly_begun.tables()[1].notes)


class Page(HTMLParser):
    """Collects what matters of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Remember the text."""
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each such element."""
        return [attributes for name, attributes in self.elements if name == tag]


def parsed(text: str) -> Page:
    """Return a page's elements and texts."""
    page = Page()
    page.feed(text)
    return page


def test_the_page_needs_nothing_from_outside(report: ExperimentReport) -> None:
    """No script, no source, no link; a content security policy has the browser hold it to that."""
    text = experiment_page(report)
    page = parsed(text)
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in page.elements}
    assert "url(" not in text
    assert "@import" not in text
    addresses = re.findall(r"https?://[^\"]*", text)
    assert set(addresses) == {"http://www.w3.org/2000/svg"}
    policies = [one["content"] for one in page.all("meta") if "http-equiv" in one]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_warnings_stand_above_everything_else(report: ExperimentReport) -> None:
    """Under the verdict and not among the notes at the end."""
    text = experiment_page(replace(report, notes=("Warning: odd.", "Plain.")))
    assert text.index("Warning: odd.") < text.index("<svg")
    assert text.count("Warning: odd.") == 1
    assert text.index("Plain.") > text.index("</table>")


def test_the_page_can_be_read_without_seeing(report: ExperimentReport) -> None:
    """A language, a main part, named plots, captions and headed cells; every identifier once."""
    page = parsed(experiment_page(report))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("main")) == len(page.all("h1")) == 1
    identifiers = [one["id"] for _, one in page.elements if "id" in one]
    assert len(identifiers) == len(set(identifiers))
    plots = page.all("svg")
    assert len(plots) == 3
    for plot in plots:
        assert plot["role"] == "img"
        assert set((plot["aria-labelledby"] or "").split()) <= set(identifiers)
    assert len(page.all("caption")) == len(page.all("table")) == 4
    assert all("scope" in one for one in page.all("th"))


def test_names_are_escaped() -> None:
    """An experiment called like a script is text, in titles, tables and plots."""
    visitors = shoppers(2_000, np.random.default_rng(1), lift=0.5)
    hostile = replace(visitors, experiment="<script>x</script>", variations=("control", '"><b onload=x>&'))
    text = experiment_page(analyze_experiment(over_days(hostile, 3), plan(), now=START + 9 * DAY_SECONDS))
    page = parsed(text)
    assert not page.all("script")
    assert not page.all("b")
    assert any('"><b onload=x>&' in part for part in page.texts)


def test_a_page_without_any_difference_is_still_a_page() -> None:
    """Nobody yet, or a broken split: verdict, visitors and notes."""
    for codes in ([], [0] * 900 + [1] * 700):
        visitors = exposed(np.array(codes, dtype=np.int16), revenue=np.ones(len(codes)))
        page = parsed(experiment_page(analyze_experiment(visitors, plan(), now=0.0)))
        assert not page.all("svg")
        assert page.all("table")


def test_every_day_shows_what_was_known_then() -> None:
    """A day's point is the whole analysis of the visitors exposed until then; the last one is the report's."""
    visitors = over_days(shoppers(3_000, np.random.default_rng(4), lift=0.3), 5)
    points = compare_by_day(REVENUE, visitors, plan())
    assert [point.until for point in points[:-1]] == [START + day * DAY_SECONDS for day in range(1, 5)]
    assert points[-1].visitors == 3_000
    early = visitors.take(visitors.exposed_at <= START + 2 * DAY_SECONDS)
    (second,) = compare_by_day(REVENUE, early, plan())[-1:]
    assert points[1].visitors == len(early)
    assert points[1].differences["treatment"] == second.differences["treatment"]
    whole = analyze_experiment(visitors, plan(), now=START + 9 * DAY_SECONDS)
    assert whole.primary is not None
    last = points[-1].differences["treatment"].absolute
    assert last.estimate == pytest.approx(whole.primary.comparisons[0].difference.absolute.estimate)


def test_a_single_day_is_not_drawn_as_a_course() -> None:
    """Its axis would run over decades."""
    visitors = over_days(shoppers(4_000, np.random.default_rng(1), lift=0.5), 0.5)
    report = analyze_experiment(visitors, plan(window_seconds=60.0), now=START + 2 * DAY_SECONDS)
    page = experiment_page(report)
    assert "differences-title" in page
    assert "days-title" not in page


def test_a_long_experiment_is_thinned_out() -> None:
    """A year is not three hundred and sixty-five analyses."""
    visitors = over_days(shoppers(2_000, np.random.default_rng(4)), 365)
    points = compare_by_day(REVENUE, visitors, plan())
    assert MOST_LOOKS / 2 <= len(points) <= MOST_LOOKS
    assert points[-1].visitors == 2_000


def test_figures_read_like_figures() -> None:
    """Two or three digits that mean something, a real minus sign, no zero that is none."""
    assert [percent(share) for share in (0.1234, 0.0312, 0.00042, 1.5, 0.0)] == [
        "12.3 %",
        "3.1 %",
        "0.042 %",
        "150 %",
        "0 %",
    ]
    assert percent(-0.031, signed=True) == "\N{MINUS SIGN}3.1 %"
    assert [level(share) for share in (0.95, 0.983333)] == ["95 %", "98.3 %"]
    assert span(Interval(0.04, 0.0002, 0.09)) == "+0.02 to +9.00 %"
    assert span(None) == "-"
    assert [probability(p) for p in (0.5, 0.0312, 0.0004, 1e-9)] == ["0.50", "0.031", "0.0004", "< 0.0001"]
    assert [rounded_up(number) for number in (0, 7, 99, 101, 47_321)] == [0, 7, 99, 110, 48_000]
    assert [tick(share) for share in (0.2, 0.0, -0.025)] == ["+20 %", "0 %", "\N{MINUS SIGN}2.5 %"]


def test_time_spans_are_told_in_the_unit_they_were_set_in() -> None:
    """A window of 30 seconds is not 0.000347 days."""
    spans = {7 * DAY_SECONDS: "7 days", DAY_SECONDS: "1 day", 43_200.0: "12 hours", 30.0: "30 seconds"}
    spans |= {5400.0: "90 minutes", 1.5 * DAY_SECONDS: "36 hours", 100_001.0: "1.16 days"}
    assert {seconds: duration(seconds) for seconds in spans} == spans
