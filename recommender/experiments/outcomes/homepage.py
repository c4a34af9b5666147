"""What ways of choosing the homepage would have earned, from the slice of visitors whose homepage was drawn at random."""

from typing import Final

import numpy as np

from recommender.experiments.analysis.policies import (
    DecisionsError,
    LoggedDecisions,
    PolicyValue,
    policy_values,
)
from recommender.experiments.outcomes.table import HOMEPAGES, LEVELS, NOT_SAID, Exposures

RANDOM_EXPERIMENT: Final = "kabin-random"
HOMEPAGE_FEATURE: Final = "kabin-homepage"

PERSONALIZED: Final = "personalized"
"""What discount affinity alone would have shown, with what was pinned for the session."""


def logged_homepages(slice_: Exposures, *, now: float, window_seconds: float) -> LoggedDecisions:
    """Return the randomized homepages: the reward is the margin within the window, the segment the affinity level.

    A visitor is one decision, the first exposure; whose window is still open, and whose log entry does not say
    what was known, is left out.

    Args:
        slice_: the visitors of the random slice.
        now: Unix seconds.
        window_seconds: conversion window.
    """
    visitors = slice_.visitors
    action_of = np.array(
        [HOMEPAGES.index(name) if name in HOMEPAGES else NOT_SAID for name in visitors.variations], np.int16
    )
    action = action_of[visitors.variation] if len(visitors) else np.empty(0, np.int16)
    rows = (
        (visitors.exposed_at + window_seconds <= now)
        & (action != NOT_SAID)
        & (slice_.affinity != NOT_SAID)
        & (slice_.personalized != NOT_SAID)
    )
    return LoggedDecisions(
        visitor=np.flatnonzero(rows).astype(np.int64),
        action=action[rows],
        propensity=visitors.propensity[rows],
        reward=visitors.outcomes["margin"][rows],
        segment=slice_.affinity[rows].astype(np.int16),
        actions=HOMEPAGES,
    )


def homepage_policies(
    slice_: Exposures, *, now: float, window_seconds: float, level: float
) -> tuple[PolicyValue, ...]:
    """Return the margin per visitor of each policy; nothing where too little was logged to tell any.

    Args:
        slice_: the visitors of the random slice.
        now: Unix seconds.
        window_seconds: conversion window.
        level: confidence of the intervals, 0 to 1.
    """
    logged = logged_homepages(slice_, now=now, window_seconds=window_seconds)
    if np.unique(logged.action).size < len(HOMEPAGES):
        return ()
    personalized = slice_.personalized[logged.visitor]
    promo = HOMEPAGES.index("promo")
    policies = {
        PERSONALIZED: logged.choosing(personalized.astype(np.int64)),
        "always full price": logged.always("full_price"),
        "always promo": logged.always("promo"),
        "promo for high affinity": logged.choosing(
            np.where(logged.segment == LEVELS.index("high"), promo, 0).astype(np.int64)
        ),
        "promo for high and medium": logged.choosing(
            np.where(logged.segment >= LEVELS.index("medium"), promo, 0).astype(np.int64)
        ),
    }
    try:
        logged.check()
        return policy_values(logged, policies, baseline=PERSONALIZED, level=level)
    except DecisionsError:
        return ()
