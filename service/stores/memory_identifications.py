"""Identifications of visitors that a plain model holds: routes run on it in tests."""

import time
from collections.abc import Callable, Mapping, Sequence

from recommender.visitor.codec import encode_orders, encode_ring, encode_state
from recommender.visitor.holdings import Holdings
from service.stores.identifications import UNDER_WAY_SECONDS, Kept, Transfer
from service.stores.memory import MemoryVisitorStore


class MemoryIdentifications:
    """:class:`service.stores.identifications.Identifications` within one process; nothing expires.

    Args:
        visitors: who they are.
        clock: Unix seconds.
    """

    def __init__(self, visitors: MemoryVisitorStore, clock: Callable[[], float] = time.time) -> None:
        self._visitors = visitors
        self._clock = clock
        self._users: dict[tuple[str, str], str] = {}
        self._announced: dict[str, dict[str, float]] = {}
        self._transfers: dict[str, Transfer] = {}
        self._merged_at_ms: dict[str, dict[str, int]] = {}
        self._erased_at_ms: dict[str, int] = {}
        self._last_ms = 0

    async def use_token(self, customer: str, token_id: str, user: str, *, life_seconds: float) -> bool:  # noqa: ARG002 - the protocol's
        """See :meth:`service.stores.identifications.Identifications.use_token`."""
        self._visitors.holdings(customer)
        return self._users.setdefault((customer, token_id), user) == user

    async def announce(self, customer: str, visitor_id: str, *, now: float) -> Sequence[str]:
        """See :meth:`service.stores.identifications.Identifications.announce`."""
        self._visitors.holdings(customer)
        announced = self._announced.setdefault(customer, {})
        overdue = [
            other
            for other, since in announced.items()
            if other != visitor_id and int(since) + UNDER_WAY_SECONDS <= int(now)
        ]
        announced[visitor_id] = now
        return overdue

    async def claim(self, visitor_id: str, customer: str) -> Transfer | None:
        """See :meth:`service.stores.identifications.Identifications.claim`."""
        known = self._transfers.get(visitor_id)
        if known is not None:
            return known
        held = self._visitors.holdings(visitor_id)
        if not held.state.is_known:
            return None
        self._visitors.drop(visitor_id)
        self._last_ms = max(round(self._clock() * 1000), self._last_ms + 1)
        transfer = Transfer(visitor_id, customer, self._last_ms, held, is_new=True)
        self._transfers[visitor_id] = transfer._replace(is_new=False)
        return transfer

    async def find(self, visitor_id: str, customer: str) -> Transfer | None:
        """See :meth:`service.stores.identifications.Identifications.find`."""
        transfer = self._transfers.get(visitor_id)
        return transfer if transfer is not None and transfer.customer == customer else None

    async def adopt(self, transfer: Transfer, merged: Holdings, replaces: Kept) -> Kept | None:
        """See :meth:`service.stores.identifications.Identifications.adopt`."""
        if transfer.at_ms <= self._erased_at_ms.get(transfer.customer, 0):
            return None
        merged_at_ms = self._merged_at_ms.setdefault(transfer.customer, {})
        if merged_at_ms.get(transfer.visitor_id, 0) >= transfer.at_ms:
            return None
        kept = _kept(self._visitors.holdings(transfer.customer))
        if kept.stored != replaces.stored:
            return kept
        self._visitors.put(transfer.customer, merged)
        merged_at_ms[transfer.visitor_id] = transfer.at_ms
        return None

    async def release(self, transfer: Transfer) -> None:
        """See :meth:`service.stores.identifications.Identifications.release`."""
        known = self._transfers.get(transfer.visitor_id)
        if known is not None and known.at_ms == transfer.at_ms:
            del self._transfers[transfer.visitor_id]

    async def withdraw(self, customer: str, visitor_id: str) -> None:
        """See :meth:`service.stores.identifications.Identifications.withdraw`."""
        self._announced.get(customer, {}).pop(visitor_id, None)

    async def merged_visitors(self, customer: str) -> Mapping[str, float]:
        """See :meth:`service.stores.identifications.Identifications.merged_visitors`."""
        until = {name: at / 1000 for name, at in self._merged_at_ms.get(customer, {}).items()}
        for transfer in self._transfers.values():
            if transfer.customer == customer:
                until[transfer.visitor_id] = transfer.at_ms / 1000
        return until

    def forget(self, visitor_id: str) -> None:
        """Forget whatever signing in has left of a visitor or customer, transfers under way too."""
        self._erased_at_ms[visitor_id] = max(round(self._clock() * 1000), self._last_ms)
        self._merged_at_ms.pop(visitor_id, None)
        self._announced.pop(visitor_id, None)
        self._transfers = {
            name: transfer
            for name, transfer in self._transfers.items()
            if visitor_id not in {name, transfer.customer}
        }


def _kept(held: Holdings) -> Kept:
    state = encode_state(held.state) if held.state.is_known else b""
    return Kept(held, (state, encode_ring(held.ring), encode_orders(held.orders)))
