"""The training run itself: a trial on held-out days, a model learned from everything, the gate, the report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from recommender.interactions import Interactions
from recommender.model import ModelError, list_versions, prune, publish, write_model
from recommender.recommendations.als import Factorise, fit_item_factors
from recommender.training.comparison import open_current, open_model
from recommender.training.content import learn_content
from recommender.training.coverage import StockedCatalog
from recommender.training.findings import Findings
from recommender.training.gate import GateSettings, Refusal, judge, unjudged
from recommender.training.material import Material
from recommender.training.report import PastModel, Result, TrainingReport
from recommender.training.settings import TrainingSettings
from recommender.training.stages import Progress, Stages, peak_memory_bytes
from recommender.training.trial import hold_trial

Engine = Literal["implicit", "spark"]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training run made.

    Attributes:
        version: of the model that was written.
        published: whether it is live now.
        refusals: why it is not, though it was to be; the report also has those that refused nothing.
        metrics: as in its manifest.
        notes: sentences for whoever ran it, such as what ALS was worth, and what a gate that is off would have said.
        report: everything worth knowing of the run.
    """

    version: str
    published: bool
    refusals: tuple[Refusal, ...]
    metrics: dict[str, Any]
    notes: tuple[str, ...]
    report: TrainingReport


def train(
    interactions: Interactions,
    models_dir: Path,
    settings: TrainingSettings | None = None,
    *,
    created_at: float,
    now: float | None = None,
    catalog: StockedCatalog | None = None,
    on_progress: Progress | None = None,
    factorise: Factorise = fit_item_factors,
    fence: int | None = None,
    engine: Engine = "implicit",
) -> TrainingResult:
    """Train a model, test it beside the current one, write it, and publish it if the gate lets it pass.

    A refused model stays on disk, to be looked at, and the current one stays live.

    Args:
        interactions: what to learn from.
        models_dir: where model versions lie.
        settings: how; the defaults when None.
        created_at: Unix seconds of this run, which name the version.
        now: Unix seconds that ages count back from; the newest interaction when None, as suits old data.
        catalog: for categories, departments, ladders, sale dates and what is in stock; None does without them.
        on_progress: told of each stage, and last of all right before publishing; what it raises ends the run
            before anything is published.
        factorise: fits the items' vectors.
        fence: number of the lease that this run holds; nothing is published if one with a higher number has
            published meanwhile.
        engine: what ``factorise`` runs on, for the report.

    Raises:
        InteractionError: there is nothing to learn from.
        PublicationConflict: the current model is not the one any more that the new one was compared with.
        ModelError: the model could not be written or published.
    """
    settings = settings or TrainingSettings()
    stages = Stages(on_progress)
    stages("sessions")
    current, past = open_current(models_dir), _past_models(models_dir)
    material = Material.of(interactions, catalog, settings, now)
    trial = hold_trial(material.interest, current, settings, factorise=factorise, stages=stages)
    blend = None if settings.tune else settings.blend
    if trial is not None:
        blend = trial.settings
    learned = learn_content(material, settings, blend, factorise=factorise, stages=stages)
    stages("judging")
    findings = Findings.of(material, trial, learned)
    facts = findings.facts(current, created_at=created_at)
    stages("writing")
    version = write_model(
        models_dir, learned.content(material, settings, findings.metrics), created_at=created_at
    )
    gate = settings.gate or GateSettings()
    objections = (*_unreadable(models_dir / version), *judge(facts, gate))
    refusals = _in_force(objections, settings)
    if settings.publish and not refusals:
        stages("publishing")
        publish(models_dir, version, expected=current.version, fence=fence)
    left_over = _pruned(models_dir, settings.keep_versions)
    report = _report(
        findings,
        version=version,
        created_at=created_at,
        result="refused" if refusals else "published" if settings.publish else "written",
        refusals=objections,
        notes=(*findings.notes(current, created_at=created_at), *unjudged(facts, gate), *left_over),
        engine=engine,
        stages=stages,
        history=past,
        margin=None if settings.gate is None else settings.gate.margin,
    )
    notes = (*report.notes, *_aloud(objections, settings))
    return TrainingResult(version, report.result == "published", refusals, findings.metrics, notes, report)


def _in_force(objections: tuple[Refusal, ...], settings: TrainingSettings) -> tuple[Refusal, ...]:
    """Return the objections that keep a model from being published; what workers cannot load never is."""
    if not settings.publish:
        return ()
    if settings.gate is None:
        return tuple(objection for objection in objections if objection.code == "unreadable")
    return objections


def _aloud(objections: tuple[Refusal, ...], settings: TrainingSettings) -> tuple[str, ...]:
    """Return what is to be said of objections that refuse nothing."""
    if settings.gate is None and settings.publish:
        said = [f"refused this model ({one.code}): {one.detail}" for one in objections]
        return tuple(f"The gate is off. It would have {words}" for words in said or ["let this model pass."])
    if not settings.publish:
        return tuple(f"The gate would refuse this model ({one.code}): {one.detail}" for one in objections)
    return ()


def _unreadable(path: Path) -> tuple[Refusal, ...]:
    """Return the refusal of a model that workers could not use, by loading it as they do."""
    try:
        open_model(path)
    except ModelError as error:
        return (
            Refusal(
                "unreadable", f"It cannot be read back as it was written: {error}. Is the disk in order?"
            ),
        )
    return ()


def _pruned(models_dir: Path, keep: int) -> tuple[str, ...]:
    """Remove old versions; return in words why that failed, which changes nothing of what is live."""
    try:
        prune(models_dir, keep=keep)
    except ModelError as error:
        return (f"Old versions were not removed: {error}",)
    return ()


def _past_models(models_dir: Path) -> tuple[PastModel, ...]:
    """Return the earlier models of which a manifest says how they did on their own held-out days."""
    return tuple(
        PastModel(summary.version, summary.created_at, held_out["hr@20"] / 100, held_out["mrr@20"] / 100)
        for summary in list_versions(models_dir)
        if isinstance(held_out := summary.metrics.get("held_out"), dict) and "hr@20" in held_out
    )


def _report(
    findings: Findings,
    *,
    version: str,
    created_at: float,
    result: Result,
    refusals: tuple[Refusal, ...],
    notes: tuple[str, ...],
    engine: Engine,
    stages: Stages,
    history: tuple[PastModel, ...],
    margin: float | None,
) -> TrainingReport:
    trial, metrics = findings.trial, findings.metrics
    return TrainingReport(
        version=version,
        created_at=created_at,
        result=result,
        refusals=refusals,
        notes=notes,
        engine=engine,
        seconds=stages.total_seconds,
        stage_seconds=stages.finished(),
        peak_memory_bytes=peak_memory_bytes(),
        interactions=metrics["interactions"],
        visitors=metrics["visitors"],
        items=metrics["items"],
        sessions=metrics["sessions"],
        volumes=findings.volumes,
        bots=findings.material.bots,
        comparison=findings.comparison,
        history=history,
        learning_curve=() if trial is None else trial.curve,
        coverage=findings.coverage,
        popularity=None if trial is None else trial.popularity,
        calibration=findings.calibration,
        trials=() if findings.tuning is None else findings.tuning.trials,
        nearest=findings.learned.recommendations.nearest,
        margin=margin,
    )
