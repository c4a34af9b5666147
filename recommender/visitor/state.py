"""What Kabin remembers of a visitor: what decisions need and no more.

Everything but the affinity sums is a *join*: a set cut to its newest records, or the newest value of a key.
Joins give the same result in whichever order, however late and however often their parts arrive. Sums are
not repeatable; the store adds each contribution once (see :mod:`recommender.visitor.ledger`).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from recommender.affinity import NO_EVIDENCE, AffinitySums
from recommender.homepage import HomepageVariant
from recommender.identifiers import key_of
from recommender.sizes.size import EvidenceKind, SizeEvidence

EVIDENCE_CAPACITY: Final = 24
CART_CAPACITY: Final = 20
VIEWED_CAPACITY: Final = 8
EXPOSURES_CAPACITY: Final = 16

TICKS_PER_SECOND: Final = 100
"""Resolution of remembered moments: two acts of one visitor are rarely closer than 10 ms."""

LAST_TICK: Final = (1 << 39) - 1
"""2144-03-17: a tick and one bit beside it fill 40 bits."""

TWIN_DAYS: Final = 2
"""Days within which two reports of one purchase (browser's and server's) fall."""


def tick_of(timestamp: float) -> int:
    """Return the moment ``timestamp`` (Unix seconds) in hundredths of a second, within what a state can hold."""
    return min(max(int(timestamp * TICKS_PER_SECOND), 0), LAST_TICK)


def second_of(timestamp: float) -> int:
    """Return ``timestamp`` in whole Unix seconds, within the 32 bits that a state has for it."""
    return min(max(int(timestamp), 0), 0xFFFF_FFFF)


@lru_cache(maxsize=1024)
def experiment_key_of(experiment_id: str, bucket_version: int = 0) -> int:
    """Return the 32-bit key under which an experiment is remembered (a shop runs tens, not thousands).

    Above version 0 the key is that of ``"experiment__version"``, so a raised bucket version starts afresh.
    """
    named = f"{experiment_id}__{bucket_version}" if bucket_version else experiment_id
    return key_of(named) & 0xFFFF_FFFF


class CartLine(NamedTuple):
    """The last thing that happened to an item in the cart; a line that is not ``present`` was taken out.

    ``sku_key`` is 0 where the event did not say which size. ``tick`` is in hundredths of a Unix second.
    """

    tick: int
    present: bool
    item_key: int
    sku_key: int

    @property
    def at(self) -> float:
        """Unix seconds of the last act on the line."""
        return self.tick / TICKS_PER_SECOND


class Viewed(NamedTuple):
    """The last time an item's page was seen, in hundredths of a Unix second."""

    tick: int
    item_key: int

    @property
    def at(self) -> float:
        """Unix seconds of the last view."""
        return self.tick / TICKS_PER_SECOND


class Exposure(NamedTuple):
    """The variation of an experiment that the visitor was last shown, and the Unix second of it."""

    second: int
    variation: int
    experiment_key: int


class HomepagePin(NamedTuple):
    """The homepage variant of the visitor's session and the Unix second it was chosen."""

    second: int
    variant: HomepageVariant


class VisitorState(msgspec.Struct, frozen=True):
    """A visitor's memory.

    Attributes:
        evidence: acts that speak for a size, newest first, at most 24; a set, so the order among records of one
            day is by value. Decisions want :meth:`settled_evidence`.
        affinity: sums on the absolute scale of :mod:`recommender.affinity`.
        affinity_version: :attr:`AffinityParameters.sums_version` of the sums, 0 while they are empty.
        cart: last act per item and SKU, newest first, at most 20, also those taken out.
        cart_cleared_tick: an order emptied the cart at this moment (hundredths of a Unix second).
        recently_viewed: items by their last view, newest first, at most 8.
        exposures: experiments by their last exposure, newest first, at most 16.
        homepage: the variant pinned for the session, if any.
        last_seen: Unix second of the visitor's last request.
        session_started: Unix second at which the present session began.
    """

    evidence: tuple[SizeEvidence, ...] = ()
    affinity: AffinitySums = NO_EVIDENCE
    affinity_version: int = 0
    cart: tuple[CartLine, ...] = ()
    cart_cleared_tick: int = 0
    recently_viewed: tuple[Viewed, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    homepage: HomepagePin | None = None
    last_seen: int = 0
    session_started: int = 0

    @property
    def is_known(self) -> bool:
        """Whether anything is stored of the visitor at all."""
        return self.last_seen > 0

    @property
    def cart_lines(self) -> tuple[CartLine, ...]:
        """What lies in the cart now, newest first."""
        return tuple(line for line in self.cart if line.present)

    @property
    def homepage_of_session(self) -> HomepageVariant | None:
        """The homepage variant pinned in the session that is going on."""
        pin = self.homepage
        return pin.variant if pin is not None and pin.second >= self.session_started else None

    def variation_of(self, experiment_id: str, bucket_version: int = 0) -> int | None:
        """Return the variation of an experiment that the visitor was last shown; it sticks."""
        key = experiment_key_of(experiment_id, bucket_version)
        for shown in self.exposures:
            if shown.experiment_key == key:
                return shown.variation
        return None

    def settled_evidence(self) -> tuple[SizeEvidence, ...]:
        """Return the evidence with each purchase told once, as :func:`settle` defines it."""
        return settle(self.evidence)


EMPTY_STATE: Final = VisitorState()
"""A visitor of whom nothing is known."""


def settle(evidence: Sequence[SizeEvidence]) -> tuple[SizeEvidence, ...]:
    """Leave out reports of a purchase that another report of it supersedes.

    A browser and the shop's server may both report an order, up to two days apart. The server's word stands
    over the browser's, and the browser's word that an item's size had been preselected stands over the server's,
    which cannot know. Choosing when reading, not when storing, keeps the stored evidence a plain set.

    Args:
        evidence: a visitor's records, in any order.

    Returns:
        The records that stand, in the given order.
    """
    bought = [record for record in evidence if record.kind in _RANK]
    if len(bought) < 2:
        return tuple(evidence)
    return tuple(
        record
        for record in evidence
        if record.kind not in _RANK or not any(_supersedes(other, record) for other in bought)
    )


_RANK: Final = {
    EvidenceKind.PURCHASE_UNCONFIRMED: 0,
    EvidenceKind.PURCHASE: 1,
    EvidenceKind.PURCHASE_PRESELECTED: 2,
}


def _supersedes(stronger: SizeEvidence, weaker: SizeEvidence) -> bool:
    return (
        _RANK[EvidenceKind(stronger.kind)] > _RANK[EvidenceKind(weaker.kind)]
        and stronger[2:] == weaker[2:]
        and abs(stronger.day - weaker.day) <= TWIN_DAYS
    )
