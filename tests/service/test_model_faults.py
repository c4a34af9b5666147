"""Real faults of a models folder: whatever lies there, the last good model stays, and the reason is said."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recommender.decisions.served import ServedModel
from recommender.model import (
    ModelContent,
    ModelError,
    current_version,
    load_model,
    prune,
    publish,
    roll_back,
    verify_model,
    write_model,
)
from recommender.model.writer import FORMAT, checksum_of
from service.metrics.metrics import Metrics
from service.model_watch import NOTHING_PUBLISHED, ModelWatch
from tests.recommender.model.file_limit import file_size_limit
from tests.recommender.model.small_model import NOON, content


@pytest.fixture(autouse=True)
def _unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: no power fails in these tests."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def served() -> ModelContent:
    """Return a small model that a service can use."""
    return content(size_calibration=None, blend={})


class Folder:
    """A models folder with a watch on it that looks when it is told to."""

    def __init__(self, models_dir: Path) -> None:
        self.models_dir = models_dir
        self.metrics = Metrics()
        self.loads: list[str] = []
        self.watch = ModelWatch(
            lambda: current_version(models_dir),
            self._load,
            self.metrics,
            poll_interval_seconds=0.01,
            verify=lambda version: verify_model(models_dir / version),
        )

    def _load(self, version: str) -> ServedModel:
        self.loads.append(version)
        return ServedModel(load_model(self.models_dir / version, verify=False), source="blend")

    def publish(self, second: int, damage: Callable[[Path], None] | None = None) -> str:
        """Publish a new version, damaged if so wanted, and have the watch look."""
        version = write_model(self.models_dir, served(), created_at=NOON + second)
        if damage is not None:
            damage(self.models_dir / version)
        publish(self.models_dir, version)
        self.look()
        return version

    def look(self) -> None:
        """Have the watch look once."""
        asyncio.run(self.watch.check())

    def metric(self, name: str) -> float:
        """Return a metric's value."""
        text = self.metrics.exposition("")[0].decode()
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))

    @property
    def version(self) -> str | None:
        """The version in use."""
        return None if self.watch.current is None else self.watch.current.version


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder without models."""
    return Folder(tmp_path)


def shorten(path: Path) -> None:
    """Cut an array in half."""
    array = path / "blend_items.npy"
    array.write_bytes(array.read_bytes()[: array.stat().st_size // 2])


def flip(path: Path) -> None:
    """Flip one bit of an array."""
    array = path / "blend_scores.npy"
    damaged = bytearray(array.read_bytes())
    damaged[-1] ^= 1
    array.write_bytes(damaged)


def lose(path: Path) -> None:
    """Lose a file."""
    (path / "popular.npy").unlink()


def empty(path: Path) -> None:
    """Leave a manifest that the disk had no room for."""
    (path / "manifest.json").write_text("")


def come_from_the_future(path: Path) -> None:
    """Be written by a later Kabin, without a fault."""
    manifest = json.loads((path / "manifest.json").read_text()) | {"format": FORMAT + 1}
    (path / "manifest.json").write_text(json.dumps(manifest | {"checksum": checksum_of(manifest)}))


def hide(path: Path) -> None:
    """Be unreadable: root reads past permissions, but nobody reads a directory as a file."""
    (path / "item_text.npy").unlink()
    (path / "item_text.npy").mkdir()


def calibrate_otherwise(path: Path) -> None:
    """Hold a size calibration that this version of Kabin cannot use."""
    manifest = json.loads((path / "manifest.json").read_text()) | {"size_calibration": {"format": 99}}
    (path / "manifest.json").write_text(json.dumps(manifest | {"checksum": checksum_of(manifest)}))


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (shorten, "blend_items.npy is damaged"),
        (flip, "its checksum does not fit"),
        (lose, "popular.npy is missing"),
        (empty, "manifest.json is damaged"),
        (come_from_the_future, "written by a newer Kabin"),
        (hide, "item_text.npy is missing"),
        (calibrate_otherwise, "of another format"),
    ],
)
def test_a_model_that_cannot_be_used_changes_nothing_but_the_reason(
    folder: Folder, damage: Callable[[Path], None], complaint: str
) -> None:
    """The last good one stays, its metric says that it is not the published one, and a good one ends it."""
    good = folder.publish(0)
    folder.publish(1, damage)
    assert folder.version == good
    assert complaint in str(folder.watch.problem)
    assert (folder.metric("kabin_model_problem"), folder.metric("kabin_model_load_failures_total")) == (1, 1)
    assert f'kabin_model_info{{version="{good}"}} 1.0' in folder.metrics.exposition("")[0].decode()
    better = folder.publish(2)
    assert (folder.version, folder.watch.problem, folder.metric("kabin_model_problem")) == (better, None, 0)


def test_a_training_on_a_full_disk_leaves_the_model_in_use(folder: Folder) -> None:
    """Neither half of a directory nor half of a pointer is ever seen; when there is room again, all is well."""
    good = folder.publish(0)
    with file_size_limit(300), pytest.raises(ModelError, match="could not be written"):
        folder.publish(1)
    written = write_model(folder.models_dir, served(), created_at=NOON + 2)
    with file_size_limit(5), pytest.raises(ModelError, match="could not be published"):
        publish(folder.models_dir, written)
    folder.look()
    assert (folder.version, folder.watch.problem) == (good, None)
    assert folder.publish(3) == folder.version


def test_a_folder_that_goes_away_and_comes_back_is_noticed(folder: Folder) -> None:
    """A volume that is not mounted: the model in use is in memory, and its place on disk is missed."""
    good = folder.publish(0)
    away = folder.models_dir.with_name("away")
    folder.models_dir.rename(away)
    folder.look()
    assert (folder.version, folder.watch.problem) == (good, NOTHING_PUBLISHED)
    away.rename(folder.models_dir)
    folder.look()
    assert (folder.version, folder.watch.problem, folder.loads) == (good, None, [good])


def test_a_damaged_pointer_is_said_and_a_rollback_mends_it(folder: Folder) -> None:
    """What is in use stays in use all the while."""
    good = folder.publish(0)
    (folder.models_dir / "CURRENT").write_text("\x00")
    folder.look()
    assert folder.version == good
    assert "is no model version" in str(folder.watch.problem)
    roll_back(folder.models_dir)
    folder.look()
    assert (folder.version, folder.watch.problem, folder.loads) == (good, None, [good])


def test_rolling_back_needs_no_reading(folder: Folder) -> None:
    """The model before is kept, so the way back is as quick as the look that finds it."""
    first, second = folder.publish(0), folder.publish(1)
    roll_back(folder.models_dir)
    folder.look()
    assert folder.version == first
    publish(folder.models_dir, second)
    folder.look()
    assert (folder.version, folder.loads) == (second, [first, second])


def test_a_defect_in_reading_a_model_does_not_end_the_watch(tmp_path: Path) -> None:
    """Even an error that nobody thought of leaves the last good model and says why."""
    versions = iter(["1", "2"])

    def load(version: str) -> ServedModel:
        raise MemoryError("no room for the arrays")

    watch = ModelWatch(lambda: next(versions), load, Metrics(), poll_interval_seconds=0.01)
    asyncio.run(watch.check())
    assert watch.problem == "MemoryError: no room for the arrays"


def test_models_in_use_survive_the_end_of_their_directories(folder: Folder) -> None:
    """Pruned or deleted by hand: a mapping needs no name."""
    versions = [folder.publish(second) for second in range(4)]
    assert prune(folder.models_dir, keep=1) == versions[:2]
    shutil.rmtree(folder.models_dir)
    assert folder.watch.current is not None
    assert folder.watch.current.model.neighbours["blend"].items[0].tolist() == [1, 2]
