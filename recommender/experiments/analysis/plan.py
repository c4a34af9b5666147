"""What was settled before anybody looked: control, weights, the metric that decides, and how big an effect matters."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from recommender.experiments.analysis.metrics import METRICS


class PlanError(ValueError):
    """The plan contradicts itself or the experiment; the message says what to change."""


class Reading(StrEnum):
    """Which interval the verdict is read from."""

    ALWAYS_VALID = "always_valid"
    """Look whenever you like: wider, and right at every look."""

    PLANNED = "planned"
    """Look once, when the planned visitors have come: narrower, and no verdict before."""


MOST_SKEWNESS: Final = {Reading.ALWAYS_VALID: 0.3, Reading.PLANNED: 0.2}
"""Skewness of an estimated difference above which its interval is not trusted.

Under peeking at 5 : 95 splits without an effect, the always-valid interval erred in 10 to 27 of 100 experiments on heavy-tailed
revenue, in 17 to 47 on conversion and in 65 on the return rate, mostly in favor of the large arm; with this limit in at
most 3. One look errs in 6 of 100 instead of 8 to 14.
"""


@dataclass(frozen=True, slots=True)
class Phase:
    """A time with the same weights.

    Attributes:
        since: Unix seconds of its beginning; the first phase also holds what came before.
        weights: share of each variation, in the order of their codes; they are scaled to add up to 1.
    """

    since: float
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """How an experiment is to be read.

    Attributes:
        control: name of the variation that the others are compared with.
        phases: the configured weights, oldest first.
        primary: the metric that the verdict is about.
        minimum_effect: relative difference of the primary metric that would matter to the shop.
        planned_visitors: visitors of all variations that the experiment was planned for. The always-valid interval is
            narrowest there; being ten times off costs it 7 % of its width if there are more visitors, 24 % if fewer.
        reading: which interval decides.
        level: confidence of intervals, 0 to 1.
        power: wanted probability of seeing an effect of ``minimum_effect``.
        window_seconds: conversion window. Visitors whose window is still open are counted but not compared.
        winsorize_quantile: heavy-tailed outcomes (money) are cut at this quantile of the visitors who have any, of
            all variations together; None cuts nothing.
        currency: ISO 4217 code of money.
    """

    control: str
    phases: tuple[Phase, ...]
    primary: str = "margin_per_visitor"
    minimum_effect: float = 0.05
    planned_visitors: int = 100_000
    reading: Reading = Reading.ALWAYS_VALID
    level: float = 0.95
    power: float = 0.8
    window_seconds: float = 7 * 86_400.0
    winsorize_quantile: float | None = None
    currency: str = "EUR"

    def __post_init__(self) -> None:
        for name in ("level", "power"):
            if not 0.5 <= getattr(self, name) < 1:
                raise PlanError(f"{name} must be from 0.5 to below 1, not {getattr(self, name)}")
        if not 0 < self.minimum_effect <= 1:
            raise PlanError(f"minimum_effect is relative, above 0 and up to 1, not {self.minimum_effect}")
        if self.planned_visitors < 2:
            raise PlanError(f"planned_visitors must be at least 2, not {self.planned_visitors}")
        if self.window_seconds < 0:
            raise PlanError(f"window_seconds cannot be negative: {self.window_seconds}")
        if self.winsorize_quantile is not None and not 0.5 < self.winsorize_quantile < 1:
            raise PlanError(f"winsorize_quantile must be between 0.5 and 1, not {self.winsorize_quantile}")
        self._check_phases()

    @property
    def alpha(self) -> float:
        """Probability of error of one comparison standing alone."""
        return 1.0 - self.level

    def control_code(self, variations: Sequence[str]) -> int:
        """Return the code of the control variation.

        Raises:
            PlanError: the experiment has no such variation, or weights for another number of variations.
        """
        if self.control not in variations:
            raise PlanError(f"control {self.control!r} is none of the variations: {', '.join(variations)}")
        for phase in self.phases:
            if len(phase.weights) != len(variations):
                raise PlanError(f"{len(phase.weights)} weights for {len(variations)} variations")
        return list(variations).index(self.control)

    def _check_phases(self) -> None:
        if not self.phases:
            raise PlanError("the plan has no weights: give at least one phase")
        for phase in self.phases:
            if min(phase.weights, default=-1.0) < 0 or sum(phase.weights) <= 0:
                raise PlanError(f"weights must be 0 or more and not all 0: {phase.weights}")
        since = [phase.since for phase in self.phases]
        if since != sorted(since):
            raise PlanError("phases must be given oldest first")


def check_primary(plan: AnalysisPlan, names: Sequence[str] = tuple(METRICS)) -> None:
    """Refuse a plan whose deciding metric does not exist.

    Raises:
        PlanError: no such metric; the message lists those there are.
    """
    if plan.primary not in names:
        raise PlanError(f"no metric {plan.primary!r}; there are {', '.join(names)}")
