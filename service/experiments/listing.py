"""All experiments in one list: those of Redis, of the file or GrowthBook, and Kabin's own."""

from collections.abc import Iterator
from typing import Any, Final, TypedDict

import msgspec

from recommender.decisions.learning import HOLDOUT, RANDOM
from recommender.decisions.policy import compile_policy
from recommender.decisions.running import describe, experiments_of, slot_of, variation_keys
from recommender.decisions.treatment import HOMEPAGE
from recommender.experiments.definitions import Experiment, read_payload
from recommender.experiments.problems import Problem
from service.contract.answers import FieldErrorAnswer
from service.experiments.base import BaseDefinitions, ExperimentSource
from service.experiments.definition import ExperimentStatus
from service.experiments.definitions import combine
from service.stores.experiments import ExperimentDocument, VersionedDocument

BUILT_IN: Final[tuple[tuple[Experiment, str | None], ...]] = ((HOLDOUT, None), (RANDOM, HOMEPAGE))
"""The experiments of ``KABIN_LEARNING_TRAFFIC``, with their features."""


class DefinedVariationAnswer(TypedDict):
    """One variation: what it is called, and the value that the feature takes."""

    key: str
    name: str | None
    value: Any


class DefinedExperimentAnswer(TypedDict):
    """One experiment, wherever it is defined; ``problems`` say why it does not run as it stands."""

    experiment_id: str
    status: ExperimentStatus
    source: ExperimentSource
    feature: str | None
    slot: str | None
    variations: list[DefinedVariationAnswer]
    weights: list[float]
    coverage: float
    condition: dict[str, Any] | None
    hash_attribute: str
    problems: list[FieldErrorAnswer]


class ExperimentListAnswer(TypedDict):
    """Answer of ``GET /experiments``; its own ``problems`` are those of no experiment."""

    version: int
    experiments: list[DefinedExperimentAnswer]
    problems: list[FieldErrorAnswer]


class ChangedExperimentAnswer(TypedDict):
    """Answer of a change to one experiment; ``None`` if only the journal of what has run knows it."""

    version: int
    experiment: DefinedExperimentAnswer | None


class RemovedExperimentAnswer(TypedDict):
    """Answer of ``DELETE /experiments/{id}``."""

    version: int


class SwitchesAnswer(TypedDict):
    """Which decisions are made."""

    size: bool
    homepage: bool
    recommendations: bool


def list_experiments(
    stored: VersionedDocument, base: BaseDefinitions | None, *, learning_traffic: bool
) -> ExperimentListAnswer:
    """Return the experiments: Redis's first, then the others, each in the order of its definitions.

    Args:
        stored: what Redis holds.
        base: what the file or GrowthBook holds.
        learning_traffic: whether Kabin's own experiments run.
    """
    document = stored.document
    everything = msgspec.structs.replace(document, stopped=())
    combined = combine(None if base is None else base.payload, everything)
    problems = list(compile_policy(combined.payload).problems)
    listed = list(_of_source("redis", document.payload(), document))
    if base is not None:
        for answer in _of_source(base.source, base.payload, document):
            if answer["feature"] in combined.overridden:
                answer["status"] = "stopped"
                answer["problems"] = [_overridden(str(answer["feature"]), base.source)]
            listed.append(answer)
    for answer in listed:
        answer["problems"] += [_told(each) for each in problems if each.subject == answer["feature"]]
    if learning_traffic:
        listed += [_answer(experiment, feature_id, "settings") for experiment, feature_id in BUILT_IN]
    owners = {answer["feature"] for answer in listed}
    return {
        "version": stored.version,
        "experiments": listed,
        "problems": [_told(problem) for problem in problems if problem.subject not in owners],
    }


def _of_source(
    source: ExperimentSource, payload: Any, document: ExperimentDocument
) -> Iterator[DefinedExperimentAnswer]:
    for feature_id, experiment in experiments_of(read_payload(payload).features):
        answer = _answer(experiment, feature_id, source)
        if experiment.key in document.stopped:
            answer["status"] = "stopped"
        yield answer


def _answer(
    experiment: Experiment, feature_id: str | None, source: ExperimentSource
) -> DefinedExperimentAnswer:
    slot = None if feature_id is None else slot_of(feature_id)
    summary = describe(experiment, feature_id, slot=slot).summary
    names = [each.name for each in experiment.meta or ()]
    names += [None] * (len(experiment.variations) - len(names))
    return {
        "experiment_id": experiment.key,
        "status": "running",
        "source": source,
        "feature": feature_id,
        "slot": slot,
        "variations": [
            {"key": key, "name": name, "value": value}
            for key, name, value in zip(
                variation_keys(experiment), names, experiment.variations, strict=False
            )
        ],
        "weights": list(summary.weights),
        "coverage": summary.coverage,
        "condition": experiment.condition,
        "hash_attribute": experiment.hash_attribute or "id",
        "problems": [],
    }


def _overridden(feature_id: str, source: str) -> FieldErrorAnswer:
    owner = "the file's" if source == "file" else "GrowthBook's"
    return {
        "pointer": "",
        "detail": f"Redis has a feature {feature_id} of its own, which goes before {owner}: remove its experiments",
    }


def _told(problem: Problem) -> FieldErrorAnswer:
    return {"pointer": problem.pointer, "detail": f"{problem.reason}: {problem.remedy}"}
