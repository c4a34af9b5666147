"""Popularity: what to show when nothing is known of the visitor, or the lists run dry."""

from collections.abc import Callable, Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from recommender.recommendations.covisit import recency_weights
from recommender.recommendations.sessions import Sessions

POPULAR_HALF_LIFE = 0.1
"""Share of the newest sessions that make up half of popularity: of the last weeks, not of all time."""


def popular_items(
    sessions: Sessions, *, limit: int = 200, half_life: float | None = POPULAR_HALF_LIFE
) -> NDArray[np.int32]:
    """Return the rows of the most interacted-with items, best first, int32 ``[<= limit]``.

    Each session counts an item once, by its strongest click, times the session's recency.
    """
    return _best(item_popularity(sessions, half_life=half_life), limit)


def popular_items_by_category(
    sessions: Sessions,
    categories: NDArray[np.int32],
    *,
    limit: int = 50,
    half_life: float | None = POPULAR_HALF_LIFE,
) -> dict[int, NDArray[np.int32]]:
    """Return the most popular rows of each category.

    Args:
        sessions: what was interacted with.
        categories: int32 ``[items]``, category code of each item row, negative where it has none.
        limit: rows kept of a category.
        half_life: as in :func:`popular_items`.
    """
    popularity = item_popularity(sessions, half_life=half_life)
    order = np.lexsort((np.arange(popularity.size), -popularity, categories))
    order = order[(categories[order] >= 0) & (popularity[order] > 0)]
    codes, starts = np.unique(categories[order], return_index=True)
    groups = np.split(order.astype(np.int32), starts[1:])
    return {int(code): group[:limit] for code, group in zip(codes, groups, strict=False)}


def item_popularity(
    sessions: Sessions, *, half_life: float | None = POPULAR_HALF_LIFE
) -> NDArray[np.float64]:
    """Return each item's popularity, float64 ``[items]``: strongest click of each session × recency."""
    of_session, weights = sessions.session_of_click, sessions.click_weights
    order = np.lexsort((-weights, sessions.items, of_session))
    first = np.ones(order.size, dtype=bool)
    first[1:] = (np.diff(sessions.items[order]) != 0) | (np.diff(of_session[order]) != 0)
    kept = order[first]
    recency = recency_weights(len(sessions), half_life)[of_session[kept]]
    strongest = weights[kept] * recency
    sums = np.bincount(sessions.items[kept], weights=strongest, minlength=sessions.item_count)
    return sums.astype(np.float64)


def fill(
    chosen: list[int],
    backups: Iterable[Iterable[int]],
    *,
    limit: int,
    exclude: Collection[int] = (),
    accept: Callable[[int], bool] | None = None,
) -> list[int]:
    """Return the rows that top ``chosen`` up to ``limit``, from the first back-up list on.

    Args:
        chosen: rows already recommended; not repeated.
        backups: popular rows of the category, then of the shop, each best first.
        limit: length wanted of ``chosen`` and the answer together.
        exclude: rows never to propose.
        accept: whether a row may be shown.
    """
    taken = {*chosen, *exclude}
    filling: list[int] = []
    missing = limit - len(chosen)
    for rows in backups:
        for row in rows:
            if len(filling) >= missing:
                return filling
            if row not in taken and (accept is None or accept(row)):
                taken.add(row)
                filling.append(row)
    return filling


def _best(popularity: NDArray[np.float64], limit: int) -> NDArray[np.int32]:
    order = np.lexsort((np.arange(popularity.size), -popularity))[:limit]
    return order[popularity[order] > 0].astype(np.int32)
