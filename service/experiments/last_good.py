"""Copies of what was last good, on disk: a restart during an outage goes on with them."""

import contextlib
import logging
import os
import secrets
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

C = TypeVar("C")

Signature = tuple[int, int, int]
"""Modification time in ns, size in bytes and inode: two of them differ if the file was written in between."""

MOST_BYTES: Final = 8 * 1024 * 1024
"""Definitions larger than this are refused, wherever they come from; GrowthBook's own are some 100 kB."""


_log = logging.getLogger(__name__)


class CopyDamaged(Exception):  # noqa: N818 - what happened
    """A copy cannot be read; the message names the file and the reason."""


class Kept(NamedTuple, Generic[C]):
    """A copy, and when it was last known to be what its source has (Unix seconds)."""

    content: C
    confirmed_at: float


class LastGoodCopy(Generic[C]):
    """One file that any worker may replace at any time; a reader sees one whole version or another.

    The file's modification time says when its content was last confirmed, so confirming it costs no writing.

    Args:
        path: of the file; its folder is made when it is first needed.
        kind: what the file holds, a type that msgspec can decode.

    Attributes:
        problem: why the last :meth:`keep` failed, if it did.
    """

    def __init__(self, path: Path, kind: type[C]) -> None:
        self._path = path
        self._decoder = msgspec.json.Decoder(kind)
        self._own: Signature | None = None
        self.problem: str | None = None

    def keep(self, content: C, *, at: float) -> None:
        """Replace the copy, confirmed ``at``.

        A disk that refuses shows in :attr:`problem` and in the log: what is copied is as good without a copy.
        """
        try:
            self._write(content, at=at)
        except OSError as error:
            problem = f"{self._path} cannot be written ({error.strerror or error}): a restart would lose it"
            if problem != self.problem:
                _log.warning("%s", problem)
            self.problem = problem
        else:
            self.problem = None

    def _write(self, content: C, *, at: float) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            # Conditions may name customers; like the signing key it is the owner's to read.
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(content))
                file.flush()
                os.fsync(file.fileno())
            os.utime(draft, (at, at))
            written = signature_of(draft)
            draft.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        self._own = written
        _flush_folder(self._path.parent)

    def confirm(self, *, at: float) -> None:
        """Note that what this process wrote or read last is still good; nothing if another has replaced it."""
        with contextlib.suppress(OSError):
            if self._own is not None and signature_of(self._path) == self._own:
                os.utime(self._path, (at, at))
                self._own = signature_of(self._path)

    def read(self) -> Kept[C] | None:
        """Return the copy, ``None`` if there is none.

        Raises:
            CopyDamaged: it cannot be read.
        """
        try:
            signature = signature_of(self._path)
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CopyDamaged(f"{self._path}: {error.strerror or error}") from error
        self._own = signature
        try:
            return Kept(self._decoder.decode(content), signature[0] / 1e9)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CopyDamaged(f"{self._path} is damaged ({error}): it is ignored, and replaced") from error

    def read_if_others_wrote(self) -> Kept[C] | None:
        """Return the copy if another process has replaced or confirmed it since this one last read or wrote it.

        Raises:
            CopyDamaged: it cannot be read.
        """
        try:
            if signature_of(self._path) == self._own:
                return None
        except OSError:
            return None
        return self.read()


def signature_of(path: Path) -> Signature:
    """Return what changes whenever a file is written or replaced.

    Raises:
        OSError: there is no such file, or it cannot be looked at.
    """
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
