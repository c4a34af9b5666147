"""Real rentals through the whole line, as the command that prints the figures runs it."""

from pathlib import Path

import pytest

from tests.data.renttherunway_proof import prove


@pytest.mark.slow
def test_renters_are_answered_with_sizes_and_recommendations(data_dir: Path, tmp_path: Path) -> None:
    """All 134,174 rentals imported, a model trained on them, and renters answered over HTTP from their history."""
    rentals = data_dir / "renttherunway_open.parquet"
    if not rentals.is_file():
        pytest.skip(f"{rentals.name} is absent")
    proof = prove(rentals, tmp_path, asked=500)
    assert proof.visitors == 73_718
    assert proof.events >= 134_174
    assert proof.asked == 500
    assert proof.degraded == 0
    assert proof.preselected + proof.hinted > 0.05
    assert proof.regulars_with_size > 0.15
    assert proof.with_recommendations == 1.0
    assert proof.sources.keys() & {"als", "covisit"}
