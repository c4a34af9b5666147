"""Buckets: which share of the visitors someone falls into, by GrowthBook's hash versions 1 and 2."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Final

from recommender.experiments.hashing import (
    OFFSET_BASIS,
    Identity,
    Prefixes,
    code_units,
    fnv1a,
    fnv1a_of_decimal,
)

HASH_VERSIONS: Final = (1, 2)
WEIGHT_SUM_BOUNDS: Final = (0.99, 1.01)
"""Weights that add up to less or more are a mistake; GrowthBook's SDKs replace them by equal ones."""

Range = tuple[float, float]
"""From (included) and to (not included) which bucket, of 0 to 1."""

Bucketing = Callable[[Identity], float | None]
"""The bucket of an identity, of 0 to 1; None if the hash version is unknown."""


class Seeds:
    """Makes the hashes of one payload, so that those of one attribute share their work.

    Version 1 hashes the identity and then the seed, to thousandths; version 2 the seed and then the identity, and
    the decimal digits of that once more, to ten-thousandths.
    """

    def __init__(self) -> None:
        self._open: dict[str, Prefixes] = {}
        self._places: dict[tuple[str, int], tuple[Prefixes, int]] = {}

    def bucketing(self, seed: str, version: int, attribute: str = "id") -> Bucketing:
        """Return the function that gives an identity's bucket.

        Args:
            seed: tells experiments apart.
            version: of the hash: 1 or 2.
            attribute: what is usually hashed with it.
        """
        units = code_units(seed)
        if version == 1:
            prefixes, lane = self._place(attribute, OFFSET_BASIS)
            return lambda identity: fnv1a(units, identity.after(prefixes)[lane]) % 1000 / 1000
        if version == 2:
            prefixes, lane = self._place(attribute, fnv1a(units))
            return lambda identity: (
                fnv1a_of_decimal((identity.hashed.get(prefixes) or identity.after(prefixes))[lane])
                % 10000
                / 10000
            )
        return lambda _: None

    def namespace_test(self, name: str, within: Range, attribute: str = "id") -> Callable[[Identity], bool]:
        """Return the test whether an identity is in a namespace's range; namespaces hash by version 1."""
        start, end = within
        bucket_of = self.bucketing(f"__{name}", 1, attribute)
        return lambda identity: start <= (bucket_of(identity) or 0.0) < end

    def _place(self, attribute: str, state: int) -> tuple[Prefixes, int]:
        """Return where a prefix of that state is hashed."""
        place = self._places.get((attribute, state))
        if place is None:
            prefixes = self._open.get(attribute)
            if prefixes is None or prefixes.is_full:
                prefixes = self._open[attribute] = Prefixes()
            place = self._places[attribute, state] = (prefixes, prefixes.add(state))
        return place


def equal_weights(variations: int) -> list[float]:
    """Return the same weight for each of ``variations``."""
    return [1 / variations] * variations if variations > 0 else []


def weights_fault(variations: int, weights: Sequence[float]) -> str | None:
    """Return what is wrong with weights, in plain words; None if they can be used."""
    if len(weights) != variations:
        return f"there are {len(weights)} weights for {variations} variations"
    if not all(isfinite(weight) and weight >= 0 for weight in weights):
        return "a weight is negative or no number"
    low, high = WEIGHT_SUM_BOUNDS
    total = sum(weights)
    return None if low <= total <= high else f"the weights add up to {total:.4g}, not to 1"


def bucket_ranges(
    variations: int, coverage: float = 1.0, weights: Sequence[float] | None = None
) -> list[Range]:
    """Return the buckets of each variation.

    Every variation takes ``coverage`` of its own share from the left, so raising coverage only adds visitors.
    Coverage is cut to 0 to 1; unusable weights become equal ones, as in GrowthBook's SDKs.
    """
    share = min(max(coverage, 0.0), 1.0)
    usable = weights if weights is not None and weights_fault(variations, weights) is None else None
    ranges = []
    start = 0.0
    for weight in equal_weights(variations) if usable is None else usable:
        ranges.append((start, start + share * weight))
        start += weight
    return ranges


def in_range(bucket: float, within: Range) -> bool:
    """Tell whether a bucket lies in a half-open range."""
    return within[0] <= bucket < within[1]


def choose_variation(bucket: float, ranges: Sequence[Range]) -> int:
    """Return the index of the first range that has the bucket, -1 if none has."""
    for variation, (start, end) in enumerate(ranges):
        if start <= bucket < end:
            return variation
    return -1
