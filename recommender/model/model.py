"""What a model holds, and how the service asks it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recommender.affinity import AffinityParameters
from recommender.identifiers import key_of
from recommender.recommendations.neighbours import Neighbours

UNKNOWN_ROW = -1
"""The row of an item that the model has never seen."""


@dataclass(frozen=True, eq=False)
class ModelContent:
    """What training hands to the writer.

    Attributes:
        item_ids: identifier of each item row.
        neighbours: lists by source: ``als``, ``covisit`` and ``blend``, any of which may be absent.
        popular: int32 rows, most popular first.
        popular_by_category: the same by the catalog's category name.
        popular_by_department: the same by department code.
        affinity: what discounts look like in this shop.
        size_calibration: plain JSON values of the size calibration; None keeps the documented prior.
        blend: plain JSON values of the blend's settings, which serving needs too.
        settings: plain JSON values of the training's settings.
        metrics: what the evaluation on held-out days measured.
        newest_event: Unix seconds of the newest interaction.
    """

    item_ids: Sequence[str]
    neighbours: Mapping[str, Neighbours]
    popular: NDArray[np.int32]
    popular_by_category: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)
    popular_by_department: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)
    affinity: AffinityParameters = field(default_factory=AffinityParameters)
    size_calibration: Mapping[str, object] | None = None
    blend: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, object] = field(default_factory=dict)
    newest_event: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ItemIndex:
    """Item identifiers by row and rows by identifier, in arrays that processes share.

    A dictionary of a million ids costs every worker over 100 MB; these arrays cost 28 bytes an id, once.

    Attributes:
        text: uint8, all identifiers in UTF-8, one after another.
        offsets: int64 ``[items + 1]``, where each identifier starts and ends in ``text``.
        keys: int64 ``[items]``, ascending 40-bit keys of :func:`recommender.identifiers.key_of`.
        rows: int32 ``[items]``, the row of each key.
    """

    text: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    keys: NDArray[np.int64]
    rows: NDArray[np.int32]

    @classmethod
    def of(cls, item_ids: Sequence[str]) -> "ItemIndex":
        """Index identifiers in row order."""
        encoded = [item_id.encode() for item_id in item_ids]
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(one) for one in encoded], out=offsets[1:])
        keys = np.fromiter((key_of(item_id) for item_id in item_ids), dtype=np.int64, count=len(encoded))
        order = np.argsort(keys, kind="stable")
        text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return cls(text, offsets, keys[order], order.astype(np.int32))

    def __len__(self) -> int:
        """Return the number of items."""
        return int(self.rows.size)

    def item_id(self, row: int) -> str:
        """Return the identifier of an item row.

        Raises:
            IndexError: no such row.
        """
        if not 0 <= row < len(self):
            raise IndexError(f"item row {row} of {len(self)}")
        return self.text[self.offsets[row] : self.offsets[row + 1]].tobytes().decode()

    def row_of(self, item_id: str) -> int:
        """Return the row of an identifier, ``UNKNOWN_ROW`` if the model does not have it."""
        key = key_of(item_id)
        place = int(self.keys.searchsorted(key))
        # Keys are 40 bits: among equal ones the text decides.
        while place < len(self) and self.keys.item(place) == key:
            row = self.rows.item(place)
            if self.item_id(row) == item_id:
                return row
            place += 1
        return UNKNOWN_ROW

    def rows_of_keys(self, keys: Sequence[int] | NDArray[np.integer]) -> list[int]:
        """Return the row of each 40-bit key, ``UNKNOWN_ROW`` where the model has none.

        Two in a trillion pairs of items share a key; of those, the first row answers for both.
        """
        if len(self) == 0:
            return [UNKNOWN_ROW] * len(keys)
        wanted = np.asarray(keys, dtype=np.int64)
        places = self.keys.searchsorted(wanted)
        # Beyond the last key stands for the last one, which then differs from the wanted one.
        found = self.keys.take(places, mode="clip") == wanted
        rows: list[int] = np.where(found, self.rows.take(places, mode="clip"), UNKNOWN_ROW).tolist()
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A published model, immutable; its arrays are mapped from disk and shared by all workers.

    Attributes:
        version: name of the training run, sortable by time.
        created_at: Unix seconds of that run.
        items: identifiers and rows.
        neighbours: lists by source name; the blend is what the nightly evaluation chose.
        popular: int32 rows, most popular first.
        popular_by_category: the same by category name.
        popular_by_department: the same by department code.
        affinity: parameters of discount affinity.
        size_calibration: plain JSON values, None without one.
        blend: the blend's settings as plain JSON values.
        settings: the training's settings.
        metrics: what the evaluation on held-out days measured.
        newest_event: Unix seconds of the newest interaction it has seen.
    """

    version: str
    created_at: float
    items: ItemIndex
    neighbours: Mapping[str, Neighbours]
    popular: NDArray[np.int32]
    popular_by_category: Mapping[str, NDArray[np.int32]]
    popular_by_department: Mapping[int, NDArray[np.int32]]
    affinity: AffinityParameters
    size_calibration: Mapping[str, object] | None
    blend: Mapping[str, object]
    settings: Mapping[str, object]
    metrics: Mapping[str, object]
    newest_event: float

    @property
    def item_count(self) -> int:
        """Number of item rows."""
        return len(self.items)

    def row_of(self, item_id: str) -> int:
        """Return the row of an item, -1 if the model does not have it."""
        return self.items.row_of(item_id)

    def rows_of_keys(self, keys: Sequence[int] | NDArray[np.integer]) -> list[int]:
        """Return the row of each item key (as visitor states hold them), -1 where unknown; one call for many."""
        return self.items.rows_of_keys(keys)

    def item_id(self, row: int) -> str:
        """Return the identifier of an item row."""
        return self.items.item_id(row)
