"""A small complete model, for tests that write, publish and damage models."""

import numpy as np

from recommender.affinity import AffinityParameters
from recommender.model import ModelContent
from recommender.recommendations.neighbours import Neighbours

NOON = 1_763_726_400.0
ITEMS = ["a", "été", "c"]


def content(**changes: object) -> ModelContent:
    """Return a small complete model."""
    lists = Neighbours(
        np.array([[1, 2], [0, -1], [-1, -1]], dtype=np.int32),
        np.array([[0.9, 0.1], [0.5, 0.0], [0.0, 0.0]], dtype=np.float32),
        np.zeros((3, 2), dtype=np.int8),
    )
    whole: dict[str, object] = {
        "item_ids": ITEMS,
        "neighbours": {"blend": lists, "covisit": lists},
        "popular": np.array([2, 0], dtype=np.int32),
        "popular_by_category": {
            "Dresses": np.array([0], dtype=np.int32),
            "Tops": np.array([2, 1], dtype=np.int32),
        },
        "popular_by_department": {7: np.array([1], dtype=np.int32)},
        "affinity": AffinityParameters(n0=3.5),
        "size_calibration": {"format": 1},
        "blend": {"decay": 0.5},
        "metrics": {"interactions": 9},
        "newest_event": NOON - 5,
    }
    return ModelContent(**{**whole, **changes})  # type: ignore[arg-type]
