"""Records of trainings: durable, in order, and readable whatever became of the file."""

from pathlib import Path

import pytest

from recommender.model import ModelError, TrainingRecord, last_training, record_training, trainings
from recommender.model.training_record import TRAININGS
from tests.recommender.model.file_limit import file_size_limit
from tests.recommender.model.small_model import NOON

REFUSED = TrainingRecord("refused", "20251121T120000Z-000", NOON, 61.5, ("HR@20 fell.", "été"), "spark")
FAILED = TrainingRecord("failed", None, NOON + 1, 0.25, ("the disk is full",))


def test_the_last_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """There is none at first; the directory need not exist."""
    models_dir = tmp_path / "models"
    assert last_training(models_dir) is None
    for record in (REFUSED, FAILED):
        record_training(models_dir, record)
        assert last_training(models_dir) == record
    assert trainings(models_dir) == [REFUSED, FAILED]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\x00\n",
        b"[1]\n",
        b'{"result": "published"}\n',
        b'{"result": "odd", "version": null, "finished_at": 1, "seconds": 1, "reasons": [], "engine": "implicit"}\n',
        b'{"result": "failed", "version": 5, "finished_at": 1, "seconds": 1, "reasons": [], "engine": "implicit"}\n',
        b'{"result": "failed", "version": null, "finished_at": "x", "seconds": 1, "reasons": [], "engine": ""}\n',
        b'{"result": "failed", "version": null, "finished_at": 1, "seconds": 1, "reasons": "no", "engine": ""}\n',
        b'{"result": "failed", "vers',
    ],
)
def test_garbage_hides_no_record(tmp_path: Path, line: bytes) -> None:
    """Neither one before it nor one after it, even where a line was cut short."""
    record_training(tmp_path, REFUSED)
    with (tmp_path / TRAININGS).open("ab") as file:
        file.write(line)
    assert last_training(tmp_path) == REFUSED
    record_training(tmp_path, FAILED)
    assert trainings(tmp_path) == [REFUSED, FAILED]


def test_a_record_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A full disk, and a file where the directory should be."""
    record_training(tmp_path, REFUSED)
    with (
        file_size_limit((tmp_path / TRAININGS).stat().st_size + 9),
        pytest.raises(ModelError, match="could not be recorded"),
    ):
        record_training(tmp_path, FAILED)
    assert trainings(tmp_path) == [REFUSED]
    with pytest.raises(ModelError, match="could not be recorded"):
        record_training(tmp_path / TRAININGS, FAILED)


def test_records_that_cannot_be_read_are_no_training(tmp_path: Path) -> None:
    """Readiness shows nothing rather than failing."""
    (tmp_path / TRAININGS).mkdir()
    assert last_training(tmp_path) is None
    with pytest.raises(ModelError, match="not readable"):
        trainings(tmp_path)
