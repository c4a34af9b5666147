"""Copies of what was last good: whole or not at all, whoever writes them."""

import threading
from pathlib import Path

import pytest

from service.experiments.last_good import CopyDamaged, Kept, LastGoodCopy


def copy_of(path: Path) -> LastGoodCopy[dict[str, int]]:
    """Return a process's view of a copy."""
    return LastGoodCopy(path / "folder" / "copy.json", dict[str, int])


def test_what_is_kept_is_read_again_with_its_time(tmp_path: Path) -> None:
    """Another process, or the next one, finds what was kept."""
    copy_of(tmp_path).keep({"a": 1}, at=1000.5)
    assert copy_of(tmp_path).read() == Kept({"a": 1}, 1000.5)


def test_before_the_first_copy_there_is_none(tmp_path: Path) -> None:
    """A fresh installation is no fault."""
    copy = copy_of(tmp_path)
    assert copy.read() is None
    assert copy.read_if_others_wrote() is None


def test_confirming_moves_the_time_and_writes_nothing(tmp_path: Path) -> None:
    """An endpoint that says 304 every minute costs no disk."""
    copy = copy_of(tmp_path)
    copy.keep({"a": 1}, at=1000.0)
    inode = (tmp_path / "folder" / "copy.json").stat().st_ino
    copy.confirm(at=1060.0)
    assert copy_of(tmp_path).read() == Kept({"a": 1}, 1060.0)
    assert (tmp_path / "folder" / "copy.json").stat().st_ino == inode


def test_only_what_one_has_seen_can_be_confirmed(tmp_path: Path) -> None:
    """A worker with old definitions must not make another's new ones look confirmed."""
    mine, other = copy_of(tmp_path), copy_of(tmp_path)
    mine.keep({"a": 1}, at=1000.0)
    other.keep({"a": 2}, at=1010.0)
    mine.confirm(at=1060.0)
    assert mine.read_if_others_wrote() == Kept({"a": 2}, 1010.0)
    assert mine.read_if_others_wrote() is None


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"[]", b"\xff\xfe", b"[" * 100_000, b'{"a": "x"}'])
def test_a_damaged_copy_is_told_from_a_good_one(tmp_path: Path, content: bytes) -> None:
    """The message names the file."""
    copy = copy_of(tmp_path)
    copy.keep({"a": 1}, at=1000.0)
    (tmp_path / "folder" / "copy.json").write_bytes(content)
    with pytest.raises(CopyDamaged, match=r"copy\.json"):
        copy.read()


def test_a_disk_that_refuses_is_a_problem_and_nothing_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, leaves no draft behind, and is over as soon as the disk takes copies again."""
    (tmp_path / "folder").write_text("in the way")
    copy = copy_of(tmp_path)
    for _ in range(3):
        copy.keep({"a": 1}, at=1000.0)
    assert copy.problem is not None
    assert "copy.json" in copy.problem
    assert len(caplog.records) == 1
    (tmp_path / "folder").unlink()
    copy.keep({"a": 1}, at=1000.0)
    assert copy.problem is None
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["copy.json"]


def test_several_writers_never_leave_half_a_copy(tmp_path: Path) -> None:
    """Workers write the same file at the same time; whoever reads finds one of theirs, whole."""
    start = threading.Barrier(4)

    def write(number: int) -> None:
        copy = copy_of(tmp_path)
        start.wait()
        for _ in range(20):
            copy.keep(dict.fromkeys(map(str, range(200)), number), at=1000.0 + number)

    copy_of(tmp_path).keep({"0": 0}, at=1000.0)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    start.wait()
    while any(thread.is_alive() for thread in threads):
        kept = copy_of(tmp_path).read()
        assert kept is not None
        assert len(set(kept.content.values())) == 1
    for thread in threads:
        thread.join()
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["copy.json"]
