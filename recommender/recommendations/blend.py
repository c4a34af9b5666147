"""The published lists: co-visitation, its two-step walk and ALS, mixed per item at training time.

Serving then is one lookup. The mix of item ``i`` is
``(c_i + walk · (c P)_i + als · a_i) / popularity^discount`` where ``c`` are the co-visitation scores, ``P`` the
same scores with rows summing to 1 (so ``c P`` reaches the neighbours' neighbours: Cooper et al., "Random walks
in recommender systems", WWW 2014) and ``a`` the ALS cosines, scaled to the same mean row sum as ``c``.
"""

from dataclasses import asdict, dataclass, field, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.recommendations.als import AlsSettings
from recommender.recommendations.covisit import CovisitSettings
from recommender.recommendations.neighbours import NO_ITEM, Neighbours
from recommender.recommendations.ranking import ALS, COVISIT, Ranker

BATCH_ROWS = 4096
"""Rows mixed at once: some 300 entries each, 15 MB, where all rows at once take 400 MB on 43,000 items."""


@dataclass(frozen=True, slots=True)
class BlendSettings:
    """Everything that the published lists and their lookup depend on.

    Attributes:
        covisit: how pairs are counted.
        als: hyper-parameters of the factorisation.
        als_weight: share of ALS relative to co-visitation; 0 leaves it out.
        walk_weight: share of the two-step walk relative to co-visitation.
        walk_neighbours: neighbours of an item that a step of the walk may take.
        popularity_discount: exponent that holds back popular items.
        k: neighbours kept of each item.
        last: newest clicks of a session that a lookup sums over.
        decay: a click counts by this factor less than the one after it.
        repeat_weights: score of an item of the session itself, by how many clicks ago it was seen, in units of
            the lists' mean best score; used only where repeats are wanted.
    """

    covisit: CovisitSettings = field(default_factory=CovisitSettings)
    als: AlsSettings = field(default_factory=AlsSettings)
    als_weight: float = 1.0
    walk_weight: float = 2.0
    walk_neighbours: int = 30
    popularity_discount: float = 0.2
    k: int = 50
    last: int = 4
    decay: float = 0.5
    repeat_weights: tuple[float, ...] = ()

    def ranker(
        self, neighbours: Neighbours, *, repeats: bool = False, default_source: int = COVISIT
    ) -> Ranker:
        """Return the lookup over some lists under these settings; ``repeats`` lets session items come back."""
        return Ranker(
            neighbours,
            last=self.last,
            decay=self.decay,
            repeat_weights=[neighbours.mean_best_score * w for w in self.repeat_weights] if repeats else (),
            default_source=default_source,
        )

    def as_json(self) -> dict[str, object]:
        """Return the settings as plain values, for the model's manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, object]) -> "BlendSettings":
        """Return settings from what :meth:`as_json` gave.

        Raises:
            TypeError: a name is unknown or a nested group is no object.
        """
        plain = dict(values)
        covisit, als = plain.pop("covisit", {}), plain.pop("als", {})
        if not isinstance(covisit, dict) or not isinstance(als, dict):
            raise TypeError("blend settings: covisit and als must be objects")
        repeats = plain.pop("repeat_weights", ())
        if not isinstance(repeats, list | tuple):
            raise TypeError("blend settings: repeat_weights must be a list")
        return cls(
            covisit=CovisitSettings(**covisit),
            als=AlsSettings(**als),
            repeat_weights=tuple(float(weight) for weight in repeats),
            **plain,  # type: ignore[arg-type]
        )


@dataclass(frozen=True, slots=True, eq=False)
class BlendParts:
    """What a blend is mixed from, computed once for any number of mixes.

    Attributes:
        covisit: float32 ``[items, items]`` co-visitation scores.
        steps: the same, cut to the nearest neighbours of each item.
        transitions: ``steps`` with rows summing to 1.
        als: float32 ``[items, items]`` ALS cosines, scaled to the mean row sum of ``covisit``.
        item_weights: float64 ``[items]``, interactions of each item.
    """

    covisit: sp.csr_array
    steps: sp.csr_array
    transitions: sp.csr_array
    als: sp.csr_array
    item_weights: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        covisit: sp.csr_array,
        als: Neighbours,
        item_weights: NDArray[np.float64],
        *,
        steps_of: BlendSettings,
    ) -> "BlendParts":
        """Prepare the parts from co-visitation scores and ALS neighbours, with the steps that settings allow."""
        steps = Neighbours.from_matrix(covisit, steps_of.walk_neighbours).matrix()
        sums = steps.sum(axis=1)
        transitions = scaled_rows(steps, np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0))
        return cls(covisit, steps, transitions, _scaled_like(covisit, als), item_weights)

    def with_als(self, als: Neighbours) -> "BlendParts":
        """Return the same parts with other ALS neighbours."""
        return replace(self, als=_scaled_like(self.covisit, als))

    def mix(self, settings: BlendSettings, rows: NDArray[np.intp] | None = None) -> Neighbours:
        """Return the blended lists, each neighbour with the source that gave most of its score.

        Args:
            settings: the weights of the parts.
            rows: items to mix lists for; all when None, and the others' lists stay empty.
        """
        item_count = self.covisit.shape[0]
        if rows is None:
            rows = np.arange(item_count)
        discounts = (self.item_weights + settings.covisit.shrinkage) ** -settings.popularity_discount
        items = np.full((item_count, settings.k), NO_ITEM, dtype=np.int32)
        scores = np.zeros((item_count, settings.k), dtype=np.float32)
        sources = np.full((item_count, settings.k), COVISIT, dtype=np.int8)
        for start in range(0, rows.size, BATCH_ROWS):
            batch = rows[start : start + BATCH_ROWS]
            lists = self._mix_batch(settings, batch, discounts.astype(np.float32))
            items[batch], scores[batch] = lists.items, lists.scores
            if lists.sources is not None:
                sources[batch] = lists.sources
        return Neighbours(items, scores, sources)

    def _mix_batch(
        self, settings: BlendSettings, rows: NDArray[np.intp], discounts: NDArray[np.float32]
    ) -> Neighbours:
        by_covisit = self.covisit[rows]
        if settings.walk_weight:
            by_covisit = by_covisit + settings.walk_weight * (self.steps[rows] @ self.transitions)
        if not settings.als_weight:
            return _discounted(by_covisit, discounts, settings.k, rows)
        by_als = sp.csr_array(settings.als_weight * self.als[rows])
        return _discounted(by_covisit + by_als, discounts, settings.k, rows, by_als)


def _scaled_like(covisit: sp.csr_array, als: Neighbours) -> sp.csr_array:
    """Return the ALS cosines scaled to the mean row sum of the co-visitation scores."""
    cosines = als.matrix()
    here, there = float(covisit.sum()), float(cosines.sum())
    # Visitors of one item a session leave no pairs: then ALS, which sees whole histories, stands alone.
    cosines.data *= np.float32(here / there if here and there else 1.0)
    return cosines


def _discounted(
    mixed: sp.csr_array,
    discounts: NDArray[np.float32],
    k: int,
    rows: NDArray[np.intp],
    by_als: sp.csr_array | None = None,
) -> Neighbours:
    """Discount popularity and keep the best; entries of which ALS gave over half say so."""
    mixed = mixed.astype(np.float32)
    mixed.sort_indices()
    sources = np.full(mixed.data.size, COVISIT, dtype=np.int8)
    if by_als is not None:
        by_als.sort_indices()
        # Both are sorted and the mix holds every entry of ALS: keys find the same cell in both.
        places = np.searchsorted(_cell_keys(mixed), _cell_keys(by_als))
        sources[places[by_als.data > 0.5 * mixed.data[places]]] = ALS
    mixed.data *= discounts[mixed.indices]
    return Neighbours.from_matrix(mixed, k, rows=rows, sources=sources)


def _cell_keys(matrix: sp.csr_array) -> NDArray[np.int64]:
    """Return row × width + column of each stored entry, rising."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return rows * matrix.shape[1] + matrix.indices


def scaled_rows(matrix: sp.csr_array, factors: NDArray[np.floating]) -> sp.csr_array:
    """Return the matrix with each row times its factor."""
    data = matrix.data * np.repeat(factors.astype(np.float32), np.diff(matrix.indptr))
    return sp.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
