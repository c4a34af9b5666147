"""What a visitor is assigned: the hot path of a request.

Definitions are compiled once (:func:`recommender.experiments.features.compile_features`); a request then asks
:meth:`Features.assign`, which costs a few microseconds an experiment.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from recommender.experiments.definitions import HOLDOUT_PREFIX
from recommender.experiments.sticky import VisitorStickyBuckets
from recommender.experiments.visitor import (
    NO_FORCED,
    ExperimentResult,
    FeatureEvaluator,
    FeatureResult,
    Visitor,
)

_NOTHING_HELD: Final[Mapping[str, str]] = MappingProxyType({})


class Assignments(NamedTuple):
    """What a visitor is assigned.

    Attributes:
        features: the values asked for, by feature.
        experiments: the variations that the visitor got by hash or sticky bucket, by experiment: also of holdouts
            and prerequisites. Forced variations are not among them, so each is an exposure once it is shown.
        sticky_changes: variation keys by sticky id, to be added to what the visitor holds.
    """

    features: dict[str, FeatureResult]
    experiments: dict[str, ExperimentResult]
    sticky_changes: dict[str, str]


class Features:
    """Compiled features; immutable, shared by every request of a worker.

    Args:
        evaluators: by feature id, in the order of the payload.
    """

    __slots__ = ("_evaluators", "_own")

    def __init__(self, evaluators: Mapping[str, FeatureEvaluator]) -> None:
        self._evaluators = dict(evaluators)
        self._own = tuple(name for name in self._evaluators if not name.startswith(HOLDOUT_PREFIX))

    def __contains__(self, feature_id: object) -> bool:
        return feature_id in self._evaluators

    def __len__(self) -> int:
        return len(self._evaluators)

    @property
    def evaluators(self) -> Mapping[str, FeatureEvaluator]:
        """The compiled features by id; not to be changed."""
        return self._evaluators

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the features, without GrowthBook's holdouts, which only serve as prerequisites."""
        return self._own

    def visitor(self, attributes: dict[str, Any], **options: Any) -> Visitor:
        """Return a visitor whom these features can be evaluated for.

        Args:
            attributes: what is known of the visitor; ``id`` is what most experiments hash.
            options: as for :class:`Visitor`.
        """
        return Visitor(self._evaluators, attributes, **options)

    def assign(
        self,
        visitor_id: str,
        attributes: Mapping[str, Any],
        sticky: Mapping[str, str] = _NOTHING_HELD,
        *,
        forced: Mapping[str, int] = NO_FORCED,
        only: Iterable[str] | None = None,
    ) -> Assignments:
        """Assign a visitor.

        The same arguments give the same result in every worker and at every time; who holds a variation keeps it
        whatever becomes of weights, coverage and namespaces, until the definition's ``bucketVersion`` is raised.

        Args:
            visitor_id: becomes the attribute ``id``.
            attributes: anything else that conditions and hashes refer to.
            sticky: the variations that the visitor holds: variation keys by sticky id
                (``"experiment__bucketVersion"``).
            forced: index of the variation by experiment, for previews; neither an exposure nor sticky.
            only: ids of the features asked for; all by default. Unknown ones have the source ``unknownFeature``.
        """
        buckets = VisitorStickyBuckets(sticky)
        visitor = Visitor(self._evaluators, {**attributes, "id": visitor_id}, sticky=buckets, forced=forced)
        feature = visitor.feature
        values = {feature_id: feature(feature_id) for feature_id in (self._own if only is None else only)}
        return Assignments(values, visitor.exposures, buckets.changes)
