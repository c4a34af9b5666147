"""Manifests: which files the archive consists of, and how far each partition's log has been drained.

A file counts only if the newest manifest lists it. Manifests are numbered and created exclusively, which makes the number
a compare-and-set: of two processes that both go on from number 12, one gets 13. A data file carries the number of
the manifest that is to list it first, so once that number is given out, a file of it that is not listed never will be.

Creating a number that others have used *and pruned* would succeed: whoever creates one looks once more for a
higher one, and has lost if there is any.
"""

import itertools
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import msgspec

from service.stores.archive.errors import ArchiveConflict, ArchiveError
from service.stores.archive.storage import ArchiveStorage

FORMAT: Final = 1
FOLDER: Final = "_manifest"
KEPT: Final = 20
"""Manifests that stay: whoever reads the archive while it goes on has the time of so many commits."""

_DIGITS: Final = 8
_MANIFEST_NAME: Final = re.compile(r"_manifest/[0-9]{8}\.json")
_DATA_NAME: Final = re.compile(r"date=[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{8}-[0-9a-f]+\.parquet")
"""What is named otherwise was not written by an archiver: nobody reads it, and nobody deletes it."""


class ArchiveFile(msgspec.Struct, frozen=True, array_like=True):
    """One Parquet file.

    Attributes:
        name: such as ``date=2025-11-21/00000124-5f0c1a….parquet``.
        rows: entries in it.
        size_bytes: of the file.
        first_ms: arrival of its earliest entry, Unix milliseconds.
        last_ms: arrival of its latest.
    """

    name: str
    rows: int
    size_bytes: int
    first_ms: int
    last_ms: int

    @property
    def number(self) -> int:
        """The manifest that listed it first."""
        return _number_of(self.name)


class _Versioned(msgspec.Struct):
    format: int


class Manifest(msgspec.Struct, frozen=True):
    """The state of the archive after one commit.

    Attributes:
        format: of this structure.
        number: 1, 2, … without gaps.
        archive_id: drawn when the archive began; recorded in the Redis that is drained into it.
        prefix: of the keys in that Redis.
        created_at: Unix seconds.
        cursor: by partition, the id of the last log entry that was archived.
        files: by UTC day of the events, ISO 8601.
        erased: Unix seconds of erasures whose visitors' rows may still be in files, by
            :func:`service.stores.erasures.visitor_hash`; readers skip them.
        removed: likewise, of those whose rows are gone; so that a Redis restored from before does not bring them back.
    """

    format: int
    number: int
    archive_id: str
    prefix: str
    created_at: float
    cursor: tuple[str, ...]
    files: Mapping[str, tuple[ArchiveFile, ...]] = {}
    erased: Mapping[str, float] = {}
    removed: Mapping[str, float] = {}

    @property
    def all_files(self) -> tuple[ArchiveFile, ...]:
        """Every file, by day and then in the order of the commits."""
        return tuple(file for day in sorted(self.files) for file in self.files[day])

    @property
    def rows(self) -> int:
        """Entries in all files."""
        return sum(file.rows for file in self.all_files)

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.all_files)


