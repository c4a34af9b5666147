"""One visitor while features are evaluated, and what comes out."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from recommender.experiments.conditions import Attributes
from recommender.experiments.definitions import Experiment
from recommender.experiments.hashing import Identity
from recommender.experiments.sticky import StickyBuckets
from recommender.experiments.values import type_name

Source = Literal[
    "unknownFeature", "defaultValue", "force", "experiment", "prerequisite", "cyclicPrerequisite"
]
"""Why a feature has its value, in GrowthBook's words."""

NO_FORCED: Final[Mapping[str, int]] = MappingProxyType({})


class ExperimentResult(NamedTuple):
    """What an experiment gives a visitor.

    Attributes:
        experiment_id: key of the experiment.
        in_experiment: whether the visitor takes part; if not, the rest describes the first variation.
        variation_id: index of the variation.
        variation: its key; the index where it has none.
        name: its name; empty where it has none.
        value: its value.
        hash_used: whether the bucket decided, or a sticky bucket. Only then it is an exposure.
        hash_attribute: name of the attribute that was hashed.
        hash_value: the attribute as given; empty where it identifies nobody.
        bucket: of 0 to 1; None unless ``hash_used``, and where it was not asked for.
        sticky_bucket_used: whether the visitor keeps an earlier variation, or is shut out because of one.
        passthrough: whether the feature's next rule decides.
        propensity: probability of this variation among those who take part, by today's weights.
        feature_id: the feature whose rule runs the experiment, if one does.
    """

    experiment_id: str
    in_experiment: bool
    variation_id: int
    variation: str
    name: str
    value: Any
    hash_used: bool
    hash_attribute: str
    hash_value: Any
    bucket: float | None
    sticky_bucket_used: bool
    passthrough: bool
    propensity: float
    feature_id: str | None


class FeatureResult(NamedTuple):
    """A feature's value for a visitor.

    Attributes:
        value: the value; None for ``unknownFeature``, ``prerequisite`` and ``cyclicPrerequisite``.
        source: why.
        rule_id: id of the rule that decided; empty where none did or it has no id.
        result: what the rule's experiment gave, if it is one.
        experiment: the experiment's definition.
    """

    value: Any
    source: Source
    rule_id: str = ""
    result: ExperimentResult | None = None
    experiment: Experiment | None = None

    @property
    def is_on(self) -> bool:
        """Whether the value is true to JavaScript: anything but null, false, 0 and the empty text."""
        return bool(self.value) or type_name(self.value) in {"array", "object"}


UNKNOWN_FEATURE: Final = FeatureResult(None, "unknownFeature")
CYCLIC: Final = FeatureResult(None, "cyclicPrerequisite")

FeatureEvaluator = Callable[["Visitor"], FeatureResult]
"""A compiled feature."""


class Visitor:
    """One visitor during one evaluation: nothing of it outlives the request.

    Args:
        features: compiled features by id, for those that refer to others.
        attributes: what is known of the visitor.
        sticky: the variations held; None switches sticky buckets off, and fallback attributes with them.
        forced: index of the variation by experiment, for quality assurance; never an exposure.
        url: address of the page; ``?experiment=1`` in it forces a variation.
        enabled: false lets nobody into any experiment.
        qa_mode: true lets visitors only into forced variations.
        with_buckets: false leaves out the bucket of who holds a variation: it costs a hash and decides nothing.

    Attributes:
        is_ordinary: whether nothing is forced or switched off for this visitor.
        exposures: what the visitor was assigned by hash or sticky bucket so far, by experiment: also by
            prerequisites and by rules that pass through.
        identities: whom attributes stand for, as far as asked; ask :meth:`identity`.
    """

    __slots__ = (
        "_features",
        "_results",
        "attributes",
        "enabled",
        "exposures",
        "forced",
        "identities",
        "is_ordinary",
        "qa_mode",
        "sticky",
        "url",
        "with_buckets",
    )

    def __init__(
        self,
        features: Mapping[str, FeatureEvaluator],
        attributes: Attributes,
        *,
        sticky: StickyBuckets | None = None,
        forced: Mapping[str, int] = NO_FORCED,
        url: str = "",
        enabled: bool = True,
        qa_mode: bool = False,
        with_buckets: bool = True,
    ) -> None:
        self.attributes = attributes
        self.sticky = sticky
        self.forced = forced
        self.url = url
        self.enabled = enabled
        self.qa_mode = qa_mode
        self.with_buckets = with_buckets
        self.is_ordinary = enabled and not (forced or url or qa_mode)
        self.exposures: dict[str, ExperimentResult] = {}
        self._features = features
        self.identities: dict[str, Identity] = {}
        self._results: dict[str, FeatureResult] = {}

    def identity(self, attribute: str, fallback: str | None = None) -> Identity:
        """Return whom an attribute stands for, or the ``fallback`` attribute if it identifies nobody."""
        identity = self.identities.get(attribute)
        if identity is None:
            identity = self.identities[attribute] = Identity(attribute, self.attributes.get(attribute))
        if fallback is None or identity.text:
            return identity
        second = self.identity(fallback)
        return second if second.text else identity

    def feature(self, feature_id: str) -> FeatureResult:
        """Return the value of a feature, evaluated once for this visitor."""
        result = self._results.get(feature_id)
        if result is None:
            evaluate = self._features.get(feature_id)
            if evaluate is None:
                return UNKNOWN_FEATURE
            # Whoever asks again before there is a result has come round in a circle.
            self._results[feature_id] = CYCLIC
            result = evaluate(self)
            if result.source == "cyclicPrerequisite":
                del self._results[feature_id]
            else:
                self._results[feature_id] = result
        return result
