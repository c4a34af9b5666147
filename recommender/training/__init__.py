"""The nightly training: interactions in, a published model out."""

from recommender.training.gate import GateSettings, Refusal
from recommender.training.report import TrainingReport
from recommender.training.run import TrainingResult, train
from recommender.training.settings import TrainingSettings

__all__ = ["GateSettings", "Refusal", "TrainingReport", "TrainingResult", "TrainingSettings", "train"]
