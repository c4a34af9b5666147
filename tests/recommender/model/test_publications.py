"""The pointer and its journal: moved whole, compared before, taken back in order, mended when damaged."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recommender.model import (
    ModelError,
    PublicationConflict,
    current_version,
    publications,
    publish,
    read_pointer,
    roll_back,
    roll_back_targets,
)
from recommender.model.publications import CURRENT, JOURNAL
from tests.recommender.model.file_limit import file_size_limit

DAMAGED = ["", "../elsewhere", "\xff\xfe", "20251121T120000Z-000\n20251121T120001Z-000"]
"""What a pointer may hold after an accident."""


class Killed(BaseException):
    """The process ends here: nothing is tidied up."""


@pytest.fixture
def made(tmp_path: Path) -> list[str]:
    """Four versions, oldest first, none of them published; complete as far as a publication looks."""
    versions = [f"20251121T12000{second}Z-000" for second in range(4)]
    for version in versions:
        (tmp_path / version).mkdir()
        (tmp_path / version / "manifest.json").touch()
    return versions


@contextmanager
def killed_at_flush(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the process at its ``number``-th flush to disk."""
    flushes = 0
    flush = os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal flushes
        flushes += 1
        if flushes == number:
            raise Killed
        flush(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        yield


def test_publishing_moves_the_pointer_and_is_taken_down(tmp_path: Path, made: list[str]) -> None:
    """Nothing is current before something is published; the journal says when, by whom and under which lease."""
    assert current_version(tmp_path) is None
    publish(tmp_path, made[0], fence=7)
    second = publish(tmp_path, made[1], by="publish")
    assert current_version(tmp_path) == made[1]
    assert [(one.version, one.by, one.fence) for one in publications(tmp_path)] == [
        (made[0], "train", 7),
        (made[1], "publish", None),
    ]
    assert second.at == (tmp_path / CURRENT).stat().st_mtime
    for models_dir in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ModelError, match=r"20300101T000000Z-000 could not be published: .*[Nn]o such"):
            publish(models_dir, "20300101T000000Z-000")


def test_going_back_undoes_publications_one_by_one(tmp_path: Path, made: list[str]) -> None:
    """To what was live before, never to what was never live, and never forth again to what was taken back."""
    first, refused, third, fourth = made
    for version in (first, third, fourth):
        publish(tmp_path, version)
    assert roll_back(tmp_path).version == third
    assert roll_back(tmp_path).version == first
    with pytest.raises(ModelError, match=f"no version was published before {first}"):
        roll_back(tmp_path)
    with pytest.raises(ModelError, match="never been published"):
        roll_back(tmp_path, refused)
    assert current_version(tmp_path) == first
    assert roll_back(tmp_path, fourth).by == "rollback"
    assert roll_back_targets(tmp_path) == [first]


def test_the_night_after_a_rollback_stands_on_what_was_gone_back_to(tmp_path: Path, made: list[str]) -> None:
    """Its rollback does not lead to the bad model of the night before."""
    good, bad, better, _ = made
    for version in (good, bad):
        publish(tmp_path, version)
    roll_back(tmp_path)
    publish(tmp_path, better)
    assert roll_back(tmp_path).version == good


def test_a_version_that_is_gone_from_the_disk_is_passed_over(tmp_path: Path, made: list[str]) -> None:
    """Going back leads to the newest that is still there."""
    for version in made[:3]:
        publish(tmp_path, version)
    (tmp_path / made[1] / "manifest.json").unlink()
    assert roll_back(tmp_path).version == made[0]


def test_a_model_is_not_published_over_another_than_it_was_compared_with(
    tmp_path: Path, made: list[str]
) -> None:
    """Compare and set: whoever trained longer than somebody else finds that out here."""
    publish(tmp_path, made[0], expected=None)
    publish(tmp_path, made[1], expected=made[0])
    with pytest.raises(PublicationConflict, match=f"compared with {made[0]}, and {made[1]} is current"):
        publish(tmp_path, made[2], expected=made[0])
    with pytest.raises(PublicationConflict, match=f"compared with no model, and {made[1]} is current"):
        publish(tmp_path, made[2], expected=None)
    assert current_version(tmp_path) == made[1]
    publish(tmp_path, made[2])


def test_a_training_that_lost_its_lease_does_not_publish(tmp_path: Path, made: list[str]) -> None:
    """A higher number has published; a word of the operator's sets the count back."""
    publish(tmp_path, made[0], fence=41)
    publish(tmp_path, made[1], fence=41)
    with pytest.raises(PublicationConflict, match=r"number 40.*number 41"):
        publish(tmp_path, made[2], fence=40)
    assert current_version(tmp_path) == made[1]
    roll_back(tmp_path)
    publish(tmp_path, made[2], fence=3)
    assert current_version(tmp_path) == made[2]


