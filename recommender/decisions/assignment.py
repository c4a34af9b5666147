"""Who gets what: a visitor's treatment and experiments, worked out in microseconds.

A :class:`Policy` is compiled once (:func:`recommender.decisions.policy.compile_policy`) and shared by every request
of a worker; :meth:`Policy.assign` is the hot path.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from recommender.decisions.assigned import Assigned, AssignedExperiment, described
from recommender.decisions.drawing import Drawing
from recommender.decisions.learning import HELD_OUT, HOLDOUT_ID
from recommender.decisions.running import (
    ExperimentName,
    ExperimentSummary,
    RunningExperiment,
    remembered_experiments,
)
from recommender.decisions.treatment import (
    FEATURE_SLOTS,
    FEATURE_VALUES,
    DecisionName,
    held_out_treatment,
    treatments_of,
)
from recommender.experiments.assignment import Features
from recommender.experiments.draws import Draw
from recommender.experiments.experiment import CompiledExperiment
from recommender.experiments.sticky import VisitorStickyBuckets
from recommender.experiments.visitor import (
    NO_FORCED,
    UNKNOWN_FEATURE,
    ExperimentResult,
    FeatureEvaluator,
    FeatureResult,
    Visitor,
)
from recommender.visitor.state import VisitorState

_NOTHING_HELD: Final[Mapping[str, str]] = MappingProxyType({})

_new_assigned = tuple.__new__
"""Makes a named tuple in a third of the time of its own constructor."""


class Policy:
    """Assigns visitors; immutable.

    Args:
        features: compiled; those of :data:`FEATURE_VALUES` have these values and no others.
        switched_off: decisions that nobody gets, whatever experiments say.
        experiments: those of ``features``, and Kabin's own.
        holdout: if anybody is held out.
        has_prerequisites: whether features refer to each other; then each is evaluated once for a visitor.
        draws: all features, if none of them asks for anything but what visitors hold and their id.

    Attributes:
        switched_off: as given.
        reads_attributes: whether any feature may ask for a visitor's attributes.
    """

    __slots__ = (
        "_by_id", "_drawing", "_evaluators", "_held_out", "_holdout", "_kabin", "_names", "_nothing", "_own", "_places",
        "_summaries", "_treatments", "reads_attributes", "switched_off",
    )  # fmt: skip

    def __init__(
        self,
        features: Features | None = None,
        *,
        switched_off: frozenset[DecisionName] = frozenset(),
        experiments: Sequence[RunningExperiment] = (),
        holdout: CompiledExperiment | None = None,
        has_prerequisites: bool = True,
        draws: Mapping[str, Draw] | None = None,
    ) -> None:
        self.switched_off = switched_off
        compiled = Features({}) if features is None else features
        self._evaluators = compiled.evaluators
        asked = {
            name: _once(name) if has_prerequisites else compiled.evaluators[name] for name in compiled.ids
        }
        self._own = tuple((name, asked[name]) for name in asked if name not in FEATURE_VALUES)
        self._kabin = tuple(
            _as_configured if slot in switched_off else asked.get(feature_id, _as_configured)
            for feature_id, slot in FEATURE_SLOTS.items()
        )
        self._treatments = treatments_of(switched_off)
        self._nothing = Assigned(self._treatments[None, None, None], (), {})
        self._held_out = held_out_treatment(switched_off)
        self._holdout = holdout
        self._summaries = tuple(running.summary for running in experiments)
        self._by_id = {
            running.summary.experiment_id: described(running)
            for running in experiments
            if running.summary.slot not in switched_off
        }
        self._places, self._names = remembered_experiments(experiments)
        self.reads_attributes = bool(compiled) and draws is None
        self._drawing = (
            None if draws is None else Drawing.of(draws, self._by_id, self._treatments, switched_off)
        )

    def experiments(self) -> tuple[ExperimentSummary, ...]:
        """Return what is running, also behind a switch that is off."""
        return self._summaries

    def experiment_of_key(self, key: int) -> ExperimentName | None:
        """Return the experiment that a key of a visitor's state stands for, if it is running."""
        return self._names.get(key)

    def assign(
        self,
        visitor_id: str | None,
        attributes: Mapping[str, Any],
        state: VisitorState,
        *,
        forced: Mapping[str, int] = NO_FORCED,
        counted: bool = True,
    ) -> Assigned:
        """Assign a visitor.

        The same arguments give the same result in every worker. Who has been exposed to a variation keeps it
        whatever becomes of weights and coverage, until the experiment's ``bucketVersion`` is raised.

        Args:
            visitor_id: hashed as the attribute ``id``; ``None`` if nothing may be known of the visitor.
            attributes: what conditions refer to, see :func:`recommender.decisions.attributes.visitor_attributes`.
            state: of the visitor, for what sticks.
            forced: index of the variation by experiment, for previews.
            counted: false for who is no visitor, such as a crawler. Like those without an id they are in no
                experiment that is not forced; switches and rollouts that need no id hold for them, too.
        """
        if not self._evaluators:
            return self._nothing
        if visitor_id is None or not counted:
            return self._uncounted(attributes, forced)
        if self._drawing is not None and not forced:
            return self._drawing.assign(visitor_id, state.exposures)
        held: dict[str, str] = {}
        places = self._places
        for _, variation, key in state.exposures:
            place = places.get(key)
            if place is not None and variation < len(place.variation_keys):
                held[place.sticky_id] = place.variation_keys[variation]
        visitor = Visitor(
            self._evaluators,
            {**attributes, "id": visitor_id},
            sticky=VisitorStickyBuckets(held),
            forced=forced,
            with_buckets=False,
        )
        if self._holdout is not None and (not forced or HOLDOUT_ID in forced):
            result = self._holdout.run(visitor)
            if result.in_experiment and result.variation_id == HELD_OUT:
                return self._without(visitor, result, held)
        return self._evaluated(visitor, held)

    def _evaluated(self, visitor: Visitor, held: Mapping[str, str]) -> Assigned:
        """Return what the features give a visitor, with all experiments on the way."""
        homepage, size, recommendations = self._kabin
        treatment = self._treatments[
            homepage(visitor).value, size(visitor).value, recommendations(visitor).value
        ]
        own = {name: evaluate(visitor).value for name, evaluate in self._own}
        experiments = self._assigned(visitor.exposures.values(), held)
        if visitor.forced:
            experiments += self._forced(visitor)
        return _new_assigned(Assigned, (treatment, experiments, own))

    def _without(self, visitor: Visitor, result: ExperimentResult, held: Mapping[str, str]) -> Assigned:
        """Return what somebody gets who is held out: the shop's own features without any experiment."""
        visitor.qa_mode, visitor.is_ordinary = True, False
        own = {name: evaluate(visitor).value for name, evaluate in self._own}
        experiments = self._assigned(visitor.exposures.values(), held)
        if visitor.forced:
            experiments += self._never_logged([result])
        return Assigned(self._held_out, experiments, own)

    def _uncounted(self, attributes: Mapping[str, Any], forced: Mapping[str, int]) -> Assigned:
        """Return what everybody gets, apart from what is forced."""
        anonymous = {name: value for name, value in attributes.items() if name != "id"}
        visitor = Visitor(self._evaluators, anonymous, forced=forced, qa_mode=True)
        if self._holdout is not None and HOLDOUT_ID in forced:
            result = self._holdout.run(visitor)
            if result.in_experiment and result.variation_id == HELD_OUT:
                return self._without(visitor, result, _NOTHING_HELD)
        return self._evaluated(visitor, _NOTHING_HELD)

    def _assigned(
        self, results: Iterable[ExperimentResult], held: Mapping[str, str]
    ) -> tuple[AssignedExperiment, ...]:
        by_id = self._by_id
        experiments = []
        for result in results:
            described = by_id.get(result.experiment_id)
            if described is not None:
                is_recorded = held.get(described.sticky_id) == result.variation
                told = described.told[result.variation_id][is_recorded]
                if (
                    told.value is not result.value
                    or told.propensity != result.propensity
                    or told.feature_id != result.feature_id
                ):
                    # Another rule of the same experiment than the one that was described.
                    told = told._replace(
                        value=result.value, propensity=result.propensity, feature_id=result.feature_id
                    )
                experiments.append(told)
        return tuple(experiments)

    def _forced(self, visitor: Visitor) -> tuple[AssignedExperiment, ...]:
        """Return the experiments that gave a feature its value because they were told to."""
        asked = [*self._kabin, *(evaluate for _, evaluate in self._own)]
        results = {
            result.experiment_id: result
            for result in (evaluate(visitor).result for evaluate in asked)
            if result is not None and not result.hash_used
        }
        if self._holdout is not None and HOLDOUT_ID in visitor.forced:
            results[HOLDOUT_ID] = self._holdout.run(visitor)
        return self._never_logged(results.values())

    def _never_logged(self, results: Iterable[ExperimentResult]) -> tuple[AssignedExperiment, ...]:
        assigned = self._assigned([result for result in results if result.in_experiment], _NOTHING_HELD)
        return tuple(experiment._replace(is_recorded=True) for experiment in assigned)


def _as_configured(_: Visitor) -> FeatureResult:
    """Stand for a feature that nobody defines, or whose decision is switched off."""
    return UNKNOWN_FEATURE


def _once(feature_id: str) -> FeatureEvaluator:
    """Return an evaluator that asks the visitor, who remembers the answer."""
    return lambda visitor: visitor.feature(feature_id)
