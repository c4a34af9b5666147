"""The one lookup path: neighbour lists of the newest session items, summed, filtered, best first.

The service answers with it and the evaluation scores it; there is no second implementation.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.catalog.columns import scalars
from recommender.recommendations.neighbours import NO_ITEM, Neighbours

COVISIT: Final = 0
ALS: Final = 1
POPULAR: Final = 2

Proposal = tuple[int, float, int]
"""What a :class:`Ranked` tells, without its names: a page looks at twenty and keeps twelve."""


class Ranked(NamedTuple):
    """One recommended item row, its score and the code of the source that proposed it."""

    row: int
    score: float
    source: int


class Ranker:
    """Ranks items for a session by summing its newest items' neighbour lists.

    The score of item ``j`` is ``Σ_a decay^a · scores[session[-1 - a], j]`` over the ``last`` newest clicks.
    A ranker keeps work arrays between calls, a float32 one of the length of the catalog among them: use one per thread.
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
        self._sources = None if neighbours.sources is None else scalars(np.asarray(neighbours.sources))
        self._last = last
        decays = (decay ** np.arange(last, dtype=np.float64)).astype(np.float32)
        self._decays = decays.repeat(self._items.shape[1])
        self._repeats = np.asarray(repeat_weights, dtype=np.float32)
        self._default_source = default_source
        # One slot beyond the catalog takes what padding (-1) adds, and is never read.
        self._sums: NDArray[np.float32] = np.zeros(neighbours.item_count + 1, dtype=np.float32)
        self._spaces: dict[tuple[int, int], _WorkSpace] = {}

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
        ranked = []
        for proposal in self.proposals(session_rows, exclude=exclude):
            if accept is None or accept(proposal[0]):
                ranked.append(Ranked(*proposal))
                if len(ranked) >= limit:
                    break
        return ranked

    def proposals(self, session_rows: Sequence[int], *, exclude: Collection[int] = ()) -> Iterator[Proposal]:
        """Return all that :meth:`rank` would, best first, for whom to take until they have enough.

        Taking twelve one by one spares a page a call of a filter and two tuples for each: 20 µs. The proposals of
        one session must be taken before another one is ranked, as they stand in the same work arrays.
        """
        newest = session_rows[: -self._last - 1 : -1]
        if not newest:
            return iter(())
        taken = {NO_ITEM, *exclude}
        repeated = session_rows[: -self._repeats.size - 1 : -1] if self._repeats.size else ()
        if not self._repeats.size:
            taken.update(session_rows)
        space = self._spaces.get((len(newest), len(repeated)))
        if space is None:
            space = self._space(len(newest), len(repeated))
        rows = np.array(newest, np.intp)
        # "clip" as take() would else write into a copy first; rows are never out of range.
        self._items.take(rows, 0, space.items, "clip")
        self._scores.take(rows, 0, space.list_scores, "clip")
        candidates, totals, sums = space.candidates, space.totals, self._sums
        space.listed[...] = space.items
        np.multiply(space.list_scores, space.decays, space.list_scores)
        if repeated:
            space.repeated[...] = repeated
            space.repeat_scores[...] = self._repeats[: len(repeated)]
        np.add.at(sums, candidates, space.scores)
        sums.take(candidates, None, totals, "wrap")
        sums[candidates] = 0.0
        best_first = totals.argsort()[::-1].tolist()
        return self._proposed(best_first, space.candidate_numbers, space.total_numbers, taken, newest)

    def similar(
        self,
        row: int,
        *,
        limit: int,
        exclude: Collection[int] = (),
        accept: Callable[[int], bool] | None = None,
    ) -> list[Ranked]:
        """Return up to ``limit`` neighbours of one item, best first, without a visitor."""
        rows, scores = self._items[row].tolist(), self._scores[row].tolist()
        proposed = self._proposed(range(len(rows)), rows, scores, {NO_ITEM, row, *exclude}, [row])
        accepted = (proposal for proposal in proposed if accept is None or accept(proposal[0]))
        return [Ranked(*proposal) for proposal in islice(accepted, limit)]

    def _proposed(
        self,
        places: Iterable[int],
        rows: Sequence[int],
        scores: Sequence[float],
        taken: set[int],
        listed: Sequence[int],
    ) -> Iterator[Proposal]:
        """Yield what stands at ``places`` of the lists of the items ``listed``, one after the other, each row once.

        Places beyond the lists are repeated items, which are co-visited.
        """
        sources, width, default = self._sources, self._items.shape[1], self._default_source
        end = width * len(listed)
        for place in places:
            row = rows[place]
            if row in taken:
                continue
            taken.add(row)
            if place >= end:
                source = COVISIT
            elif sources is None:
                source = default
            else:
                source = sources[listed[place // width], place % width]
            yield row, scores[place], source

    def _space(self, lists: int, repeats: int) -> "_WorkSpace":
        space = self._spaces[lists, repeats] = _WorkSpace(lists, self._items.shape[1], repeats, self._decays)
        return space


class _WorkSpace:
    """Arrays that a ranking of so many lists writes into, and views of them, all made once.

    Making them anew is a dozen library calls, of which each costs 1 to 3 µs in a request.
    """

    __slots__ = (
        "candidate_numbers", "candidates", "decays", "items", "list_scores", "listed", "repeat_scores",
        "repeated", "scores", "total_numbers", "totals",
    )  # fmt: skip

    def __init__(self, lists: int, width: int, repeats: int, decays: NDArray[np.float32]) -> None:
        shape, listed = (lists, width), lists * width
        self.items = np.empty(shape, np.int32)
        # Widened to the type of indexes once, as they are used as indexes three times: 4 µs less.
        self.candidates = np.empty(listed + repeats, np.intp)
        self.listed, self.repeated = self.candidates[:listed].reshape(shape), self.candidates[listed:]
        self.scores = np.empty(listed + repeats, np.float32)
        self.list_scores, self.repeat_scores = self.scores[:listed].reshape(shape), self.scores[listed:]
        self.decays = decays[:listed].reshape(shape)
        self.totals = np.empty(listed + repeats, np.float32)
        # Single numbers are read through these: a request looks at 15 of 250, which tolist() would make all of.
        self.candidate_numbers, self.total_numbers = scalars(self.candidates), scalars(self.totals)
