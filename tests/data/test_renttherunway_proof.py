"""Real rentals through the whole line, as the command that prints the figures runs it."""

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.data.renttherunway_proof import Proof, prove

PATIENCE_MS = 5000
"""What a test asserts must not depend on how busy the machine is."""


@pytest.fixture
def rentals(data_dir: Path) -> Path:
    """Return the file of rentals."""
    path = data_dir / "renttherunway_open.parquet"
    if not path.is_file():
        pytest.skip(f"{path.name} is absent")
    return path


@pytest.mark.slow
def test_renters_are_answered_with_sizes_and_recommendations(rentals: Path, tmp_path: Path) -> None:
    """One renter in eighteen imported, a model trained on them, and some answered over HTTP from their history."""
    table = pq.read_table(rentals)
    some = tmp_path / "rentals.parquet"
    pq.write_table(table.filter(pc.match_substring_regex(table["user_id"].cast("string"), "^2[0-4]")), some)
    proof = prove(some, tmp_path, asked=200, redis_timeout_ms=PATIENCE_MS)
    assert proof.visitors > 3_000
    assert proof.events >= proof.rentals > 4_000
    # An item of so few renters rarely has enough of them to judge its sizes by.
    assert_answered(proof, asked=200, regulars_with_size=0.02)


@pytest.mark.proof
def test_all_renters_are_answered_with_sizes_and_recommendations(rentals: Path, tmp_path: Path) -> None:
    """All 134,174 rentals, likewise."""
    proof = prove(rentals, tmp_path, asked=500, redis_timeout_ms=PATIENCE_MS)
    assert proof.visitors == 73_718
    assert proof.events >= 134_174
    assert_answered(proof, asked=500, regulars_with_size=0.15)


def assert_answered(proof: Proof, *, asked: int, regulars_with_size: float) -> None:
    """Check that renters got what their history allows."""
    assert proof.asked == asked
    assert proof.degraded == 0
    assert proof.preselected + proof.hinted > 0.05
    assert proof.regulars_with_size > regulars_with_size
    assert proof.with_recommendations == 1.0
    assert proof.sources.keys() & {"als", "covisit"}
