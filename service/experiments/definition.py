"""An experiment as one sends it to Kabin, and the rule of GrowthBook's that it becomes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from recommender.decisions.treatment import FEATURE_VALUES
from recommender.experiments.bucketing import equal_weights

ExperimentStatus = Literal["running", "stopped"]

MAX_VARIATIONS: Final = 100
MAX_NAME_CHARACTERS: Final = 128
_BINARY_SLACK: Final = 1e-9

_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)]
_Text = Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)]


class VariationDefinition(Struct, frozen=True, forbid_unknown_fields=True):
    """A variation: the value that the feature takes, and what the variation is called.

    ``key`` is what sticks to visitors and stands in reports; the value's text by default.
    """

    value: Any
    key: _Name | None = None
    name: _Text | None = None


class ExperimentDefinition(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PUT /experiments/{id}``; a field of another name is refused, since it may be a misspelt one."""

    feature: Annotated[
        _Name,
        Meta(description="`kabin-homepage`, `kabin-size`, `kabin-recommendations` or one of the shop's own."),
    ]
    variations: Annotated[
        tuple[bool | int | float | str | VariationDefinition, ...],
        Meta(
            min_length=2,
            max_length=MAX_VARIATIONS,
            description="Plain values, or objects with `value`, `key` and `name`. The first is the control.",
        ),
    ]
    weights: (
        Annotated[
            tuple[float, ...],
            Meta(
                max_length=MAX_VARIATIONS, description="Each variation's share, 1 in all; equal by default."
            ),
        ]
        | None
    ) = None
    coverage: Annotated[float, Meta(ge=0, le=1, description="Share of the visitors who take part.")] = 1.0
    condition: (
        Annotated[dict[str, Any], Meta(description="GrowthBook's condition on visitors' attributes.")] | None
    ) = None
    hash_attribute: (
        Annotated[_Name, Meta(description="Attribute that visitors are divided by; `id` by default.")] | None
    ) = None
    status: ExperimentStatus = "running"


def rule_of(
    experiment_id: str, definition: ExperimentDefinition, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the rule that an experiment becomes.

    Args:
        experiment_id: its key, and its seed.
        definition: what it is to be.
        before: the rule that it replaces; what decides who is in which bucket stays as it was.
    """
    described = [_described(variation) for variation in definition.variations]
    kept = {"seed": experiment_id, "hashVersion": 2} | {
        field: before[field] for field in _LASTING if before is not None and field in before
    }
    rule: dict[str, Any] = {"key": experiment_id, **kept}
    if definition.hash_attribute is not None:
        rule["hashAttribute"] = definition.hash_attribute
    if definition.condition is not None:
        rule["condition"] = definition.condition
    rule["variations"] = [variation.value for variation in described]
    weights = definition.weights
    rule["weights"] = equal_weights(len(described)) if weights is None else whole(weights)
    rule["coverage"] = definition.coverage
    rule["meta"] = [
        {"key": key_of(variation, index)} | ({"name": variation.name} if variation.name else {})
        for index, variation in enumerate(described)
    ]
    return rule


_LASTING: Final = ("seed", "hashVersion", "hashAttribute", "bucketVersion", "minBucketVersion", "phase")
"""Fields of a rule that a new definition of the same experiment does not reset."""


def default_value(feature_id: str, variations: Sequence[Any]) -> Any:
    """Return the value of a feature that an experiment makes: Kabin's usual one, else the control's."""
    return FEATURE_VALUES.get(feature_id, variations)[0]


def key_of(variation: VariationDefinition, index: int) -> str:
    """Return a variation's key: the given one, else the value's text, else its number."""
    value = variation.value
    if variation.key is not None:
        return variation.key
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARACTERS:
        return value
    return f"{value:g}" if isinstance(value, int | float) else str(index)


def whole(weights: Sequence[float]) -> list[float]:
    """Return weights that add up to 1 as closely as floats do; unusable ones as they are.

    What is just about 1 (three times 0.333) would leave buckets without a variation.
    """
    total = sum(weights)
    if abs(total - 1.0) <= _BINARY_SLACK or not 0.99 <= total <= 1.01:
        return list(weights)
    return [weight / total for weight in weights]


def _described(variation: Any) -> VariationDefinition:
    return variation if isinstance(variation, VariationDefinition) else VariationDefinition(variation)
