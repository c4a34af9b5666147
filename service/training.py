"""One training as operators see it: run, recorded for metrics and `/readyz`, reported as JSON and as a page."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from recommender.interactions import Interactions
from recommender.model import ModelError, TrainingRecord, record_training
from recommender.recommendations.als import Factorise, fit_item_factors
from recommender.training import TrainingReport, TrainingResult, TrainingSettings, train
from recommender.training.coverage import StockedCatalog
from recommender.training.render.page import training_page
from recommender.training.run import Engine
from recommender.training.stages import Progress

REPORTS_KEPT: Final = 400
"""A year of nights, at some 100 KB each."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of a training.

    Attributes:
        result: of the training itself.
        page: the report for a browser, beside it the same as JSON; None where they could not be written.
        problems: what went wrong afterwards, in words: it changes nothing of which model is live.
    """

    result: TrainingResult
    page: Path | None
    problems: tuple[str, ...]


def run_training(
    interactions: Interactions,
    catalog: StockedCatalog | None,
    settings: TrainingSettings | None = None,
    *,
    models_dir: Path,
    reports_dir: Path,
    on_progress: Progress | None = None,
    factorise: Factorise = fit_item_factors,
    fence: int | None = None,
    engine: Engine = "implicit",
    clock: Callable[[], float] = time.time,
) -> Finished:
    """Train, let the gate decide, record beside the models how it ended (also if it failed), and write the report.

    Args:
        interactions: what to learn from.
        catalog: of today; None does without.
        settings: of the training; the defaults when None.
        models_dir: where models and the record of trainings lie.
        reports_dir: where reports lie, named by version; created if absent.
        on_progress: see :func:`recommender.training.train`.
        factorise: likewise.
        fence: likewise.
        engine: likewise.
        clock: Unix seconds.

    Raises:
        Exception: whatever training raised, once it is recorded.
    """
    started = clock()
    try:
        result = train(
            interactions,
            models_dir,
            settings,
            created_at=started,
            catalog=catalog,
            on_progress=on_progress,
            factorise=factorise,
            fence=fence,
            engine=engine,
        )
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        ended = clock()
        with suppress(ModelError):  # a full disk: why the training failed is what matters
            record_training(
                models_dir, TrainingRecord("failed", None, ended, ended - started, (reason,), engine)
            )
        raise
    problems: list[str] = []
    ended = clock()
    reasons = tuple(refusal.detail for refusal in result.refusals)
    try:
        record_training(
            models_dir,
            TrainingRecord(result.report.result, result.version, ended, ended - started, reasons, engine),
        )
    except ModelError as error:
        problems.append(str(error))
    page: Path | None = None
    try:
        page = write_report(reports_dir, result.report)
    except Exception as error:  # noqa: BLE001 - the model is live by now: nothing may look like a failed training
        problems.append(
            f"{reports_dir}: the report could not be written: {str(error) or type(error).__name__}"
        )
    return Finished(result, page, tuple(problems))


def write_report(reports_dir: Path, report: TrainingReport, *, keep: int = REPORTS_KEPT) -> Path:
    """Write a report as ``VERSION.json`` and ``VERSION.html``, drop the oldest, and return the page's path.

    Raises:
        OSError: they cannot be written.
    """
    reports_dir.mkdir(parents=True, exist_ok=True)
    page = reports_dir / f"{report.version}.html"
    _write(page.with_suffix(".json"), orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2))
    _write(page, training_page(report).encode())
    for old in sorted(reports_dir.glob("*.html"))[:-keep]:
        old.unlink(missing_ok=True)
        old.with_suffix(".json").unlink(missing_ok=True)
    return page


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a full disk leaves no half of a page that looks like one."""
    temporary = path.with_name(f".{path.name}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def facts_of(finished: Finished) -> dict[str, Any]:
    """Return what a log line says of a training; hit rates in percent, fields without a value None."""
    result = finished.result
    held_out: dict[str, Any] = result.metrics["held_out"]
    current: dict[str, Any] = held_out.get("current", {})
    return {
        "interactions": result.metrics["interactions"],
        "items": result.metrics["items"],
        "held_out_cases": held_out["cases"],
        "hit_rate_percent": held_out.get("hr@20"),
        "mrr_percent": held_out.get("mrr@20"),
        "current_hit_rate_percent": current.get("hr@20"),
        "current_mrr_percent": current.get("mrr@20"),
        "page": None if finished.page is None else str(finished.page),
        "problems": finished.problems or None,
    }


def expected_seconds(reports_dir: Path, engine: Engine = "implicit") -> dict[str, float]:
    """Return how long each stage of the last training took, in order, for an estimate.

    Nothing where nobody knows: there is no readable report, or it is of another engine.
    """
    newest = max(reports_dir.glob("*.json"), default=None)
    try:
        report = orjson.loads(newest.read_bytes()) if newest is not None else {}
        stages = report["stage_seconds"] if report["engine"] == engine else {}
        return {str(stage): float(seconds) for stage, seconds in stages.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
