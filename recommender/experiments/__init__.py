"""Experiments: GrowthBook's feature JSON compiled once, visitors assigned in microseconds, nothing stored."""

from recommender.experiments.assignment import Assignments, Features
from recommender.experiments.features import Compilation, compile_features, compile_inline_experiment
from recommender.experiments.problems import Problem
from recommender.experiments.visitor import ExperimentResult, FeatureResult, Visitor

__all__ = [
    "Assignments",
    "Compilation",
    "ExperimentResult",
    "FeatureResult",
    "Features",
    "Problem",
    "Visitor",
    "compile_features",
    "compile_inline_experiment",
]
