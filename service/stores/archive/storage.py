"""Where the archive's files lie: a folder, or any address that fsspec knows (``s3://``, ``gs://``, ``abfs://`` …).

Two promises carry everything else: a file appears whole or not at all, and of several who create a file of one name
exactly one succeeds. A folder keeps them by hard links, an object store by its conditional writes.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

import pyarrow.fs as pafs

from service.stores.archive.fsspec_storage import FsspecStorage
from service.stores.archive.local_storage import LocalStorage


class ArchiveStorage(Protocol):
    """What the archive needs of a place for files; names are relative and use ``/``.

    Every method raises :class:`ArchiveError` if it cannot be done.
    """

    @property
    def url(self) -> str:
        """Where it is, for people."""

    @property
    def arrow(self) -> pafs.FileSystem:
        """The same place for pyarrow, which reads columns and row groups."""

    def path_of(self, name: str) -> str:
        """Return a file's path in :attr:`arrow`."""

    def url_of(self, name: str) -> str:
        """Return a file's path or URL as other programs take it."""

    def create(self, name: str, data: bytes) -> None:
        """Write a new file durably.

        Raises:
            FileExistsError: there is one of this name already, whole.
        """

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a new file, of a name that nobody else writes, in pieces; durable at the end of the block."""

    def list(self, folder: str = "") -> list[str]:
        """Return the sorted names of all whole files in a folder and the folders in it; none if it is absent."""

    def read(self, name: str) -> bytes:
        """Return a file's content."""

    def delete(self, names: Iterable[str]) -> None:
        """Delete files; one that is gone already is no error."""

    def discard_unfinished(self) -> None:
        """Delete what writers that were killed have left, where anything is left; live ones then fail."""


def open_storage(place: str | Path) -> ArchiveStorage:
    """Return the storage at a path or URL; nothing is read or written yet.

    Raises:
        ArchiveError: nothing is installed that could reach it.
    """
    if isinstance(place, Path) or "://" not in place:
        return LocalStorage(Path(place))
    if place.startswith("file://"):
        return LocalStorage(Path(unquote(urlsplit(place).path)))
    return FsspecStorage(place)
