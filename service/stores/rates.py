"""How often somebody may ask: the generic cell rate algorithm (ITU-T I.371), a token bucket in one number.

What is remembered is the *arrival*: the moment at which the next request would come if all so far had kept to the
rate. A request moves it on by the spacing of the rate, and comes too early if that is further ahead of the clock than
the rate reaches. Moments and durations are whole microseconds, so that every store counts alike.
"""

from typing import Final, NamedTuple

MICROSECONDS: Final = 1_000_000


_LAST_SECOND: Final = 0xFFFF_FFFF


def microsecond_of(timestamp: float) -> int:
    """Return ``timestamp`` (Unix seconds) in whole microseconds, within the 32 bits that stores have for its seconds."""
    return int(min(max(timestamp, 0.0), _LAST_SECOND) * MICROSECONDS)


class Rate(NamedTuple):
    """A rate with a burst above it.

    Attributes:
        spacing_us: between two requests that may go on for ever.
        reach_us: how far the arrival may be ahead of the clock: as long as a burst takes at the rate.
    """

    spacing_us: int
    reach_us: int

    @classmethod
    def of(cls, per_second: float, burst: int) -> "Rate":
        """Return the rate of so many requests a second, of which ``burst`` may come at once after a silence."""
        spacing_us = max(1, round(MICROSECONDS / per_second))
        return cls(spacing_us, burst * spacing_us)


def next_arrival(arrival_us: int, now_us: int, rate: Rate) -> int:
    """Return the arrival after a request; it is stored if the request is admitted, which :func:`early_us` tells.

    An arrival further ahead than any request could have moved it counts as none: a clock was set back, or the rate was
    another one. So a damaged one locks nobody out.

    Args:
        arrival_us: as the last admitted request left it, 0 if there was none.
        now_us: the moment of this request.
        rate: what is allowed.
    """
    is_ahead = now_us < arrival_us <= now_us + rate.reach_us
    return (arrival_us if is_ahead else now_us) + rate.spacing_us


def early_us(arrival_us: int, now_us: int, rate: Rate) -> int:
    """Return by how much a request came too early, 0 or less if it is admitted.

    Args:
        arrival_us: what :func:`next_arrival` returned for it.
        now_us: the moment of this request.
        rate: what is allowed.
    """
    return arrival_us - now_us - rate.reach_us
