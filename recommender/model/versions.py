"""The versions on disk, what is known of each, and which of them stay."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from recommender.model.directory import (
    MANIFEST,
    ModelError,
    locked,
    remove_abandoned,
    remove_version,
    versions,
)
from recommender.model.publications import Publication, publications, read_pointer, roll_back_targets
from recommender.model.training_record import Result, trainings


class ModelSummary(NamedTuple):
    """One line of ``kabin model list``.

    Attributes:
        version: its name.
        created_at: Unix seconds, 0 where the manifest is damaged.
        items: item rows.
        size_bytes: of all its files.
        current: whether the pointer names it.
        metrics: as in its manifest.
        published_at: Unix seconds of its newest publication, None if there was none.
        result: what became of its training; None where nothing is known of it.
    """

    version: str
    created_at: float
    items: int
    size_bytes: int
    current: bool
    metrics: dict[str, Any]
    published_at: float | None
    result: Result | None


def list_versions(models_dir: Path) -> list[ModelSummary]:
    """Return what is known of each version, oldest first; never raises for what is damaged.

    A version with an unreadable manifest has no items and no metrics; where the pointer is damaged, none is current.
    """
    current = read_pointer(models_dir).version
    published_at = {each.version: each.at for each in _publications(models_dir)}
    try:
        results = {each.version: each.result for each in trainings(models_dir)}
    except ModelError:
        results = {}
    summaries = []
    for version in versions(models_dir):
        created_at, items, metrics = _facts(models_dir / version)
        result = "published" if version in published_at else results.get(version)
        summaries.append(
            ModelSummary(
                version,
                created_at,
                items,
                _size_bytes(models_dir / version),
                version == current,
                metrics,
                published_at.get(version),
                result,
            )
        )
    return summaries


def prune(models_dir: Path, *, keep: int = 5) -> list[str]:
    """Delete old versions, and what killed trainings left.

    The newest ``keep`` stay, the current one, the one to roll back to, and whatever a training is writing.

    Returns:
        The versions deleted.

    Raises:
        ModelError: the directory or its journal cannot be read, so nobody knows what may go.
    """
    if not models_dir.is_dir():
        return []
    try:
        with locked(models_dir):
            remove_abandoned(models_dir)
            pointer = read_pointer(models_dir)
            # Behind a damaged pointer, the newest target is what was current.
            needed = roll_back_targets(models_dir)[: 1 if pointer.problem is None else 2]
            complete = versions(models_dir)
            old = complete[: max(len(complete) - max(keep, 1), 0)]
            doomed = [version for version in old if version not in {pointer.version, *needed}]
            for version in doomed:
                remove_version(models_dir, version)
    except OSError as error:
        raise ModelError(f"{models_dir}: old versions cannot be removed: {error}") from error
    return doomed


def _publications(models_dir: Path) -> list[Publication]:
    try:
        return publications(models_dir)
    except ModelError:
        return []


def _facts(path: Path) -> tuple[float, int, dict[str, Any]]:
    """Return when a version was made, its number of items, and its metrics; nothing of a damaged one."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        return float(manifest["created_at"]), int(manifest["items"]), dict(manifest["metrics"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0.0, 0, {}


def _size_bytes(path: Path) -> int:
    try:
        return sum(file.stat().st_size for file in path.iterdir())
    except OSError:
        return 0  # being removed just now
