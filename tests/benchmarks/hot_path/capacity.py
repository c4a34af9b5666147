"""What a shop needs to serve its pages, worked out from what a request and a visitor were measured to cost."""

import math
from dataclasses import dataclass
from typing import Final

RATES: Final = (100, 1_000, 10_000, 100_000)
"""Page views a second at the peak, each with one call of ``/personalize`` that brings its events along."""

HEADROOM: Final = 0.5
"""How much of a core, and of a Redis node's memory, is planned to be used: the rest is for bursts, a node that fails
and the copy that Redis makes of what changes while it rewrites its append-only file."""

NODE_GIB: Final = 64
"""Memory of one Redis node."""

VISITORS_A_PEAK_PAGE: Final = 100_000
"""Visitors remembered for each page view a second at the peak. With a peak of three times the mean that is 115 pages
of each visitor in the 400 days for which they are remembered."""

_PEAK_TO_MEAN: Final = 3
_RING_SECONDS: Final = 172_800
_PAGES_A_VISIT: Final = 10
_LOGGED_SECONDS: Final = 120
"""Events wait for the archiver, which comes by each minute, and for its next turn should it miss one."""
_LOGGED_BYTES: Final = 250
_GIB: Final = 2**30


@dataclass(frozen=True)
class Costs:
    """What was measured.

    Attributes:
        service_us: CPU of the service a request, in microseconds.
        redis_us: CPU of Redis a request.
        state_bytes: memory of a visitor in Redis.
        ring_bytes: of what recognises repetitions, for two days after a visit.
    """

    service_us: float
    redis_us: float
    state_bytes: float
    ring_bytes: float


@dataclass(frozen=True)
class Capacity:
    """What a rate needs.

    Attributes:
        rate: page views a second at the peak.
        visitors: remembered.
        workers: processes of the service, a core each.
        redis_gib: memory that the visitors and the waiting events take in Redis.
        redis_nodes: primaries, by memory or by CPU, whichever takes more; replicas come on top.
    """

    rate: int
    visitors: int
    workers: int
    redis_gib: float
    redis_nodes: int


def capacity(rate: int, costs: Costs) -> Capacity:
    """Return what serves ``rate`` page views a second at the peak, at least one of each.

    - workers = rate · service CPU / headroom
    - memory = visitors · state + visitors of the last two days · ring + events of two minutes
    - nodes = the greater of memory / (node · headroom) and rate · Redis CPU / headroom
    """
    visitors = rate * VISITORS_A_PEAK_PAGE
    lately = rate / _PEAK_TO_MEAN * _RING_SECONDS / _PAGES_A_VISIT
    memory = visitors * costs.state_bytes + lately * costs.ring_bytes + rate * _LOGGED_SECONDS * _LOGGED_BYTES
    by_memory = memory / _GIB / (NODE_GIB * HEADROOM)
    by_cpu = rate * costs.redis_us / 1e6 / HEADROOM
    return Capacity(
        rate,
        visitors,
        math.ceil(rate * costs.service_us / 1e6 / HEADROOM),
        memory / _GIB,
        math.ceil(max(by_memory, by_cpu)),
    )
