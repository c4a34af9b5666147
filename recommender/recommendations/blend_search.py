"""The search for a blend: one setting after another, each tried by replay against the best so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.recommendations.als import AlsSettings
from recommender.recommendations.blend import BlendParts, BlendSettings
from recommender.recommendations.neighbours import Neighbours
from recommender.recommendations.ranking import Ranker
from recommender.recommendations.replay import Case, Hits, standard_errors_ahead, target_ranks

ALS_WEIGHTS: Final = (0.0, 0.5, 1.0, 2.0)
WEIGHT_DOUBT: Final = 1.0
"""Standard errors by which ALS must win to get any weight."""

SETTINGS_DOUBT: Final = 2.5
"""Standard errors by which one of six other ALS settings must win: the one-sided 5 % of all of them together is 2.4
(Bonferroni)."""

REPEAT_SCALES: Final = (2.0, 5.0, 10.0, 20.0, 40.0)
"""Multiples of the repeat rates; a rate of 10 % × 10 makes a repeat as strong as the best neighbour."""


@dataclass(frozen=True, slots=True)
class BlendTrial:
    """One setting tried and what it gave on the validation cases; those of ALS are called ``als.factors`` etc."""

    setting: str
    value: float
    hits: Hits


class BlendSearch:
    """Coordinate search, starting without ALS.

    Attributes:
        settings: the best so far.
        trials: everything tried, in order.
        without_als: hits of the best blend without ALS, once its weight has been decided.
        als_tried: other ALS settings tried.
        als_kept: those of them that were kept, as in ``"alpha=120"``.
    """

    def __init__(self, parts: BlendParts, cases: Sequence[Case], settings: BlendSettings) -> None:
        """Start from some settings; cases are questions whose targets are new to the session."""
        self.settings = replace(settings, als_weight=0.0)
        self.trials: list[BlendTrial] = []
        self.without_als = Hits(0.0, 0.0, 0)
        self.als_tried = 0
        self.als_kept: list[str] = []
        self._parts = parts
        self._ranks = np.empty(0, dtype=np.int32)
        self._replay(cases)

    @property
    def best(self) -> Hits:
        """Hits of the best so far."""
        return Hits.of(self._ranks)

    def along(self, name: str, values: Sequence[float], *, doubt_first: float = 0.0) -> None:
        """Try every value of one setting and keep the best; the first wins a tie.

        Args:
            name: of the setting.
            values: to try.
            doubt_first: standard errors by which a value must beat the first one to be kept.
        """
        tried = [replace(self.settings, **{name: value}) for value in values]  # type: ignore[arg-type]
        ranks = [target_ranks(self._ranker(settings), self._cases) for settings in tried]
        hits = [Hits.of(found) for found in ranks]
        self.trials += [BlendTrial(name, value, found) for value, found in zip(values, hits, strict=True)]
        best = max(range(len(values)), key=lambda index: hits[index].quality)
        if best and standard_errors_ahead(ranks[best], ranks[0]) < doubt_first:
            best = 0
        self.settings, self._ranks = tried[best], ranks[best]

    def decide_als(self, cases: Sequence[Case]) -> None:
        """Try weights of ALS on cases of their own; keep 0 if in doubt."""
        self._replay(cases)
        first_trial = len(self.trials)
        self.along("als_weight", ALS_WEIGHTS, doubt_first=WEIGHT_DOUBT)
        self.without_als = self.trials[first_trial].hits

    def try_als(self, name: str, value: float, fit: Callable[[AlsSettings], Neighbours]) -> None:
        """Try another value of one ALS setting; keep it only if the blend is better beyond doubt.

        Args:
            name: of the setting.
            value: to try; a whole number where the setting is one.
            fit: returns the neighbours that some settings give.
        """
        kind = type(getattr(self.settings.als, name))
        changed: dict[str, Any] = {name: kind(value)}
        als = replace(self.settings.als, **changed)
        parts = self._parts.with_als(fit(als))
        tried = replace(self.settings, als=als, als_weight=self.settings.als_weight or ALS_WEIGHTS[1])
        ranks = target_ranks(tried.ranker(parts.mix(tried, self._rows)), self._cases)
        self.trials.append(BlendTrial(f"als.{name}", changed[name], Hits.of(ranks)))
        self.als_tried += 1
        if standard_errors_ahead(ranks, self._ranks) > SETTINGS_DOUBT:
            self._parts, self.settings, self._ranks = parts, tried, ranks
            self.als_kept.append(f"{name}={changed[name]:g}")

    def decide_repeats(self, cases: Sequence[Case], rates: NDArray[np.float64]) -> None:
        """Choose the weights of repeats that suit all targets best.

        Args:
            cases: questions about any target.
            rates: how often a click repeats an earlier one, by lag.
        """
        lists = self._parts.mix(self.settings, self._rows_asked_for(cases))
        best = Hits(0.0, 0.0, 0)
        chosen = self.settings
        for scale in REPEAT_SCALES:
            weights = tuple(round(float(rate) * scale, 4) for rate in rates)
            tried = replace(self.settings, repeat_weights=weights)
            hits = Hits.of(target_ranks(tried.ranker(lists, repeats=True), cases))
            self.trials.append(BlendTrial("repeat_weights", scale, hits))
            if hits.quality > best.quality:
                best, chosen = hits, tried
        self.settings = chosen

    def _replay(self, cases: Sequence[Case]) -> None:
        self._cases = cases
        self._rows = self._rows_asked_for(cases)
        self._mixed: tuple[BlendSettings, Neighbours] | None = None

    def _rows_asked_for(self, cases: Sequence[Case]) -> NDArray[np.intp]:
        """Return the items that the cases look up: only their lists need mixing, a sixth of a large catalog."""
        return np.unique([row for case in cases for row in case.session[-self.settings.last :]])

    def _ranker(self, settings: BlendSettings) -> Ranker:
        # Decay belongs to the lookup: lists mixed for one serve all of them.
        mixed_for = replace(settings, decay=1.0)
        if self._mixed is None or self._mixed[0] != mixed_for:
            self._mixed = (mixed_for, self._parts.mix(settings, self._rows))
        return settings.ranker(self._mixed[1])
