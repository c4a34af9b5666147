"""What is defined outside Redis, as far as editing and listing need to know it."""

from typing import Literal, NamedTuple

from recommender.experiments.definitions import read_payload
from service.experiments.sources import Payload, SourceKind

ExperimentSource = Literal["redis", "file", "growthbook", "settings"]
"""Where an experiment is defined; ``settings``: one of Kabin's own, of ``KABIN_LEARNING_TRAFFIC``."""


class BaseDefinitions(NamedTuple):
    """The payload of the file or of GrowthBook that is in use.

    Attributes:
        source: which of the two.
        payload: GrowthBook's JSON, parsed.
    """

    source: SourceKind
    payload: Payload

    def experiment_ids(self) -> frozenset[str]:
        """Return the ids of the experiments that can be read."""
        features = read_payload(self.payload).features
        rules = (
            (feature_id, rule) for feature_id, feature in features.items() for rule in feature.rules or ()
        )
        found = (rule.experiment(feature_id) for feature_id, rule in rules)
        return frozenset(experiment.key for experiment in found if experiment is not None)
