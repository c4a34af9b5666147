"""Choosing the blend on the shop's own newest sessions, and saying what ALS was worth there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.recommendations.als import als_neighbours
from recommender.recommendations.blend import BlendParts, BlendSettings
from recommender.recommendations.covisit import covisit_matrix
from recommender.recommendations.neighbours import Neighbours
from recommender.recommendations.ranking import Ranker
from recommender.recommendations.replay import (
    MISSED,
    Case,
    Hits,
    evenly_sampled,
    next_item_cases,
    reciprocal_ranks,
    target_ranks,
)
from recommender.recommendations.sessions import Sessions

Progress = Callable[[str, int, int], None]
"""Told (what is being done, steps done, steps in all)."""

VALIDATION_SHARE: Final = 0.1
MIN_CASES: Final = 500
"""Below this many cases the standard error of HR@20 is over 2 points: defaults are the better guess."""

ALS_CASES_FACTOR: Final = 4
"""Times as many cases decide on ALS: what it adds, some 0.3 points, is below the error of 10,000 cases."""

REPEAT_LAGS: Final = 10
GRIDS: Final[tuple[tuple[str, tuple[float, ...]], ...]] = (
    ("walk_weight", (0.0, 1.0, 2.0, 3.0)),
    ("popularity_discount", (0.0, 0.1, 0.2, 0.3)),
    ("decay", (0.3, 0.4, 0.5, 0.6, 0.7)),
    ("als_weight", (0.0, 0.5, 1.0, 2.0)),
)
"""Settings tuned one after another, in this order; ALS last, against the best that does without."""

REPEAT_SCALES: Final = (2.0, 5.0, 10.0, 20.0, 40.0)
"""Multiples of the repeat rates; a rate of 10 % × 10 makes a repeat as strong as the best neighbour."""


@dataclass(frozen=True, slots=True)
class BlendTrial:
    """One setting tried and what it gave on the validation cases."""

    setting: str
    value: float
    hits: Hits


@dataclass(frozen=True, slots=True)
class BlendTuning:
    """What tuning found.

    Attributes:
        settings: the settings to train the published model with.
        trials: everything tried, in order.
        cases: validation cases that decided; 0 when there were too few and the defaults stand.
        without_als: hits of the best blend that leaves ALS out.
        chosen: hits of the chosen blend.
    """

    settings: BlendSettings
    trials: tuple[BlendTrial, ...]
    cases: int
    without_als: Hits
    chosen: Hits

    @property
    def summary(self) -> str:
        """One sentence for whoever runs the training."""
        if self.cases == 0:
            return "Too few sessions to tune the blend: the default settings are published."
        on_cases = f"on {self.cases:,} validation cases"
        if self.settings.als_weight == 0:
            return f"ALS gets no weight in the blend: it did not improve on the other sources {on_cases}."
        gain = 100 * (self.chosen.hit_rate - self.without_als.hit_rate)
        mrr_gain = 100 * (self.chosen.mrr - self.without_als.mrr)
        return (
            f"ALS gets weight {self.settings.als_weight:g} in the blend: {gain:+.2f} points of HR@20 and "
            f"{mrr_gain:+.2f} of MRR@20 over the other sources alone {on_cases}."
        )


def tune_blend(
    sessions: Sessions,
    *,
    start: BlendSettings | None = None,
    validation_share: float = VALIDATION_SHARE,
    most_cases: int = 10_000,
    on_progress: Progress | None = None,
) -> BlendTuning:
    """Choose blend settings by replaying the newest sessions on a model of the older ones.

    Args:
        sessions: training sessions in time order; never the sessions one wants to report on.
        start: settings to start from, of which only those in ``GRIDS`` and the repeats are changed.
        validation_share: share of the newest sessions to replay.
        most_cases: clicks replayed for each setting, four times as many for the weight of ALS; 10,000 give
            HR@20 a standard error of half a point, less between two settings replayed on the same clicks.
        on_progress: told what is being done.
    """
    tell = on_progress or _silent
    settings = start or BlendSettings()
    older, newest = sessions.split_newest(validation_share)
    replayed = next_item_cases(newest, older.item_weights() > 0)
    cases = evenly_sampled(replayed, most_cases)
    novel = [case for case in cases if case.is_novel]
    if len(novel) < MIN_CASES:
        return BlendTuning(settings, (), 0, Hits(0.0, 0.0, 0), Hits(0.0, 0.0, 0))

    tell("tuning: ALS", 0, 1)
    als = als_neighbours(older, settings.als, k=settings.k)
    parts = BlendParts.of(
        covisit_matrix(older, settings.covisit), als, older.item_weights(), steps_of=settings
    )
    search = _Search(parts, novel, replace(settings, als_weight=0.0))
    for step, (name, values) in enumerate(GRIDS):
        tell(f"tuning: {name}", step, len(GRIDS) + 1)
        if name == "als_weight":
            many = evenly_sampled(replayed, ALS_CASES_FACTOR * most_cases)
            search.decide_als(values, [case for case in many if case.is_novel])
        else:
            search.along(name, values)
    tell("tuning: repeats", len(GRIDS), len(GRIDS) + 1)
    tuned = search.with_repeats(cases, repeat_rates(older))
    tell("tuning: repeats", len(GRIDS) + 1, len(GRIDS) + 1)
    return BlendTuning(tuned, tuple(search.trials), search.case_count, search.without_als, search.best)


def repeat_rates(sessions: Sessions, lags: int = REPEAT_LAGS) -> NDArray[np.float64]:
    """Return how often a click repeats the item clicked 1, 2, … ``lags`` clicks before, float64 ``[lags]``."""
    of_session, items = sessions.session_of_click, sessions.items
    rates = np.zeros(lags)
    for lag in range(1, min(lags, items.size - 1) + 1):
        together = of_session[:-lag] == of_session[lag:]
        if not together.any():
            break
        rates[lag - 1] = float(np.mean(items[:-lag][together] == items[lag:][together]))
    return rates


class _Search:
    """Coordinate search: one setting after another, each against the best so far."""

    def __init__(self, parts: BlendParts, cases: Sequence[Case], settings: BlendSettings) -> None:
        self._parts = parts
        self._settings = settings
        self._replay(cases)
        self.trials: list[BlendTrial] = []
        self.best = Hits(0.0, 0.0, 0)
        self.without_als = self.best

    @property
    def case_count(self) -> int:
        """Cases that the best so far was measured on."""
        return len(self._cases)

    def decide_als(self, values: Sequence[float], cases: Sequence[Case]) -> None:
        """Try weights of ALS, of which the first is 0, on cases of their own; keep 0 if in doubt."""
        self._replay(cases)
        first_trial = len(self.trials)
        self.along("als_weight", values, doubt_first=1.0)
        self.without_als = self.trials[first_trial].hits

    def _replay(self, cases: Sequence[Case]) -> None:
        self._cases = cases
        # Only lists of items that the cases look up need mixing: a sixth of a large catalog.
        self._rows = np.unique([row for case in cases for row in case.session[-self._settings.last :]])
        self._mixed: tuple[BlendSettings, Neighbours] | None = None

    def along(self, name: str, values: Sequence[float], *, doubt_first: float = 0.0) -> None:
        """Try every value of one setting and keep the best; the first wins a tie.

        Args:
            name: of the setting.
            values: to try.
            doubt_first: standard errors by which a value must beat the first one to be kept.
        """
        tried = [replace(self._settings, **{name: value}) for value in values]  # type: ignore[arg-type]
        ranks = [target_ranks(self._ranker(settings), self._cases) for settings in tried]
        hits = [Hits.of(found) for found in ranks]
        self.trials += [BlendTrial(name, value, found) for value, found in zip(values, hits, strict=True)]
        best = max(range(len(values)), key=lambda index: hits[index].quality)
        if best and _standard_errors_ahead(ranks[best], ranks[0]) < doubt_first:
            best = 0
        self._settings, self.best = tried[best], hits[best]

    def with_repeats(self, cases: Sequence[Case], rates: NDArray[np.float64]) -> BlendSettings:
        """Return the settings found, with the weights of repeats that suit all targets best."""
        rows = np.unique([row for case in cases for row in case.session[-self._settings.last :]])
        lists = self._parts.mix(self._settings, rows)
        best = Hits(0.0, 0.0, 0)
        chosen = self._settings
        for scale in REPEAT_SCALES:
            weights = tuple(round(float(rate) * scale, 4) for rate in rates)
            tried = replace(self._settings, repeat_weights=weights)
            hits = Hits.of(target_ranks(tried.ranker(lists, repeats=True), cases))
            self.trials.append(BlendTrial("repeat_weights", scale, hits))
            if hits.quality > best.quality:
                best, chosen = hits, tried
        return chosen

    def _ranker(self, settings: BlendSettings) -> Ranker:
        # Decay belongs to the lookup: lists mixed for one serve all of them.
        mixed_for = replace(settings, decay=1.0)
        if self._mixed is None or self._mixed[0] != mixed_for:
            self._mixed = (mixed_for, self._parts.mix(settings, self._rows))
        return settings.ranker(self._mixed[1])


def _standard_errors_ahead(ranks: NDArray[np.int32], base: NDArray[np.int32]) -> float:
    """Return by how many standard errors some ranks beat others of the same cases.

    What is averaged is the first-order change of the logarithm of ``Hits.quality``.
    """
    of_base = Hits.of(base)
    if of_base.quality == 0:
        return np.inf if Hits.of(ranks).quality > 0 else 0.0
    gains = ((ranks != MISSED) * 1.0 - (base != MISSED)) / of_base.hit_rate
    gains += (reciprocal_ranks(ranks) - reciprocal_ranks(base)) / of_base.mrr
    error = float(gains.std()) / np.sqrt(gains.size)
    return float(gains.mean()) / error if error else 0.0


def _silent(_stage: str, _done: int, _steps: int) -> None:
    """Tell nobody."""
