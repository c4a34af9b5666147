"""The model: what a training run publishes, as a versioned directory that workers map into memory."""

from recommender.model.model import Model, ModelContent
from recommender.model.reader import load_model
from recommender.model.versions import (
    ModelError,
    ModelSummary,
    current_version,
    list_versions,
    prune,
    publish,
    roll_back,
)
from recommender.model.writer import write_model

__all__ = [
    "Model",
    "ModelContent",
    "ModelError",
    "ModelSummary",
    "current_version",
    "list_versions",
    "load_model",
    "prune",
    "publish",
    "roll_back",
    "write_model",
]
