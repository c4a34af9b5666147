"""Model directories side by side: how they are named, locked, begun, finished and removed."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from re import compile as pattern
from typing import Final

MANIFEST: Final = "manifest.json"
PARTIAL: Final = ".partial"
LOCK: Final = ".lock"
_VERSION: Final = pattern(r"\d{8}T\d{6}Z-\d{3}")
_MOST_PER_SECOND: Final = 1000


class ModelError(Exception):
    """A model that cannot be used, written or published; the message says why in one line."""


def is_version(name: str) -> bool:
    """Tell whether a name is one that a version can have."""
    return _VERSION.fullmatch(name) is not None


def versions(models_dir: Path) -> list[str]:
    """Return the complete versions in the directory, oldest first."""
    if not models_dir.is_dir():
        return []
    return sorted(
        path.name for path in models_dir.iterdir() if is_version(path.name) and (path / MANIFEST).is_file()
    )


@contextmanager
def locked(models_dir: Path) -> Iterator[None]:
    """Be the only one who begins, finishes, publishes or removes versions; the others wait for milliseconds.

    Raises:
        OSError: the directory is missing or cannot be written.
    """
    lock = os.open(models_dir / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def reserved_version(models_dir: Path, created_at: float) -> Iterator[tuple[str, Path]]:
    """Reserve the next free version for one writer, and give (version, directory to write to).

    What killed writers left is removed first: the disk may need the room. The directory is hidden, and locked for
    as long as its writer lives, so that others can tell it from one that a killed writer left.

    Args:
        models_dir: created if absent.
        created_at: Unix seconds, which name the version; trainings of one second are numbered.
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    with locked(models_dir):
        remove_abandoned(models_dir)
        version = _free_version(models_dir, created_at)
        partial = models_dir / f".{version}{PARTIAL}"
        partial.mkdir()
        lock = os.open(partial / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield version, partial
    except BaseException:  # once it was renamed, its name may be another training's
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def finish_version(models_dir: Path, version: str, partial: Path) -> None:
    """Give a directory that has been written and flushed its final name, for good."""
    with locked(models_dir):
        (partial / LOCK).unlink()
        fsync_directory(partial)
        # Fails if the name was taken meanwhile: a directory that is not empty is never replaced.
        partial.rename(models_dir / version)
        fsync_directory(models_dir)


def remove_version(models_dir: Path, version: str) -> None:
    """Delete a version; call it under :func:`locked`. Killed half-way, it leaves no half of a version.

    A worker that still maps it keeps its pages until it lets go of them.
    """
    doomed = models_dir / f".{version}{PARTIAL}"
    try:
        (models_dir / version).rename(doomed)
    except OSError:
        return
    shutil.rmtree(doomed, ignore_errors=True)


def remove_abandoned(models_dir: Path) -> None:
    """Delete the partial directories that no living writer holds the lock of; call it under :func:`locked`."""
    for path in models_dir.iterdir():
        if path.name.endswith(PARTIAL) and not _is_being_written(path):
            shutil.rmtree(path, ignore_errors=True)


def fsync_directory(path: Path) -> None:
    """Flush a directory's entries, so that a rename survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free_version(models_dir: Path, created_at: float) -> str:
    second = datetime.fromtimestamp(created_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in range(_MOST_PER_SECOND):
        version = f"{second}-{number:03d}"
        if not (models_dir / version).exists() and not (models_dir / f".{version}{PARTIAL}").exists():
            return version
    raise ModelError(f"{models_dir}: {_MOST_PER_SECOND} trainings started in the second {second}")


def _is_being_written(partial: Path) -> bool:
    try:
        lock = os.open(partial / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # nobody can tell
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
