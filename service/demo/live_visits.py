"""Who comes to the simulated shop while an experiment runs, and when: yesterday's crowd coming back, and newcomers."""

import math
import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from service.demo.crowd import SECONDS_PER_DAY, Shopper, simulate_crowd

REGULAR_SESSIONS: Final = 6.0
"""Past sessions of a shopper who is 63 % likely to come back; who came more often does so more likely."""

NEWCOMERS_SHARE: Final = 0.06
"""Newcomers for each shopper with a past; nobody knows what they like."""

VISITS_A_WINDOW: Final = 5.0
"""Visits of one shopper within a conversion window besides the first one, on average: keen regulars.

A verdict takes so many orders, whoever places them. With fewer visits each, more visitors and a longer import would do.
"""

SHORTEST_GAP_DAYS: Final = 0.2
"""Between two visits of one shopper, so that each is a session of its own."""

LAST_VISIT_DAYS: Final = 2 / 24
"""A shopper's last visit begins so long before their conversion window closes: what comes of it falls within."""


class PlannedVisit(NamedTuple):
    """A visit that begins ``at_seconds`` after the experiment's start."""

    at_seconds: float
    shopper: Shopper


def newcomers(seed: int, crowd: Sequence[Shopper]) -> list[Shopper]:
    """Invent shoppers without a past, as many as come along with such a crowd."""
    return simulate_crowd(seed, round(NEWCOMERS_SHARE * len(crowd)), prefix="live")


def plan_visits(
    crowd: Sequence[Shopper], strangers: Sequence[Shopper], *, seed: int, days: float
) -> list[PlannedVisit]:
    """Return the visits of some days, in time order.

    Everybody who comes does so for the first time in the first half and is followed for as long, so that every conversion
    window is closed at the end. Nobody's coming depends on what they are shown.

    Args:
        crowd: with a past; the more sessions that had, the likelier they come.
        strangers: who all come.
        seed: of the comings.
        days: simulated ones; their half is the conversion window.
    """
    rng = random.Random(f"live-{seed}")  # noqa: S311 - reproducible visits, no secrets
    coming = [
        shopper for shopper in crowd if rng.random() < 1.0 - math.exp(-shopper.sessions / REGULAR_SESSIONS)
    ]
    visits = [visit for shopper in (*coming, *strangers) for visit in _visits(shopper, days / 2, rng)]
    return sorted(visits, key=lambda visit: (visit.at_seconds, visit.shopper.visitor_id))


def _visits(shopper: Shopper, window_days: float, rng: random.Random) -> Iterator[PlannedVisit]:
    day = first = rng.uniform(0.0, window_days)
    while day < first + window_days - LAST_VISIT_DAYS:
        yield PlannedVisit(day * SECONDS_PER_DAY, shopper)
        day += max(SHORTEST_GAP_DAYS, rng.expovariate(VISITS_A_WINDOW / window_days))
