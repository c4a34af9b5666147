"""The model: what a training run publishes, as a versioned directory that workers map into memory."""

from recommender.model.difference import ChangedNeighbours, ModelDifference, difference
from recommender.model.directory import ModelError
from recommender.model.model import Model, ModelContent
from recommender.model.publications import (
    UNSET,
    Publication,
    PublicationConflict,
    Unset,
    current_version,
    publications,
    publish,
    read_pointer,
    roll_back,
    roll_back_targets,
)
from recommender.model.reader import load_model, verify_model
from recommender.model.training_record import TrainingRecord, last_training, record_training, trainings
from recommender.model.versions import ModelSummary, list_versions, prune
from recommender.model.writer import write_model

__all__ = [
    "UNSET",
    "ChangedNeighbours",
    "Model",
    "ModelContent",
    "ModelDifference",
    "ModelError",
    "ModelSummary",
    "Publication",
    "PublicationConflict",
    "TrainingRecord",
    "Unset",
    "current_version",
    "difference",
    "last_training",
    "list_versions",
    "load_model",
    "prune",
    "publications",
    "publish",
    "read_pointer",
    "record_training",
    "roll_back",
    "roll_back_targets",
    "trainings",
    "verify_model",
    "write_model",
]