class Manifests:
    """The manifests of one storage."""

    def __init__(self, storage: ArchiveStorage) -> None:
        self._storage = storage

    def newest(self) -> Manifest | None:
        """Return the newest manifest, ``None`` where no archive has begun.

        Raises:
            ArchiveError: it cannot be read, or was written by a newer Kabin.
        """
        numbers = self.numbers()
        return self.read(numbers[-1]) if numbers else None

    def numbers(self) -> list[int]:
        """Return the numbers of the manifests that are kept, ascending."""
        return [_number_of(name) for name in self._storage.list(FOLDER) if _MANIFEST_NAME.fullmatch(name)]

    def read(self, number: int) -> Manifest:
        """Return one manifest; see :meth:`newest` for the errors."""
        name = _name_of(number)
        try:
            stored = self._storage.read(name)
            written_in = msgspec.json.decode(stored, type=_Versioned).format
            if written_in != FORMAT:
                raise ArchiveError(
                    f"archive {self._storage.url_of(name)} has format {written_in}, this Kabin reads {FORMAT}: update it"
                )
            manifest = msgspec.json.decode(stored, type=Manifest)
            _check_names(manifest)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise ArchiveError(
                f"archive {self._storage.url_of(name)} is damaged ({error}): restore it from a backup; without it "
                "nobody knows which files count"
            ) from error
        return manifest

    def commit(self, manifest: Manifest) -> None:
        """Make a manifest the newest one, durably and all at once.

        Raises:
            ArchiveConflict: somebody else has got that number; the archive is as they left it.
            ArchiveError: it cannot be written; whether it counts is known when the newest is read again.
        """
        name = _name_of(manifest.number)
        try:
            self._storage.create(name, msgspec.json.encode(manifest))
        except FileExistsError:
            self._lost(manifest.number)
        if self.numbers()[-1] > manifest.number:
            self._lost(manifest.number)

    def prune(self, kept: int = KEPT) -> int:
        """Delete all but the newest manifests and the data files that only the deleted ones list; return their number."""
        numbers = self.numbers()
        deleted = 0
        for number, following in itertools.pairwise(numbers[: 1 - kept] if kept > 1 else numbers):
            # A file that leaves the archive never returns, so its last reader is the last manifest that lists it.
            gone = _names(self.read(number)) - _names(self.read(following))
            self._storage.delete(sorted(gone))
            self._storage.delete([_name_of(number)])
            deleted += len(gone)
        return deleted

    def sweep(self) -> int:
        """Delete what killed writers have left: data files of numbers given out that no manifest lists.

        Returns:
            how many they were.
        """
        self._storage.discard_unfinished()
        # Listed before the manifests are read: what is committed in between is listed by one of them.
        found = [name for name in self._storage.list() if _DATA_NAME.fullmatch(name)]
        numbers = self.numbers()
        listed = {name for number in numbers for name in _names(self.read(number))}
        orphans = [
            name for name in found if name not in listed and numbers and _number_of(name) <= numbers[-1]
        ]
        self._storage.delete(orphans)
        return len(orphans)

    def check_exclusive(self) -> None:
        """Make sure that the storage keeps its promise, by trying.

        Raises:
            ArchiveError: it lets a second writer overwrite the first one's file.
        """
        name = f"{FOLDER}/probe-{secrets.token_hex(8)}"
        self._storage.create(name, b"first")
        try:
            self._storage.create(name, b"second")
        except FileExistsError:
            return
        finally:
            self._storage.delete([name])
        raise ArchiveError(
            f"archive {self._storage.url}: its storage overwrites files that exist, so two archivers could lose each "
            "other's work: use a local folder, or an object store with conditional writes"
        )

    def _lost(self, number: int) -> None:
        raise ArchiveConflict(
            f"archive {self._storage.url}: another process has written manifest {number} or a later one meanwhile"
        )


def data_name(day: date, number: int) -> str:
    """Return a name for a new data file, of a day and the manifest that is to list it, that nobody else uses."""
    return f"date={day.isoformat()}/{number:0{_DIGITS}}-{secrets.token_hex(8)}.parquet"


def day_of(name: str) -> str:
    """Return the day of a data file in ISO 8601."""
    return name.removeprefix("date=")[:10]


def files_by_day(files: Iterable[ArchiveFile]) -> dict[str, tuple[ArchiveFile, ...]]:
    """Return files as a manifest holds them."""
    days: dict[str, tuple[ArchiveFile, ...]] = {}
    for file in files:
        days[day_of(file.name)] = (*days.get(day_of(file.name), ()), file)
    return days


def _check_names(manifest: Manifest) -> None:
    """Refuse names that no archiver gives: files are read and deleted by them.

    Raises:
        ValueError: for the first one.
    """
    for file in manifest.all_files:
        if not _DATA_NAME.fullmatch(file.name):
            raise ValueError(f"{file.name[:80]!r} is no name of a data file")


def _names(manifest: Manifest) -> set[str]:
    return {file.name for file in manifest.all_files}


def _name_of(number: int) -> str:
    return f"{FOLDER}/{number:0{_DIGITS}}.json"


def _number_of(name: str) -> int:
    return int(name.rpartition("/")[2][:_DIGITS])
