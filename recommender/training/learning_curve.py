"""What more data brings: the held-out cases answered by models of an eighth, a quarter and half of the history."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np

from recommender.recommendations.als import Factorise, als_neighbours, fit_item_factors
from recommender.recommendations.blend import BlendParts, BlendSettings
from recommender.recommendations.covisit import covisit_matrix
from recommender.recommendations.neighbours import NO_ITEM, Neighbours
from recommender.recommendations.ranking import Ranker
from recommender.recommendations.replay import Case, Hits, target_ranks
from recommender.recommendations.sessions import Sessions
from recommender.recommendations.tuning import Progress

SHARES: Final = (0.125, 0.25, 0.5)
"""Parts of the sessions to learn from: always the newest ones, each twice the one before."""

GROWTH: Final = 3.0
"""Times that a point takes longer than the one of half its sessions, at the most: what the time limit reckons with."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Quality of a model of a part of the data.

    Attributes:
        share: of the sessions, the newest, in (0, 1].
        interactions: clicks in them.
        hits: on the held-out cases.
    """

    share: float
    interactions: int
    hits: Hits


def learning_curve(
    sessions: Sessions,
    cases: Sequence[Case],
    settings: BlendSettings,
    whole: Hits,
    *,
    factorise: Factorise = fit_item_factors,
    seconds: float = 300.0,
    on_progress: Progress | None = None,
    timer: Callable[[], float] = perf_counter,
) -> tuple[CurvePoint, ...]:
    """Answer the same cases from models of more and more of the sessions, all with the same settings.

    Items that a part has not seen are missed, as they would be with so short a history.

    Args:
        sessions: what the candidate learned from, in time order, without the held-out ones.
        cases: of the held-out sessions, in the item rows of ``sessions``.
        settings: of the blend, as the candidate was trained with.
        whole: the candidate's hits on the cases: the curve's last point.
        factorise: fits the items' vectors.
        seconds: that the points before the last may take together. One that would not be ready in time is left
            out, as are those after it.
        on_progress: told what is being done.
        timer: seconds of a monotonic clock.

    Returns:
        Points by rising share, the last of them of all sessions; empty without cases.
    """
    if not cases:
        return ()
    points: list[CurvePoint] = []
    started, needed = timer(), 0.0
    for number, share in enumerate(SHARES):
        if on_progress is not None:
            on_progress("learning curve", number, len(SHARES))
        begun = timer()
        if begun - started + needed > seconds:
            break
        oldest = len(sessions) - round(share * len(sessions))
        newest = sessions.take(np.arange(oldest, len(sessions)))
        if len(newest):
            hits = Hits.of(target_ranks(_ranker(newest, cases, settings, factorise), cases))
            points.append(CurvePoint(share, int(newest.items.size), hits))
        needed = GROWTH * (timer() - begun)
    if on_progress is not None:
        on_progress("learning curve", len(SHARES), len(SHARES))
    return (*points, CurvePoint(1.0, int(sessions.items.size), whole))


def _ranker(
    sessions: Sessions, cases: Sequence[Case], settings: BlendSettings, factorise: Factorise
) -> Ranker:
    """Return the lookup over lists learned from the sessions, of the items that the cases ask about."""
    if settings.als_weight:
        als = als_neighbours(sessions, settings.als, k=settings.k, factorise=factorise).neighbours
    else:
        shape = (sessions.item_count, 1)
        als = Neighbours(np.full(shape, NO_ITEM, dtype=np.int32), np.zeros(shape, dtype=np.float32))
    covisit = covisit_matrix(sessions, settings.covisit)
    parts = BlendParts.of(covisit, als, sessions.item_weights(), steps_of=settings)
    asked = [row for case in cases for row in case.session[-settings.last :]]
    rows = np.unique(np.array(asked, dtype=np.intp))
    return settings.ranker(parts.mix(settings, rows))
