"""Each item's nearest items by cosine of their vectors: every pair compared, or, of many items, an index asked.

The index is an inverted file (Sivic and Zisserman, "Video Google", ICCV 2003, as faiss builds it): k-means cuts
the vectors into cells, and an item is compared with the items of the cells nearest to it. Looking into more cells
finds more, up to all of them, so the recall measured on a sample decides how many; and the same vectors always give
the same lists.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from os import cpu_count
from time import perf_counter
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recommender.recommendations.neighbours import NO_ITEM, Neighbours

EXACT_UP_TO: Final = 200_000
"""Items of which all pairs are compared: five minutes of CPU at 128 factors, rising with the square."""

LEAST_RECALL: Final = 0.95
SAMPLED_ITEMS: Final = 2_000
"""Items that recall is measured on: 100,000 neighbours, a standard error below 0.3 points of recall."""

CELLS_OF_ROOT: Final = 4
"""Cells of an index, in units of √items: then finding cells and looking into 8 of them cost about the same."""

FIRST_PROBES: Final = 8
LARGEST_SHARE_PROBED: Final = 1 / 8
"""Share of the cells beyond which comparing all pairs, one large matrix product, is as fast."""

ROUNDING: Final = 1e-6
"""What two libraries' float32 cosines of the same pair may differ by."""


@dataclass(frozen=True, slots=True)
class NearestReport:
    """How neighbours were searched for.

    Attributes:
        method: ``"exact"`` (every pair compared) or ``"approximate"`` (an index asked).
        recall: share of the true neighbours that were found, measured on a sample; 1 for an exact search.
        seconds: that the search took, measuring included.
    """

    method: Literal["exact", "approximate"]
    recall: float
    seconds: float

    def as_json(self) -> dict[str, object]:
        """Return plain values, for the model's manifest and the report."""
        return asdict(self)


class Nearest(NamedTuple):
    """Neighbours by cosine, and how they were found."""

    neighbours: Neighbours
    report: NearestReport


class _Found(NamedTuple):
    """Rows found for each query, best first, and their cosines: ``[queries, width]``; rows < 0 are padding."""

    rows: NDArray[np.integer]
    cosines: NDArray[np.float32]


def nearest_by_cosine(
    vectors: NDArray[np.float32],
    *,
    k: int,
    threads: int = 0,
    exact_up_to: int = EXACT_UP_TO,
    least_recall: float = LEAST_RECALL,
    timer: Callable[[], float] = perf_counter,
) -> Nearest:
    """Return each item's ``k`` nearest by cosine, none for items whose vector is zero.

    Args:
        vectors: float32 ``[items, factors]``, rows of length 1 or 0.
        k: neighbours kept of each item.
        threads: for the search, 0 for all cores.
        exact_up_to: items up to which every pair is compared.
        least_recall: share of the true neighbours that an index must find; else every pair is compared after all.
        timer: seconds of a monotonic clock.
    """
    started = timer()
    usable = np.flatnonzero(vectors.any(axis=1)).astype(np.int32)
    # Searching among usable vectors only leaves nothing to pad with that was never interacted with.
    near = np.ascontiguousarray(vectors[usable])
    width = min(k + 1, usable.size)
    threads = threads or cpu_count() or 1
    approximate = _by_cells(near, width, threads, least_recall) if usable.size > exact_up_to else None
    found, recall = approximate or (_among_all(near, near, width, threads), 1.0)
    neighbours = _without_themselves(found, usable, len(vectors), k)
    method: Literal["exact", "approximate"] = "exact" if approximate is None else "approximate"
    return Nearest(neighbours, NearestReport(method, recall, timer() - started))


def _among_all(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], width: int, threads: int
) -> _Found:
    """Compare the queries with every vector."""
    from implicit.cpu.topk import topk  # noqa: PLC0415 - 0.15 s that only training needs

    with threadpool_limits(limits=1, user_api="blas"):
        return _Found(*topk(vectors, queries, width, num_threads=threads))


def _by_cells(
    vectors: NDArray[np.float32], width: int, threads: int, least_recall: float
) -> tuple[_Found, float] | None:
    """Return what is found in as few cells as give the recall wanted, and that recall; None if it takes too many."""
    sample = np.linspace(0, len(vectors) - 1, SAMPLED_ITEMS).astype(np.intp)
    truth = _among_all(vectors, vectors[sample], width, threads)
    index = _index_of(vectors, threads)
    with threadpool_limits(limits=threads):
        index.nprobe = FIRST_PROBES
        while index.nprobe <= LARGEST_SHARE_PROBED * index.nlist:
            recall = recall_of(index.search(vectors[sample], width)[0], truth.cosines)
            if recall >= least_recall:
                cosines, rows = index.search(vectors, width)
                return _Found(rows, cosines), recall
            index.nprobe *= 2
    return None


def _index_of(vectors: NDArray[np.float32], threads: int) -> Any:
    """Return a faiss index of the vectors."""
    import faiss  # noqa: PLC0415 - 13 MB that only large catalogs need

    count, factors = vectors.shape
    cells = int(CELLS_OF_ROOT * np.sqrt(count))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(factors), factors, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.spherical = True
    # On 43,097 real vectors, 5 rounds of k-means over 32 points a cell give the recall of 10 rounds over all points
    # (0.959 in 8 cells) in a third of the time. Fewer than 39 points make faiss warn unless it is told not to.
    index.cp.niter, index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = 5, 32, 1
    # Only now: the limits hold for libraries that are loaded.
    with threadpool_limits(limits=threads):
        index.train(vectors)
        index.add(vectors)
    return index


def recall_of(cosines: NDArray[np.float32], true_cosines: NDArray[np.float32]) -> float:
    """Return the share of the true nearest that were found, counted by cosine, so that ties count whoever won them.

    Args:
        cosines: float32 ``[queries, width]`` found, best first.
        true_cosines: the same of a search that compared everything; the first is the query with itself, and not
            counted.
    """
    farthest = true_cosines[:, -1:] - ROUNDING
    return float(np.mean(cosines[:, 1:] >= farthest))


def _without_themselves(found: _Found, usable: NDArray[np.int32], item_count: int, k: int) -> Neighbours:
    """Return the lists of all items from what was found among the usable ones, of which each found itself too."""
    items = np.full((item_count, k), NO_ITEM, dtype=np.int32)
    scores = np.zeros((item_count, k), dtype=np.float32)
    if usable.size:
        # An item is its own nearest unless a twin ties with it: then the last one found gives way instead.
        own = found.rows == np.arange(usable.size)[:, None]
        own[~own.any(axis=1), -1] = True
        width = found.rows.shape[1] - 1
        rows = found.rows[~own].reshape(usable.size, width)
        cosines = found.cosines[~own].reshape(usable.size, width)
        similar = (cosines > 0) & (rows >= 0)
        items[usable, :width] = np.where(similar, usable[rows], NO_ITEM)
        scores[usable, :width] = np.where(similar, cosines, 0.0)
    return Neighbours(items, scores)
