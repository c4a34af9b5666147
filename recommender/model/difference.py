"""What sets two models apart: items, settings, figures, and how far their recommendations agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.model.model import UNKNOWN_ROW, ItemIndex, Model
from recommender.recommendations.neighbours import Neighbours

LIST_LENGTH: Final = 20
"""Neighbours of an item that are compared: as many as HR@20 looks at."""

_SOURCES: Final = ("blend", "covisit", "als")
_CHUNK_ITEMS: Final = 20_000
"""Items compared at a time: 2 × 20 rows of 4 bytes each make 3 MB."""

_NOWHERE: Final = -2
"""Stands for a neighbour that the other model does not know; -1 ends a list."""


class ChangedNeighbours(NamedTuple):
    """An item and what its list gained and lost, by item id, best first."""

    item_id: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelDifference:
    """The second model beside the first.

    Attributes:
        first: its version.
        second: its version.
        items: numbers of items, of the first and of the second.
        gained: ids of items that only the second knows, most popular first, at most as many as asked for.
        lost: ids of items that only the first knows, likewise.
        gained_count: how many there are.
        lost_count: how many there are.
        settings: those that differ (None where one has no such setting), by dotted name.
        metrics: all figures of both, likewise.
        source: the lists that were compared, None where the models have none in common.
        agreement: mean share of an item's list (its first 20) that both models have in common, over the items that
            both know and at least one has a list for; None without any.
        changed: samples of lists that differ, of the most popular items.
    """

    first: str
    second: str
    items: tuple[int, int]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    gained_count: int
    lost_count: int
    settings: dict[str, tuple[object, object]]
    metrics: dict[str, tuple[object, object]]
    source: str | None
    agreement: float | None
    changed: tuple[ChangedNeighbours, ...]


def difference(first: Model, second: Model, *, samples: int = 5) -> ModelDifference:
    """Compare two models.

    Args:
        first: usually the older.
        second: usually the newer.
        samples: items named of each kind at the most.
    """
    in_second, in_first = _rows_in(first.items, second.items), _rows_in(second.items, first.items)
    source = next((name for name in _SOURCES if name in first.neighbours and name in second.neighbours), None)
    agreement: NDArray[np.float64] | None = None
    changed: tuple[ChangedNeighbours, ...] = ()
    if source is not None:
        lists = first.neighbours[source], second.neighbours[source]
        agreement = list_agreement(*lists, in_second, in_first)
        differing = [row for row in first.popular.tolist() if agreement[row] < 1]
        changed = tuple(
            _changed(first, second, source, row, int(in_second[row])) for row in differing[:samples]
        )
    settings = _side_by_side(_settings(first), _settings(second))
    return ModelDifference(
        first=first.version,
        second=second.version,
        items=(first.item_count, second.item_count),
        gained=_only_in(second, in_first, samples),
        lost=_only_in(first, in_second, samples),
        gained_count=int(np.count_nonzero(in_first == UNKNOWN_ROW)),
        lost_count=int(np.count_nonzero(in_second == UNKNOWN_ROW)),
        settings={name: values for name, values in settings.items() if values[0] != values[1]},
        metrics=_side_by_side(_flat(first.metrics), _flat(second.metrics)),
        source=source,
        agreement=None if agreement is None or np.isnan(agreement).all() else float(np.nanmean(agreement)),
        changed=changed,
    )


def list_agreement(
    first: Neighbours, second: Neighbours, in_second: NDArray[np.int32], in_first: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Return, for each item of the first model, the share of its list that both have in common.

    Args:
        first: lists of the first model.
        second: lists of the second model.
        in_second: int32 ``[items of the first]``, the second's row of each, ``UNKNOWN_ROW`` without one.
        in_first: int32 ``[items of the second]``, the first's row of each.

    Returns:
        float64 ``[items of the first]``: common neighbours by those of the longer list; NaN where the second does not
        know the item or neither has a list.
    """
    shares = np.full(in_second.size, np.nan)
    # One place more, so that -1, the end of a list, stays what it is.
    renumbered = np.append(np.where(in_first == UNKNOWN_ROW, _NOWHERE, in_first), -1)
    known = np.flatnonzero(in_second != UNKNOWN_ROW)
    for start in range(0, known.size, _CHUNK_ITEMS):
        rows = known[start : start + _CHUNK_ITEMS]
        ours = first.items[rows, :LIST_LENGTH]
        theirs = renumbered[second.items[in_second[rows], :LIST_LENGTH]]
        # No list names an item twice, so what stands twice in both together is what they share.
        together = np.sort(np.concatenate([ours, theirs], axis=1), axis=1)
        common = np.count_nonzero((np.diff(together, axis=1) == 0) & (together[:, 1:] >= 0), axis=1)
        longer = np.maximum(np.count_nonzero(ours != -1, axis=1), np.count_nonzero(theirs != -1, axis=1))
        shares[rows] = np.divide(common, longer, out=np.full(rows.size, np.nan), where=longer > 0)
    return shares


def _rows_in(items: ItemIndex, other: ItemIndex) -> NDArray[np.int32]:
    """Return the other model's row of each item, int32 ``[items]``, ``UNKNOWN_ROW`` without one."""
    keys = np.empty(len(items), dtype=np.int64)
    keys[items.rows] = items.keys
    return np.array(other.rows_of_keys(keys), dtype=np.int32)


def _only_in(model: Model, in_other: NDArray[np.int32], samples: int) -> tuple[str, ...]:
    """Return ids of items that the other model does not know, popular ones first."""
    popular = model.popular[in_other[model.popular] == UNKNOWN_ROW]
    rest = np.setdiff1d(np.flatnonzero(in_other == UNKNOWN_ROW), popular)
    return tuple(model.item_id(int(row)) for row in np.concatenate([popular, rest])[:samples])


def _changed(first: Model, second: Model, source: str, row: int, other_row: int) -> ChangedNeighbours:
    def listed(model: Model, at: int) -> list[str]:
        rows = model.neighbours[source].items[at, :LIST_LENGTH]
        return [model.item_id(neighbour) for neighbour in rows[rows != -1].tolist()]

    before, after = listed(first, row), listed(second, other_row)
    gained = tuple(item_id for item_id in after if item_id not in before)
    return ChangedNeighbours(
        first.item_id(row), gained, tuple(item_id for item_id in before if item_id not in after)
    )


def _settings(model: Model) -> dict[str, object]:
    affinity = model.affinity.as_dict()
    del affinity["mu_by_day"]  # hundreds of days of what was on sale
    return {**_flat(model.settings), **_flat(model.blend, "blend."), **_flat(affinity, "affinity.")}


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Return plain JSON values by dotted name."""
    flat: dict[str, object] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _side_by_side(first: dict[str, object], second: dict[str, object]) -> dict[str, tuple[object, object]]:
    return {name: (first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])}
