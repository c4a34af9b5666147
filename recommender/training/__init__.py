"""The nightly training: interactions in, a published model out."""

from recommender.training.run import TrainingResult, train
from recommender.training.settings import TrainingSettings

__all__ = ["TrainingResult", "TrainingSettings", "train"]
