"""Co-visitation: items seen close to one another in sessions, shrunk so that small counts stay modest."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.recommendations.neighbours import Neighbours
from recommender.recommendations.sessions import Sessions


@dataclass(frozen=True, slots=True)
class CovisitSettings:
    """How pairs of clicks are counted and normalised.

    Attributes:
        lag_decay: weight of a pair falls by this factor with every further click between the two.
        max_lag: pairs farther apart than this are not counted.
        backward: weight of "was seen before" relative to "was seen after".
        own_power: exponent of the source item's weight in the divisor.
        other_power: exponent of the neighbour's weight in the divisor: how much popularity is discounted.
        shrinkage: added to the divisor; a pair seen once or twice stays below well-attested ones.
        half_life: age, as a share of all sessions, at which a session counts half; None keeps all equal.
    """

    lag_decay: float = 0.7
    max_lag: int = 12
    backward: float = 0.7
    own_power: float = 0.7
    other_power: float = 0.2
    shrinkage: float = 5.0
    half_life: float | None = 0.5


def recency_weights(session_count: int, half_life: float | None) -> NDArray[np.float32]:
    """Return each session's weight by its place in time order, float32 ``[sessions]``, newest 1."""
    if half_life is None or session_count == 0:
        return np.ones(session_count, dtype=np.float32)
    age = np.arange(session_count - 1, -1, -1, dtype=np.float64) / session_count
    return np.exp2(-age / half_life).astype(np.float32)


def pair_weights(sessions: Sessions, settings: CovisitSettings) -> tuple[sp.csr_array, NDArray[np.float64]]:
    """Count distance-decayed pairs of clicks.

    Returns:
        The sparse float32 ``[items, items]`` matrix of pair weights, source in rows, without diagonal, and
        the float64 ``[items]`` weight of each item, both under the same recency weights.
    """
    recency = recency_weights(len(sessions), settings.half_life)
    weights = sessions.click_weights * np.repeat(recency, sessions.lengths)
    of_session, items = sessions.session_of_click, sessions.items
    shape = (sessions.item_count, sessions.item_count)
    forward: Any = sp.csr_array(shape, dtype=np.float32)  # Any: the stubs know no two-dimensional sum
    # Summed lag by lag: all pairs of ten million clicks at once take gigabytes, the distinct ones far less.
    for lag in range(1, settings.max_lag + 1):
        pairs = np.flatnonzero((of_session[:-lag] == of_session[lag:]) & (items[:-lag] != items[lag:]))
        # The geometric mean keeps a pair of purchases at a purchase's weight rather than its square.
        strengths = np.sqrt(weights[pairs] * weights[pairs + lag])
        strengths *= np.float32(settings.lag_decay ** (lag - 1))
        forward = forward + sp.csr_array((strengths, (items[pairs], items[pairs + lag])), shape=shape)
    totals = np.bincount(items, weights=weights, minlength=sessions.item_count).astype(np.float64)
    both: sp.csr_array = forward + np.float32(settings.backward) * forward.T.tocsr()
    both.sort_indices()
    return both, totals


def covisit_matrix(sessions: Sessions, settings: CovisitSettings) -> sp.csr_array:
    """Return the shrunk asymmetric scores ``c_ij / (n_i^own n_j^other + shrinkage)``, ``[items, items]``."""
    pairs, totals = pair_weights(sessions, settings)
    rows = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    divisor = totals[rows] ** settings.own_power * totals[pairs.indices] ** settings.other_power
    scores = pairs.data / (divisor + settings.shrinkage)
    return sp.csr_array((scores.astype(np.float32), pairs.indices, pairs.indptr), shape=pairs.shape)


def covisit_neighbours(
    sessions: Sessions, settings: CovisitSettings | None = None, *, k: int = 40
) -> Neighbours:
    """Return the ``k`` items most seen around each item.

    Args:
        sessions: in time order; the newest count most.
        settings: how to count; the defaults when None.
        k: neighbours kept of each item.
    """
    return Neighbours.from_matrix(covisit_matrix(sessions, settings or CovisitSettings()), k)
