"""Reports of trainings that never were, for what reads reports."""

from dataclasses import replace
from typing import Any

from recommender.recommendations.blend_search import BlendTrial
from recommender.recommendations.nearest import NearestReport
from recommender.recommendations.replay import Hits
from recommender.training.calibration_curve import CalibrationBin
from recommender.training.comparison import Comparison
from recommender.training.concentration import Concentration
from recommender.training.learning_curve import CurvePoint
from recommender.training.report import BotCounts, Coverage, DayVolume, PastModel, TrainingReport

CREATED_AT = 1_763_782_200.0
"""2025-11-22 03:30 UTC."""


def comparison(**changes: Any) -> Comparison:
    """Return a comparison in which the candidate is better by two points of HR@20, with changes."""
    compared = Comparison(
        cases=5_000,
        from_day="2025-11-21",
        candidate=Hits(0.52, 0.25, 5_000),
        current=Hits(0.50, 0.245, 5_000),
        current_version="20251121T033000Z-000",
        hit_rate_difference=(0.008, 0.032),
        mrr_difference=(-0.002, 0.012),
    )
    return replace(compared, **changes)


def full_report(**changes: Any) -> TrainingReport:
    """Return a report of a published model that has everything in it, with changes."""
    volumes = [DayVolume(f"2025-11-{day:02}", 10_000 + 100 * day, 3_000, day >= 21) for day in range(8, 22)]
    report = TrainingReport(
        version="20251122T033000Z-000",
        created_at=CREATED_AT,
        result="published",
        refusals=(),
        notes=("ALS gets weight 0.5 in the blend.",),
        engine="implicit",
        seconds=252.0,
        stage_seconds={"sessions": 1.0, "tuning": 120.0, "candidate": 60.0, "writing": 3.0},
        peak_memory_bytes=1_400_000_000,
        interactions=158_200,
        visitors=40_100,
        items=2_900,
        sessions=52_300,
        volumes=(*volumes, DayVolume("2025-11-22", 150, 60, True)),
        bots=BotCounts(3, 9_000),
        comparison=comparison(),
        history=(
            PastModel("20251120T033000Z-000", CREATED_AT - 172_800, 0.49, 0.24),
            PastModel("20251121T033000Z-000", CREATED_AT - 86_400, 0.51, 0.246),
        ),
        learning_curve=(
            CurvePoint(0.25, 39_000, Hits(0.44, 0.20, 5_000)),
            CurvePoint(0.5, 78_500, Hits(0.49, 0.23, 5_000)),
            CurvePoint(1.0, 157_000, Hits(0.52, 0.25, 5_000)),
        ),
        coverage=Coverage(3_400, 2_700, 2_650, 0.987, 0.976),
        popularity=Concentration(
            2_900,
            2_700,
            (0.0, 0.25, 0.5, 0.75, 1.0),
            (0.0, 0.7, 0.9, 0.97, 1.0),
            (0.0, 0.8, 0.92, 0.98, 1.0),
            0.1,
            0.07,
        ),
        calibration=(CalibrationBin(0.55, 0.52, 210), CalibrationBin(0.8, 0.83, 140)),
        trials=(BlendTrial("decay", 0.5, Hits(0.51, 0.24, 3_000)),),
        nearest=NearestReport("exact", 1.0, 0.8),
        margin=0.05,
    )
    return replace(report, **changes)


def bare_report(**changes: Any) -> TrainingReport:
    """Return a report of a shop's first hour: nothing held out, nothing known but that it ran, with changes."""
    report = full_report(
        stage_seconds={},
        volumes=(),
        bots=BotCounts(0, 0),
        comparison=None,
        history=(),
        learning_curve=(),
        coverage=Coverage(None, None, 0, None, None),
        popularity=None,
        calibration=(),
        trials=(),
        nearest=None,
        items=0,
    )
    return replace(report, **changes)
