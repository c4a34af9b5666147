"""Erasures of visitors that a plain model holds: routes run on it in tests."""

import math
import time
from collections.abc import Callable, Mapping

from service.stores.erasures import Erasure, visitor_hash
from service.stores.memory import MemoryVisitorStore
from service.stores.memory_identifications import MemoryIdentifications


class MemoryErasures:
    """:class:`service.stores.erasures.Erasures` within one process.

    Args:
        visitors: whom it erases.
        clock: Unix seconds.
        identifications: knows who became a customer.
    """

    def __init__(
        self,
        visitors: MemoryVisitorStore,
        clock: Callable[[], float] = time.time,
        *,
        identifications: MemoryIdentifications | None = None,
    ) -> None:
        self._identifications = identifications or MemoryIdentifications(visitors, clock)
        self._visitors = visitors
        self._clock = clock
        self._at: dict[str, float] = {}

    async def erase(self, visitor_id: str) -> Erasure:
        """See :meth:`service.stores.erasures.Erasures.erase`."""
        for name, until in (await self._identifications.merged_visitors(visitor_id)).items():
            self._at[visitor_hash(name)] = max(until, self._at.get(visitor_hash(name), until))
        self._identifications.forget(visitor_id)
        events = self._visitors.drop(visitor_id)
        at = math.floor(self._clock() * 1000) / 1000
        self._at[visitor_hash(visitor_id)] = at
        return Erasure(at, len(events or ()), events is not None)

    async def all(self) -> Mapping[str, float]:
        """See :meth:`service.stores.erasures.Erasures.all`."""
        return dict(self._at)

    async def forget(self, done: Mapping[str, float]) -> None:
        """See :meth:`service.stores.erasures.Erasures.forget`."""
        self._at = {name: at for name, at in self._at.items() if done.get(name) != at}
