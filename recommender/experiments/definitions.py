"""GrowthBook's feature JSON as typed definitions, each read by itself so that none spoils the others."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from recommender.experiments.bucketing import Range
from recommender.experiments.conditions import SavedGroup
from recommender.experiments.problems import Place, Problem, pointer_step

HOLDOUT_PREFIX: Final = "$holdout:"
"""How GrowthBook's payload names the features that hold visitors out of others."""

_Name = Annotated[str, Meta(min_length=1)]
_Count = Annotated[int, Meta(ge=0, le=1000)]


class VariationMeta(Struct, frozen=True, omit_defaults=True):
    """What a variation is called; ``passthrough``: whoever gets it goes on to the next rule."""

    key: str | None = None
    name: str | None = None
    passthrough: bool = False


class Filter(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Only visitors whose bucket by this seed lies in one of the ranges pass."""

    ranges: list[Range]
    seed: str = ""
    attribute: str = "id"
    hash_version: int | None = None


class ParentCondition(Struct, frozen=True, omit_defaults=True):
    """A prerequisite: the value of another feature must match; ``gate`` switches this feature off otherwise."""

    id: _Name
    condition: dict[str, Any] | None = None
    gate: bool = False


class Targeting(Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """What rules and experiments have in common: who takes part, and by which bucket."""

    key: str = ""
    name: str | None = None
    phase: str | int | None = None
    condition: dict[str, Any] | None = None
    parent_conditions: list[ParentCondition] | None = None
    filters: list[Filter] | None = None
    namespace: tuple[str, float, float] | None = None
    hash_attribute: str | None = None
    fallback_attribute: str | None = None
    hash_version: int | None = None
    seed: str | None = None
    coverage: float | None = None
    weights: list[float] | None = None
    ranges: list[Range] | None = None
    meta: list[VariationMeta] | None = None
    disable_sticky_bucketing: bool | None = None
    bucket_version: _Count | None = None
    min_bucket_version: _Count | None = None


class Experiment(Targeting, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """An experiment: the part of the visitors in question gets one of the variations each.

    ``active`` and ``force`` (an index of ``variations``) are for experiments that code defines by itself.
    """

    variations: list[Any]
    active: bool = True
    force: int | None = None


class Rule(Targeting, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """One rule of a feature: it forces a value, runs an experiment, or only has prerequisites that gate."""

    id: str | None = None
    force: Any = UNSET
    variations: list[Any] | None = None
    range: Range | None = None
    contextual_bandit_ref: str | None = None
    contextual_variations: list[Any] | None = None

    @property
    def forces(self) -> bool:
        """Whether the rule forces a value, be it null."""
        return self.force is not UNSET

    def experiment(self, feature_id: str) -> Experiment | None:
        """Return the experiment that the rule runs, named after the feature if it has no key of its own."""
        if self.variations is None:
            return None
        shared = {field: getattr(self, field) for field in Targeting.__struct_fields__}
        return Experiment(**{**shared, "key": self.key or feature_id}, variations=self.variations)


class Feature(Struct, frozen=True, rename="camel"):
    """A feature: its rules are tried in order; whom none applies to gets the default value."""

    default_value: Any = None
    rules: list[Rule] | None = None


class Payload(NamedTuple):
    """What could be read of a payload, and what could not.

    ``features`` and ``groups`` are by id.
    """

    features: dict[str, Feature]
    groups: dict[str, SavedGroup]
    problems: tuple[Problem, ...]


class _RawPayload(Struct, rename="camel"):
    features: dict[str, Any] | UnsetType = UNSET
    saved_groups: dict[str, Any] | None = None
    encrypted_features: str | None = None


class _ListGroup(Struct, tag="list", tag_field="type", rename="camel"):
    values: list[Any]
    attribute_key: str | None = None


class _ConditionGroup(Struct, tag="condition", tag_field="type"):
    condition: dict[str, Any]


_Decoded = TypeVar("_Decoded")


def read_payload(payload: bytes | str | Mapping[str, Any]) -> Payload:
    """Read a payload of GrowthBook's SDK endpoint or a file of the same form: ``{"features": …, "savedGroups": …}``.

    Args:
        payload: the JSON, or what it parses to.
    """
    problems: list[Problem] = []
    root = Place("", "", problems)
    raw = _read_root(payload, root)
    groups: dict[str, SavedGroup] = {}
    for group_id, entry in (raw.saved_groups or {}).items():
        group = _convert(entry, list[Any] | _ListGroup | _ConditionGroup, root.at("savedGroups", group_id))
        if isinstance(group, list):
            groups[group_id] = SavedGroup("list", group)
        elif isinstance(group, _ListGroup):
            groups[group_id] = SavedGroup("list", group.values, group.attribute_key)
        elif isinstance(group, _ConditionGroup):
            groups[group_id] = SavedGroup("condition", condition=group.condition)
    features: dict[str, Feature] = {}
    for feature_id, entry in ({} if raw.features is UNSET else raw.features).items():
        place = Place(feature_id, f"/features{pointer_step(feature_id)}", problems)
        if not feature_id:
            place.report("the feature has no name", "name it")
            continue
        feature = _convert(entry, Feature, place)
        if feature is not None:
            features[feature_id] = feature
    return Payload(features, groups, tuple(problems))


def read_experiment(definition: Mapping[str, Any]) -> tuple[Experiment | None, tuple[Problem, ...]]:
    """Read an experiment that code defines by itself; None with its problem if it cannot be read."""
    problems: list[Problem] = []
    return _convert(dict(definition), Experiment, Place(str(definition.get("key", "")), "", problems)), tuple(
        problems
    )


def _read_root(payload: bytes | str | Mapping[str, Any], root: Place) -> _RawPayload:
    remedy = 'give GrowthBook\'s JSON: {"features": {"name": {"defaultValue": …, "rules": […]}}}'
    try:
        parsed = msgspec.json.decode(payload) if isinstance(payload, bytes | str) else dict(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        root.report(f"this is no JSON ({error})", remedy)
        return _RawPayload()
    raw = _convert(parsed, _RawPayload, root) or _RawPayload()
    if raw.encrypted_features:
        root.at("encryptedFeatures").report(
            "the features are encrypted", "switch encryption off for this SDK connection; a server needs none"
        )
    elif isinstance(parsed, dict) and "features" not in parsed:
        root.at("features").report("there are no features", remedy)
    return raw


_EXPLAINED: Final = re.compile(r"(?P<reason>.*?)(?: - at `(?P<path>.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")


_TYPE: Final = re.compile(r"`(?P<types>[^`]*)`")
_WORDS: Final = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "an object",
    "str": "a text",
}


def _in_words(types: re.Match[str]) -> str:
    """Return JSON's types in words; what is none, such as the name of a field, stays."""
    names = types["types"].split(" | ")
    return " or ".join(_WORDS[name] for name in names) if all(name in _WORDS for name in names) else types[0]


def _convert(value: Any, into: Any, place: Place) -> Any:
    """Return ``value`` as the type ``into``; None, and a problem reported, if it is none."""
    try:
        return msgspec.convert(value, into)
    except (msgspec.ValidationError, OverflowError, RecursionError) as error:
        explained = _EXPLAINED.fullmatch(str(error))
        reason, path = explained.groups() if explained else (str(error), None)
        reason = _TYPE.sub(_in_words, reason[:1].lower() + reason[1:])
        place.at(*_steps(path or "")).report(reason, "correct it here")
        return None


def _steps(path: str) -> Iterator[str | int]:
    """Yield the steps of msgspec's path ``$.rules[0].coverage``."""
    for step in _STEP.finditer(path):
        yield int(step["index"]) if step["index"] and step["index"] != "..." else step["key"] or "..."
