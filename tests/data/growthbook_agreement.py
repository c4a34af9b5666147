"""Kabin's assignments held against the ``growthbook`` package: random feature sets, random visitors.

    python -m tests.data.growthbook_agreement --visitors 100000 --sets 4

Every visitor is evaluated for every feature of every set by both, and everything that GrowthBook reports is compared:
value, source, rule and, for experiments, variation, key, bucket, hash attribute and value, sticky bucket; where sticky
buckets are on, also what is to be stored.

Two things are not left as they are. Ordering (``$lt`` …) a number against a text or a missing attribute is kept out:
there the package does not do what the public test cases of GrowthBook's SDKs ask for. And where both fallback
attributes and sticky buckets are in play, the package writes the fallback's assignments into the other document while
it merely looks them up, which GrowthBook's reference does not do: it is given a copy to look in
(``--unmodified`` leaves it as it is).
"""

import argparse
import copy
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import growthbook.core
from growthbook import GrowthBook, InMemoryStickyBucketService

from recommender.experiments import FeatureResult, Features, compile_features
from recommender.experiments.sticky import StickyDocumentBuckets
from tests.data.growthbook_cases import feature_json, result_json
from tests.data.growthbook_random import GROUPS, Json, random_documents, random_features, random_visitor


class Agreement(NamedTuple):
    """How often the two agreed.

    ``different`` holds the first few disagreements: feature, attributes, ours, theirs.
    """

    visitors: int = 0
    evaluations: int = 0
    enrolled: int = 0
    disagreements: int = 0
    stored_differently: int = 0
    different: tuple[tuple[str, Json, Json, Json], ...] = ()

    def with_one(self, feature_id: str, client: GrowthBook, features: Features) -> "Agreement":
        """Evaluate a feature by both, as the client's visitor stands now, and count what came out."""
        attributes = client.get_attributes()
        buckets = StickyDocumentBuckets(stored_by(client)) if client.sticky_bucket_service else None
        mine = ours_as_json(features.visitor(attributes, sticky=buckets).feature(feature_id))
        expected = {} if buckets is None else {**stored_by(client), **buckets.changes}
        theirs = theirs_as_json(client.eval_feature(feature_id).to_dict())
        agrees = mine == theirs and type(mine["value"]) is type(theirs["value"])
        found = () if agrees or len(self.different) >= 5 else ((feature_id, attributes, mine, theirs),)
        return self._replace(
            evaluations=self.evaluations + 1,
            enrolled=self.enrolled + (mine["source"] == "experiment"),
            disagreements=self.disagreements + (not agrees),
            stored_differently=self.stored_differently
            + (buckets is not None and stored_by(client) != expected),
            different=self.different + found,
        )


def stored_by(client: GrowthBook) -> dict[str, dict[str, str]]:
    """Return a copy of the sticky buckets that a client holds for its visitor."""
    documents = client._sticky_bucket_assignment_docs
    return {key: dict(document["assignments"]) for key, document in documents.items()}


def ours_as_json(result: FeatureResult) -> Json:
    """Return all that is compared of one of our results."""
    found = feature_json(result)
    found["experimentResult"] = None if result.result is None else result_json(result.result)
    return found


def theirs_as_json(result: Json) -> Json:
    """Return all that is compared of one of the package's results."""
    found = {name: result[name] for name in ("value", "on", "off", "source", "ruleId")}
    inner = result.get("experimentResult")
    found["experimentResult"] = inner and {
        name: value for name, value in inner.items() if value not in (None, "")
    }
    return found


def _looking_in_a_copy(look_up: Callable[..., Any]) -> Callable[..., Any]:
    """Return the package's look-up of sticky buckets, kept from writing into what it looks up."""

    def look_up_in_copy(evalContext: Any, **options: Any) -> Any:  # noqa: N803 - the package's name
        user = evalContext.user
        documents = user.sticky_bucket_assignment_docs
        user.sticky_bucket_assignment_docs = copy.deepcopy(documents)
        try:
            return look_up(evalContext=evalContext, **options)
        finally:
            user.sticky_bucket_assignment_docs = documents

    return look_up_in_copy


