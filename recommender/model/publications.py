"""Which version is current, which ones were before, and how that changes: compare, move the pointer, take down."""

import os
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast, get_args

from recommender.model.directory import ModelError, fsync_directory, is_version, locked, versions
from recommender.model.json_lines import append_line, read_lines

CURRENT: Final = "CURRENT"
JOURNAL: Final = "journal.jsonl"

PublishedBy: TypeAlias = Literal["train", "publish", "rollback", "unrecorded"]
"""``unrecorded``: the pointer says so, and the journal does not (of an older Kabin, or its disk was full)."""


class Unset(Enum):
    """The type of :data:`UNSET`."""

    UNSET = "whatever is current"


UNSET: Final = Unset.UNSET
"""Publish over whatever is current."""


class PublicationConflict(ModelError):  # noqa: N818 - what happened, like StoreUnavailable
    """Somebody else has published meanwhile; what is current stays."""


class Publication(NamedTuple):
    """One move of the pointer.

    Attributes:
        version: made current.
        at: Unix seconds, by the clock of the file system.
        by: a training, or an operator with ``kabin model``.
        fence: number of the lease under which it happened, None without one.
    """

    version: str
    at: float
    by: PublishedBy
    fence: int | None


class Pointer(NamedTuple):
    """What the pointer file says: a version, nothing yet, or what is the matter with it."""

    version: str | None
    problem: str | None = None


def read_pointer(models_dir: Path) -> Pointer:
    """Return what is current, or in words why nobody can tell; never raises."""
    path = models_dir / CURRENT
    try:
        version = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return Pointer(None)
    except (OSError, UnicodeDecodeError) as error:
        return Pointer(None, f"{path}: not readable: {error}")
    if not is_version(version):
        return Pointer(None, f"{path}: {version[:40]!r} is no model version")
    return Pointer(version)


def current_version(models_dir: Path) -> str | None:
    """Return the published version, None if nothing has been published.

    Raises:
        ModelError: the pointer file does not hold a version; publishing or rolling back mends it.
    """
    pointer = read_pointer(models_dir)
    if pointer.problem is not None:
        raise ModelError(pointer.problem)
    return pointer.version


def publications(models_dir: Path) -> list[Publication]:
    """Return every publication known, oldest first; where the pointer is sound, the last one is the current.

    Raises:
        ModelError: the journal cannot be read.
    """
    recorded = _recorded(models_dir)
    missing = _unrecorded(models_dir, recorded)
    return recorded if missing is None else [*recorded, missing]


def publish(
    models_dir: Path,
    version: str,
    *,
    expected: str | Unset | None = UNSET,
    fence: int | None = None,
    by: PublishedBy = "train",
) -> Publication:
    """Make ``version`` the current one, atomically: readers see the old pointer or the new one, never half.

    Args:
        models_dir: where versions lie side by side.
        version: a complete one.
        expected: the version that must be current, None for none; a pointer that is damaged is as expected,
            whatever was, since publishing mends it.
        fence: number of the lease that the caller holds (Kleppmann's fencing token): refused if what is
            current was published under a higher one.
        by: who publishes, for the journal.

    Raises:
        PublicationConflict: something else is current than expected, or a later lease has published.
        ModelError: there is no such complete version, or the pointer cannot be written; then the old one stays.
    """
    try:
        with locked(models_dir):
            if version not in versions(models_dir):
                raise FileNotFoundError("there is no such complete version")
            recorded = _recorded(models_dir)
            missing = _unrecorded(models_dir, recorded)
            _check_expected(models_dir, version, expected)
            _check_fence(models_dir, version, fence, recorded if missing is None else [])
            publication = Publication(version, _write_pointer(models_dir, version), by, fence)
            # The pointer has moved; a line that a full disk refuses is made up for by the next publication.
            with suppress(OSError):
                for each in (missing, publication):
                    if each is not None:
                        append_line(models_dir / JOURNAL, each._asdict())
    except OSError as error:
        raise ModelError(f"{models_dir}: version {version} could not be published: {error}") from error
    return publication


