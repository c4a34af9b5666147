"""What a visitor is assigned by a policy."""

from typing import Any, NamedTuple

from recommender.decisions.running import RunningExperiment
from recommender.decisions.treatment import Treatment
from recommender.experiments.sticky import sticky_id


class AssignedExperiment(NamedTuple):
    """An experiment that a visitor takes part in.

    Attributes:
        experiment_id: its key.
        variation_id: index of the variation.
        variation: what the variation is called.
        feature_id: the feature whose rule runs it; ``None`` for the holdout.
        value: the variation's value.
        propensity: probability of the variation among those who take part, by today's weights.
        bucket_version: of the sticky buckets.
        slot: the slot whose exposure counts; ``None`` if any does.
        is_recorded: whether the visitor's state holds this exposure already. Forced variations count as
            recorded: they are never to be logged.
    """

    experiment_id: str
    variation_id: int
    variation: str
    feature_id: str | None
    value: Any
    propensity: float
    bucket_version: int
    slot: str | None
    is_recorded: bool


class Assigned(NamedTuple):
    """What a visitor is assigned; ``features`` are the values of the shop's own features."""

    treatment: Treatment
    experiments: tuple[AssignedExperiment, ...]
    features: dict[str, Any]


class Described(NamedTuple):
    """What is told of a running experiment: by variation, where its exposure is not recorded and where it is."""

    sticky_id: str
    told: tuple[tuple[AssignedExperiment, AssignedExperiment], ...]


def described(running: RunningExperiment) -> Described:
    """Return what is told of an experiment, worked out before anybody asks."""
    summary = running.summary
    told = []
    for number, name in enumerate(summary.variations):
        unrecorded = AssignedExperiment(
            summary.experiment_id,
            number,
            name,
            summary.feature_id,
            running.values[number],
            running.propensities[number],
            summary.bucket_version,
            summary.slot,
            is_recorded=False,
        )
        told.append((unrecorded, unrecorded._replace(is_recorded=True)))
    return Described(sticky_id(summary.experiment_id, summary.bucket_version), tuple(told))
