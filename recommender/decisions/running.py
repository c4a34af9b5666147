"""Running experiments as people, journals and tickets name them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from recommender.decisions.treatment import FEATURE_SLOTS
from recommender.experiments.bucketing import equal_weights, weights_fault
from recommender.experiments.definitions import HOLDOUT_PREFIX, Experiment, Feature, VariationMeta
from recommender.experiments.experiment import propensities_of
from recommender.experiments.sticky import sticky_id
from recommender.visitor.state import experiment_key_of

LONGEST_LABEL: Final = 64
"""A variation whose value is longer than this is called by its index."""


class ExperimentSummary(NamedTuple):
    """A running experiment in a few words.

    Attributes:
        experiment_id: its key.
        feature_id: the feature whose rule runs it, the first of several; ``None`` for Kabin's own holdout.
        variations: what they are called, by index.
        weights: the share of each among those who take part.
        coverage: the share of the visitors in question who take part.
        slot: the slot whose exposure counts; ``None`` if any does.
        bucket_version: of the sticky buckets.
    """

    experiment_id: str
    feature_id: str | None
    variations: tuple[str, ...]
    weights: tuple[float, ...]
    coverage: float
    slot: str | None
    bucket_version: int = 0


class RunningExperiment(NamedTuple):
    """An experiment that a policy runs.

    Attributes:
        summary: of the experiment.
        variation_keys: what visitors hold, by index.
        values: of the variations.
        propensities: of the variations, among those who take part.
    """

    summary: ExperimentSummary
    variation_keys: tuple[str, ...]
    values: tuple[Any, ...]
    propensities: tuple[float, ...]


class ExperimentName(NamedTuple):
    """The experiment that a key in a visitor's state stands for."""

    experiment_id: str
    slot: str | None
    variations: tuple[str, ...]
    bucket_version: int


class StickyPlace(NamedTuple):
    """Where a remembered exposure belongs among the sticky buckets."""

    sticky_id: str
    variation_keys: tuple[str, ...]


def running_experiments(definitions: Mapping[str, Feature]) -> tuple[RunningExperiment, ...]:
    """Return the experiments that the rules of features run, each once, those of Kabin's features first.

    An experiment that several features share (GrowthBook tells them by their key) has the weights of the first
    and, if they differ in it, no slot of its own.
    """
    first: dict[str, tuple[str, Experiment]] = {}
    slots: dict[str, set[str | None]] = {}
    for feature_id, experiment in experiments_of(definitions):
        first.setdefault(experiment.key, (feature_id, experiment))
        slots.setdefault(experiment.key, set()).add(slot_of(feature_id))
    return tuple(
        describe(experiment, feature_id, slot=next(iter(slots[key])) if len(slots[key]) == 1 else None)
        for key, (feature_id, experiment) in first.items()
    )


def experiments_of(definitions: Mapping[str, Feature]) -> Iterable[tuple[str, Experiment]]:
    """Yield every experiment with the id of its feature, those of Kabin's features first."""
    known = [feature_id for feature_id in FEATURE_SLOTS if feature_id in definitions]
    for feature_id in dict.fromkeys([*known, *definitions]):
        feature = definitions[feature_id]
        for rule in feature.rules or ():
            experiment = None if rule.forces else rule.experiment(feature_id)
            if experiment is not None:
                yield feature_id, experiment


def slot_of(feature_id: str) -> str | None:
    """Return the slot whose exposure counts for a feature's experiments; GrowthBook's holdouts have none."""
    if feature_id.startswith(HOLDOUT_PREFIX):
        return None
    return FEATURE_SLOTS.get(feature_id, feature_id)


def describe(experiment: Experiment, feature_id: str | None, *, slot: str | None) -> RunningExperiment:
    """Return an experiment in a few words."""
    weights, coverage = _shares(experiment)
    return RunningExperiment(
        ExperimentSummary(
            experiment.key,
            feature_id,
            variation_labels(experiment),
            weights,
            coverage,
            slot,
            experiment.bucket_version or 0,
        ),
        variation_keys(experiment),
        tuple(experiment.variations),
        propensities_of(experiment),
    )


def variation_keys(experiment: Experiment) -> tuple[str, ...]:
    """Return the keys under which variations stick: those given, else the indexes."""
    return tuple(
        str(index) if described.key is None else described.key
        for index, described in enumerate(_meta(experiment))
    )


def variation_labels(experiment: Experiment) -> tuple[str, ...]:
    """Return what to call the variations: key, else name, else value, else index; no two alike.

    A key that is nothing but the index, as the GrowthBook app gives it, does not count as one.
    """
    labels = [
        _label(index, described, value)
        for index, (described, value) in enumerate(zip(_meta(experiment), experiment.variations, strict=True))
    ]
    return tuple(label if labels.count(label) == 1 else str(index) for index, label in enumerate(labels))


def _label(index: int, described: VariationMeta, value: Any) -> str:
    number = str(index)
    if described.key and described.key != number:
        return described.key[:LONGEST_LABEL]
    if described.name:
        return described.name[:LONGEST_LABEL]
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if 0 < len(text) <= LONGEST_LABEL else number


def _meta(experiment: Experiment) -> list[VariationMeta]:
    """Return one entry for each variation."""
    given = experiment.meta or []
    missing = len(experiment.variations) - len(given)
    return [*given[: len(experiment.variations)], *[VariationMeta()] * missing]


def _shares(experiment: Experiment) -> tuple[tuple[float, ...], float]:
    """Return the weights and the coverage, which explicit ranges only imply."""
    count = len(experiment.variations)
    if not experiment.ranges:
        given = experiment.weights
        usable = given is not None and weights_fault(count, given) is None
        coverage = 1.0 if experiment.coverage is None else experiment.coverage
        return tuple(given if usable and given is not None else equal_weights(count)), coverage
    widths = [end - start for start, end in experiment.ranges]
    total = sum(widths)
    return tuple(width / total for width in widths) if total > 0 else tuple(equal_weights(count)), total


def remembered_experiments(
    experiments: Iterable[RunningExperiment],
) -> tuple[dict[int, StickyPlace], dict[int, ExperimentName]]:
    """Return by key where an exposure sticks, and what it is called; older bucket versions may shut out."""
    places: dict[int, StickyPlace] = {}
    names: dict[int, ExperimentName] = {}
    for summary, keys, *_ in experiments:
        for version in range(summary.bucket_version + 1):
            key = experiment_key_of(summary.experiment_id, version)
            places[key] = StickyPlace(sticky_id(summary.experiment_id, version), keys)
            names[key] = ExperimentName(summary.experiment_id, summary.slot, summary.variations, version)
    return places, names
