"""Model directories side by side, and the pointer file that says which one is current."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from re import compile as pattern
from typing import Any, Final, NamedTuple

CURRENT: Final = "CURRENT"
MANIFEST: Final = "manifest.json"
PARTIAL: Final = ".partial"
LOCK: Final = ".lock"
_VERSION: Final = pattern(r"\d{8}T\d{6}Z-\d{3}")


class ModelError(Exception):
    """A model that cannot be used, written or published; the message says why in one line."""


class ModelSummary(NamedTuple):
    """One line of ``kabin model list``."""

    version: str
    created_at: float
    items: int
    size_bytes: int
    current: bool
    metrics: dict[str, Any]


def current_version(models_dir: Path) -> str | None:
    """Return the published version, None if nothing has been published.

    Raises:
        ModelError: the pointer file does not hold a version.
    """
    try:
        version = (models_dir / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{models_dir / CURRENT}: not readable: {error}") from error
    if not _VERSION.fullmatch(version):
        raise ModelError(f"{models_dir / CURRENT}: {version[:40]!r} is no model version")
    return version


def versions(models_dir: Path) -> list[str]:
    """Return the complete versions in the directory, oldest first."""
    if not models_dir.is_dir():
        return []
    return sorted(
        path.name
        for path in models_dir.iterdir()
        if _VERSION.fullmatch(path.name) and (path / MANIFEST).is_file()
    )


def list_versions(models_dir: Path) -> list[ModelSummary]:
    """Return what ``kabin model list`` shows, oldest first; unreadable ones are listed with no items."""
    current = current_version(models_dir)
    summaries = []
    for version in versions(models_dir):
        path = models_dir / version
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            summary = (float(manifest["created_at"]), int(manifest["items"]), dict(manifest["metrics"]))
        except (OSError, ValueError, KeyError, TypeError):
            summary = (0.0, 0, {})
        size = sum(file.stat().st_size for file in path.iterdir())
        summaries.append(ModelSummary(version, summary[0], summary[1], size, version == current, summary[2]))
    return summaries


def publish(models_dir: Path, version: str) -> None:
    """Make ``version`` the current one, atomically: readers see the old pointer or the new one, never half.

    Raises:
        ModelError: there is no such complete version, or the pointer cannot be written; then the old one stays.
    """
    if version not in versions(models_dir):
        raise ModelError(f"{models_dir}: no model version {version!r} to publish")
    temporary = models_dir / f".{CURRENT}.{os.getpid()}"
    try:
        with temporary.open("w", encoding="utf-8") as pointer:
            pointer.write(version + "\n")
            pointer.flush()
            os.fsync(pointer.fileno())
        temporary.replace(models_dir / CURRENT)
        fsync_directory(models_dir)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ModelError(f"{models_dir}: version {version} could not be published: {error}") from error


def roll_back(models_dir: Path) -> str:
    """Publish the version before the current one and return it.

    Raises:
        ModelError: there is none.
    """
    current = current_version(models_dir)
    older = [version for version in versions(models_dir) if current is not None and version < current]
    if not older:
        raise ModelError(f"{models_dir}: there is no version before {current or 'the first'} to go back to")
    publish(models_dir, older[-1])
    return older[-1]


def prune(models_dir: Path, *, keep: int = 5) -> list[str]:
    """Delete all but the newest ``keep`` versions and what killed trainings left; never the current one.

    A worker that still maps a deleted version keeps its pages until it lets go of them.

    Returns:
        The versions deleted.
    """
    current = current_version(models_dir)
    complete = versions(models_dir)
    old = [version for version in complete[: max(len(complete) - max(keep, 1), 0)] if version != current]
    for version in old:
        shutil.rmtree(models_dir / version, ignore_errors=True)
    if models_dir.is_dir():
        for path in models_dir.iterdir():
            if path.name.endswith(PARTIAL):
                _remove_if_abandoned(path)
    return old


@contextmanager
def reserved_version(models_dir: Path, created_at: float) -> Iterator[tuple[str, Path]]:
    """Reserve the next free version for one writer, and give (version, directory to write to).

    The directory is created exclusively, so two trainings of one second get two versions, and locked while it
    is being written, so that :func:`prune` can tell it from one that a killed training left.
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    second = datetime.fromtimestamp(created_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in range(1000):
        version = f"{second}-{number:03d}"
        partial = models_dir / f".{version}{PARTIAL}"
        if (models_dir / version).exists():
            continue
        try:
            partial.mkdir()
        except FileExistsError:
            continue
        if not (models_dir / version).exists():
            break
        partial.rmdir()  # another training finished this version just now
    else:
        raise ModelError(f"{models_dir}: 1000 trainings started in the second {second}")
    lock = os.open(partial / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield version, partial
    except BaseException:  # once it was renamed, its name may be another training's
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def fsync_directory(path: Path) -> None:
    """Flush a directory's entries, so that a rename survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_if_abandoned(partial: Path) -> None:
    """Delete a partial directory that no living writer holds the lock of."""
    try:
        lock = os.open(partial / LOCK, os.O_RDWR)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    finally:
        os.close(lock)
    shutil.rmtree(partial, ignore_errors=True)
