"""Training on Diginetica's 0.9 million clicks, whole."""

from pathlib import Path

import numpy as np
import pytest

from recommender.interactions import interactions_of_sessions
from recommender.model import current_version, load_model
from recommender.recommendations.blend import BlendSettings
from recommender.training import TrainingSettings, train


@pytest.mark.proof
def test_a_whole_training_publishes_a_model_that_recommends(data_dir: Path, tmp_path: Path) -> None:
    """From the file to ranked items, with the blend chosen on the newest sessions."""
    interactions = interactions_of_sessions(data_dir / "diginetica_train_sessions.txt.gz")
    assert (len(interactions), len(interactions.item_ids), len(interactions.visitor_ids)) == (
        906_140,
        43_097,
        186_670,
    )
    settings = TrainingSettings(tune_seconds=0.0, curve_seconds=0.0)
    result = train(interactions, tmp_path, settings, created_at=1_763_726_400.0)
    assert current_version(tmp_path) == result.version
    model = load_model(tmp_path / result.version)
    assert model.item_count == 43_097
    assert result.metrics["blend"]["cases"] > 5000
    # On the newest tenth of the training sessions; the figure that counts is measured on the test file.
    assert result.metrics["held_out"]["cases"] > 10_000
    assert result.metrics["held_out"]["hr@20"] > 43
    assert result.metrics["coverage"]["blend"] > 0.99
    ranker = BlendSettings.from_json(dict(model.blend)).ranker(model.neighbours["blend"])
    rows = np.flatnonzero(model.neighbours["blend"].items[:, 0] >= 0)[:10].tolist()
    assert len(ranker.rank(rows, limit=20)) == 20
