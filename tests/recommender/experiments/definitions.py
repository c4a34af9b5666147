"""Definitions and visitors that the tests of experiments share."""

from collections.abc import Iterator
from typing import Any

from recommender.experiments import Features, Problem, compile_features

Json = dict[str, Any]


def experiment(key: str = "homepage", **fields: Any) -> Json:
    """Return a rule that runs an experiment of two variations by hash version 2."""
    return {"key": key, "variations": ["full_price", "promo"], "hashVersion": 2, **fields}


def features_of(*rules: Json, feature: str = "homepage", **others: Json) -> Features:
    """Compile one feature with these rules, and ``others``, all of them sound."""
    compilation = compile_features(
        {"features": {feature: {"defaultValue": "default", "rules": list(rules)}, **others}}
    )
    assert not compilation.problems, compilation.problems
    return compilation.features


def problems_with(*rules: Json, **payload: Any) -> list[Problem]:
    """Return what is reported of one feature with these rules; it must be left out, and its neighbour kept."""
    compilation = compile_features(
        {
            **payload,
            "features": {
                "neighbour": {"defaultValue": 1},
                "homepage": {"defaultValue": "default", "rules": list(rules)},
                **payload.get("features", {}),
            },
        }
    )
    assert "neighbour" in compilation.features
    assert ("homepage" in compilation.left_out) == ("homepage" not in compilation.features)
    return list(compilation.problems)


def visitor_ids(count: int) -> Iterator[str]:
    """Yield different ids, the same in every run."""
    return (f"visitor-{number}" for number in range(count))


def variation_of(features: Features, visitor_id: str, sticky: dict[str, str] | None = None) -> str | None:
    """Return the variation that the homepage's experiment gives, None for who takes no part."""
    result = features.assign(visitor_id, {}, sticky or {}).experiments.get("homepage")
    return None if result is None else result.variation
