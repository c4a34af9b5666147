"""Real Spark: it reads the archive as one machine does, and MLlib minimises what it is said to minimise."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from recommender.events import Event
from recommender.interactions import InteractionError, interactions_of_events
from recommender.recommendations.als import AlsSettings, fit_item_factors, scaled_confidence
from recommender.recommendations.sessions import Sessions
from recommender.spark import SparkError, SparkFactoriser, read_interactions
from service.stores.archive.reading import EntryKey
from service.stores.archive.writing import table_of
from tests.recommender.spark.random_history import CATALOG, random_history, rows_in_words

pytestmark = [
    pytest.mark.proof,
    # pyspark leaves closing the sockets of results to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def entry(number: int, visitor_id: str, json: bytes) -> EntryKey:
    """Return the log entry of an event that arrived ``number`` seconds after 1970."""
    return EntryKey(
        partition=number % 7, log_id=f"{1000 * number}-0", visitor_id=visitor_id, event=json.decode()
    )


@pytest.mark.parametrize("catalog", [None, CATALOG], ids=["without a catalog", "with a catalog"])
def test_the_archive_reads_as_on_one_machine(spark: Any, tmp_path: Path, catalog: Any) -> None:
    """Events archived twice, entries that are no events, visitors who asked to be forgotten: the table is the same."""
    history = random_history(Random(3), 400)
    entries = [entry(number, *_stored(*pair)) for number, pair in enumerate(history)]
    broken = [
        entry(500 + number, "visitor 1 ü", b) for number, b in enumerate((b"{", b'{"name": "purchase"}', b""))
    ]
    files = []
    for day, of_day in enumerate((entries[:250], entries[200:] + broken)):
        path = tmp_path / "with space" / f"date=2025-11-{21 + day}" / "part.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(table_of(of_day), path)
        files.append(str(path))
    erased = {"visitor 2 ü": 300.0, "visitor 3 ü": 1e9}

    found = read_interactions(spark, files, catalog=catalog, erased_at=erased.get)

    kept = [pair for number, pair in enumerate(history) if number > erased.get(pair[0], -1)]
    assert rows_in_words(found) == rows_in_words(interactions_of_events(kept, catalog))
    assert len(found) > 100
    again = read_interactions(spark, files[::-1], catalog=catalog, erased_at=erased.get)
    assert np.array_equal(found.item, again.item)
    assert np.array_equal(found.visitor, again.visitor)


def test_what_cannot_be_read_is_named(spark: Any, tmp_path: Path) -> None:
    """An empty archive, a file that is gone, a file that is no Parquet: one sentence each."""
    with pytest.raises(InteractionError, match="kabin archive"):
        read_interactions(spark, [])
    with pytest.raises(SparkError, match="gone"):
        read_interactions(spark, [str(tmp_path / "gone.parquet")])
    (tmp_path / "broken.parquet").write_text("no Parquet at all")
    with pytest.raises(SparkError, match="reading the archive"):
        read_interactions(spark, [str(tmp_path / "broken.parquet")])


def test_mllib_ends_where_our_confidences_and_penalty_say(spark: Any) -> None:
    """After many alternations no vector can move: the normal equations, written out, hold for every item.

    This is what ties MLlib's parameters to ours: a confidence or a penalty that is off by 10 % leaves 4.5 %. One machine ends
    there too, as far as counts that share a penalty let it: the items' inner products are the same in both.
    """
    rng = np.random.default_rng(5)
    groups = [4 * (number % 3) + rng.choice(4, size=rng.integers(2, 5)) for number in range(60)]
    sessions = Sessions.of([group.tolist() for group in groups], 14)
    settings = AlsSettings(factors=3, iterations=25, alpha=6.0, regularization=3.0)
    told: list[tuple[int, int]] = []

    items = SparkFactoriser(spark, poll_seconds=0.05)(sessions, settings, lambda *done: told.append(done))

    confidence = scaled_confidence(sessions, settings)
    dense = np.where(confidence.toarray() > 0, confidence.toarray(), 1.0)
    preference = (confidence.toarray() > 0).astype(np.float64)
    visitors = least_squares(items.astype(np.float64), dense, preference, settings.regularization)
    best = least_squares(visitors, dense.T, preference.T, settings.regularization)
    touched = preference.any(axis=0)
    assert not items[~touched].any()
    assert np.linalg.norm(best - items) < 0.004 * np.linalg.norm(items)
    here = fit_item_factors(sessions, settings)
    assert np.linalg.norm(here @ here.T - items @ items.T) < 0.05 * np.linalg.norm(items @ items.T)
    assert told == sorted(told)
    assert told[-1] == (25, 25)


def test_what_the_progress_raises_ends_the_jobs(spark: Any) -> None:
    """A night that lost its lease, or an operator's Ctrl-C, does not wait for the factorisation."""

    def stop(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    sessions = Sessions.of([[0, 1, 2], [2, 3]], 4)
    with pytest.raises(KeyboardInterrupt):
        SparkFactoriser(spark, poll_seconds=0.05)(sessions, AlsSettings(factors=8, iterations=15), stop)
    assert not spark.sparkContext.statusTracker().getActiveJobsIds()


def test_without_java_one_sentence_says_what_to_install() -> None:
    """Spark's own word is a stack trace."""
    pytest.importorskip("pyspark")
    program = (
        "from recommender.spark import SparkUnavailable, open_session\n"
        "try:\n    open_session().__enter__()\nexcept SparkUnavailable as error:\n    print(error)"
    )
    environment = {**os.environ, "JAVA_HOME": "/nowhere"}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "Java 17" in done.stdout


def least_squares(
    others: NDArray[np.float64],
    confidence: NDArray[np.float64],
    preference: NDArray[np.float64],
    penalty: float,
) -> NDArray[np.float64]:
    """Return the vectors of one side that are best given the other's: Hu et al. (2008), equation 4, penalty × count."""
    rows = []
    for weights, wanted in zip(confidence, preference, strict=True):
        left = others.T @ (weights[:, None] * others) + penalty * wanted.sum() * np.eye(others.shape[1])
        right = others.T @ (weights * wanted)
        rows.append(np.linalg.solve(left, right) if wanted.any() else np.zeros(others.shape[1]))
    return np.array(rows)


def _stored(visitor_id: str, event: Event) -> tuple[str, bytes]:
    return visitor_id, msgspec.json.encode(event)
