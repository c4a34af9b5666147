"""Manifests: who gets a number, what a killed writer's files are, and what is read together."""

from pathlib import Path

import msgspec
import pytest

from service.stores.archive import (
    Archive,
    ArchiveConflict,
    ArchiveError,
    ArchiveFile,
    LocalStorage,
    Manifest,
    Manifests,
    passes,
)
from service.stores.archive.manifest import FORMAT, KEPT
from service.stores.archive.reading import ENTRIES_A_PASS


def _manifest(number: int, *names: str) -> Manifest:
    files = tuple(ArchiveFile(name, 1, 1, 0, 0) for name in names)
    return Manifest(FORMAT, number, "a", "kabin", 0.0, ("0-0",), {"2025-11-21": files} if files else {})


def test_a_number_is_given_out_once(tmp_path: Path) -> None:
    """The second who goes on from the same manifest is told, and the first one's stays."""
    manifests = Manifests(LocalStorage(tmp_path))
    assert manifests.newest() is None
    manifests.commit(_manifest(1))
    manifests.commit(_manifest(2, "date=2025-11-21/00000002-a.parquet"))
    with pytest.raises(ArchiveConflict, match="manifest 2 or a later one"):
        manifests.commit(_manifest(2))
    newest = manifests.newest()
    assert newest is not None
    assert [file.number for file in newest.all_files] == [2]


def test_a_number_that_was_pruned_meanwhile_is_no_success(tmp_path: Path) -> None:
    """Whoever slept through so many commits that his number is free again has lost all the same."""
    manifests = Manifests(LocalStorage(tmp_path))
    for number in range(1, KEPT + 3):
        manifests.commit(_manifest(number))
    manifests.prune()
    assert manifests.numbers()[0] == 3
    with pytest.raises(ArchiveConflict):
        manifests.commit(_manifest(2))
    newest = manifests.newest()
    assert newest is not None
    assert newest.number == KEPT + 2


def test_only_files_that_nobody_can_list_any_more_are_swept(tmp_path: Path) -> None:
    """A file of a number not given out yet may be another archiver's, who is about to commit it."""
    storage = LocalStorage(tmp_path)
    manifests = Manifests(storage)
    listed, orphan, coming = (
        f"date=2025-11-21/{name}.parquet" for name in ("00000001-a", "00000002-b", "00000003-c")
    )
    for name in (listed, orphan, coming):
        storage.create(name, b"")
    assert manifests.sweep() == 0
    manifests.commit(_manifest(1, listed))
    manifests.commit(_manifest(2, listed))
    assert manifests.sweep() == 1
    assert storage.list("date=2025-11-21") == [listed, coming]


def test_files_of_others_are_neither_read_nor_deleted(tmp_path: Path) -> None:
    """Whoever keeps something of their own in the folder, or whose file system does, stops no archiver and loses nothing."""
    storage = LocalStorage(tmp_path)
    manifests = Manifests(storage)
    manifests.commit(_manifest(1))
    others = [
        "_manifest/._00000001.json",
        "_manifest/notes.json",
        "date=2025-11-21/00000001.parquet",
        "mine.parquet",
    ]
    for name in others:
        storage.create(name, b"")
    assert (manifests.numbers(), manifests.sweep()) == ([1], 0)
    assert set(others) <= set(storage.list())


def test_a_newer_format_is_told_from_damage(tmp_path: Path) -> None:
    """Whatever a newer Kabin writes, the advice is to update and not to restore a backup."""
    storage = LocalStorage(tmp_path)
    storage.create("_manifest/00000001.json", b'{"format": 2, "files": []}')
    with pytest.raises(ArchiveError, match="has format 2, this Kabin reads 1: update it"):
        Manifests(storage).newest()
    storage.create("_manifest/00000002.json", b'{"format": 1, "files"')
    with pytest.raises(ArchiveError, match="is damaged"):
        Manifests(storage).newest()


def test_a_manifest_tells_what_the_archive_is(tmp_path: Path) -> None:
    """Days, totals and how far the log was drained can be read from the file alone."""
    storage = LocalStorage(tmp_path)
    name = "date=2025-11-21/00000001-a.parquet"
    file = ArchiveFile(name, 7, 100, 5, 9)
    manifest = msgspec.structs.replace(_manifest(1), files={"2025-11-21": (file,)}, cursor=("0-0", "9-1"))
    Manifests(storage).commit(manifest)
    assert msgspec.json.decode(storage.read("_manifest/00000001.json"))["files"] == {
        "2025-11-21": [[name, 7, 100, 5, 9]]
    }
    snapshot = Archive(storage).snapshot()
    assert snapshot.manifest == manifest
    assert (manifest.rows, manifest.size_bytes) == (7, 100)
    assert [snapshot.archived_through(partition) for partition in (0, 1)] == ["0-0", "9-1"]
    assert Archive(storage).days() == ["2025-11-21"]
    assert Archive(storage).files() == [str(tmp_path / name)]


@pytest.mark.parametrize(
    ("entries", "runs"), [(0, 1), (ENTRIES_A_PASS, 1), (ENTRIES_A_PASS + 1, 2), (10**12, 256)]
)
def test_partitions_are_read_in_few_passes(entries: int, runs: int) -> None:
    """Every partition is in one pass, and there are no more passes than memory asks for."""
    found = list(passes(range(256), entries))
    assert len(found) == runs
    assert [partition for several in found for partition in several] == list(range(256))
    assert list(passes([], entries)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"date=2025-11-21/00000001-a.parquet", b"../../keys/00000001-a.parquet"),
        (b"date=2025-11-21/00000001-a.parquet", "date=2025-11-21/\ufeff0000001-a.parquet".encode()),
        (b"kabin", b"kab\x80n"),
        (b'"number":1', b'"number":{}'),
    ],
)
def test_a_damaged_manifest_is_told_and_nothing_is_deleted_by_it(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    """Neither a file outside of the archive, nor one of it."""
    manifests = Manifests(LocalStorage(tmp_path / "archive"))
    manifests.commit(_manifest(1, "date=2025-11-21/00000001-a.parquet"))
    written = tmp_path / "archive" / "_manifest" / "00000001.json"
    content = written.read_bytes()
    assert old in content
    written.write_bytes(content.replace(old, new))
    key = tmp_path / "keys" / "00000001-a.parquet"
    key.parent.mkdir()
    key.touch()
    for work in (manifests.newest, manifests.sweep):
        with pytest.raises(ArchiveError, match="is damaged"):
            work()
    assert key.exists()
