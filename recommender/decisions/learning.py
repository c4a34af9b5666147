"""Learning traffic: a permanent holdout, and a slice of random homepages from which policies are valued.

Both are ordinary experiments that Kabin defines itself; their seeds and shares never change, so neither do their
visitors. The holdout is asked first: nobody in it is in another experiment. The random slice goes before the rules
of the homepage's feature, so nobody in it is in an experiment of the homepage.
"""

from typing import Final

from recommender.decisions.treatment import HOMEPAGE
from recommender.experiments.bucketing import Seeds
from recommender.experiments.definitions import Experiment, VariationMeta
from recommender.experiments.experiment import Admission, CompiledExperiment
from recommender.experiments.hashing import Identity
from recommender.experiments.visitor import FeatureEvaluator, FeatureResult, Visitor

HOLDOUT_ID: Final = "kabin-holdout"
RANDOM_ID: Final = "kabin-random"

HELD_OUT: Final = 0
"""The holdout's variation that goes without Kabin; the other one is everybody else."""

HOLDOUT_SHARE: Final = 0.05
RANDOM_SHARE: Final = 0.10
"""Of those who are not held out."""

HOLDOUT: Final = Experiment(
    key=HOLDOUT_ID,
    seed=HOLDOUT_ID,
    hash_version=2,
    variations=["held_out", "personalized"],
    weights=[HOLDOUT_SHARE, 1.0 - HOLDOUT_SHARE],
    meta=[VariationMeta(key="held_out"), VariationMeta(key="personalized")],
)
RANDOM: Final = Experiment(
    key=RANDOM_ID,
    seed=RANDOM_ID,
    hash_version=2,
    coverage=RANDOM_SHARE,
    variations=["full_price", "promo"],
    weights=[0.5, 0.5],
    meta=[VariationMeta(key="full_price"), VariationMeta(key="promo")],
)

_AS_USUAL: Final = FeatureResult(None, "defaultValue")


def compile_holdout(seeds: Seeds) -> CompiledExperiment:
    """Return the holdout, which shares its hashing with the payload that ``seeds`` is of."""
    return CompiledExperiment(HOLDOUT, seeds, ())


def with_random_slice(
    homepage: FeatureEvaluator | None, sticky_ids: frozenset[str], seeds: Seeds
) -> FeatureEvaluator:
    """Return the homepage's feature with the random slice before its rules.

    Args:
        homepage: the feature, if the shop defines it.
        sticky_ids: of its experiments; who holds a variation of one stays in it.
        seeds: of the payload.
    """
    run = CompiledExperiment(RANDOM, seeds, [_admission(sticky_ids)] if sticky_ids else []).run

    def evaluate(visitor: Visitor) -> FeatureResult:
        # Whoever previews another variation is to see it, slice or not.
        if not visitor.forced or RANDOM_ID in visitor.forced:
            result = run(visitor, HOMEPAGE)
            if result.in_experiment:
                return FeatureResult(result.value, "experiment", "", result, RANDOM)
        return _AS_USUAL if homepage is None else homepage(visitor)

    return evaluate


def _admission(sticky_ids: frozenset[str]) -> Admission:
    """Return the test that a visitor holds none of the variations that ``sticky_ids`` stand for."""

    def admits(visitor: Visitor, identity: Identity) -> bool:
        held = None if visitor.sticky is None else visitor.sticky.held(identity, None)
        return not held or sticky_ids.isdisjoint(held)

    return admits
