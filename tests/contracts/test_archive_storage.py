"""The contract of the archive's storage, on a folder and on a file system of fsspec."""

import threading
from itertools import count
from pathlib import Path

import fsspec
import pytest

from service.stores.archive import (
    ArchiveError,
    ArchiveStorage,
    FsspecStorage,
    LocalStorage,
    Manifests,
    open_storage,
)
from service.stores.archive.local_storage import UNFINISHED

_names = count()


@pytest.fixture(params=["folder", "fsspec"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> ArchiveStorage:
    """An empty storage."""
    place = (
        str(tmp_path / "archive")
        if request.param == "folder"
        else f"memory://contract-{next(_names)}/archive"
    )
    return open_storage(place)


def test_what_was_written_is_listed_and_read(storage: ArchiveStorage) -> None:
    """Files lie under their names, in folders that appear with them, and are listed in order."""
    assert storage.list() == storage.list("a") == []
    storage.create("b/2.txt", b"two")
    storage.create("a/1.txt", b"one")
    with storage.writing("a/c/3.txt") as file:
        file.write(b"th")
        file.write(b"ree")
        assert "a/c/3.txt" not in storage.list() or isinstance(storage, FsspecStorage)
    assert storage.list() == ["a/1.txt", "a/c/3.txt", "b/2.txt"]
    assert storage.list("a") == ["a/1.txt", "a/c/3.txt"]
    assert [storage.read(name) for name in storage.list()] == [b"one", b"three", b"two"]


def test_pyarrow_finds_the_same_files(storage: ArchiveStorage) -> None:
    """The file system for pyarrow and the address for other programs lead to what was written."""
    storage.create("a/1.txt", b"one")
    with storage.arrow.open_input_stream(storage.path_of("a/1.txt")) as stream:
        assert stream.read() == b"one"
    with fsspec.open(storage.url_of("a/1.txt")) as file:
        assert file.read() == b"one"
    assert storage.url_of("a/1.txt").startswith(storage.url)


def test_one_of_those_who_create_a_file_succeeds(storage: ArchiveStorage) -> None:
    """A name is given out once, and what its first writer wrote stays."""
    storage.create("m/1.json", b"first")
    with pytest.raises(FileExistsError):
        storage.create("m/1.json", b"second")
    assert storage.read("m/1.json") == b"first"
    Manifests(storage).check_exclusive()
    assert storage.list() == ["m/1.json"]


def test_writers_at_once_get_a_name_once(tmp_path: Path) -> None:
    """Of eight threads that create the same file in a folder one succeeds, and its content is whole."""
    storage = LocalStorage(tmp_path)
    won: list[bytes] = []

    def create(number: int) -> None:
        content = b"%d" % number * 100_000
        try:
            storage.create("m/1.json", content)
        except FileExistsError:
            return
        won.append(content)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [storage.read("m/1.json")] == won


def test_deleting_twice_is_no_error(storage: ArchiveStorage) -> None:
    """Files that have gone already are gone; an empty folder is none."""
    storage.create("a/1.txt", b"one")
    storage.create("a/2.txt", b"two")
    storage.delete(["a/1.txt", "a/absent.txt"])
    storage.delete(["a/1.txt", "a/2.txt"])
    assert storage.list() == []
    storage.create("a/1.txt", b"again")
    assert storage.list("a") == ["a/1.txt"]


def test_reading_what_is_not_there_names_it(storage: ArchiveStorage) -> None:
    """An error says which file of which archive it was."""
    with pytest.raises(ArchiveError, match=r"archive .*absent\.json"):
        storage.read("_manifest/absent.json")


def test_a_writer_that_fails_leaves_nothing_to_see(tmp_path: Path) -> None:
    """A file that was not finished has no name, also if its writer was killed; it can be discarded."""
    storage = LocalStorage(tmp_path)
    writing = storage.writing("a/1.parquet")
    writing.__enter__().write(b"half")
    assert not writing.__exit__(RuntimeError, RuntimeError(), None)
    assert storage.list() == []
    killed = tmp_path / UNFINISHED / "0123-1.parquet"
    killed.write_bytes(b"half")
    assert storage.list() == []
    storage.discard_unfinished()
    assert not killed.exists()


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """A file in the way is an error of the archive, not a name that is taken."""
    (tmp_path / "archive").write_text("in the way")
    with pytest.raises(ArchiveError, match=f"archive {tmp_path}/archive"):
        LocalStorage(tmp_path / "archive").create("m/1.json", b"")


def test_a_storage_that_overwrites_is_refused(tmp_path: Path) -> None:
    """Manifests rest on exclusive creation, so a storage without it is found out before anything is written."""

    class Overwriting(LocalStorage):
        def create(self, name: str, data: bytes) -> None:
            self.delete([name])
            super().create(name, data)

    with pytest.raises(ArchiveError, match="overwrites files that exist"):
        Manifests(Overwriting(tmp_path)).check_exclusive()
    assert Overwriting(tmp_path).list() == []


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("nonsense://somewhere", "nonsense"),
        ("abfs://container/kabin", r'pip install "kabin\[azure\]"'),
    ],
)
def test_an_address_that_nothing_can_reach_says_what_to_install(place: str, reason: str) -> None:
    """Which file systems there are is a matter of what is installed."""
    with pytest.raises(ArchiveError, match=reason):
        open_storage(place)


def test_paths_and_file_urls_are_folders(tmp_path: Path) -> None:
    """A path, and a file:// URL with its escapes, lead to the same folder."""
    folder = tmp_path / "with space"
    open_storage(folder).create("1.txt", b"one")
    assert open_storage(str(folder)).read("1.txt") == b"one"
    assert open_storage(f"file://{tmp_path}/with%20space").read("1.txt") == b"one"
