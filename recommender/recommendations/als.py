"""Item-to-item neighbours from implicit-feedback ALS (Hu, Koren and Volinsky, ICDM 2008)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from os import cpu_count
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from implicit.recommender_base import ModelFitError
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recommender.recommendations.covisit import recency_weights
from recommender.recommendations.nearest import NearestReport, nearest_by_cosine
from recommender.recommendations.neighbours import Neighbours
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


OnIteration = Callable[[int, int], None]
"""Told (alternations done, of how many)."""

Factorise = Callable[[Sessions, AlsSettings, OnIteration | None], NDArray[np.float32]]
"""Fits the items' vectors, float32 ``[items, factors]``, unscaled; a row that is not finite is counted, not served."""


def confidence_matrix(sessions: Sessions, half_life: float | None = None) -> sp.csr_matrix:
    """Return who showed how much interest in what: float32 ``[visitors, items]``, or ``[sessions, items]``.

    An entry is the sum of the click weights (event weight × time decay) of that visitor on that item.
    """
    weights = sessions.click_weights * np.repeat(recency_weights(len(sessions), half_life), sessions.lengths)
    # Only visitors who occur get a row: each takes as much memory in the factorisation as an item.
    who = np.arange(len(sessions))
    if sessions.visitors is not None:
        who = np.unique(sessions.visitors, return_inverse=True)[1]
    rows = np.repeat(who.astype(np.int32), sessions.lengths)
    shape = (int(who.max(initial=-1)) + 1, sessions.item_count)
    # csr_matrix, not csr_array: implicit warns about anything else.
    return sp.csr_matrix((weights, (rows, sessions.items)), shape=shape)


def fit_item_factors(
    sessions: Sessions, settings: AlsSettings, on_iteration: OnIteration | None = None
) -> NDArray[np.float32]:
    """Factorise the confidence matrix with ``implicit``, on this machine's cores.

    Args:
        sessions: what to learn from.
        settings: hyper-parameters.
        on_iteration: called after each alternation with (done, of), for a progress bar.

    Returns:
        The items' vectors as they come out, float32 ``[items, factors]``: not scaled, and not finite where the
        numbers overflowed. Those of items without any interaction mean nothing.
    """
    confidence = confidence_matrix(sessions, settings.half_life)
    mean_weight = float(confidence.sum()) / max(sessions.items.size, 1)
    if mean_weight <= 0:
        return np.zeros((sessions.item_count, settings.factors), dtype=np.float32)
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
        # Visitors are solved for first, so where they start hardly matters; implicit's random start takes twice the
        # memory, which at two million visitors is a gigabyte.
        model.user_factors = np.zeros((confidence.shape[0], settings.factors), dtype=np.float32)
        # Raised only for a NaN, once all is done: whoever uses the factors counts those and says so.
        with suppress(ModelFitError):
            model.fit(confidence, show_progress=False, callback=tell)
    return np.asarray(model.item_factors, dtype=np.float32)


class AlsNeighbours(NamedTuple):
    """What ALS says of which items are alike.

    Attributes:
        neighbours: each item's nearest items by cosine of their vectors.
        nonfinite_factors: items that were interacted with and whose vector, or its length, is NaN or infinite: they have
            no neighbours, and a model with any should not go live.
        nearest: how the neighbours were searched for.
    """

    neighbours: Neighbours
    nonfinite_factors: int
    nearest: NearestReport


def als_neighbours(
    sessions: Sessions,
    settings: AlsSettings | None = None,
    *,
    k: int = 40,
    on_iteration: OnIteration | None = None,
    factorise: Factorise = fit_item_factors,
) -> AlsNeighbours:
    """Fit ALS and find each item's ``k`` nearest items by cosine of their vectors.

    Args:
        sessions: what to learn from.
        settings: hyper-parameters; the defaults when None.
        k: neighbours kept of each item.
        on_iteration: called after each alternation with (done, of).
        factorise: fits the items' vectors.

    Raises:
        ValueError: ``factorise`` gave vectors of another number of items.
    """
    settings = settings or AlsSettings()
    factors = factorise(sessions, settings, on_iteration)
    if len(factors) != sessions.item_count:
        raise ValueError(f"{len(factors)} item vectors for {sessions.item_count} items")
    touched = sessions.item_weights() > 0
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(factors, axis=1)
    finite = np.isfinite(lengths)
    usable = touched & finite & (lengths > 0)
    vectors = np.zeros_like(factors)
    np.divide(factors, lengths[:, None], out=vectors, where=usable[:, None])
    nearest = nearest_by_cosine(vectors, k=k, threads=settings.threads)
    return AlsNeighbours(nearest.neighbours, int(np.count_nonzero(touched & ~finite)), nearest.report)
