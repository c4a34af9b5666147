"""Keeps in sight how the last training ended, for readiness and metrics of a service that trains nothing itself."""

import asyncio
from collections.abc import Callable
from typing import Final

from recommender.model import TrainingRecord
from service.metrics.metrics import Metrics

LOOK_EVERY_SECONDS: Final = 2.0


class TrainingWatch:
    """Holds the record of the last training.

    Args:
        read: returns the newest record beside the models, ``None`` before the first; reads a file, never raises.
        metrics: told at every look.
    """

    def __init__(self, read: Callable[[], TrainingRecord | None], metrics: Metrics) -> None:
        self._read = read
        self._metrics = metrics
        self.last: TrainingRecord | None = None

    async def check(self) -> None:
        """Look once."""
        self.last = await asyncio.to_thread(self._read)
        if self.last is None:
            self._metrics.state.training(None, 0.0)
        else:
            self._metrics.state.training(self.last.result, self.last.finished_at)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(LOOK_EVERY_SECONDS)