def roll_back_targets(models_dir: Path) -> list[str]:
    """Return the versions to go back to, best first: those published before the current one and still there.

    What has been rolled back from is none of them, nor what was never published (so nothing that the gate refused).
    With a damaged pointer the first is the last one published.

    Raises:
        ModelError: the journal cannot be read.
    """
    return _targets(models_dir, publications(models_dir))


def roll_back(models_dir: Path, version: str | None = None) -> Publication:
    """Publish the version that was current before, or an earlier one that was.

    Raises:
        ModelError: there is none, ``version`` is not on disk or has never been published, or the pointer cannot
            be written.
    """
    known = publications(models_dir)
    if version is None:
        targets = _targets(models_dir, known)
        if not targets:
            current = read_pointer(models_dir).version
            raise ModelError(
                f"{models_dir}: no version was published before {current or 'the first'} and is still there; "
                "`kabin model publish` takes any that `kabin model list` shows"
            )
        version = targets[0]
    elif version not in {each.version for each in known}:
        raise ModelError(
            f"{models_dir}: {version!r} has never been published; `kabin model publish {version}` does so all the same"
        )
    return publish(models_dir, version, by="rollback")


def _targets(models_dir: Path, known: list[Publication]) -> list[str]:
    current = read_pointer(models_dir).version
    present = set(versions(models_dir)) - {current}
    return [version for version in reversed(_standing(known)) if version in present]


def _standing(known: list[Publication]) -> list[str]:
    """Return the versions that stand, each on the one it replaced: going back takes off what lies above."""
    standing: list[str] = []
    for each in known:
        if each.version in standing and each.by == "rollback":
            del standing[standing.index(each.version) :]
        elif each.version in standing:
            standing.remove(each.version)
        standing.append(each.version)
    return standing


def _check_expected(models_dir: Path, version: str, expected: str | Unset | None) -> None:
    pointer = read_pointer(models_dir)
    if expected is UNSET or pointer.problem is not None or pointer.version == expected:
        return
    raise PublicationConflict(
        f"{models_dir}: {version} is not published: it was compared with {expected or 'no model'}, "
        f"and {pointer.version or 'no model'} is current by now"
    )


def _check_fence(models_dir: Path, version: str, fence: int | None, recorded: list[Publication]) -> None:
    # Fences of publications rise, so the newest has the highest. What an operator published has none: his word counts.
    latest = recorded[-1].fence if recorded else None
    if fence is None or latest is None or latest <= fence:
        return
    raise PublicationConflict(
        f"{models_dir}: {version} is not published: its training lost its lease (number {fence}), and another one "
        f"(number {latest}) has published {recorded[-1].version}"
    )


def _write_pointer(models_dir: Path, version: str) -> float:
    """Replace the pointer; return when, in Unix seconds. Nothing is left where that fails."""
    temporary = models_dir / f".{CURRENT}"
    try:
        with temporary.open("w", encoding="utf-8") as pointer:
            pointer.write(version + "\n")
            pointer.flush()
            os.fsync(pointer.fileno())
            at = os.fstat(pointer.fileno()).st_mtime
        temporary.replace(models_dir / CURRENT)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    fsync_directory(models_dir)
    return at


def _recorded(models_dir: Path) -> list[Publication]:
    """Return what the journal holds; damaged lines are left out."""
    try:
        lines = read_lines(models_dir / JOURNAL)
    except OSError as error:
        raise ModelError(f"{models_dir / JOURNAL}: not readable: {error}; move it away to go on") from error
    return [publication for line in lines if (publication := _publication(line)) is not None]


def _publication(line: dict[str, Any]) -> Publication | None:
    version, at, by, fence = (line.get(name) for name in Publication._fields)
    if not isinstance(version, str) or not is_version(version) or by not in get_args(PublishedBy):
        return None
    if not isinstance(at, int | float) or not isinstance(fence, int | None):
        return None
    return Publication(version, float(at), cast("PublishedBy", by), fence)


def _unrecorded(models_dir: Path, recorded: list[Publication]) -> Publication | None:
    """Return the publication of the current version where the journal's last is another one."""
    version = read_pointer(models_dir).version
    if version is None or (recorded and recorded[-1].version == version):
        return None
    try:
        at = (models_dir / CURRENT).stat().st_mtime
    except OSError:
        return None
    return Publication(version, at, "unrecorded", None)
