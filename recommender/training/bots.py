"""Visitors that no shopper can be: what looks at more items than a person can is left out of training.

Crawlers that say who they are never get into the event log; this is about those that do not. The limits are far above what
people do, because a shopper who is left out is lost to the model, and a slow robot harms little: on YooChoose's
83,846 clicks nobody looks at 10 items in 10 seconds or at 30 in a minute, and the busiest of 21,210 visitors has 78
clicks in all, so the limits below leave out nobody there. Diginetica's longest session of 186,670 has 70 clicks.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.events import SECONDS_PER_DAY
from recommender.interactions import InteractionKind, Interactions


class RateLimit(NamedTuple):
    """More than ``looks`` looks at items within ``seconds`` are no person's."""

    looks: int
    seconds: float


RATE_LIMITS: Final = (RateLimit(60, 60.0), RateLimit(600, 3600.0), RateLimit(2000, SECONDS_PER_DAY))
"""One look a second for a minute, one every six seconds for an hour, two thousand in a day."""

_LOOKS: Final = (InteractionKind.VIEW, InteractionKind.SELECT)


def bots(interactions: Interactions, limits: tuple[RateLimit, ...] = RATE_LIMITS) -> NDArray[np.int32]:
    """Return the codes of the visitors that exceed a rate limit and never bought anything, ascending.

    A buyer is a shopper however busy, or several at one till. Without real times nobody can be told.

    Args:
        interactions: everything that was read.
        limits: of looks at items.
    """
    least = min((limit.looks for limit in limits), default=0)
    if not interactions.timed or len(interactions) <= least:
        return np.empty(0, dtype=np.int32)
    looks = np.isin(interactions.kind, _LOOKS)
    counts = np.bincount(interactions.visitor[looks], minlength=len(interactions.visitor_ids))
    suspects = counts > least
    suspects[interactions.visitor[interactions.kind == InteractionKind.PURCHASE]] = False
    rows = np.flatnonzero(looks & suspects[interactions.visitor])
    rows = rows[np.lexsort((interactions.timestamp[rows], interactions.visitor[rows]))]
    visitor, timestamp = interactions.visitor[rows], interactions.timestamp[rows]
    found = [_exceeding(visitor, timestamp, limit) for limit in limits]
    return np.unique(np.concatenate(found))


def _exceeding(
    visitor: NDArray[np.int32], timestamp: NDArray[np.float64], limit: RateLimit
) -> NDArray[np.int32]:
    """Return the visitors of whom some look comes within the limit's seconds of the one ``looks`` before it."""
    later, earlier = slice(limit.looks, None), slice(None, max(visitor.size - limit.looks, 0))
    within = timestamp[later] - timestamp[earlier] < limit.seconds
    return np.asarray(visitor[later][(visitor[later] == visitor[earlier]) & within])
