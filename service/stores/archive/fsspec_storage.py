"""The archive on an object store, or on any other file system that fsspec knows."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final

import fsspec
import pyarrow.fs as pafs

from service.stores.archive.errors import ArchiveError

_EXTRAS: Final = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "abfs": "azure",
    "abfss": "azure",
    "az": "azure",
}
"""Protocols for which Kabin has an extra of its own."""


class FsspecStorage:
    """Any file system of fsspec that creates exclusively, as object stores with conditional writes do.

    Args:
        url: such as ``s3://bucket/folder``; credentials come from where the file system looks for them.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            self._files, root = fsspec.url_to_fs(url)
        except ImportError as error:
            raise ArchiveError(f"archive {url}: {error}; {_installation_of(url)}") from error
        except Exception as error:
            raise ArchiveError(f"archive {url}: {error}") from error
        self._root = str(root).rstrip("/")
        self.arrow: pafs.FileSystem = pafs.PyFileSystem(pafs.FSSpecHandler(self._files))

    def path_of(self, name: str) -> str:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.path_of`."""
        return f"{self._root}/{name}"

    def url_of(self, name: str) -> str:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.url_of`."""
        return f"{self.url}/{name}"

    def create(self, name: str, data: bytes) -> None:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.create`."""
        with self._failures(name):
            self._files.pipe_file(self.path_of(name), data, mode="create")

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.writing`."""
        with self._failures(name), self._files.open(self.path_of(name), "wb") as file:
            yield file

    def list(self, folder: str = "") -> list[str]:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.list`."""
        with self._failures(folder):
            self._files.invalidate_cache()
            try:
                found: list[Any] = self._files.find(self.path_of(folder) if folder else self._root)
            except FileNotFoundError:
                return []
            return sorted(str(path)[len(self._root) + 1 :] for path in found)

    def read(self, name: str) -> bytes:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.read`."""
        with self._failures(name):
            return bytes(self._files.cat_file(self.path_of(name)))

    def delete(self, names: Iterable[str]) -> None:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.delete`."""
        for name in names:
            with self._failures(name), suppress(FileNotFoundError):
                self._files.rm_file(self.path_of(name))

    def discard_unfinished(self) -> None:
        """See :meth:`~service.stores.archive.storage.ArchiveStorage.discard_unfinished`: object stores show no file before it is whole."""

    @contextmanager
    def _failures(self, name: str) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, ArchiveError):
            raise
        except Exception as error:  # Every file system of fsspec has errors of its own.
            raise ArchiveError(f"archive {self.url_of(name)}: {error or type(error).__name__}") from error


def _installation_of(url: str) -> str:
    protocol = url.partition("://")[0]
    if protocol in _EXTRAS:
        return f'pip install "kabin[{_EXTRAS[protocol]}]"'
    return f"install the fsspec file system for {protocol}://"
