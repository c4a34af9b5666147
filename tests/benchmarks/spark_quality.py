"""Whether Spark's factorisation recommends as well as one machine's, on real sessions, and what it costs.

    pip install "kabin[spark]"
    python -m tests.benchmarks.spark_quality ../shared/data --dataset yoochoose
    python -m tests.benchmarks.spark_quality ../shared/data --dataset diginetica --newest 0.25

Both engines get the same sessions and the default settings, untuned; the lookup that serves replays the data set's test
sessions (targets new to the session). ``--newest`` learns from the newest share of the training sessions only. Time is
what the factorisation takes, with the start of Spark's jobs; memory is the largest resident set of this process or,
for Spark, of its Java process, which also holds what it will not need again (``--memory`` is its heap).
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import Final

import numpy as np
import psutil
from numpy.typing import NDArray

from recommender.evaluation.intervals import paired_interval, session_clusters
from recommender.evaluation.sessions import SessionSplit, read_diginetica, read_yoochoose
from recommender.recommendations.als import AlsSettings, Factorise, OnIteration, fit_item_factors
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.builder import ALS_NAME, BLEND_NAME, build_recommendations
from recommender.recommendations.replay import MISSED, Case, Hits, target_ranks
from recommender.recommendations.sessions import Sessions
from recommender.spark import SparkFactoriser, open_session

READERS: Final = {"yoochoose": read_yoochoose, "diginetica": read_diginetica}
LISTS: Final = (ALS_NAME, BLEND_NAME)


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What one engine's factors gave.

    Attributes:
        ranks: 0-based ranks of the targets by list, int32 ``[cases]``.
        seconds: of the factorisation.
        peak_bytes: largest resident set while it ran.
    """

    ranks: dict[str, NDArray[np.int32]]
    seconds: float
    peak_bytes: int


class TimedFactorise:
    """A factorisation that remembers how long it took, and how large some process grew meanwhile."""

    def __init__(self, factorise: Factorise, process: Callable[[], psutil.Process]) -> None:
        self.seconds = 0.0
        self.peak_bytes = 0
        self._factorise = factorise
        self._process = process

    def __call__(
        self, sessions: Sessions, settings: AlsSettings, on_iteration: OnIteration | None = None
    ) -> NDArray[np.float32]:
        """Factorise."""
        started = perf_counter()
        with self._watched():
            factors = self._factorise(sessions, settings, on_iteration)
        self.seconds = perf_counter() - started
        return factors

    @contextmanager
    def _watched(self) -> Iterator[None]:
        done = Event()

        def watch() -> None:
            while not done.wait(0.2):
                self.peak_bytes = max(self.peak_bytes, self._process().memory_info().rss)

        watcher = Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def newest_share(split: SessionSplit, share: float) -> SessionSplit:
    """Return the split with the newest share of its training sessions, and the cases that these can answer."""
    _, train = split.train.split_newest(share)
    known = train.item_weights() > 0
    kept = (([row for row in case.session if known[row]], case.target) for case in split.cases)
    cases = [Case(session, target) for session, target in kept if session and known[target]]
    return SessionSplit(split.name, train, cases, split.item_ids)


def run_engine(split: SessionSplit, factorise: TimedFactorise) -> EngineRun:
    """Learn with the default settings and replay the targets that are new to their session."""
    learned = build_recommendations(split.train, settings=BlendSettings(), factorise=factorise)
    cases = novel_cases(split)
    ranks = {name: target_ranks(learned.ranker(name), cases) for name in LISTS}
    return EngineRun(ranks, factorise.seconds, factorise.peak_bytes)


def novel_cases(split: SessionSplit) -> list[Case]:
    """Return the cases whose target is new to the session."""
    return [case for case in split.cases if case.is_novel]


def hit_rate_difference(
    split: SessionSplit, spark: EngineRun, implicit: EngineRun, name: str
) -> tuple[float, float]:
    """Return the 95 % interval of HR@20 with Spark minus without, of some lists, by sessions."""
    found = (spark.ranks[name] != MISSED) * 1.0 - (implicit.ranks[name] != MISSED)
    return paired_interval(found, session_clusters(novel_cases(split)), np.random.default_rng(1))


def java_process() -> psutil.Process:
    """Return the Java process of this one's Spark session."""
    return next(child for child in psutil.Process().children(recursive=True) if child.name() == "java")


def main() -> None:
    """Run both engines and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the public data sets")
    parser.add_argument("--dataset", choices=sorted(READERS), default="yoochoose")
    parser.add_argument("--newest", type=float, default=1.0, help="share of the training sessions [1]")
    parser.add_argument("--memory", default="3g", help="heap of Spark's Java process [3g]")
    arguments = parser.parse_args()
    split = newest_share(READERS[arguments.dataset](arguments.data), arguments.newest)
    print(f"{split.name}: {len(split.train):,} sessions, {split.train.items.size:,} clicks, ", end="")
    print(f"{int((split.train.item_weights() > 0).sum()):,} items, {len(novel_cases(split)):,} new targets")

    implicit = run_engine(split, TimedFactorise(fit_item_factors, psutil.Process))
    with open_session({"spark.driver.memory": arguments.memory}) as session:
        java = java_process()
        spark = run_engine(split, TimedFactorise(SparkFactoriser(session), lambda: java))

    print("engine     ALS HR@20 MRR@20   blend HR@20 MRR@20   seconds   peak MiB")
    for name, run in (("implicit", implicit), ("spark", spark)):
        als, blend = (Hits.of(run.ranks[lists]) for lists in LISTS)
        print(
            f"{name:10} {100 * als.hit_rate:9.2f} {100 * als.mrr:6.2f} {100 * blend.hit_rate:13.2f} "
            f"{100 * blend.mrr:6.2f} {run.seconds:9.1f} {run.peak_bytes / 2**20:10,.0f}"
        )
    for lists in LISTS:
        low, high = hit_rate_difference(split, spark, implicit, lists)
        print(f"HR@20 of {lists}, Spark − implicit, 95 %: {100 * low:+.2f} to {100 * high:+.2f} points")


if __name__ == "__main__":
    main()
