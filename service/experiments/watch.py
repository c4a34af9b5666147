"""Keeps a worker's policy what the shop has defined: in Redis, and in a file or GrowthBook."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from recommender.decisions.policy import Policy
from service.experiments.base import BaseDefinitions
from service.experiments.in_use import DefinitionsInUse
from service.experiments.last_good import CopyDamaged
from service.experiments.phase_notes import PhaseNotes
from service.experiments.source_watch import SourceWatch
from service.experiments.sources import PayloadSource
from service.experiments.status import Complaints, ExperimentsStatus
from service.metrics.metrics import Metrics
from service.stores.connection import StoreUnavailable
from service.stores.experiments import (
    DocumentChanged,
    DocumentDamaged,
    ExperimentDocument,
    ExperimentStore,
    VersionedDocument,
)
from service.tasks import end_tasks

_log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.4
FIRST_LOAD_SECONDS: Final = 1.0
"""How long a start waits for definitions; a service that waited longer would help nobody."""

_MOST_BACKOFF_SECONDS: Final = 5.0


class ExperimentWatch:
    """Holds the policy in use; a request takes the reference once and keeps it to its end.

    Whatever fails, the last good definitions stay: of a source that does not answer, of a document that cannot be
    read, of a single feature that is broken. They are kept on disk, too, so that a restart changes nothing.

    Args:
        store: of the definitions in Redis.
        source: of others; ``None`` without.
        folder: for the last good copies.
        metrics: told of versions, problems and failures.
        learning_traffic: whether Kabin's own experiments run.
        clock: Unix seconds.
        poll_interval_seconds: between two looks at the version in Redis.
    """

    def __init__(
        self,
        store: ExperimentStore,
        source: PayloadSource | None,
        folder: Path,
        metrics: Metrics,
        *,
        learning_traffic: bool = False,
        clock: Callable[[], float] = time.time,
        poll_interval_seconds: float = POLL_SECONDS,
    ) -> None:
        self._store = store
        self._source = source
        self._metrics = metrics
        self._clock = clock
        self._poll_interval_seconds = poll_interval_seconds
        self._known: VersionedDocument | None = None
        self._seen_version: int | None = None
        self._read_version: int | None = None
        self._store_fresh_at: float | None = None
        self._phases = PhaseNotes(store)
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._complaints = Complaints()
        self._in_use = DefinitionsInUse(
            folder, self._complaints, learning_traffic=learning_traffic, clock=clock
        )

    @property
    def policy(self) -> Policy:
        """The policy to assign with; use one reference throughout a request."""
        return self._in_use.policy

    @property
    def base(self) -> BaseDefinitions | None:
        """What the file or GrowthBook defines, if there is one and it has been read."""
        if self._source is None or self._source.payload is None:
            return None
        return BaseDefinitions(self._source.kind, self._source.payload)

    def status(self) -> ExperimentsStatus:
        """Return what operators should know."""
        return ExperimentsStatus(
            None if self._known is None else self._known.version,
            "redis" if self._source is None else self._source.kind,
            self._fresh_at(),
            self._in_use.overridden,
            self._complaints.lines(self._in_use.copy_problem),
        )

    async def start(self) -> None:
        """Begin with the copies on disk, wait a moment for something newer, then keep the policy fresh."""
        await self._restore()
        first_looks = [asyncio.Event()]
        self._tasks = [asyncio.create_task(self._follow_store(first_looks[0]), name="experiments")]
        if self._source is not None:
            first_look = asyncio.Event()
            follow = SourceWatch(
                self._source,
                self._complaints,
                self._metrics,
                changed=self._rebuild_in_turn,
                show=self._show,
                poll_interval_seconds=self._poll_interval_seconds,
            )
            self._tasks.append(asyncio.create_task(follow.run(first_look), name="experiment source"))
            if self._source.payload is None or self._source.kind == "file":
                first_looks.append(first_look)
        try:
            async with asyncio.timeout(FIRST_LOAD_SECONDS):
                for each in first_looks:
                    await each.wait()
        except TimeoutError:
            _log.warning("the experiments are not all there yet: starting with what there is")

    async def stop(self) -> None:
        """End looking; the policy stays usable."""
        tasks, self._tasks = self._tasks, []
        await end_tasks(tasks)
        if self._source is not None:
            await self._source.close()

    async def refresh(self) -> None:
        """Take over what Redis holds now; for the worker that has just written it.

        Raises:
            StoreUnavailable: Redis does not answer; everything stays as it was.
        """
        try:
            async with self._turn:
                await self._look_at_store()
        except StoreUnavailable as error:
            self._seen_version = None
            self._metrics.state.experiments_failure("redis")
            self._complaints.note("redis", f"{error} (the last known experiments stay in use)")
            raise
        finally:
            self._show()

    async def _follow_store(self, first_look: asyncio.Event) -> None:
        failures = 0
        while True:
            try:
                await self.refresh()
                failures = 0
            except StoreUnavailable:
                failures = min(failures + 1, 5)
            except Exception as error:  # noqa: BLE001 - a watch that ended would keep old experiments for days, unnoticed
                self._complaints.note_defect("redis", error)
                self._seen_version = None
                failures = min(failures + 1, 5)
            first_look.set()
            await asyncio.sleep(min(self._poll_interval_seconds * 2**failures, _MOST_BACKOFF_SECONDS))

    async def _look_at_store(self) -> None:
        try:
            version = await self._store.version()
        except DocumentDamaged as error:
            self._seen_version = None
            self._damaged(error)
            return
        if version != self._seen_version:
            await self._take_over(version)
        if self._read_version == version:
            self._store_fresh_at = self._clock()
            await self._phases.write(self.policy, version=version)

    async def _take_over(self, version: int) -> None:
        """Read a version that has not been seen yet, and put it to use."""
        if version == 0 and self._known is not None and self._known.document != ExperimentDocument():
            await self._put_back(self._known.document)
            return
        try:
            found = await self._store.read()
        except DocumentDamaged as error:
            self._seen_version = version
            self._damaged(error)
            return
        self._seen_version = self._read_version = found.version
        self._complaints.note("redis")
        is_new, self._known = found != self._known, found
        if is_new:
            await self._rebuild()

    async def _put_back(self, document: ExperimentDocument) -> None:
        """Give a Redis that has lost the experiments what it held; the next look takes it over."""
        try:
            await self._store.write(document, expected_version=0)
        except DocumentChanged:
            return
        finally:
            self._phases.repeat(at=self._clock())
        _log.warning("Redis had lost the experiments and switches: they are back as they were last known")

    def _damaged(self, error: DocumentDamaged) -> None:
        self._metrics.state.experiments_failure("redis")
        self._complaints.note("redis", f"{error} (the last good ones stay in use)")

    async def _restore(self) -> None:
        kept = await self._in_use.restore()
        if kept is not None:
            self._known, self._store_fresh_at = kept
        if self._source is not None:
            try:
                await self._source.restore()
            except CopyDamaged as error:
                _log.warning("%s", error)
        await self._rebuild_in_turn()

    async def _rebuild_in_turn(self) -> None:
        async with self._turn:
            await self._rebuild()

    async def _rebuild(self) -> None:
        base = None if self._source is None else self._source.payload
        await self._in_use.replace(base, self._known, is_complete=self._source is None or base is not None)
        self._phases.begin(self.policy, at=self._clock())

    def _fresh_at(self) -> float | None:
        if self._source is None or self._store_fresh_at is None:
            return self._store_fresh_at
        return None if self._source.fresh_at is None else min(self._store_fresh_at, self._source.fresh_at)

    def _show(self) -> None:
        status = self.status()
        self._metrics.state.experiments(status.version or 0, status.fresh_at or 0.0, len(status.problems))