def compare(seed: int, visitors: int, features_per_set: int, *, sticky: bool, fallback: bool) -> Agreement:
    """Evaluate random visitors by both.

    Args:
        seed: of the feature set and the visitors.
        visitors: how many.
        features_per_set: how many features besides a holdout.
        sticky: whether sticky buckets are on.
        fallback: whether rules may have fallback attributes.
    """
    rng = random.Random(seed)
    definitions = random_features(rng, features_per_set)
    for feature in definitions.values() if not fallback else ():
        for rule in feature["rules"]:
            rule.pop("fallbackAttribute", None)
    compilation = compile_features({"features": definitions, "savedGroups": GROUPS})
    if compilation.problems:
        raise ValueError(f"seed {seed} makes definitions that are refused: {compilation.problems[0]}")
    parsed = GrowthBook(features=copy.deepcopy(definitions)).get_features()
    total = Agreement()
    for _ in range(visitors):
        attributes = random_visitor(rng)
        service = InMemoryStickyBucketService() if sticky else None
        if service is not None:
            for document in random_documents(rng, attributes, definitions):
                service.save_assignments(document)
        client = GrowthBook(
            features=parsed, attributes=attributes, saved_groups=GROUPS, sticky_bucket_service=service
        )
        for feature_id in definitions:
            total = total.with_one(feature_id, client, compilation.features)
    return total._replace(visitors=visitors)


KINDS: Final = ((False, True), (True, False), (True, True))
"""Sticky buckets, fallback attributes."""


def corrected() -> AbstractContextManager[Any]:
    """Return a context in which the package looks sticky buckets up without writing."""
    name = "_get_sticky_bucket_assignments"
    return patch.object(growthbook.core, name, _looking_in_a_copy(getattr(growthbook.core, name)))


def compare_kind(
    seed: int, visitors: int, features_per_set: int, *, sticky: bool, fallback: bool, unmodified: bool = False
) -> Agreement:
    """Do as :func:`compare`, with the package corrected where both sticky buckets and fallback attributes are on."""
    with corrected() if sticky and fallback and not unmodified else nullcontext():
        return compare(seed, visitors, features_per_set, sticky=sticky, fallback=fallback)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--visitors", type=int, default=100_000, help="random visitors, shared out among the sets"
    )
    parser.add_argument("--sets", type=int, default=9, help="random feature sets, three kinds by turns")
    parser.add_argument("--features", type=int, default=6, help="features of a set, besides a holdout")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unmodified", action="store_true", help="let the package write where it looks up")
    chosen = parser.parse_args()
    print(f"growthbook {version('growthbook')}")
    started = time.perf_counter()
    totals = [0, 0, 0, 0, 0]
    for number in range(chosen.sets):
        sticky, fallback = KINDS[number % len(KINDS)]
        share = chosen.visitors // chosen.sets + (number < chosen.visitors % chosen.sets)
        outcome = compare_kind(
            chosen.seed + number, share, chosen.features,
            sticky=sticky, fallback=fallback, unmodified=chosen.unmodified,
        )  # fmt: skip
        totals = [total + count for total, count in zip(totals, outcome[:5], strict=True)]
        print(
            f"set {number}, sticky buckets {'on' if sticky else 'off'}, fallback attributes {'on' if fallback else 'off'}: "
            f"{outcome.visitors} visitors, {outcome.enrolled} in experiments, {outcome.disagreements} disagreements, "
            f"{outcome.stored_differently} stored differently",
            flush=True,
        )
        for feature_id, attributes, mine, theirs in outcome.different:
            print(f"  {feature_id} {attributes}\n    ours   {mine}\n    theirs {theirs}")
    print(
        f"{totals[0]:,} visitors, {totals[1]:,} evaluations, {totals[2]:,} in experiments: {totals[3]} disagreements; "
        f"stored differently {totals[4]:,} times; {time.perf_counter() - started:.0f} s"
    )


if __name__ == "__main__":
    main()
