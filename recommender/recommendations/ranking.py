"""The one lookup path: neighbour lists of the newest session items, summed, filtered, best first.

The service answers with it and the evaluation scores it; there is no second implementation.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import count
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.recommendations.neighbours import NO_ITEM, Neighbours

COVISIT: Final = 0
ALS: Final = 1
POPULAR: Final = 2
SOURCE_NAMES: Final = ("covisit", "als", "popular")
"""Names on the wire of the source codes ``COVISIT``, ``ALS`` and ``POPULAR``."""


_new_ranked = tuple.__new__
"""Makes a named tuple in a third of the time of its own constructor."""

_Placed = tuple[int, float, int]
"""An item row, its score and its place in the lists, from which its source can be told."""


class Ranked(NamedTuple):
    """One recommended item row, its score and the code of the source that proposed it."""

    row: int
    score: float
    source: int


class Ranker:
    """Ranks items for a session by summing its newest items' neighbour lists.

    The score of item ``j`` is ``Σ_a decay^a · scores[session[-1 - a], j]`` over the ``last`` newest clicks.
    A ranker keeps one float32 work array of the length of the catalog between calls: use one per thread.
    """

    def __init__(
        self,
        neighbours: Neighbours,
        *,
        last: int = 5,
        decay: float = 0.6,
        repeat_weights: Sequence[float] = (),
        default_source: int = COVISIT,
    ) -> None:
        """Prepare ranking over memory-mapped lists; nothing of them is copied.

        Args:
            neighbours: lists of one source.
            last: newest clicks of a session that count.
            decay: a click counts by this factor less than the one after it.
            repeat_weights: score that an item of the session gets itself, by how many clicks ago it was
                seen; empty to propose session items never.
            default_source: source code of lists that do not say theirs per neighbour.
        """
        self._items = np.asarray(neighbours.items)
        self._scores = np.asarray(neighbours.scores)
        self._sources = None if neighbours.sources is None else np.asarray(neighbours.sources)
        self._last = last
        decays = (decay ** np.arange(last, dtype=np.float64)).astype(np.float32)
        self._decays = decays.repeat(self._items.shape[1])
        self._repeats = np.asarray(repeat_weights, dtype=np.float32)
        self._default_source = default_source
        # One slot beyond the catalog takes what padding (-1) adds, and is never read.
        self._sums: NDArray[np.float32] = np.zeros(neighbours.item_count + 1, dtype=np.float32)

    def rank(
        self,
        session_rows: Sequence[int],
        *,
        limit: int,
        exclude: Collection[int] = (),
        accept: Callable[[int], bool] | None = None,
    ) -> list[Ranked]:
        """Return up to ``limit`` item rows for a session, best first; filters come before the cut.

        Args:
            session_rows: item rows seen, oldest first; unknown items (negative rows) must be left out.
            limit: most items to return.
            exclude: rows not to propose (the page's own item, just bought); session items are left out
                anyway unless the ranker was given ``repeat_weights``.
            accept: whether a row may be shown (in stock, in size); asked best first, only as often as needed.
        """
        newest = session_rows[: -self._last - 1 : -1]
        if not newest:
            return []
        rows = list(newest)
        # take() costs a third of indexing with a list; both copy these few rows only. What is used as an index four
        # times is widened to the type of indexes once: 4 µs less.
        candidates = self._items.take(rows, axis=0).ravel().astype(np.intp)
        scores = self._scores.take(rows, axis=0).ravel()
        scores *= self._decays[: scores.size]
        taken = {NO_ITEM, *exclude}
        if self._repeats.size:
            seen = np.asarray(session_rows[: -self._repeats.size - 1 : -1], dtype=np.intp)
            candidates = np.concatenate((candidates, seen))
            scores = np.concatenate((scores, self._repeats[: seen.size]))
        else:
            taken.update(session_rows)
        sums = self._sums
        np.add.at(sums, candidates, scores)
        totals = sums.take(candidates)
        sums[candidates] = 0.0
        order = totals.argsort()[::-1]
        picked: list[_Placed] = []
        # An item stands in up to `last` lists, so the best places mostly hold enough; the rest is for filters.
        for places in (order[: 4 * limit], order[4 * limit :]):
            ranked = zip(
                candidates.take(places).tolist(), totals.take(places).tolist(), places.tolist(), strict=True
            )
            if _pick(ranked, picked, taken, limit, accept):
                break
        return self._with_sources(picked, rows)

    def similar(
        self,
        row: int,
        *,
        limit: int,
        exclude: Collection[int] = (),
        accept: Callable[[int], bool] | None = None,
    ) -> list[Ranked]:
        """Return up to ``limit`` neighbours of one item, best first, without a visitor."""
        ranked = zip(self._items[row].tolist(), self._scores[row].tolist(), count(), strict=False)
        picked: list[_Placed] = []
        _pick(ranked, picked, {NO_ITEM, row, *exclude}, limit, accept)
        return self._with_sources(picked, [row])

    def _with_sources(self, picked: Iterable[_Placed], rows: Sequence[int]) -> list[Ranked]:
        """Say which source proposed what was picked from the lists of ``rows``, standing one after the other.

        Places beyond the lists are repeated items, which are co-visited.
        """
        sources, width = self._sources, self._items.shape[1]

        def source_at(place: int) -> int:
            if place >= width * len(rows):
                return COVISIT
            return (
                self._default_source if sources is None else int(sources[rows[place // width], place % width])
            )

        return [_new_ranked(Ranked, (row, score, source_at(place))) for row, score, place in picked]


def _pick(
    ranked: Iterable[_Placed],
    picked: list[_Placed],
    taken: set[int],
    limit: int,
    accept: Callable[[int], bool] | None,
) -> bool:
    """Add to ``picked`` what is new and accepted, best first; return whether ``limit`` is reached."""
    for placed in ranked:
        row = placed[0]
        if row in taken:
            continue
        taken.add(row)
        if accept is None or accept(row):
            picked.append(placed)
            if len(picked) >= limit:
                return True
    return False
