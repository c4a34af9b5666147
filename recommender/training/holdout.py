"""The newest days, held out: what a model that has not seen them is asked about them."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.events import SECONDS_PER_DAY
from recommender.recommendations.replay import Case
from recommender.training.interest import Interest

SECONDS_PER_HOUR: Final = 3600.0
NEWEST_SHARE: Final = 0.1
"""Share that is held out where there are no times, or where the newest days are most of what there is."""

MOST_HELD_OUT: Final = 0.5
"""Share of the interest that the newest days may be, or too little is left to learn from."""

LEAST_UNSEEN: Final = 500
"""Interactions that the current model has not seen, from which on they alone are held out; some 200 are cases."""

MOST_CASES: Final = 20_000
"""Questions asked at the most: enough to know HR@20 to 0.7 points, in a few seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Questions from the held-out time, in the item rows of :class:`~recommender.training.interest.Interest`.

    Attributes:
        since: Unix seconds from which on interactions are held out.
        cases: a visitor's session so far, also of before ``since``, and the item new to it that came next.
        clusters: int64 ``[cases]``, number of the session of each case.
        wanted: float64 ``[items]``, interactions with each item in the held-out time.
    """

    since: float
    cases: list[Case]
    clusters: NDArray[np.int64]
    wanted: NDArray[np.float64]

    def cases_in(self, rows: NDArray[np.int32]) -> list[Case]:
        """Return the cases in a model's own item rows.

        Args:
            rows: int32 ``[items]``, the model's row of each item, -1 for one that it does not know: left out of
                sessions, as in serving, and missed as a target.
        """
        row_of: list[int] = rows.tolist()
        return [
            Case([row for item in case.session if (row := row_of[item]) >= 0], row_of[case.target])
            for case in self.cases
        ]


def held_out_since(interest: Interest, days: float, seen_until: float | None = None) -> float | None:
    """Return the Unix second from which on to hold out; None where nothing can be.

    That is the last ``days`` before the newest interaction, from a full hour on, or the newest tenth where that would be
    over half of everything. Where the current model has seen some of it and enough came after, only that is held out:
    both models are asked about what neither has seen.

    Args:
        interest: in any order.
        days: to hold out.
        seen_until: Unix seconds of the newest interaction that the current model has learned from.
    """
    timestamps = interest.rows.timestamp
    since = float(np.quantile(timestamps, 1 - NEWEST_SHARE))
    if not interest.rows.timed:
        since -= since % SECONDS_PER_DAY  # such files have one session a day: cut between two
    else:
        start = interest.rows.newest - days * SECONDS_PER_DAY
        start = math.ceil(start / SECONDS_PER_HOUR) * SECONDS_PER_HOUR
        if 0 < np.mean(timestamps >= start) <= MOST_HELD_OUT:
            since = start
        if seen_until is not None and np.count_nonzero(timestamps > seen_until) >= LEAST_UNSEEN:
            since = max(since, float(np.nextafter(seen_until, np.inf)))
    return since if timestamps.min() < since else None


def hold_out(
    interest: Interest, since: float, known: NDArray[np.bool_], *, most_cases: int = MOST_CASES
) -> HeldOut:
    """Return what was asked for from ``since`` on.

    Args:
        interest: of the whole time.
        since: Unix seconds.
        known: bool ``[items]``, items that one of the compared models knows; others nobody could have recommended.
        most_cases: about how many cases there may be; of more sessions, evenly spaced ones are taken.
    """
    rows = interest.rows
    late = rows.timestamp >= since
    active = np.zeros(len(rows.visitor_ids), dtype=np.bool_)
    active[rows.visitor[late]] = True
    # Weights carry along which click is held out.
    sessions = interest.cut(active[rows.visitor], late.astype(np.float32))
    held_out = np.add.reduceat(sessions.click_weights, sessions.indptr[:-1]) if len(sessions) else np.empty(0)
    chosen = np.flatnonzero(held_out)
    share = min(most_cases / max(float(held_out.sum()), 1.0), 1.0)
    chosen = chosen[np.linspace(0, chosen.size - 1, round(chosen.size * share)).astype(np.int64)]
    sessions = sessions.take(chosen)
    marks = sessions.click_weights > 0
    cases: list[Case] = []
    clusters: list[int] = []
    for number, (start, end) in enumerate(pairwise(sessions.indptr.tolist())):
        found = _cases(sessions.items[start:end].tolist(), marks[start:end].tolist(), known)
        cases += found
        clusters += [number] * len(found)
    wanted = np.bincount(rows.item[late], minlength=len(interest.item_ids)).astype(np.float64)
    return HeldOut(since, cases, np.array(clusters, dtype=np.int64), wanted)


def _cases(session: list[int], marks: list[bool], known: NDArray[np.bool_]) -> list[Case]:
    """Return a case for every marked click on a known item that is new to its session."""
    return [
        Case(session[:position], target)
        for position, target in enumerate(session)
        if marks[position]
        and known[target]
        and target not in session[:position]
        and known[session[:position]].any()
    ]
