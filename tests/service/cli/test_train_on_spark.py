"""`kabin train --engine spark`, from a shop's events to a model that services can take up."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from recommender.model import Model, current_version, load_model
from service.demo.crowd import crowd_rows, simulate_crowd
from service.demo.shop import feed_rows, simulate_shop

NOW = 1_763_740_800.0


def kabin(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator does."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "service.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def items_of(model: Model) -> set[str]:
    """Return the ids of a model's items."""
    return {model.item_id(row) for row in range(model.item_count)}


@pytest.mark.proof
def test_the_same_events_become_a_model_on_either_engine(tmp_path: Path) -> None:
    """Spark reads from the archive what one machine reads from the log, and its model goes through the same gate."""
    pytest.importorskip("pyspark")
    items = simulate_shop(7)
    feed, events = tmp_path / "feed.jsonl", tmp_path / "events.jsonl"
    feed.write_bytes(
        b"\n".join(map(orjson.dumps, feed_rows(items, base_url="https://shop.example", now=NOW)))
    )
    crowd = simulate_crowd(7, 150)
    events.write_bytes(b"\n".join(map(orjson.dumps, crowd_rows(crowd, items, seed=7, now=NOW))))
    data = ["--data-dir", str(tmp_path / "data")]
    for arguments in (["import", "catalog", str(feed)], ["import", "events", str(events)]):
        assert kabin(*arguments, *data).returncode == 0
    alone = kabin("train", *data)
    assert alone.returncode == 0, alone.stderr
    models_dir = tmp_path / "data" / "models"
    by_implicit = load_model(models_dir / (current_version(models_dir) or ""))

    on_spark = kabin("train", "--engine", "spark", "--spark-conf", "spark.driver.memory=1g", *data)

    assert on_spark.returncode == 0, on_spark.stderr
    by_spark = load_model(models_dir / (current_version(models_dir) or ""))
    assert by_spark.version != by_implicit.version
    assert by_spark.metrics["interactions"] == by_implicit.metrics["interactions"]
    assert items_of(by_spark) == items_of(by_implicit)
    assert (by_spark.neighbours["als"].items[:, 0] >= 0).mean() > 0.5


@pytest.mark.proof
def test_spark_properties_are_passed_on(tmp_path: Path) -> None:
    """A master that Spark does not know is refused by Spark, which says so, and nothing is trained."""
    pytest.importorskip("pyspark")
    sessions = tmp_path / "sessions.txt"
    sessions.write_text("a b c\nb c d\n")
    done = kabin(
        "train",
        str(sessions),
        "--engine",
        "spark",
        "--spark-conf",
        "spark.master=nonsense",
        "--data-dir",
        str(tmp_path),
    )
    assert done.returncode == 1
    assert "Master must" in done.stderr
    assert "kabin: Spark's Java process did not start; it may have said why above" in done.stderr
