"""How good the recommendations are, measured on the very lookup that serves them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation.intervals import paired_interval, session_clusters
from recommender.evaluation.report import ReportTable
from recommender.evaluation.sessions import SessionSplit
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.builder import Recommendations, build_recommendations
from recommender.recommendations.ranking import Ranker
from recommender.recommendations.replay import (
    LIST_LENGTH,
    MISSED,
    Case,
    Hits,
    reciprocal_ranks,
    target_ranks,
)
from recommender.recommendations.tuning import Progress

SOURCES: Final[tuple[str, ...]] = ("als", "covisit", "blend")
WITHOUT_ALS: Final[str] = "blend without ALS"
"""The blend's other sources alone, mixed with its own settings: shows what ALS adds."""

LOOKUP_SESSION_LENGTH: Final = 10
COMPARED: Final[tuple[str, ...]] = ("covisit", WITHOUT_ALS)
TIMED_SESSIONS: Final = 1000
TIMED_ROUNDS: Final = 11


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval of the blend minus another source, of HR@20 and of MRR@20."""

    hit_rate: tuple[float, float]
    mrr: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Counting:
    """Results of one way of counting: which targets count, and whether repeats may be proposed.

    Attributes:
        hits: of each source, by name.
        blend_minus: interval of the blend minus each other source that it is compared with, by name.
    """

    hits: dict[str, Hits]
    blend_minus: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class LookupTime:
    """Milliseconds of one lookup of a 10-item session."""

    mean_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class RecommendationsReport:
    """Quality, coverage and speed of recommendations on one data set.

    Attributes:
        dataset: its name.
        novel: targets new to the session; session items left out.
        every: all targets; session items may be proposed again.
        lookup: time of the blend's lookup.
        coverage: share of the items that the blend recommended to anybody, first 20, new targets.
        settings: of the blend.
        summary: what ALS was worth when the blend was tuned.
    """

    dataset: str
    novel: Counting
    every: Counting
    lookup: LookupTime
    coverage: float
    settings: BlendSettings
    summary: str

    def as_json(self) -> dict[str, object]:
        """Return shares between 0 and 1, and milliseconds."""
        return {
            "dataset": self.dataset,
            "novel": _counting_json(self.novel),
            "all": _counting_json(self.every),
            "lookup_ms": round(self.lookup.mean_ms, 4),
            "lookup_p99_ms": round(self.lookup.p99_ms, 4),
            "coverage": round(self.coverage, 4),
            "blend_minus": {
                "novel": _intervals_json(self.novel),
                "all": _intervals_json(self.every),
            },
            "als_weight": self.settings.als_weight,
            "summary": self.summary,
        }

    def tables(self) -> tuple[ReportTable, ...]:
        """Return one table with both ways of counting, in percent."""
        rows = [_row(name, hits, self.every.hits[name]) for name, hits in self.novel.hits.items()]
        rows += [
            _interval_row(f"blend − {name}, 95 %", interval, self.every.blend_minus[name])
            for name, interval in self.novel.blend_minus.items()
        ]
        new_count, all_count = self.novel.hits["blend"].cases, self.every.hits["blend"].cases
        mean_us, p99_us = 1000 * self.lookup.mean_ms, 1000 * self.lookup.p99_ms
        notes = (
            f"New: {new_count:,} targets not yet in the session, session items left out.",
            f"All: {all_count:,} targets, session items may be proposed again.",
            f"A lookup of a {LOOKUP_SESSION_LENGTH}-item session: mean {mean_us:.0f} µs, p99 {p99_us:.0f} µs.",
            f"{self.coverage:.1%} of the items were recommended to somebody.",
            self.summary,
        )
        return (
            ReportTable(
                f"Recommendations on {self.dataset}, % of targets",
                ("lists", "HR@20, new", "MRR@20, new", "HR@20, all", "MRR@20, all"),
                tuple(rows),
                notes,
            ),
        )


def evaluate_recommendations(
    split: SessionSplit,
    *,
    rng: np.random.Generator,
    settings: BlendSettings | None = None,
    on_progress: Progress | None = None,
    timer: Callable[[], float] = perf_counter,
) -> RecommendationsReport:
    """Train on a split's sessions and replay its cases.

    Args:
        split: sessions to learn from, which alone tune the blend, and cases to measure by.
        rng: draws the bootstrap samples.
        settings: blend settings to use instead of tuned ones.
        on_progress: told what is being done.
        timer: seconds of a monotonic clock, for the time of a lookup.

    Raises:
        ValueError: the split has no cases.
    """
    if not split.cases:
        raise ValueError(f"{split.name}: no later session holds two items known from training")
    trained = build_recommendations(split.train, settings=settings, on_progress=on_progress)
    novel_cases = [case for case in split.cases if case.is_novel]
    novel, shown = _count(trained, novel_cases, rng, repeats=False, on_progress=on_progress)
    every, _ = _count(trained, split.cases, rng, repeats=True, on_progress=on_progress)
    return RecommendationsReport(
        dataset=split.name,
        novel=novel,
        every=every,
        lookup=time_lookups(trained.ranker(), split.cases, timer),
        coverage=len(shown) / split.train.item_count,
        settings=trained.settings,
        summary=trained.tuning.summary if trained.tuning else "The blend's settings were given, not tuned.",
    )


def time_lookups(ranker: Ranker, cases: Sequence[Case], timer: Callable[[], float]) -> LookupTime:
    """Time lookups of sessions of 10 items, or of the longest there are.

    What counts is the median round: a single one may be lucky, or share the processor with a neighbour.
    """
    sessions = [case.session[-LOOKUP_SESSION_LENGTH:] for case in cases]
    length = max(map(len, sessions))
    sessions = [session for session in sessions if len(session) == length][:TIMED_SESSIONS]
    seconds = np.empty((TIMED_ROUNDS, len(sessions)))
    for round_seconds in seconds:
        for index, session in enumerate(sessions):
            start = timer()
            ranker.rank(session, limit=LIST_LENGTH)
            round_seconds[index] = timer() - start
    median = seconds[np.argsort(seconds.mean(axis=1))[TIMED_ROUNDS // 2]]
    return LookupTime(1000 * float(median.mean()), 1000 * float(np.quantile(median, 0.99)))


def _count(
    trained: Recommendations,
    cases: Sequence[Case],
    rng: np.random.Generator,
    *,
    repeats: bool,
    on_progress: Progress | None,
) -> tuple[Counting, set[int]]:
    """Replay the cases on every source; return the results and the items that the blend showed."""
    rankers = {name: trained.ranker(name, repeats=repeats) for name in SOURCES}
    if trained.settings.als_weight:
        plain = trained.parts.mix(replace(trained.settings, als_weight=0.0))
        rankers[WITHOUT_ALS] = trained.settings.ranker(plain, repeats=repeats)
    ranks: dict[str, NDArray[np.int32]] = {}
    shown: set[int] = set()
    for done, (name, ranker) in enumerate(rankers.items()):
        if on_progress is not None:
            on_progress(f"replaying {'all' if repeats else 'new'} targets", done, len(rankers))
        ranks[name] = target_ranks(ranker, cases, shown if name == "blend" else None)
    clusters = session_clusters(cases)
    intervals = {
        name: _interval(ranks["blend"], ranks[name], clusters, rng) for name in COMPARED if name in ranks
    }
    return Counting({name: Hits.of(values) for name, values in ranks.items()}, intervals), shown


def _interval(
    blend: NDArray[np.int32], other: NDArray[np.int32], clusters: NDArray[np.int64], rng: np.random.Generator
) -> Interval:
    found = (blend != MISSED).astype(np.float64) - (other != MISSED)
    higher = reciprocal_ranks(blend) - reciprocal_ranks(other)
    return Interval(paired_interval(found, clusters, rng), paired_interval(higher, clusters, rng))


def _counting_json(counting: Counting) -> dict[str, dict[str, float]]:
    return {
        name: {"hr@20": round(hits.hit_rate, 5), "mrr@20": round(hits.mrr, 5)}
        for name, hits in counting.hits.items()
    }


def _intervals_json(counting: Counting) -> dict[str, dict[str, list[float]]]:
    return {
        name: {
            "hr@20": [round(bound, 5) for bound in interval.hit_rate],
            "mrr@20": [round(bound, 5) for bound in interval.mrr],
        }
        for name, interval in counting.blend_minus.items()
    }


def _row(name: str, novel: Hits, every: Hits) -> tuple[str, ...]:
    values = (novel.hit_rate, novel.mrr, every.hit_rate, every.mrr)
    return (name, *(f"{100 * value:.1f}" for value in values))


def _interval_row(name: str, novel: Interval, every: Interval) -> tuple[str, ...]:
    spans = (novel.hit_rate, novel.mrr, every.hit_rate, every.mrr)
    return (name, *(f"{100 * low:+.2f} to {100 * high:+.2f}" for low, high in spans))
