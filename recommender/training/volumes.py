"""How much came in by day: for the gate, and for the report."""

import math
from datetime import UTC, datetime
from typing import Final

import numpy as np

from recommender.events import SECONDS_PER_DAY
from recommender.interactions import Interactions
from recommender.training.gate import DAYS_BEFORE
from recommender.training.report import DayVolume

DAYS_REPORTED: Final = 90
"""Newest days that a report shows: a quarter, with its weeks."""

LAST_HOUR_SECONDS: Final = 3600.0
"""A day with interactions in its last hour is over, even if nothing newer says so."""


def day_of(seconds: float) -> str:
    """Return the ISO date (UTC) of a Unix second."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def daily_volumes(interactions: Interactions, held_out_since: float | None) -> tuple[DayVolume, ...]:
    """Return the newest days' volumes, days without any included; none without real times.

    A day counts as held out if more than half of its interactions are.

    Args:
        interactions: after what is left out of training was left out.
        held_out_since: Unix seconds from which on interactions were held out; None if none were.
    """
    if not interactions.timed or len(interactions) == 0:
        return ()
    newest_day = math.floor(interactions.newest / SECONDS_PER_DAY)
    first_day = newest_day + 1 - DAYS_REPORTED
    recent = interactions.timestamp >= first_day * SECONDS_PER_DAY
    days = np.floor_divide(interactions.timestamp[recent], SECONDS_PER_DAY).astype(np.int64) - first_day
    counts = np.bincount(days, minlength=DAYS_REPORTED)
    pairs = np.unique(interactions.visitor[recent].astype(np.int64) * DAYS_REPORTED + days)
    visitors = np.bincount(pairs % DAYS_REPORTED, minlength=DAYS_REPORTED)
    late = interactions.timestamp[recent] >= (math.inf if held_out_since is None else held_out_since)
    held_out = 2 * np.bincount(days[late], minlength=DAYS_REPORTED) > counts
    return tuple(
        DayVolume(
            day=day_of((first_day + number) * SECONDS_PER_DAY),
            interactions=int(counts[number]),
            visitors=int(visitors[number]),
            held_out=bool(held_out[number]),
        )
        for number in range(int(np.flatnonzero(counts)[0]), DAYS_REPORTED)
    )


def whole_days(volumes: tuple[DayVolume, ...], newest: float, now: float) -> tuple[tuple[str, int], ...]:
    """Return ISO date and interactions of the newest days that are over, oldest first, as the gate wants them.

    Args:
        volumes: as :func:`daily_volumes` gives them.
        newest: Unix seconds of the newest interaction.
        now: Unix seconds; days after the newest interaction's that are over by then count with nothing.
    """
    if not volumes:
        return ()
    ends_by = max(now, newest + LAST_HOUR_SECONDS)
    days = [(volume.day, volume.interactions) for volume in volumes]
    last = math.floor(newest / SECONDS_PER_DAY)
    over = math.floor(ends_by / SECONDS_PER_DAY)
    days += [(day_of(day * SECONDS_PER_DAY), 0) for day in range(max(last + 1, over - DAYS_BEFORE), over)]
    # The first day is one that training began to see in the middle of.
    days = days[1:] if over > last else days[1:-1]
    return tuple(days[-DAYS_BEFORE - 1 :])
