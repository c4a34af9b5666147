"""The report of a training as JSON, and its verdict in words."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from recommender.recommendations.replay import Hits
from recommender.training.calibration_curve import CalibrationBin
from recommender.training.gate import Refusal
from recommender.training.render.words import memory, points, points_span, short, time_taken, verdict
from recommender.training.report import TrainingReport
from tests.recommender.training.reports import bare_report, comparison, full_report

QUALITY = Refusal("quality", "HR@20 would fall from 50.0% to 40.0%.")
VOLUME = Refusal("volume", "2025-11-21 has 9 interactions.")


def test_a_report_is_plain_json() -> None:
    """Nested, in lists and objects, under the names of its fields."""
    plain = json.loads(json.dumps(full_report(refusals=(QUALITY,)).as_json(), allow_nan=False))
    assert plain["comparison"]["candidate"] == {"hit_rate": 0.52, "mrr": 0.25, "cases": 5000}
    assert plain["volumes"][0] == {
        "day": "2025-11-08",
        "interactions": 10_800,
        "visitors": 3_000,
        "held_out": False,
    }
    assert plain["refusals"] == [{"code": "quality", "detail": QUALITY.detail}]
    assert plain["stage_seconds"]["tuning"] == 120.0
    assert plain["comparison"]["hit_rate_difference"] == [0.008, 0.032]


def test_a_report_of_figures_that_are_no_numbers_is_still_json() -> None:
    """A training gone wrong is the one whose report is wanted most."""
    broken = full_report(
        comparison=comparison(candidate=Hits(math.nan, math.inf, 10)),
        calibration=(CalibrationBin(math.nan, 0.5, 3),),
    )
    plain = json.loads(json.dumps(broken.as_json(), allow_nan=False))
    assert plain["comparison"]["candidate"] == {"hit_rate": None, "mrr": None, "cases": 10}
    assert plain["calibration"][0]["predicted"] is None


WORSE = comparison(candidate=Hits(0.49, 0.24, 5_000), hit_rate_difference=(-0.018, -0.002))
UNSURE = comparison(candidate=Hits(0.503, 0.25, 5_000), hit_rate_difference=(-0.004, 0.01))
UNREADABLE = comparison(
    current=None,
    current_version=None,
    hit_rate_difference=None,
    mrr_difference=None,
    current_problem="CURRENT: 'x' is no model version",
)
FIRST = comparison(current=None, current_version=None, hit_rate_difference=None, mrr_difference=None)


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (
            full_report(),
            "Published: better than the model it replaces (HR@20 +2.0 points, 95 % interval +0.80 to +3.20 points).",
        ),
        (
            full_report(comparison=UNSURE),
            (
                "Published: as good as the model it replaces, as far as 5,000 cases can tell "
                "(HR@20 +0.30 points, 95 % interval −0.40 to +1.00 points)."
            ),
        ),
        (
            full_report(comparison=WORSE),
            (
                "Published: a little worse than the model it replaces, within the margin of 5 % "
                "(HR@20 −1.0 points, 95 % interval −1.80 to −0.20 points)."
            ),
        ),
        (
            full_report(comparison=replace(UNSURE, mrr_difference=(0.002, 0.009))),
            "Published: better than the model it replaces (MRR@20 +0.50 points, 95 % interval +0.20 to +0.90 points).",
        ),
        (
            full_report(
                comparison=comparison(candidate=Hits(0.52, 0.24, 5_000), mrr_difference=(-0.009, -0.001))
            ),
            (
                "Published: better in one way and a little worse in another than the model it replaces, within the margin of "
                "5 % (HR@20 +2.0 points, 95 % interval +0.80 to +3.20 points; MRR@20 −0.50 points, 95 % interval −0.90 to "
                "−0.10 points)."
            ),
        ),
        (
            full_report(comparison=FIRST),
            "Published: the first model; 52.0 % of what visitors clicked next was among its first 20 recommendations.",
        ),
        (
            full_report(comparison=replace(FIRST, current_version="20251121T033000Z-000")),
            (
                "Published: not comparable with the model it replaces; 52.0 % of what visitors clicked next was among its "
                "first 20 recommendations."
            ),
        ),
        (
            full_report(comparison=UNREADABLE),
            (
                "Published: not comparable with the model it replaces; 52.0 % of what visitors clicked next was among its "
                "first 20 recommendations."
            ),
        ),
        (bare_report(), "Published: untested, for want of held-out cases."),
        (full_report(comparison=comparison(cases=0)), "Published: untested, for want of held-out cases."),
        (bare_report(margin=None), "Published without the gate: untested, for want of held-out cases."),
        (
            full_report(refusals=(QUALITY,), margin=None),
            "Published without the gate, which would have refused it: it recommends worse than the current model.",
        ),
        (
            full_report(result="refused", refusals=(QUALITY, VOLUME, VOLUME)),
            (
                "Refused: it recommends worse than the current model, and it learned from far less or far more than usual. "
                "20251121T033000Z-000 stays in use."
            ),
        ),
        (
            full_report(result="refused", refusals=(Refusal("not_finite", "x"),), comparison=FIRST),
            "Refused: it holds values that are no numbers. No model is in use yet.",
        ),
        (
            full_report(result="refused", refusals=(Refusal("not_finite", "x"),), comparison=UNREADABLE),
            "Refused: it holds values that are no numbers. What was in use stays in use.",
        ),
        (
            bare_report(result="refused", refusals=(Refusal("unreadable", "x"),)),
            "Refused: it could not be read back. What was in use stays in use.",
        ),
        (
            full_report(result="written", comparison=UNSURE),
            (
                "Written, not published: as good as the current model, as far as 5,000 cases can tell "
                "(HR@20 +0.30 points, 95 % interval −0.40 to +1.00 points)."
            ),
        ),
    ],
)
def test_the_verdict_says_what_became_of_the_model(report: TrainingReport, sentence: str) -> None:
    """In every state, in words that need no other figure beside them."""
    assert verdict(report) == sentence


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (short, {0: "0", 950: "950", 12_480: "12.5k", 999_900: "1M", 3_000_000: "3M", 2.5e9: "2.5G"}),
        (
            time_taken,
            {0.04: "0.0 s", 8.4: "8.4 s", 59.96: "1 min 00 s", 252: "4 min 12 s", 3_780: "1 h 03 min"},
        ),
        (memory, {740 * 2**20: "740 MiB", 1_400_000_000: "1.3 GiB"}),
        (points, {0.0042: "+0.42 points", -0.021: "−2.1 points", 0.0: "0 points"}),
        (points_span, {(-0.0021, 0.0105): "−0.21 to +1.05 points"}),
    ],
)
def test_figures_are_written_as_people_read_them(words: Any, values: dict[Any, str]) -> None:
    """Round, short and with their unit."""
    assert {value: words(value) for value in values} == values
