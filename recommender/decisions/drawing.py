"""The straight way to assign a visitor, where no feature asks who they are: what they hold, else what is drawn."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

from recommender.decisions.assigned import Assigned, AssignedExperiment, Described
from recommender.decisions.treatment import FEATURE_SLOTS, DecisionName, Treatment
from recommender.experiments.definitions import HOLDOUT_PREFIX
from recommender.experiments.draws import NO_FEATURE, Draw
from recommender.experiments.hashing import Identity
from recommender.visitor.state import Exposure, experiment_key_of

REMEMBERED: Final = 4096
"""Assignments kept; beyond that all are forgotten. Three experiments with two variations have 125."""

_NEVER: Final = -1
"""A variation that nobody holds."""

Outcome = tuple[Any, AssignedExperiment | None]
"""A feature's value, and the experiment that it comes from, if it is to be told."""


class DrawnFeature(NamedTuple):
    """A feature with everything that can come of it.

    Attributes:
        name: of the feature.
        draw: what decides.
        key: of its experiment in a visitor's state.
        variations: number of them, 0 without an experiment.
        outcomes: the default, then by variation what is drawn, then by variation what was held already.
    """

    name: str
    draw: Draw
    key: int
    variations: int
    outcomes: tuple[Outcome, ...]


def drawn_feature(name: str, draw: Draw, described: Mapping[str, Described]) -> DrawnFeature:
    """Return a feature with its outcomes.

    Args:
        name: of the feature.
        draw: what decides.
        described: what is told of experiments, by id; others decide without being told.
    """
    default: Outcome = (draw.default, None)
    if draw.experiment is None:
        return DrawnFeature(name, draw, _NEVER, 0, (default,))
    definition = draw.experiment.definition
    known = described.get(definition.key)
    values = definition.variations
    outcomes = [
        (value, None if known is None else known.told[number][is_held])
        for is_held in (False, True)
        for number, value in enumerate(values)
    ]
    key = experiment_key_of(definition.key, definition.bucket_version or 0)
    return DrawnFeature(name, draw, key, len(values), (default, *outcomes))


class Drawing:
    """Assigns visitors of whom nothing but their id and what they hold is asked.

    Everybody with the same outcomes gets the same object, so three experiments take one look at each: 5 µs within
    a request, 25 by their rules.

    Args:
        decisions: the features of the homepage, the size and the recommendations.
        own: the shop's other features.
        treatments: by the values of ``decisions``.
    """

    __slots__ = ("_features", "_own", "_remembered", "_treatments")

    def __init__(
        self,
        decisions: Sequence[DrawnFeature],
        own: Sequence[DrawnFeature],
        treatments: Mapping[tuple[Any, Any, Any], Treatment],
    ) -> None:
        self._features = (*decisions, *own)
        self._own = tuple(feature.name for feature in own)
        self._treatments = treatments
        self._remembered: dict[tuple[int, ...], Assigned] = {}

    @classmethod
    def of(
        cls,
        draws: Mapping[str, Draw],
        described: Mapping[str, Described],
        treatments: Mapping[tuple[Any, Any, Any], Treatment],
        switched_off: frozenset[DecisionName],
    ) -> Self:
        """Prepare the features of a policy.

        Args:
            draws: by feature.
            described: what is told of experiments, by id.
            treatments: by the values of Kabin's own features.
            switched_off: decisions whose features decide nothing.
        """
        decisions = [
            drawn_feature(
                name, NO_FEATURE if slot in switched_off else draws.get(name, NO_FEATURE), described
            )
            for name, slot in FEATURE_SLOTS.items()
        ]
        own = [
            drawn_feature(name, draw, described)
            for name, draw in draws.items()
            if name not in FEATURE_SLOTS and not name.startswith(HOLDOUT_PREFIX)
        ]
        return cls(decisions, own, treatments)

    def assign(self, visitor_id: str, exposures: Sequence[Exposure]) -> Assigned:
        """Return what a visitor is assigned; not to be changed, as others get the same.

        Args:
            visitor_id: by which they are drawn.
            exposures: of the visitor: what they hold.
        """
        held = {key: variation for _, variation, key in exposures}
        identity: Identity | None = None
        places = []
        for _, (_, experiment), key, variations, _ in self._features:
            variation = held.get(key, _NEVER)
            if 0 <= variation < variations:
                places.append(1 + variations + variation)
            elif experiment is None:
                places.append(0)
            else:
                if identity is None:
                    identity = Identity("id", visitor_id)
                places.append(1 + experiment.drawn(identity))
        which = tuple(places)
        assigned = self._remembered.get(which)
        return self._assigned(which) if assigned is None else assigned

    def _assigned(self, which: tuple[int, ...]) -> Assigned:
        outcomes = [feature.outcomes[place] for feature, place in zip(self._features, which, strict=True)]
        values = [value for value, _ in outcomes]
        assigned = Assigned(
            self._treatments[values[0], values[1], values[2]],
            tuple(told for _, told in outcomes if told is not None),
            dict(zip(self._own, values[len(FEATURE_SLOTS) :], strict=True)),
        )
        if len(self._remembered) >= REMEMBERED:
            self._remembered.clear()
        self._remembered[which] = assigned
        return assigned
