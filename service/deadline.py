"""Patience with Redis: a call that takes longer counts as failed."""

import asyncio
from collections.abc import Sequence

from recommender.events import Event
from recommender.homepage import HomepageVariant
from recommender.visitor.effects import Effects
from recommender.visitor.state import VisitorState
from service.stores.connection import StoreUnavailable
from service.stores.visitors import Applied, VisitorStore


class DeadlineStore:
    """A visitors' store that gives up in time: a page would rather have an answer without the visitor's past.

    A write that is given up may have happened all the same; sending its events again is safe.
    """

    def __init__(self, store: VisitorStore, *, seconds: float) -> None:
        self._store = store
        self._seconds = seconds

    async def apply(
        self,
        visitor_id: str,
        batch: Sequence[tuple[Event, Effects]],
        *,
        now: float,
        ttl_seconds: int | None = None,
    ) -> Applied:
        """See :meth:`service.stores.visitors.VisitorStore.apply`."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._store.apply(visitor_id, batch, now=now, ttl_seconds=ttl_seconds)
        except TimeoutError:
            raise self._late() from None

    async def read(self, visitor_id: str) -> VisitorState:
        """See :meth:`service.stores.visitors.VisitorStore.read`."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._store.read(visitor_id)
        except TimeoutError:
            raise self._late() from None

    async def pin_homepage(self, visitor_id: str, variant: HomepageVariant, *, at: float) -> bool:
        """See :meth:`service.stores.visitors.VisitorStore.pin_homepage`."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._store.pin_homepage(visitor_id, variant, at=at)
        except TimeoutError:
            raise self._late() from None

    def _late(self) -> StoreUnavailable:
        return StoreUnavailable(f"Redis did not answer within {self._seconds * 1000:g} ms")
