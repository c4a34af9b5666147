"""YooChoose's clicks with their real times, and what can go wrong with a night's data."""

import csv
import gzip
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation.sessions import YOOCHOOSE_TEST, YOOCHOOSE_TRAIN
from recommender.events import SECONDS_PER_DAY
from recommender.interactions import Interactions
from recommender.recommendations.als import AlsSettings, OnIteration, fit_item_factors
from recommender.recommendations.sessions import Sessions
from tests.recommender.training.clicks import views

FILES: Final = (YOOCHOOSE_TRAIN, YOOCHOOSE_TEST)
FIRST_DAY: Final = 1_396_310_400 // SECONDS_PER_DAY
"""2014-04-01, as days since 1970-01-01; seven days follow one another."""

TRAINING_HOUR_SECONDS: Final = 3.5 * 3600.0
"""After midnight: when nights train."""


def read_yoochoose_days(folder: Path) -> Interactions:
    """Read the 83,846 clicks of 2014-04-01 to 04-07; each session is its own visitor.

    Raises:
        FileNotFoundError: one of the files is absent.
    """
    clicks: list[tuple[str, str, float]] = []
    for name in FILES:
        with gzip.open(folder / name, "rt", encoding="ascii", newline="") as lines:
            rows = csv.DictReader(lines, delimiter="\t")
            clicks += [(row["SessionId"], row["ItemId"], float(row["Time"])) for row in rows]
    return views(clicks)


def midnight_after(days: int) -> float:
    """Return the Unix second at which the first ``days`` days are over."""
    return (FIRST_DAY + days) * SECONDS_PER_DAY


def days_of(interactions: Interactions, first: int, last: int) -> Interactions:
    """Return what happened from the day numbered ``first`` (from 1) to the day numbered ``last``."""
    since, until = midnight_after(first - 1), midnight_after(last)
    return interactions.take((interactions.timestamp >= since) & (interactions.timestamp < until))


def with_shuffled_history(
    interactions: Interactions, true_days: int, rng: np.random.Generator
) -> Interactions:
    """Return the clicks with the items of all but the newest ``true_days`` dealt anew: as popular, seen with anything."""
    newest = int(interactions.newest // SECONDS_PER_DAY)
    history = np.flatnonzero(interactions.timestamp < (newest + 1 - true_days) * SECONDS_PER_DAY)
    item = interactions.item.copy()
    item[history] = item[rng.permutation(history)]
    return replace(interactions, item=item)


def a_tenth(interactions: Interactions, rng: np.random.Generator) -> Interactions:
    """Return what one visitor in ten did."""
    kept: NDArray[np.bool_] = rng.random(len(interactions.visitor_ids)) < 0.1
    return interactions.take(kept[interactions.visitor])


def overflowing_factors(
    sessions: Sessions, settings: AlsSettings, on_iteration: OnIteration | None = None
) -> NDArray[np.float32]:
    """Factorise, and lose one vector in a hundred to NaN, as a solver does that divides by almost nothing."""
    factors = fit_item_factors(sessions, settings, on_iteration)
    factors[::100] = np.nan
    return factors
