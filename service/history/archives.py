"""The archive that the settings name, for those who read it."""

# ruff: noqa: PLC0415 - pyarrow is imported by those who need it, so that help comes at once and workers stay small

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from service.settings import Settings

if TYPE_CHECKING:
    from service.stores.archive import Archive
    from service.stores.connection import Client
    from service.stores.keys import Keyspace

ARCHIVE_FOLDER: Final = "archive"


def archive_of(settings: Settings, erased: Mapping[str, float] | None = None) -> "Archive":
    """Return the archive of log entries that have left Redis, as far as they may be read.

    Args:
        settings: where it is, and how long its events are kept.
        erased: recorded erasures, besides those that the archive knows of.
    """
    from service.stores.archive import Archive, expired_before, open_storage
    from service.stores.erasures import Erased

    storage = open_storage(settings.archive_url or settings.data_dir / ARCHIVE_FOLDER)
    until = expired_before(time.time(), settings.archive_retention_days)
    return Archive(storage, Erased({} if erased is None else erased, until))


async def readable_archive(settings: Settings, client: "Client", keyspace: "Keyspace") -> "Archive":
    """Return the archive without those whose erasure it has not been told of yet.

    Raises:
        ArchiveMismatch: what left the log is in another archive.
        StoreUnavailable: Redis does not answer.
    """
    from service.archiving.opening import ArchiveOpening
    from service.stores.archive.binding import ArchiveBinding
    from service.stores.erasures import RedisErasures

    archive = archive_of(settings, await RedisErasures(client, keyspace).all())
    await ArchiveOpening(archive, keyspace, ArchiveBinding(client, keyspace)).check()
    return archive
