"""Writing a model directory: into a hidden directory, flushed, then renamed, so a reader never sees half of one."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.model.arrays import arrays_of, check_arrays
from recommender.model.directory import MANIFEST, ModelError, finish_version, reserved_version
from recommender.model.model import ModelContent

FORMAT: Final = 1
"""Number of this directory layout. A reader refuses a higher one."""


def write_model(models_dir: Path, content: ModelContent, *, created_at: float) -> str:
    """Write a complete model directory and return its version; it is not current until published.

    Args:
        models_dir: where versions lie side by side; created if absent.
        content: the model.
        created_at: Unix seconds, which also name the version.

    Raises:
        ModelError: the content is inconsistent, or cannot be written.
    """
    arrays = arrays_of(content)
    check_arrays(arrays, len(content.item_ids), list(content.neighbours))
    try:
        with reserved_version(models_dir, created_at) as (version, partial):
            files = {name: _write_array(partial / f"{name}.npy", array) for name, array in arrays.items()}
            manifest = {
                "format": FORMAT,
                "version": version,
                "created_at": created_at,
                "newest_event": content.newest_event,
                "items": len(content.item_ids),
                "sources": list(content.neighbours),
                "categories": list(content.popular_by_category),
                "departments": list(content.popular_by_department),
                "affinity": content.affinity.as_dict(),
                "size_calibration": content.size_calibration,
                "blend": content.blend,
                "settings": content.settings,
                "metrics": content.metrics,
                "files": files,
            }
            _write_manifest(partial / MANIFEST, manifest)
            finish_version(models_dir, version, partial)
    except OSError as error:
        raise ModelError(f"{models_dir}: the model could not be written: {error}") from error
    return version


def checksum_of(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 of a manifest without its own ``checksum``.

    Raises:
        ModelError: a value is no plain JSON, or no finite number.
    """
    plain = {key: value for key, value in manifest.items() if key != "checksum"}
    try:
        text = json.dumps(plain, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ModelError(f"the manifest holds a value that is no plain JSON: {error}") from error
    return hashlib.sha256(text.encode()).hexdigest()


def _write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    checksum = checksum_of(manifest)
    with path.open("w", encoding="utf-8") as file:
        json.dump({**manifest, "checksum": checksum}, file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())


def _write_array(path: Path, array: NDArray[Any]) -> dict[str, object]:
    """Write and flush one array; return its entry in the manifest."""
    with path.open("wb") as file:
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "sha256": digest,
        "bytes": path.stat().st_size,
        "dtype": str(array.dtype),
        "shape": list(array.shape),
    }
