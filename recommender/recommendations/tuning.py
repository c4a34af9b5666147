"""Choosing the blend on the shop's own newest sessions, and saying what ALS was worth there."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Self

from recommender.recommendations.als import AlsSettings, Factorise, als_neighbours, fit_item_factors
from recommender.recommendations.blend import BlendParts, BlendSettings
from recommender.recommendations.blend_search import BlendSearch, BlendTrial
from recommender.recommendations.covisit import covisit_matrix
from recommender.recommendations.neighbours import Neighbours
from recommender.recommendations.replay import Case, Hits, next_item_cases
from recommender.recommendations.sessions import Sessions, repeat_rates

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
)
"""Settings tuned one after another, in this order; the weight of ALS follows, against the best that does without."""

OTHER_ALS: Final[tuple[tuple[str, float], ...]] = (
    ("alpha", 0.5),
    ("alpha", 2.0),
    ("regularization", 0.25),
    ("regularization", 4.0),
    ("iterations", 2.0),
    ("factors", 1.5),
)
"""Other ALS settings to try while there is time, as multiples of those started from; the dearest last."""


@dataclass(frozen=True, slots=True)
class BlendTuning:
    """What tuning found.

    Attributes:
        settings: the settings to train the published model with.
        trials: everything tried, in order.
        cases: validation cases that decided; 0 when there were too few and the defaults stand.
        without_als: hits of the best blend that leaves ALS out.
        chosen: hits of the chosen blend.
        als_tried: other ALS settings for which there was time.
        als_kept: of these, the ones that were better beyond doubt, as in ``"alpha=120"``.
    """

    settings: BlendSettings
    trials: tuple[BlendTrial, ...]
    cases: int
    without_als: Hits
    chosen: Hits
    als_tried: int = 0
    als_kept: tuple[str, ...] = ()

    @classmethod
    def of(cls, search: BlendSearch) -> Self:
        """Return what a finished search found."""
        return cls(
            settings=search.settings,
            trials=tuple(search.trials),
            cases=search.best.cases,
            without_als=search.without_als,
            chosen=search.best,
            als_tried=search.als_tried,
            als_kept=tuple(search.als_kept),
        )

    @property
    def summary(self) -> str:
        """What was chosen and what it was worth, for whoever runs the training."""
        if self.cases == 0:
            return "Too few sessions to tune the blend: the default settings are published."
        on_cases = f"on {self.cases:,} validation cases"
        if self.settings.als_weight == 0:
            return f"ALS gets no weight in the blend: it did not improve on the other sources {on_cases}."
        gain = 100 * (self.chosen.hit_rate - self.without_als.hit_rate)
        mrr_gain = 100 * (self.chosen.mrr - self.without_als.mrr)
        kept = f" ALS settings better beyond doubt: {', '.join(self.als_kept)}." if self.als_kept else ""
        return (
            f"ALS gets weight {self.settings.als_weight:g} in the blend: {gain:+.2f} points of HR@20 and "
            f"{mrr_gain:+.2f} of MRR@20 over the other sources alone {on_cases}.{kept}"
        )


def tune_blend(
    sessions: Sessions,
    *,
    start: BlendSettings | None = None,
    validation_share: float = VALIDATION_SHARE,
    most_cases: int = 10_000,
    factorise: Factorise = fit_item_factors,
    tune_seconds: float = 0.0,
    on_progress: Progress | None = None,
    timer: Callable[[], float] = perf_counter,
) -> BlendTuning:
    """Choose blend settings by replaying the newest sessions on a model of the older ones.

    Args:
        sessions: training sessions in time order; never the sessions one wants to report on.
        start: settings to start from, of which only those in ``GRIDS`` and ``OTHER_ALS``, the weight of ALS and
            the repeats are changed.
        validation_share: share of the newest sessions to replay.
        most_cases: clicks replayed for each setting, four times as many for what concerns ALS; 10,000 give
            HR@20 a standard error of half a point, less between two settings replayed on the same clicks.
        factorise: fits the items' vectors.
        tune_seconds: time for trying other ALS settings; a faster machine tries more of them.
        on_progress: told what is being done.
        timer: seconds of a monotonic clock.
    """
    tell = on_progress or _silent
    settings = start or BlendSettings()
    validation = _Validation(*sessions.split_newest(validation_share), settings, factorise)
    novel = validation.novel_cases(most_cases)
    if len(novel) < MIN_CASES:
        return BlendTuning(settings, (), 0, Hits(0.0, 0.0, 0), Hits(0.0, 0.0, 0))
    tell("tuning: ALS", 0, 1)
    started = timer()
    als = validation.neighbours(settings.als)
    fit_seconds = timer() - started
    search = BlendSearch(validation.parts(als), novel, settings)
    for step, (name, values) in enumerate(GRIDS):
        tell(f"tuning: {name}", step, len(GRIDS))
        search.along(name, values)
    tell("tuning: als_weight", 0, 1)
    search.decide_als(validation.novel_cases(ALS_CASES_FACTOR * most_cases))
    deadline = timer() + tune_seconds - fit_seconds
    for step, (name, multiple) in enumerate(OTHER_ALS):
        if timer() >= deadline:
            break
        tell("tuning: other ALS settings", step, len(OTHER_ALS))
        search.try_als(name, multiple * getattr(settings.als, name), validation.neighbours)
    tell("tuning: repeats", 0, 1)
    search.decide_repeats(validation.cases(most_cases), repeat_rates(validation.older, REPEAT_LAGS))
    return BlendTuning.of(search)


@dataclass(frozen=True, slots=True, eq=False)
class _Validation:
    """Sessions to learn from, and newer ones to ask about, under some settings."""

    older: Sessions
    newest: Sessions
    settings: BlendSettings
    factorise: Factorise

    def cases(self, most: int) -> list[Case]:
        """Return at most so many questions, evenly spaced over the newest sessions."""
        return next_item_cases(self.newest, self.older.item_weights() > 0, most=most)

    def novel_cases(self, most: int) -> list[Case]:
        """Return those of them whose target is new to the session."""
        return [case for case in self.cases(most) if case.is_novel]

    def neighbours(self, als: AlsSettings) -> Neighbours:
        """Return what ALS learns from the older sessions."""
        return als_neighbours(self.older, als, k=self.settings.k, factorise=self.factorise).neighbours

    def parts(self, als: Neighbours) -> BlendParts:
        """Return what blends are mixed from."""
        covisit = covisit_matrix(self.older, self.settings.covisit)
        return BlendParts.of(covisit, als, self.older.item_weights(), steps_of=self.settings)


def _silent(_stage: str, _done: int, _steps: int) -> None:
    """Tell nobody."""
