"""The proof by brute force: real processes, real Redis, real kills; `make verify` runs it, some five minutes."""

from pathlib import Path

import pytest

from tests.benchmarks.archive_kills import run_kills


@pytest.mark.proof
def test_twenty_killed_archivers_and_four_killed_redis_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """Every event that a client was told is accepted is in a Parquet file, once."""
    outcome = run_kills(tmp_path, kills=20, kills_a_redis_kill=5, events_per_second=2000)
    assert (outcome.kills, outcome.redis_kills) == (20, 4)
    assert len(outcome.confirmed) > 50_000
    assert (outcome.lost, outcome.duplicates) == (0, 0), outcome.table()
