"""The archive in a folder."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow.fs as pafs

from service.stores.archive.errors import ArchiveError

UNFINISHED: Final = "_unfinished"
"""Folder of a local archive in which files are written before they get their name."""


class LocalStorage:
    """A folder, created when the first file is written.

    A file is written under another name, synced, linked to its own name, which fails if that is taken, and its folder
    is synced: whatever :meth:`create` returned from survives a power failure.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.arrow: pafs.FileSystem = pafs.LocalFileSystem()

    @property
    def url(self) -> str:
        """See :attr:`~service.stores.archive.storage.ArchiveStorage.url`."""
        return str(self._folder)

    def path_of(self, name: str) -> str:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.path_of`."""
        return str(self._folder / name)

    url_of = path_of

    def create(self, name: str, data: bytes) -> None:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.create`."""
        with self.writing(name) as file:
            file.write(data)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.writing`."""
        path = self._folder / name
        unfinished = self._folder / UNFINISHED / f"{secrets.token_hex(8)}-{path.name}"
        with self._failures(name):
            _make_folder(unfinished.parent)
            _make_folder(path.parent)
            try:
                with unfinished.open("xb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                is_new = _linked(unfinished, path)
                _sync_folder(path.parent)
            finally:
                unfinished.unlink(missing_ok=True)
        if not is_new:
            raise FileExistsError(path)

    def list(self, folder: str = "") -> list[str]:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.list`."""
        with self._failures(folder):
            if not (self._folder / folder).exists():
                return []
            found = (
                (Path(place) / name).relative_to(self._folder).as_posix()
                for place, _, names in os.walk(self._folder / folder, onerror=_raise)
                for name in names
            )
            return sorted(name for name in found if not name.startswith(UNFINISHED))

    def read(self, name: str) -> bytes:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.read`."""
        with self._failures(name):
            return (self._folder / name).read_bytes()

    def delete(self, names: Iterable[str]) -> None:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.delete`."""
        for name in names:
            path = self._folder / name
            with self._failures(name):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # Other files lie in it, or it has gone with another file.
                path.parent.rmdir()

    def discard_unfinished(self) -> None:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.discard_unfinished`."""
        with self._failures(UNFINISHED):
            for path in (self._folder / UNFINISHED).glob("*"):
                path.unlink(missing_ok=True)

    @contextmanager
    def _failures(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArchiveError(f"archive {self._folder / name}: {error.strerror or error}") from error


def _linked(unfinished: Path, path: Path) -> bool:
    """Give a whole file its name; return whether that was free."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return False
    return True


def _raise(error: OSError) -> None:
    raise error


def _make_folder(folder: Path) -> None:
    """Create a folder and those above it, durably."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
