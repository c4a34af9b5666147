"""Loading a model directory, with every checksum and shape verified before anything is served from it."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.affinity import AffinityParameters
from recommender.model.arrays import check_arrays, groups_in, neighbours_in
from recommender.model.directory import MANIFEST, ModelError
from recommender.model.model import ItemIndex, Model
from recommender.model.writer import FORMAT, checksum_of

_PIECE_BYTES: Final = 16 * 2**20
"""Read and hashed at a time: each piece asks for the interpreter's lock twice, which requests need, too."""


def load_model(path: Path, *, verify: bool = True) -> Model:
    """Map a model directory into memory.

    Args:
        path: the directory of one version.
        verify: compare all checksums (see :func:`verify_model`); shapes, types and row numbers are checked in any case.

    Raises:
        ModelError: the directory is missing, incomplete, damaged, or written by a newer Kabin.
    """
    if verify:
        verify_model(path)
    with _explained(path):
        manifest = _read_manifest(path)
        arrays = {name: _map_array(path, name, entry) for name, entry in manifest["files"].items()}
        check_arrays(arrays, manifest["items"], manifest["sources"])
        return _model(manifest, arrays)


def verify_model(path: Path) -> None:
    """Compare all checksums of a model directory, which reads every byte once (1 to 2 s per GB).

    Nearly all of that time is spent outside of the interpreter's lock, in pieces of ``_PIECE_BYTES``.

    Raises:
        ModelError: a file is missing or damaged, or the model was written by a newer Kabin.
    """
    with _explained(path):
        for name, entry in _read_manifest(path)["files"].items():
            file = _file_of(path, name, entry)
            if _digest(file, entry["bytes"]) != entry["sha256"]:
                raise ModelError(f"{file.name} is damaged: its checksum does not fit")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever reading a damaged directory raises into one line."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except Exception as error:  # numpy reads an array's head as Python: SyntaxError and TokenError, too
        raise ModelError(f"{path}: not a usable model: {type(error).__name__}: {error}") from error


def _read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest once its format and its own checksum are right."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not path.exists():
            raise ModelError("there is no such model; `kabin model list` shows those there are") from None
        raise ModelError("there is no manifest.json; not a model, or one that was never finished") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"manifest.json is damaged: {error}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise ModelError("manifest.json is damaged: it has no format number")
    if manifest["format"] > FORMAT:
        raise ModelError(
            f"written by a newer Kabin (format {manifest['format']}, this one reads {FORMAT}); update or retrain"
        )
    if manifest.get("checksum") != checksum_of(manifest):
        raise ModelError("manifest.json is damaged: its checksum does not fit")
    if manifest["version"] != path.name:
        raise ModelError(f"the directory holds version {manifest['version']}; give it that name")
    return manifest


def _file_of(path: Path, name: str, entry: dict[str, Any]) -> Path:
    """Return the file of an array, which is there and as long as the manifest says."""
    file = path / f"{name}.npy"
    if file.parent != path:
        raise ModelError(f"{name!r} is no file name")
    if not file.is_file():
        raise ModelError(f"{file.name} is missing")
    if file.stat().st_size != entry["bytes"]:
        raise ModelError(f"{file.name} is damaged: {file.stat().st_size} bytes instead of {entry['bytes']}")
    return file


def _digest(file: Path, size_bytes: int) -> str:
    digest, piece = hashlib.sha256(), memoryview(bytearray(min(size_bytes, _PIECE_BYTES)))
    with file.open("rb", buffering=0) as content:
        while read := content.readinto(piece):
            digest.update(piece[:read])
    return digest.hexdigest()


def _map_array(path: Path, name: str, entry: dict[str, Any]) -> NDArray[Any]:
    """Map one array read-only, as the manifest describes it."""
    file = _file_of(path, name, entry)
    # An empty array has nothing to map.
    empty = 0 in entry["shape"]
    array: NDArray[Any] = np.load(file, allow_pickle=False, mmap_mode=None if empty else "r")
    if str(array.dtype) != entry["dtype"] or list(array.shape) != entry["shape"]:
        raise ModelError(f"{file.name} is {array.dtype} {array.shape}, not as the manifest says")
    # A plain view: np.memmap's own indexing is several times slower.
    return array.view(np.ndarray)


def _model(manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Model:
    """Assemble the model from checked parts."""
    index = ItemIndex(arrays["item_text"], arrays["item_offsets"], arrays["item_keys"], arrays["item_rows"])
    categories = dict(zip(manifest["categories"], groups_in(arrays, "category"), strict=True))
    departments = dict(zip(manifest["departments"], groups_in(arrays, "department"), strict=True))
    return Model(
        version=manifest["version"],
        created_at=float(manifest["created_at"]),
        items=index,
        neighbours={source: neighbours_in(arrays, source) for source in manifest["sources"]},
        popular=arrays["popular"],
        popular_by_category=categories,
        popular_by_department=departments,
        affinity=AffinityParameters.from_dict(manifest["affinity"]),
        size_calibration=manifest["size_calibration"],
        blend=manifest["blend"],
        settings=manifest["settings"],
        metrics=manifest["metrics"],
        newest_event=float(manifest["newest_event"]),
    )
