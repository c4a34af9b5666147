"""Per-item neighbour lists: the one shape in which every source hands over what it learned."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

NO_ITEM = -1
"""Pads the tail of a row that has fewer than K neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Top-K neighbours of every item, best first.

    Attributes:
        items: int32 ``[items, K]``, rows of the neighbours, padded with ``NO_ITEM`` at the end.
        scores: float32 ``[items, K]``, positive and falling along a row, 0 where padded.
        sources: int8 ``[items, K]``, code of the source that gave most of a score; None where all are of one.
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    sources: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        """Refuse arrays of different or unfit shape.

        Raises:
            ValueError: the two arrays are not one matrix of items and one of scores.
        """
        if self.items.ndim != 2 or self.items.shape != self.scores.shape:
            raise ValueError(
                f"neighbours {self.items.shape} and scores {self.scores.shape} must be one shape"
            )
        if self.sources is not None and self.sources.shape != self.items.shape:
            raise ValueError(
                f"neighbours {self.items.shape} and sources {self.sources.shape} must be one shape"
            )

    @property
    def item_count(self) -> int:
        """Number of item rows."""
        return int(self.items.shape[0])

    @property
    def coverage(self) -> float:
        """Share of the items that have a neighbour at all."""
        if self.items.size == 0:
            return 0.0
        return float(np.mean(self.items[:, 0] != NO_ITEM))

    @property
    def mean_best_score(self) -> float:
        """Mean score of the first neighbour of the items that have one: the unit of these lists' scores."""
        best = self.scores[:, :1]
        present = best > 0
        return float(best[present].mean()) if present.any() else 0.0

    @classmethod
    def from_matrix(
        cls,
        matrix: sp.csr_array,
        k: int,
        *,
        rows: NDArray[np.integer] | None = None,
        sources: NDArray[np.int8] | None = None,
    ) -> Self:
        """Keep each row's ``k`` largest positive entries other than the item itself, ties to the lower item.

        Args:
            matrix: ``[rows, items]`` scores with sorted indices, so that ties are decided the same everywhere.
            k: neighbours kept of each item.
            rows: the item of each row of a matrix that holds some only; None where it holds all.
            sources: int8, source code of each stored entry, in the order of ``matrix.data``.
        """
        count = int(matrix.shape[0])
        owners = range(count) if rows is None else rows.tolist()
        items = np.full((count, k), NO_ITEM, dtype=np.int32)
        scores = np.zeros((count, k), dtype=np.float32)
        codes = None if sources is None else np.zeros((count, k), dtype=np.int8)
        usable = matrix.data > 0
        bounds = matrix.indptr.tolist()
        # One partition a row: sorting all entries at once takes four times as long on 15 million of them.
        for row in np.flatnonzero(np.diff(matrix.indptr)).tolist():
            start, end = bounds[row], bounds[row + 1]
            columns, values = matrix.indices[start:end], matrix.data[start:end]
            candidates = np.flatnonzero(usable[start:end] & (columns != owners[row]))
            best = candidates[_largest(values[candidates], k)]
            items[row, : best.size] = columns[best]
            scores[row, : best.size] = values[best]
            if sources is not None and codes is not None:
                codes[row, : best.size] = sources[start:end][best]
        return cls(items, scores, codes)

    def matrix(self) -> sp.csr_array:
        """Return the lists as a sparse ``[items, items]`` matrix of float32 scores."""
        present = self.items != NO_ITEM
        indptr = np.zeros(self.item_count + 1, dtype=np.int64)
        np.cumsum(present.sum(axis=1), out=indptr[1:])
        shape = (self.item_count, self.item_count)
        return sp.csr_array((self.scores[present], self.items[present], indptr), shape=shape)


def _largest(values: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return the positions of the ``k`` largest values, largest first, ties by position."""
    if values.size > k:
        threshold = np.partition(values, values.size - k)[values.size - k]
        positions = np.flatnonzero(values >= threshold)
    else:
        positions = np.arange(values.size)
    return positions[np.argsort(-values[positions], kind="stable")][:k]