def test_of_many_that_compared_with_the_same_model_one_publishes(tmp_path: Path, made: list[str]) -> None:
    """Eight threads at once, as eight machines on one disk would be."""
    publish(tmp_path, made[0])
    outcomes: list[str] = []

    def attempt(version: str) -> None:
        try:
            outcomes.append(publish(tmp_path, version, expected=made[0]).version)
        except PublicationConflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=attempt, args=(made[1 + place % 3],)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[1:] == ["conflict"] * 7
    assert [one.version for one in publications(tmp_path)] == [made[0], current_version(tmp_path)]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_pointer_is_no_version_and_going_back_mends_it(
    tmp_path: Path, made: list[str], text: str
) -> None:
    """It cannot lead out of the models' directory; what was published last is what it must have said."""
    for version in made[:2]:
        publish(tmp_path, version)
    (tmp_path / CURRENT).write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=CURRENT):
        current_version(tmp_path)
    assert read_pointer(tmp_path).problem is not None
    assert roll_back(tmp_path).version == made[1]
    assert current_version(tmp_path) == made[1]
    assert roll_back(tmp_path).version == made[0]


def test_a_training_publishes_over_a_damaged_pointer(tmp_path: Path, made: list[str]) -> None:
    """Nobody else has published: an accident must not end every night in a conflict."""
    publish(tmp_path, made[0], fence=5)
    (tmp_path / CURRENT).write_text("\x00\x00")
    with pytest.raises(PublicationConflict, match="lost its lease"):
        publish(tmp_path, made[1], expected=made[0], fence=4)
    publish(tmp_path, made[1], expected=made[0], fence=5)
    assert roll_back(tmp_path).version == made[0]


def test_a_pointer_of_an_older_version_without_a_journal_counts(tmp_path: Path, made: list[str]) -> None:
    """After an update, the first rollback leads to the model that was live before it."""
    (tmp_path / CURRENT).write_text(made[2] + "\n")
    assert [(one.version, one.by) for one in publications(tmp_path)] == [(made[2], "unrecorded")]
    publish(tmp_path, made[3])
    assert roll_back(tmp_path).version == made[2]


@pytest.mark.parametrize("flush", range(1, 5))
def test_killed_at_any_instant_the_pointer_is_the_old_one_or_the_new(
    tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch, flush: int
) -> None:
    """And whatever is missing from the journal is made up for by the next publication."""
    for version in made[:2]:
        publish(tmp_path, version)
    with killed_at_flush(flush, monkeypatch):
        try:
            publish(tmp_path, made[2])
        except Killed:
            was_killed = True
        else:
            was_killed = False
    assert was_killed == (flush <= 3)  # the pointer, its directory, the journal
    reached = current_version(tmp_path)
    assert reached == (made[1] if flush == 1 else made[2])
    publish(tmp_path, made[3])
    assert roll_back(tmp_path).version == reached
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", *made, CURRENT, JOURNAL]


def test_a_full_disk_leaves_the_old_pointer(tmp_path: Path, made: list[str]) -> None:
    """The reason is said, and nothing half done lies beside it."""
    publish(tmp_path, made[0])
    with file_size_limit(10), pytest.raises(ModelError, match="could not be published"):
        publish(tmp_path, made[1])
    assert current_version(tmp_path) == made[0]
    assert [one.version for one in publications(tmp_path)] == [made[0]]
    assert not (tmp_path / f".{CURRENT}").exists()


def test_a_line_of_the_journal_cut_short_costs_no_other(tmp_path: Path, made: list[str]) -> None:
    """A disk that was full after the pointer moved; the next publication writes what is missing."""
    publish(tmp_path, made[0])
    with file_size_limit((tmp_path / JOURNAL).stat().st_size + 10):
        publish(tmp_path, made[1])
    assert current_version(tmp_path) == made[1]
    publish(tmp_path, made[2])
    assert [one.version for one in publications(tmp_path)] == made[:3]
    assert roll_back(tmp_path).version == made[1]


def test_lines_of_the_journal_that_make_no_sense_are_passed_over(tmp_path: Path, made: list[str]) -> None:
    """Garbage between good lines, and entries of a later Kabin."""
    publish(tmp_path, made[0])
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(b'\xff\xfe\n[]\n{"version": "../x", "at": 1, "by": "train", "fence": null}\n{"version"')
    publish(tmp_path, made[1])
    assert [one.version for one in publications(tmp_path)] == made[:2]


def test_what_cannot_be_written_or_read_is_a_clear_error(tmp_path: Path, made: list[str]) -> None:
    """Directories where files should be."""
    (tmp_path / CURRENT).mkdir()
    with pytest.raises(ModelError, match="could not be published"):
        publish(tmp_path, made[0])
    assert not (tmp_path / f".{CURRENT}").exists()
    (tmp_path / CURRENT).rmdir()
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(ModelError, match="move it away"):
        publish(tmp_path, made[0])
