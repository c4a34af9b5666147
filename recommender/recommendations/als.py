"""Item-to-item neighbours from implicit-feedback ALS (Hu, Koren and Volinsky, ICDM 2008)."""

from collections.abc import Callable
from dataclasses import dataclass
from os import cpu_count
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.recommendations.covisit import recency_weights
from recommender.recommendations.factorisation import fit_vectors
from recommender.recommendations.nearest import NearestReport, nearest_by_cosine
from recommender.recommendations.neighbours import Neighbours
from recommender.recommendations.sessions import Sessions


@dataclass(frozen=True, slots=True)
class AlsSettings:
    """Hyper-parameters of the factorisation.

    Attributes:
        factors: length of an item's vector.
        iterations: alternations.
        alpha: confidence of an interaction of average weight.
        regularization: ridge penalty of a visitor per item met, and of an item per visitor. On the newest tenth of
            the training sessions of YooChoose and Diginetica anything from 30 to 60 is as good. Models older than
            this meaning say 40 and had 40 for every row, whatever it met.
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


def scaled_confidence(sessions: Sessions, settings: AlsSettings) -> sp.csr_matrix:
    """Return the confidences to factorise, float32 ``[visitors, items]``: ``alpha`` for an interaction of average weight."""
    confidence = confidence_matrix(sessions, settings.half_life)
    mean_weight = float(confidence.sum()) / max(sessions.items.size, 1)
    # In units of the average, or a shop of purchases (weight 10) would need other penalties than one of views.
    confidence.data *= np.float32(settings.alpha / mean_weight if mean_weight > 0 else 0.0)
    # An entry counts for the penalty, whatever it says.
    confidence.eliminate_zeros()
    return confidence


def fit_item_factors(
    sessions: Sessions, settings: AlsSettings, on_iteration: OnIteration | None = None
) -> NDArray[np.float32]:
    """Factorise the confidence matrix with ``implicit``, on this machine's cores.

    Args:
        sessions: what to learn from.
        settings: hyper-parameters.
        on_iteration: called after each alternation with (done, of), for a progress bar.

    Returns:
        The items' vectors as they come out, float32 ``[items, factors]``: not scaled, not finite where the
        numbers overflowed, and zero for items without any interaction.
    """
    return fit_vectors(
        scaled_confidence(sessions, settings),
        factors=settings.factors,
        iterations=settings.iterations,
        regularization=settings.regularization,
        seed=settings.seed,
        threads=settings.threads or cpu_count() or 1,
        on_iteration=on_iteration,
    )


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
