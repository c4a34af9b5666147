"""What a visitor is assigned by a policy."""

from typing import Any, NamedTuple

from recommender.decisions.treatment import Treatment


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
