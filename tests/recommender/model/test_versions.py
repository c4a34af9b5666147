"""What is listed, what is pruned, and what a killed or failing writer leaves."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recommender.model import (
    ModelError,
    TrainingRecord,
    list_versions,
    load_model,
    prune,
    publish,
    record_training,
    roll_back,
    write_model,
)
from recommender.model.directory import LOCK, reserved_version
from tests.recommender.model.file_limit import file_size_limit
from tests.recommender.model.small_model import NOON, content


@pytest.fixture(autouse=True)
def _unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: no power fails in these tests."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def made(models_dir: Path, count: int) -> list[str]:
    """Write so many versions, a second apart."""
    return [write_model(models_dir, content(), created_at=NOON + second) for second in range(count)]


def names(models_dir: Path) -> list[str]:
    """Return what lies in a directory that is a version or will be one."""
    return sorted(path.name for path in models_dir.iterdir() if path.is_dir())


def test_the_list_says_what_became_of_each_version(tmp_path: Path) -> None:
    """Published by the journal's word, refused or only written by the trainings'; unknown otherwise."""
    first, refused, written, unknown = made(tmp_path, 4)
    publication = publish(tmp_path, first)
    record_training(tmp_path, TrainingRecord("refused", refused, NOON, 1.0, ("worse",)))
    record_training(tmp_path, TrainingRecord("written", written, NOON, 1.0))
    summaries = list_versions(tmp_path)
    assert [(each.version, each.result, each.current) for each in summaries] == [
        (first, "published", True),
        (refused, "refused", False),
        (written, "written", False),
        (unknown, None, False),
    ]
    assert [each.published_at for each in summaries] == [publication.at, None, None, None]
    assert {(each.items, each.metrics["interactions"]) for each in summaries} == {(3, 9)}
    assert all(each.size_bytes > 1000 for each in summaries)


def test_the_list_survives_whatever_is_damaged(tmp_path: Path) -> None:
    """Pointer, journal, records and a manifest, all of them garbage: the versions are still listed."""
    first, second = made(tmp_path, 2)
    publish(tmp_path, second)
    (tmp_path / first / "manifest.json").write_text("[" * 100_000)
    for name in ("CURRENT", "journal.jsonl", "trainings.jsonl"):
        (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / name).mkdir()
    assert [(each.version, each.items, each.current, each.result) for each in list_versions(tmp_path)] == [
        (first, 0, False, None),
        (second, 3, False, None),
    ]
    assert list_versions(tmp_path / "absent") == []


def test_pruning_keeps_what_is_live_and_what_was_live_before(tmp_path: Path) -> None:
    """Refused nights push neither the current model nor the way back off the disk."""
    versions = made(tmp_path, 6)
    publish(tmp_path, versions[0])
    publish(tmp_path, versions[2])
    assert prune(tmp_path, keep=2) == [versions[1], versions[3]]
    assert names(tmp_path) == [versions[0], versions[2], *versions[4:]]
    assert roll_back(tmp_path).version == versions[0]
    assert prune(tmp_path / "absent") == []


def test_pruning_behind_a_damaged_pointer_keeps_what_it_may_have_said(tmp_path: Path) -> None:
    """The last one published, and the one before."""
    versions = made(tmp_path, 5)
    for version in versions[:3]:
        publish(tmp_path, version)
    (tmp_path / "CURRENT").write_text("?")
    assert prune(tmp_path, keep=1) == [versions[0], versions[3]]
    (tmp_path / "journal.jsonl").unlink()
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(ModelError, match=r"journal\.jsonl"):
        prune(tmp_path, keep=1)


def test_what_killed_writers_left_goes_and_what_living_ones_write_stays(tmp_path: Path) -> None:
    """Also where the writer was killed before or after it had a lock; a new writer makes room, too."""
    (kept,) = made(tmp_path, 1)
    for name in ("dead", "unlocked", "alive"):
        (tmp_path / f".{name}.partial").mkdir()
    for name in ("dead", "alive"):
        (tmp_path / f".{name}.partial" / LOCK).touch()
    lock = os.open(tmp_path / ".alive.partial" / LOCK, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert prune(tmp_path) == []
        assert names(tmp_path) == [".alive.partial", kept]
    finally:
        os.close(lock)
    made_later = made(tmp_path, 1)
    assert names(tmp_path) == [kept, *made_later]


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_nothing_for_good(tmp_path: Path) -> None:
    """SIGKILL in the middle of a directory; the next training of the same second takes its place."""
    script = (
        "import os, signal, sys; from pathlib import Path;"
        "from recommender.model.directory import reserved_version\n"
        f"with reserved_version(Path(sys.argv[1]), {NOON}) as (_, partial):\n"
        "    (partial / 'half.npy').write_bytes(b'0' * 1000); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)  # noqa: S603 - ours
    assert ended.returncode == -9
    assert [path.name for path in tmp_path.glob(".*.partial")] == [".20251121T120000Z-000.partial"]
    (version,) = made(tmp_path, 1)
    assert version == "20251121T120000Z-000"
    assert names(tmp_path) == [version]
    load_model(tmp_path / version)


@pytest.mark.parametrize("size_bytes", [0, 100, 400])
def test_a_full_disk_leaves_no_half_of_a_model(tmp_path: Path, size_bytes: int) -> None:
    """Whether the first array no longer fits or the manifest: the reason is said, and the room is given back."""
    (before,) = made(tmp_path, 1)
    with file_size_limit(size_bytes), pytest.raises(ModelError, match="could not be written"):
        write_model(tmp_path, content(), created_at=NOON + 1)
    assert names(tmp_path) == [before]


def test_a_finished_training_leaves_the_next_one_of_its_name_alone(tmp_path: Path) -> None:
    """Once a directory has its final name, the hidden one may be another training's that has just begun."""
    with reserved_version(tmp_path, NOON) as (version, partial):
        partial.rename(tmp_path / version)
        partial.mkdir()
    assert partial.is_dir()
