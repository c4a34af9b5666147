"""Whether a log and an archive belong together: entries that left for one archive are in no other."""

import asyncio
import logging
import uuid

import msgspec

from service.stores.archive import Archive, ArchiveMismatch, Manifest, Manifests
from service.stores.archive.binding import ArchiveBinding
from service.stores.archive.manifest import FORMAT
from service.stores.keys import Keyspace
from service.stores.log import FIRST

_log = logging.getLogger(__name__)


class ArchiveOpening:
    """Opens an archive for the log of one key space.

    Args:
        archive: that is to be written to.
        keyspace: of the log.
        binding: what its Redis remembers of its archive.
    """

    def __init__(self, archive: Archive, keyspace: Keyspace, binding: ArchiveBinding) -> None:
        self._archive = archive
        self._manifests = Manifests(archive.storage)
        self._keyspace = keyspace
        self._binding = binding

    async def open(self, now: float) -> Manifest:
        """Return the newest manifest once it is certain that log and archive belong together; an archive that is not is begun.

        Args:
            now: Unix seconds.

        Raises:
            ArchiveMismatch: they do not; the message says what to do.
        """
        manifest = await asyncio.to_thread(self._manifests.newest)
        if manifest is None:
            self._compare(None, await self._binding.read())
            manifest = await self._begun(now)
        if len(manifest.cursor) != self._keyspace.partitions:
            raise ArchiveMismatch(
                f"archive {self._archive.url} has {len(manifest.cursor)} partitions, this Redis {self._keyspace.partitions}: "
                "set KABIN_ARCHIVE_URL to another place"
            )
        if manifest.prefix != self._keyspace.prefix:
            raise ArchiveMismatch(
                f"archive {self._archive.url} is of the prefix {manifest.prefix!r}, not {self._keyspace.prefix!r}: give each "
                "prefix a KABIN_ARCHIVE_URL of its own, or run `kabin archive --adopt` if it was renamed"
            )
        if manifest.number > 1 and await self._binding.read() is None:
            _log.warning(
                "archive %s has %s events, and this Redis knows of none: right if it has lost its data; a second shop "
                "needs a KABIN_ARCHIVE_URL of its own",
                self._archive.url,
                f"{manifest.rows:,}",
            )
        self._compare(manifest.archive_id, await self._binding.claim(manifest.archive_id))
        return manifest

    async def check(self) -> None:
        """Raise ArchiveMismatch if what left the log is not in this archive; change nothing.

        For those who read both: an archive whose disk is not mounted must not pass for one without events.
        """
        manifest = await asyncio.to_thread(self._manifests.newest)
        self._compare(None if manifest is None else manifest.archive_id, await self._binding.read())

    async def adopt(self, now: float) -> str:
        """Bind the log to this archive, whichever it was bound to before; return the archive's id."""
        manifest = await asyncio.to_thread(self._manifests.newest) or await self._begun(now)
        if manifest.prefix != self._keyspace.prefix:
            moved = msgspec.structs.replace(
                manifest, number=manifest.number + 1, created_at=now, prefix=self._keyspace.prefix
            )
            await asyncio.to_thread(self._manifests.commit, moved)
        await self._binding.replace(manifest.archive_id)
        return manifest.archive_id

    def _compare(self, archive_id: str | None, recorded: str | None) -> None:
        """Raise ArchiveMismatch unless Redis remembers this archive, or none."""
        if recorded is None or recorded == archive_id:
            return
        if archive_id is None:
            raise ArchiveMismatch(
                f"archive {self._archive.url} is empty, but this Redis has been drained into the archive {recorded}: set "
                "KABIN_ARCHIVE_URL to where that is (is its disk mounted?), or run `kabin archive --adopt` to begin anew"
            )
        raise ArchiveMismatch(
            f"archive {self._archive.url} is {archive_id}, but this Redis has been drained into {recorded}: set "
            "KABIN_ARCHIVE_URL to where that is, or run `kabin archive --adopt` to go on in this one"
        )

    async def _begun(self, now: float) -> Manifest:
        manifest = Manifest(
            format=FORMAT,
            number=1,
            archive_id=uuid.uuid4().hex,
            prefix=self._keyspace.prefix,
            created_at=now,
            cursor=(FIRST,) * self._keyspace.partitions,
        )
        await asyncio.to_thread(self._manifests.check_exclusive)
        await asyncio.to_thread(self._manifests.commit, manifest)
        return manifest
