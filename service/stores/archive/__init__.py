"""The archive: what has left the event log, as Parquet files under ``date=YYYY-MM-DD/`` and a manifest that lists them."""

from service.stores.archive.errors import ArchiveConflict, ArchiveError, ArchiveMismatch
from service.stores.archive.fsspec_storage import FsspecStorage
from service.stores.archive.local_storage import LocalStorage
from service.stores.archive.manifest import ArchiveFile, Manifest, Manifests
from service.stores.archive.reading import Archive, ArchiveSnapshot, EntryKey, passes
from service.stores.archive.retention import expired_before
from service.stores.archive.rows import ARCHIVE_SCHEMA, ArchivedRow
from service.stores.archive.storage import ArchiveStorage, open_storage

__all__ = [
    "ARCHIVE_SCHEMA",
    "Archive",
    "ArchiveConflict",
    "ArchiveError",
    "ArchiveFile",
    "ArchiveMismatch",
    "ArchiveSnapshot",
    "ArchiveStorage",
    "ArchivedRow",
    "EntryKey",
    "FsspecStorage",
    "LocalStorage",
    "Manifest",
    "Manifests",
    "expired_before",
    "open_storage",
    "passes",
]
