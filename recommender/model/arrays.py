"""The arrays of a model directory: names, shapes and what must hold between them. No pickle anywhere."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.model.directory import ModelError
from recommender.model.model import ItemIndex, ModelContent
from recommender.recommendations.neighbours import Neighbours

Arrays = dict[str, NDArray[Any]]

_DTYPES: Final = {
    "item_text": "uint8",
    "item_offsets": "int64",
    "item_keys": "int64",
    "item_rows": "int32",
    "popular": "int32",
    "popular_category_offsets": "int64",
    "popular_category_rows": "int32",
    "popular_department_offsets": "int64",
    "popular_department_rows": "int32",
}


def arrays_of(content: ModelContent) -> Arrays:
    """Return a model's content as named arrays."""
    index = ItemIndex.of(content.item_ids)
    category_offsets, category_rows = _ragged(content.popular_by_category)
    department_offsets, department_rows = _ragged(content.popular_by_department)
    arrays: Arrays = {
        "item_text": index.text,
        "item_offsets": index.offsets,
        "item_keys": index.keys,
        "item_rows": index.rows,
        "popular": content.popular.astype(np.int32),
        "popular_category_offsets": category_offsets,
        "popular_category_rows": category_rows,
        "popular_department_offsets": department_offsets,
        "popular_department_rows": department_rows,
    }
    for source, neighbours in content.neighbours.items():
        arrays[f"{source}_items"] = neighbours.items
        arrays[f"{source}_scores"] = neighbours.scores
        if neighbours.sources is not None:
            arrays[f"{source}_sources"] = neighbours.sources
    return arrays


def check_arrays(arrays: Mapping[str, NDArray[Any]], item_count: int, sources: list[str]) -> None:
    """Refuse arrays that would make the service answer nonsense or crash.

    Raises:
        ModelError: an array is missing, of another type or shape, or holds rows, scores or offsets that
            cannot be.
    """
    for name, dtype in _DTYPES.items():
        if name not in arrays:
            raise ModelError(f"{name}.npy is missing")
        if arrays[name].dtype != np.dtype(dtype) or arrays[name].ndim != 1:
            raise ModelError(
                f"{name}.npy must be one row of {dtype}, not {arrays[name].dtype} {arrays[name].shape}"
            )
    _check_index(arrays, item_count)
    for group in ("category", "department"):
        rows = arrays[f"popular_{group}_rows"]
        _check_offsets(f"popular_{group}_offsets", arrays[f"popular_{group}_offsets"], rows.size)
        _check_rows(f"popular_{group}_rows", rows, 0, item_count)
    _check_rows("popular", arrays["popular"], 0, item_count)
    for source in sources:
        _check_neighbours(source, arrays, item_count)


def neighbours_in(arrays: Mapping[str, NDArray[Any]], source: str) -> Neighbours:
    """Return the lists of one source, straight from the mapped arrays."""
    return Neighbours(arrays[f"{source}_items"], arrays[f"{source}_scores"], arrays.get(f"{source}_sources"))


def groups_in(arrays: Mapping[str, NDArray[Any]], group: str) -> list[NDArray[np.int32]]:
    """Return the popular rows of each ``category`` or ``department``, in the order of the manifest's names."""
    rows, offsets = arrays[f"popular_{group}_rows"], arrays[f"popular_{group}_offsets"].tolist()
    return [rows[start:end] for start, end in pairwise(offsets)]


def _ragged(groups: Mapping[Any, NDArray[np.int32]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return lists of different length as (offsets, one long array), in the mapping's order."""
    offsets = np.zeros(len(groups) + 1, dtype=np.int64)
    np.cumsum([rows.size for rows in groups.values()], out=offsets[1:])
    rows = np.concatenate([np.empty(0, dtype=np.int32), *groups.values()]).astype(np.int32)
    return offsets, rows


def _check_index(arrays: Mapping[str, NDArray[Any]], item_count: int) -> None:
    for name in ("item_keys", "item_rows"):
        if arrays[name].size != item_count:
            raise ModelError(f"{name}.npy has {arrays[name].size} entries for {item_count} items")
    if arrays["item_offsets"].size != item_count + 1:
        raise ModelError(f"item_offsets.npy has {arrays['item_offsets'].size} entries for {item_count} items")
    _check_offsets("item_offsets", arrays["item_offsets"], arrays["item_text"].size)
    _check_text(arrays["item_text"], arrays["item_offsets"])
    if np.any(np.diff(arrays["item_keys"]) < 0):
        raise ModelError("item_keys.npy is not ascending")
    if np.any(np.sort(arrays["item_rows"]) != np.arange(item_count)):
        raise ModelError("item_rows.npy does not name every item once")


def _check_offsets(name: str, offsets: NDArray[Any], end: int) -> None:
    if offsets.size == 0 or offsets[0] != 0 or offsets[-1] != end or np.any(np.diff(offsets) < 0):
        raise ModelError(f"{name}.npy does not run from 0 to {end}")


def _check_text(text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
    """Refuse ids that are no UTF-8, whole or cut where the offsets cut: 20 ms for a million of them."""
    try:
        text.tobytes().decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"item_text.npy is not UTF-8: {error}") from error
    starts = text[offsets[offsets < text.size]]
    if np.any(starts & 0xC0 == 0x80):
        raise ModelError("item_offsets.npy cuts characters of item_text.npy")


def _check_rows(name: str, rows: NDArray[Any], least: int, item_count: int) -> None:
    if rows.size and not (int(rows.min()) >= least and int(rows.max()) < item_count):
        raise ModelError(f"{name}.npy names item rows outside of the {item_count} items")


def _check_neighbours(source: str, arrays: Mapping[str, NDArray[Any]], item_count: int) -> None:
    for part, dtype in (("items", "int32"), ("scores", "float32")):
        name = f"{source}_{part}"
        if name not in arrays:
            raise ModelError(f"{name}.npy is missing")
        array = arrays[name]
        if array.dtype != np.dtype(dtype) or array.ndim != 2 or array.shape[0] != item_count:
            raise ModelError(
                f"{name}.npy must be {dtype} with {item_count} rows, not {array.dtype} {array.shape}"
            )
    items, scores = arrays[f"{source}_items"], arrays[f"{source}_scores"]
    if items.shape != scores.shape:
        raise ModelError(
            f"{source}_items.npy {items.shape} and {source}_scores.npy {scores.shape} differ in shape"
        )
    of_source = arrays.get(f"{source}_sources")
    if of_source is not None and (of_source.shape != items.shape or of_source.dtype != np.int8):
        raise ModelError(f"{source}_sources.npy must be int8 {items.shape}")
    _check_rows(f"{source}_items", items, -1, item_count)
    if not np.all(np.isfinite(scores)):
        raise ModelError(f"{source}_scores.npy holds scores that are no numbers")
