"""A visitor's whole story, kept in full: the plain model of the store, and how rebuilds compute states."""

from collections.abc import Iterable

from recommender.affinity import NO_EVIDENCE, AffinitySums
from recommender.sizes.size import SizeEvidence
from recommender.visitor.effects import Effects, OrderCopy
from recommender.visitor.holdings import Holdings
from recommender.visitor.merging import RING_EVENTS, last_events, last_orders, merge, newest, order_index
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
            evidence=newest(self._evidence, EVIDENCE_CAPACITY),
            affinity=self._sums,
            affinity_version=self._version,
            cart=newest(
                (line for line in self._cart.values() if line.tick > self._cart_cleared_tick), CART_CAPACITY
            ),
            cart_cleared_tick=self._cart_cleared_tick,
            recently_viewed=newest(self._viewed.values(), VIEWED_CAPACITY),
            exposures=newest(self._exposures.values(), EXPOSURES_CAPACITY),
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
        return last_orders(self._orders.values())

    def ring(self, events: int = RING_EVENTS) -> tuple[int, ...]:
        """Return the fingerprints of the last ``events`` events, each before those that it counted once."""
        return last_events(self._fingerprints, min(events, RING_EVENTS))

    def holdings(
        self, *, last_seen: int = 0, session_started: int = 0, homepage: HomepagePin | None = None
    ) -> Holdings:
        """Return what a store would hold now; see :meth:`state`."""
        state = self.state(last_seen=last_seen, session_started=session_started, homepage=homepage)
        return Holdings(state, self.ring(), self.orders())

    def absorb(self, visitor: Holdings) -> None:
        """Merge a visitor who was recognised as this one, as :func:`recommender.visitor.merging.merge` does."""
        state, _, orders = merge(self.holdings(), visitor)
        self._fingerprints.update(dict.fromkeys(visitor.ring))
        self._evidence.update(state.evidence)
        self._cart.update({(line.item_key, line.sku_key): line for line in state.cart})
        self._cart_cleared_tick = state.cart_cleared_tick
        self._viewed.update({viewed.item_key: viewed for viewed in state.recently_viewed})
        self._exposures = {shown.experiment_key: shown for shown in state.exposures}
        self._sums, self._version = state.affinity, state.affinity_version
        self._orders.update(order_index(orders))


def ledger_of(effects: Iterable[Effects]) -> VisitorLedger:
    """Return the ledger of a visitor to whom ``effects`` happened, in any order."""
    ledger = VisitorLedger()
    for one in effects:
        ledger.apply(one)
    return ledger
