"""The remembered rows of item keys."""

import numpy as np
import pytest

from recommender.decisions import model_rows
from recommender.decisions.model_rows import ModelRows
from recommender.identifiers import key_of
from recommender.model import Model
from recommender.model.model import UNKNOWN_ROW
from tests.recommender.decisions.shop import model_of


@pytest.fixture
def model() -> Model:
    """A model of the small shop's items."""
    return model_of({0: [1, 2]}).model


def test_rows_are_those_that_the_model_searches_for(model: Model) -> None:
    """A key gives the row that the model itself finds, at the first asking and at the second."""
    keys = [key_of(model.item_id(row)) for row in range(model.item_count)] + [0, key_of("never heard of")]
    wanted = model.rows_of_keys(keys)
    rows = ModelRows(model)
    assert [rows[key] for key in keys] == list(wanted)
    assert [rows[key] for key in keys] == list(wanted)
    assert rows[key_of("never heard of")] == UNKNOWN_ROW


def test_memory_is_bounded(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys are asked for, no more than the bound are remembered, and answers stay right."""
    monkeypatch.setattr(model_rows, "REMEMBERED_KEYS", 4)
    rows = ModelRows(model)
    first = key_of(model.item_id(0))
    for key in np.random.default_rng(0).integers(0, 1 << 40, 50).tolist():
        assert rows[key] == UNKNOWN_ROW
        assert rows[first] == 0
        assert len(rows) <= 4
