"""Every figure of the report's plots, as tables."""

from datetime import UTC, datetime
from typing import Final

import numpy as np

from recommender.evaluation.report import ReportTable
from recommender.experiments.analysis.words import NONE, count, percent
from recommender.training.render.quality import MEASURES
from recommender.training.render.words import memory, points, points_span, time_taken
from recommender.training.report import TrainingReport

LISTED_SHARES: Final = (0.01, 0.05, 0.1, 0.25, 0.5)
"""Shares of the items of which the table says what they take."""


def tables_of(report: TrainingReport) -> tuple[ReportTable, ...]:
    """Return the tables of what was measured; those without a row are left out."""
    tables = (
        _comparison(report),
        _extent(report),
        _history(report),
        _learning_curve(report),
        _popularity(report),
        _calibration(report),
    )
    return tuple(table for table in tables if table.rows)


def detail_tables_of(report: TrainingReport) -> tuple[ReportTable, ...]:
    """Return the long tables, for who looks closer: days, settings tried, stages."""
    days = [
        (day.day, count(day.interactions), count(day.visitors), "held out" if day.held_out else "")
        for day in report.volumes
    ]
    trials = [
        (
            trial.setting,
            f"{trial.value:g}",
            percent(trial.hits.hit_rate),
            percent(trial.hits.mrr),
            count(trial.hits.cases),
        )
        for trial in report.trials
    ]
    stages = [(name, time_taken(seconds)) for name, seconds in report.stage_seconds.items()]
    tables = (
        ReportTable("Days (UTC)", ("day", "interactions", "visitors", "in the test"), tuple(days)),
        ReportTable(
            "Settings tried, on older sessions than the held-out ones",
            ("setting", "value", "HR@20", "MRR@20", "cases"),
            tuple(trials),
        ),
        ReportTable("Stages", ("stage", "time"), tuple(stages)),
    )
    return tuple(table for table in tables if table.rows)


def _comparison(report: TrainingReport) -> ReportTable:
    comparison = report.comparison
    columns = ("", "this model", "current model", "difference", "95 % interval")
    if comparison is None or comparison.cases == 0:
        return ReportTable("Held-out clicks", columns, ())
    rows = []
    for label, name in MEASURES:
        mine = getattr(comparison.candidate, name)
        interval = comparison.hit_rate_difference if name == "hit_rate" else comparison.mrr_difference
        cells = [percent(mine), NONE, NONE, NONE if interval is None else points_span(interval)]
        if comparison.current is not None:
            base = getattr(comparison.current, name)
            cells[1:3] = percent(base), points(mine - base)
        rows.append((label, *cells))
    return ReportTable(f"On {count(comparison.cases)} held-out clicks", columns, tuple(rows))


def _extent(report: TrainingReport) -> ReportTable:
    bots, coverage, nearest = report.bots, report.coverage, report.nearest
    rows = [
        ("interactions", count(report.interactions)),
        ("visitors", count(report.visitors)),
        ("sessions", count(report.sessions)),
        ("items", count(report.items)),
        ("items in the catalog", NONE if coverage.catalog_items is None else count(coverage.catalog_items)),
        ("of them in stock", NONE if coverage.in_stock_items is None else count(coverage.in_stock_items)),
        ("left out as bots", f"{count(bots.visitors)} visitors, {count(bots.interactions)} interactions"),
        ("factorised by", report.engine),
        (
            "neighbours",
            NONE if nearest is None else f"{nearest.method} search, recall {percent(nearest.recall)}",
        ),
        ("time", time_taken(report.seconds)),
        ("most memory", memory(report.peak_memory_bytes)),
    ]
    known = tuple(row for row in rows if row[1] != NONE)
    return ReportTable("What it was made from", ("", "this model"), known)


def _history(report: TrainingReport) -> ReportTable:
    rows = [
        (model.version, _moment(model.created_at), percent(model.hit_rate), percent(model.mrr))
        for model in reversed(report.history)
    ]
    columns = ("model", "trained", "HR@20", "MRR@20")
    return ReportTable("Earlier models, each on its own held-out days", columns, tuple(rows))


def _learning_curve(report: TrainingReport) -> ReportTable:
    rows = [
        (
            percent(point.share),
            count(point.interactions),
            percent(point.hits.hit_rate),
            percent(point.hits.mrr),
        )
        for point in report.learning_curve
    ]
    columns = ("newest sessions", "interactions", "HR@20", "MRR@20")
    return ReportTable("Learning curve, on the same held-out clicks", columns, tuple(rows))


def _popularity(report: TrainingReport) -> ReportTable:
    popularity = report.popularity
    rows = []
    if popularity is not None:
        curves = (popularity.recommendations, popularity.interactions)
        taken = [np.interp(LISTED_SHARES, popularity.shares, curve).tolist() for curve in curves]
        rows = [tuple(map(percent, shares)) for shares in zip(LISTED_SHARES, *taken, strict=True)]
    columns = ("items, most popular first", "of the recommendations", "of the interactions")
    return ReportTable("Popularity", columns, tuple(rows))


def _calibration(report: TrainingReport) -> ReportTable:
    rows = [
        (
            percent(one.predicted),
            percent(one.observed),
            f"{percent(one.interval[0])} to {percent(one.interval[1])}",
            count(one.outcomes),
        )
        for one in report.calibration
    ]
    columns = ("confidence said", "size was right", "95 % interval", "purchases")
    return ReportTable("Size calibration, on held-out purchases", columns, tuple(rows))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
