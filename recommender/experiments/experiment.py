"""A compiled experiment: which variation a visitor gets."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from recommender.experiments.bucketing import (
    Range,
    Seeds,
    bucket_ranges,
    choose_variation,
)
from recommender.experiments.definitions import Experiment, VariationMeta
from recommender.experiments.hashing import Identity
from recommender.experiments.sticky import StickyBuckets, sticky_id
from recommender.experiments.visitor import ExperimentResult, Visitor

Admission = Callable[[Visitor, Identity], bool]
"""Whether a visitor who holds no variation yet may take part."""

_new_result = tuple.__new__
"""Makes a named tuple in a third of the time of its own constructor."""

_OUT: Final = -1
_SHUT_OUT: Final = -2
"""Instead of a variation: none, and none because of an older bucket version."""

_NO_META: Final = VariationMeta()
_LONGEST_INDEX: Final = 9


class _Variation(NamedTuple):
    """What is known of a variation beforehand."""

    number: int
    key: str
    name: str
    value: Any
    passthrough: bool
    propensity: float


class CompiledExperiment:
    """An experiment ready to run.

    Args:
        definition: the experiment.
        seeds: makes the hashes of the payload.
        admissions: what a visitor who holds no variation must pass, in this order.

    Attributes:
        definition: as given.
        ranges: the buckets of each variation.
    """

    __slots__ = (
        "_active",
        "_admissions",
        "_attribute",
        "_blocked",
        "_bucket_of",
        "_by_key",
        "_fallback",
        "_force",
        "_is_ordinary",
        "_is_plain",
        "_key",
        "_sticky_id",
        "_variations",
        "definition",
        "ranges",
    )

    def __init__(self, definition: Experiment, seeds: Seeds, admissions: Sequence[Admission]) -> None:
        self.definition = definition
        self._key = definition.key
        self._active = definition.active
        self._force = definition.force
        self._admissions = tuple(admissions)
        self._is_ordinary = self._active and self._force is None and len(definition.variations) >= 2
        self._attribute = definition.hash_attribute or "id"
        is_sticky = not definition.disable_sticky_bucketing
        self._fallback = (definition.fallback_attribute or None) if is_sticky else None
        self._sticky_id = sticky_id(self._key, definition.bucket_version or 0) if is_sticky else ""
        self._blocked = [sticky_id(self._key, old) for old in range(definition.min_bucket_version or 0)]
        self._is_plain = self._fallback is None and not self._blocked
        self._bucket_of = seeds.bucketing(
            definition.seed or self._key, definition.hash_version or 1, self._attribute
        )
        self.ranges = tuple(_ranges_of(definition))
        self._variations = _variations_of(definition)
        self._by_key: dict[str, int] = {
            variation.key: variation.number for variation in reversed(self._variations)
        }

    def run(self, visitor: Visitor, feature_id: str | None = None) -> ExperimentResult:
        """Return what the experiment gives a visitor; an exposure is noted with the visitor."""
        if not (self._is_ordinary and visitor.is_ordinary):
            decided = self._decided_beforehand(visitor)
            if decided is not None:
                return self._fixed(visitor, feature_id, decided)
        sticky = visitor.sticky if self._sticky_id else None
        held = _OUT
        if self._is_plain:
            identity = visitor.identities.get(self._attribute) or visitor.identity(self._attribute)
            if sticky is not None and (holding := sticky.held(identity, None)):
                held = self._by_key.get(holding.get(self._sticky_id, ""), _OUT)
        else:
            identity = visitor.identity(self._attribute, None if sticky is None else self._fallback)
            held = _OUT if sticky is None else self._held(visitor, sticky, identity)
        admitted = identity.text and (held >= 0 or not self._admissions or self._admits(visitor, identity))
        needs_bucket = held < 0 or visitor.with_buckets
        bucket = self._bucket_of(identity) if admitted and needs_bucket else None
        if bucket is None and (needs_bucket or not admitted):
            return self._fixed(visitor, feature_id, _OUT)
        assigned = held if held != _OUT or bucket is None else choose_variation(bucket, self.ranges)
        if assigned < 0 or visitor.qa_mode or self._force is not None:
            return self._overruled(visitor, feature_id, assigned)
        number, key, name, value, passthrough, propensity = self._variations[assigned]
        result = _new_result(
            ExperimentResult,
            (
                self._key, True, number, key, name, value, True, identity.attribute, identity.value, bucket,
                held >= 0, passthrough, propensity, feature_id,
            ),
        )  # fmt: skip
        if sticky is not None and (held < 0 or self._fallback is not None):
            sticky.keep(identity, self._sticky_id, key)
        visitor.exposures.setdefault(self._key, result)
        return result

    def drawn(self, identity: Identity) -> int:
        """Return the variation of an identity by its bucket alone, -1 if it has none."""
        bucket = self._bucket_of(identity)
        return _OUT if bucket is None else choose_variation(bucket, self.ranges)

    def _decided_beforehand(self, visitor: Visitor) -> int | None:
        """Return the variation that is forced, -1 if nobody may take part, None if the hash is to decide."""
        if len(self._variations) < 2 or not visitor.enabled:
            return _OUT
        if visitor.url:
            named = forced_by_query(self._key, visitor.url, len(self._variations))
            if named is not None:
                return named
        if visitor.forced:
            forced = visitor.forced.get(self._key)
            if forced is not None:
                return forced
        return None if self._active else _OUT

    def _admits(self, visitor: Visitor, identity: Identity) -> bool:
        for admits in self._admissions:  # noqa: SIM110 - a generator costs more than the tests
            if not admits(visitor, identity):
                return False
        return True

    def _held(self, visitor: Visitor, sticky: StickyBuckets, identity: Identity) -> int:
        """Return the variation that the visitor holds, or that an old one shuts them out."""
        if self._fallback is None:
            held = sticky.held(identity, None)
        else:
            held = sticky.held(visitor.identity(self._attribute), visitor.identity(self._fallback))
        if not held:
            return _OUT
        for old in self._blocked:
            if old in held:
                return _SHUT_OUT
        return self._by_key.get(held.get(self._sticky_id, ""), _OUT)

    def _overruled(self, visitor: Visitor, feature_id: str | None, assigned: int) -> ExperimentResult:
        """Return the result where something goes before the bucket."""
        if assigned == _SHUT_OUT:
            return self._fixed(visitor, feature_id, _OUT)._replace(sticky_bucket_used=True)
        forced = self._force if assigned >= 0 else None
        return self._fixed(visitor, feature_id, _OUT if forced is None else forced)

    def _fixed(self, visitor: Visitor, feature_id: str | None, index: int) -> ExperimentResult:
        """Return the result of a variation that no hash chose; of -1, that the visitor does not take part."""
        fallback = self._fallback if visitor.sticky is not None else None
        identity = visitor.identity(self._attribute, fallback)
        is_in = 0 <= index < len(self._variations)
        variation = self._variations[index if is_in else 0] if self._variations else _NOTHING
        return _new_result(
            ExperimentResult,
            (
                self._key, is_in, variation.number, variation.key, variation.name, variation.value, False,
                identity.attribute, identity.value, None, False, variation.passthrough, variation.propensity,
                feature_id,
            ),
        )  # fmt: skip


_NOTHING: Final = _Variation(0, "0", "", None, passthrough=False, propensity=0.0)


def _ranges_of(definition: Experiment) -> Sequence[Range]:
    if definition.ranges:
        return definition.ranges
    coverage = 1.0 if definition.coverage is None else definition.coverage
    return bucket_ranges(len(definition.variations), coverage, definition.weights)


def propensities_of(definition: Experiment) -> tuple[float, ...]:
    """Return the probability of each variation among those who take part; 0 where nobody does."""
    ranges = _ranges_of(definition)
    widths = [max(min(end, 1.0) - max(start, 0.0), 0.0) for start, end in ranges]
    widths += [0.0] * (len(definition.variations) - len(widths))
    total = sum(widths) or 1.0
    # Rounded, as widths are differences of sums: 0.5 is to come out as 0.5.
    return tuple(round(width / total, 12) for width in widths)


def _variations_of(definition: Experiment) -> tuple[_Variation, ...]:
    meta = definition.meta or []
    variations = []
    for index, (value, propensity) in enumerate(
        zip(definition.variations, propensities_of(definition), strict=False)
    ):
        described = meta[index] if index < len(meta) else _NO_META
        key = str(index) if described.key is None else described.key
        variations.append(
            _Variation(index, key, described.name or "", value, described.passthrough, propensity)
        )
    return tuple(variations)


def forced_by_query(experiment_id: str, url: str, variations: int) -> int | None:
    """Return the variation that ``?experiment=1`` in an address asks for; None if there is no such thing."""
    try:
        wanted = parse_qs(urlsplit(url).query).get(experiment_id, [""])[0]
    except ValueError:
        return None
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > _LONGEST_INDEX:
        return None
    return int(wanted) if int(wanted) < variations else None
