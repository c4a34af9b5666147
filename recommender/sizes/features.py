"""What a vote looks like to the calibration: its kind of evidence, and numbers that tell how sure it is."""

from math import exp, log, log2
from typing import Final

from recommender.sizes.ladder import Ladder
from recommender.sizes.size import EvidenceKind
from recommender.sizes.vote import Vote

PRESELECT_ITEMS: Final = 3
"""Distinct items from which a size may be preselected."""

_CART: Final = int(EvidenceKind.CART)

FEATURES: Final = (
    "constant",
    "logit_share",
    "runner_up",
    "log2_items",
    "agreement",
    "agreement_squared",
    "agreeing_log2_items",
    "unanimous_log2_items",
    "log_mass",
    "age_years",
    "freshness",
    "purchased",
    "log2_ladder",
    "gap_below",
    "gap_above",
    "is_largest",
    "is_offered",
)
"""Names of the numbers that :func:`features_of` gives, in order."""


def kind_of(vote: Vote) -> int:
    """Return the index into :data:`recommender.sizes.calibration.KINDS` of a vote."""
    act = 4 if vote.kind > _CART else 2 if vote.kind == _CART else 0
    return act + may_preselect(vote)


def may_preselect(vote: Vote) -> bool:
    """Tell whether a vote has what preselection asks for besides confidence: three items, one mode, the size itself."""
    return vote.items >= PRESELECT_ITEMS and vote.agreeing > 0 and not vote.is_split


def features_of(vote: Vote, ladder: Ladder, today: int) -> tuple[float, ...]:
    """Describe a vote by the numbers named in :data:`FEATURES`.

    Args:
        vote: a vote on the ladder.
        ladder: the item's sizes; how near the neighbours of the best size are tells how easily it is missed.
        today: whole days since 1970-01-01 UTC; the age of the newest evidence counts from here.
    """
    share = min(max(vote.share, 0.01), 0.99)
    items = log2(vote.items)
    agreement = vote.agreeing / vote.items
    age_days = max(today - vote.newest_day, 0)
    below, above = ladder.gaps[vote.best]
    return (
        1.0,
        log(share / (1.0 - share)),
        vote.runner_up,
        items,
        agreement,
        agreement * agreement,
        agreement * items,
        items if vote.agreeing == vote.items else 0.0,
        log(vote.mass + 0.1),
        min(age_days / 365.0, 3.0),
        exp(-age_days / 30.0),
        vote.purchased,
        log2(len(ladder.sizes)),
        below,
        above,
        1.0 if vote.best == len(ladder.sizes) - 1 else 0.0,
        1.0 if vote.agreeing else 0.0,
    )
