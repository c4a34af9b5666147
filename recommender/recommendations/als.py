"""Item-to-item neighbours from implicit-feedback ALS (Hu, Koren and Volinsky, ICDM 2008)."""

from collections.abc import Callable
from dataclasses import dataclass
from os import cpu_count

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.topk import topk
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recommender.recommendations.covisit import recency_weights
from recommender.recommendations.neighbours import NO_ITEM, Neighbours
from recommender.recommendations.sessions import Sessions


@dataclass(frozen=True, slots=True)
class AlsSettings:
    """Hyper-parameters of the factorisation.

    Attributes:
        factors: length of an item's vector.
        iterations: alternations.
        alpha: confidence of an interaction of average weight is ``1 + alpha``.
        regularization: ridge penalty on both sides.
        half_life: age, as a share of all sessions, at which a session counts half; None keeps all equal.
        seed: of the initial factors; the same seed gives the same model.
        threads: of implicit's solver, 0 for all cores; its BLAS is held to one thread meanwhile.
    """

    factors: int = 128
    iterations: int = 4
    alpha: float = 240.0
    regularization: float = 40.0
    half_life: float | None = 0.5
    seed: int = 1
    threads: int = 0


def confidence_matrix(sessions: Sessions, half_life: float | None = None) -> sp.csr_matrix:
    """Return who showed how much interest in what: float32 ``[visitors or sessions, items]``.

    An entry is the sum of the click weights (event weight × time decay) of that visitor on that item.
    """
    weights = sessions.click_weights * np.repeat(recency_weights(len(sessions), half_life), sessions.lengths)
    rows = sessions.session_of_click
    row_count = len(sessions)
    if sessions.visitors is not None and row_count:
        rows = sessions.visitors[rows].astype(np.int64)
        row_count = int(sessions.visitors.max()) + 1
    # csr_matrix, not csr_array: implicit warns about anything else.
    return sp.csr_matrix((weights, (rows, sessions.items)), shape=(row_count, sessions.item_count))


def fit_item_factors(
    sessions: Sessions, settings: AlsSettings, on_iteration: Callable[[int, int], None] | None = None
) -> NDArray[np.float32]:
    """Factorise the confidence matrix and return the items' vectors.

    Args:
        sessions: what to learn from.
        settings: hyper-parameters.
        on_iteration: called after each alternation with (done, of), for a progress bar.

    Returns:
        float32 ``[items, factors]``, of length 1; all zero for items without any interaction.
    """
    confidence = confidence_matrix(sessions, settings.half_life)
    factors = np.zeros((sessions.item_count, settings.factors), dtype=np.float32)
    mean_weight = float(confidence.sum()) / max(sessions.items.size, 1)
    if mean_weight <= 0:
        return factors
    # In units of the average, or a shop of purchases (weight 10) would need other penalties than one of views.
    confidence.data /= np.float32(mean_weight)

    def tell(iteration: int, _seconds: float, _loss: float | None) -> None:
        if on_iteration is not None:
            on_iteration(iteration + 1, settings.iterations)

    # implicit runs its own threads; a BLAS pool inside each of them makes it three times slower.
    with threadpool_limits(limits=1, user_api="blas"):
        model = AlternatingLeastSquares(
            factors=settings.factors,
            regularization=settings.regularization,
            alpha=settings.alpha,
            iterations=settings.iterations,
            num_threads=settings.threads or cpu_count() or 1,
            random_state=settings.seed,
        )
        model.fit(confidence, show_progress=False, callback=tell)
    touched = np.bincount(confidence.indices, minlength=sessions.item_count) > 0
    norms = np.linalg.norm(model.item_factors, axis=1)
    usable = touched & np.isfinite(norms) & (norms > 0)
    factors[usable] = model.item_factors[usable] / norms[usable, None]
    return factors


def nearest_by_cosine(vectors: NDArray[np.float32], *, k: int, threads: int = 0) -> Neighbours:
    """Return each item's exact ``k`` nearest by cosine, none for items whose vector is zero.

    Args:
        vectors: float32 ``[items, factors]``, rows of length 1 or 0.
        k: neighbours kept of each item.
        threads: for the search, 0 for all cores.
    """
    usable = np.flatnonzero(vectors.any(axis=1)).astype(np.int32)
    items = np.full((len(vectors), k), NO_ITEM, dtype=np.int32)
    scores = np.zeros((len(vectors), k), dtype=np.float32)
    if usable.size < 2:
        return Neighbours(items, scores)
    # Searching among usable vectors only leaves implicit nothing to pad with item 0 or -inf.
    near = np.ascontiguousarray(vectors[usable])
    with threadpool_limits(limits=1, user_api="blas"):
        found, cosines = topk(near, near, min(k + 1, usable.size), num_threads=threads or cpu_count() or 1)
    # An item is its own nearest unless a twin ties with it: then the last one found gives way instead.
    own = usable[found] == usable[:, None]
    own[~own.any(axis=1), -1] = True
    width = found.shape[1] - 1
    columns = usable[found[~own].reshape(-1, width)]
    values = cosines[~own].reshape(-1, width)
    similar = values > 0
    items[usable, :width] = np.where(similar, columns, NO_ITEM)
    scores[usable, :width] = np.where(similar, values, 0.0)
    return Neighbours(items, scores)


def als_neighbours(
    sessions: Sessions,
    settings: AlsSettings | None = None,
    *,
    k: int = 40,
    on_iteration: Callable[[int, int], None] | None = None,
) -> Neighbours:
    """Fit ALS and return each item's ``k`` nearest items by cosine of their vectors."""
    settings = settings or AlsSettings()
    vectors = fit_item_factors(sessions, settings, on_iteration)
    return nearest_by_cosine(vectors, k=k, threads=settings.threads)
