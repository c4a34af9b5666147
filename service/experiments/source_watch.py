"""Looks for changed definitions in a file or at GrowthBook, for as long as a worker runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from service.experiments.last_good import CopyDamaged
from service.experiments.sources import PayloadSource, SourceFailed
from service.experiments.status import Complaints
from service.metrics.metrics import Metrics

_log = logging.getLogger(__name__)


class SourceWatch:
    """Follows one source; whatever fails, its last good definitions stay.

    Args:
        source: of definitions.
        complaints: told what is wrong with it.
        metrics: told of failures.
        changed: puts other definitions to use.
        show: tells operators.
        poll_interval_seconds: between two looks at what other workers have got.
    """

    def __init__(
        self,
        source: PayloadSource,
        complaints: Complaints,
        metrics: Metrics,
        *,
        changed: Callable[[], Awaitable[None]],
        show: Callable[[], None],
        poll_interval_seconds: float,
    ) -> None:
        self._source = source
        self._complaints = complaints
        self._metrics = metrics
        self._changed = changed
        self._show = show
        self._poll_interval_seconds = poll_interval_seconds

    async def run(self, first_look: asyncio.Event) -> None:
        """Look again and again; ``first_look`` is set after the first time."""
        now = asyncio.get_running_loop().time
        failures, due = 0, now()
        while True:
            try:
                if now() >= due:
                    failures = await self._look(failures)
                    due = now() + self._source.pause_seconds(failures)
                elif await self._adopt():
                    failures, due = 0, now() + self._source.pause_seconds(0)
            except CopyDamaged as error:
                _log.warning("%s", error)
            except Exception as error:  # noqa: BLE001 - a watch that ended would keep old experiments for days, unnoticed
                self._complaints.note_defect(self._source.kind, error)
                failures, due = failures + 1, now() + self._source.pause_seconds(failures + 1)
            first_look.set()
            self._show()
            await asyncio.sleep(self._poll_interval_seconds)

    async def _look(self, failures: int) -> int:
        """Look once and return how many looks have failed in a row."""
        source = self._source
        try:
            if await source.look():
                await self._changed()
        except SourceFailed as error:
            self._metrics.state.experiments_failure(source.kind)
            what = (
                "nothing of it is in use yet" if source.payload is None else "the last good ones stay in use"
            )
            self._complaints.note(source.kind, f"{error} ({what})")
            return failures + 1
        self._complaints.note(source.kind)
        return 0

    async def _adopt(self) -> bool:
        """Take over what another worker has got, and return whether it has reached the source since."""
        before = self._source.fresh_at
        if await self._source.adopt():
            await self._changed()
        if self._source.fresh_at == before:
            return False
        self._complaints.note(self._source.kind)
        return True
