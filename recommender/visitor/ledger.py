"""A visitor's whole story, kept in full: the plain model of the store, and how rebuilds compute states."""

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from recommender.affinity import NO_EVIDENCE, AffinitySums
from recommender.sizes.size import SizeEvidence
from recommender.visitor.effects import Effects, OrderCopy
from recommender.visitor.state import (
    CART_CAPACITY,
    EVIDENCE_CAPACITY,
    EXPOSURES_CAPACITY,
    VIEWED_CAPACITY,
    CartLine,
    Exposure,
    HomepagePin,
    Viewed,
    VisitorState,
)

_Record = TypeVar("_Record", bound=tuple[Any, ...])

RING_EVENTS: Final = 512
"""Repetitions among a visitor's last 512 events are recognised by the store; a ledger recognises all."""

ORDERS_CAPACITY: Final = 64
"""Orders of which the store remembers the report that counted."""


class VisitorLedger:
    """Everything that one visitor's events did; :meth:`state` boils it down.

    Unlike the store, which keeps the newest records as it goes, a ledger forgets nothing until it is asked:
    that makes it obviously right, and the store is held against it.
    """

    def __init__(self) -> None:
        self._fingerprints: dict[int, None] = {}
        self._evidence: set[SizeEvidence] = set()
        self._cart: dict[tuple[int, int], CartLine] = {}
        self._cart_cleared_tick = 0
        self._viewed: dict[int, Viewed] = {}
        self._exposures: dict[int, Exposure] = {}
        self._sums = NO_EVIDENCE
        self._orders: dict[int, tuple[OrderCopy, int]] = {}
        self._version = 0

    def apply(self, effects: Effects) -> bool:
        """Take in one event; return whether it was new. A repeated one does nothing."""
        if effects.fingerprint in self._fingerprints:
            return False
        self._fingerprints[effects.fingerprint] = None
        self._evidence.update(effects.evidence)
        for line in effects.cart:
            key = (line.item_key, line.sku_key)
            self._cart[key] = max(line, self._cart.get(key, line))
        self._cart_cleared_tick = max(self._cart_cleared_tick, effects.cart_cleared_tick)
        for viewed in effects.recently_viewed:
            self._viewed[viewed.item_key] = max(viewed, self._viewed.get(viewed.item_key, viewed))
        for shown in effects.exposures:
            key_ = shown.experiment_key
            self._exposures[key_] = max(shown, self._exposures.get(key_, shown))
        if effects.affinity or effects.order is not None:
            self._add_affinity(effects)
        return True

    def _add_affinity(self, effects: Effects) -> None:
        if effects.affinity_version != self._version:
            # Sums of two half-lives cannot be added: the old ones wait for a rebuild.
            self._version, self._sums = effects.affinity_version, NO_EVIDENCE
        for once in effects.affinity:
            if once.fingerprint not in self._fingerprints:
                self._fingerprints[once.fingerprint] = None
                self._sums = self._sums.plus(once.sums)
        if effects.order is not None:
            self._add_order(effects.order)

    def _add_order(self, order: OrderCopy) -> None:
        known, version = self._orders.get(order.fingerprint, (None, 0))
        if known is not None and known >= order:
            return
        if known is not None and version == self._version:
            self._sums = self._sums.minus(known.sums)
        self._sums = self._sums.plus(order.sums)
        self._orders[order.fingerprint] = (order, self._version)

    def state(
        self, *, last_seen: int = 0, session_started: int = 0, homepage: HomepagePin | None = None
    ) -> VisitorState:
        """Return what a store would hold now.

        Args:
            last_seen: Unix second of the last request, which events do not tell.
            session_started: Unix second at which the present session began, likewise.
            homepage: the pinned variant, likewise.
        """
        return VisitorState(
            evidence=_newest(self._evidence, EVIDENCE_CAPACITY),
            affinity=self._sums,
            affinity_version=self._version,
            cart=_newest(
                (line for line in self._cart.values() if line.tick > self._cart_cleared_tick), CART_CAPACITY
            ),
            cart_cleared_tick=self._cart_cleared_tick,
            recently_viewed=_newest(self._viewed.values(), VIEWED_CAPACITY),
            exposures=_newest(self._exposures.values(), EXPOSURES_CAPACITY),
            homepage=homepage,
            last_seen=last_seen,
            session_started=session_started,
        )

    @property
    def sums(self) -> AffinitySums:
        """The affinity collected so far."""
        return self._sums

    def orders(self) -> tuple[tuple[OrderCopy, int], ...]:
        """Return the newest orders' counted reports with their affinity version, oldest first."""
        by_age = sorted(self._orders.values(), key=lambda known: -known[0].untick)
        return tuple(by_age[-ORDERS_CAPACITY:])

    def ring(self, events: int = RING_EVENTS) -> tuple[int, ...]:
        """Return the fingerprints of the last ``events`` events, each before those that it counted once."""
        prints = tuple(self._fingerprints)
        starts = [position for position, print_ in enumerate(prints) if not print_ & 1]
        wanted = min(events, len(starts), RING_EVENTS)
        return prints[starts[-wanted] :] if wanted else ()


def ledger_of(effects: Iterable[Effects]) -> VisitorLedger:
    """Return the ledger of a visitor to whom ``effects`` happened, in any order."""
    ledger = VisitorLedger()
    for one in effects:
        ledger.apply(one)
    return ledger


def _newest(records: Iterable[_Record], capacity: int) -> tuple[_Record, ...]:
    return tuple(sorted(records, reverse=True)[:capacity])
