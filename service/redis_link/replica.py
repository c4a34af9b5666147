"""A worker's replica of the catalog, fresh within a second of any change."""

import asyncio
import ctypes
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import numpy as np

from recommender.catalog.catalog import Catalog
from recommender.catalog.frame import Frame
from recommender.catalog.framing import Framing
from recommender.catalog.overlay import Changes
from recommender.catalog.table import TableError, decode_table
from recommender.catalog.texts import Texts
from recommender.departments import DepartmentTable
from service.stores.catalog_source import CatalogSource, CatalogState, VersionedStep
from service.stores.connection import StoreUnavailable
from service.tasks import end_tasks

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.4
ITEMS_AT_ONCE: Final = 100
"""Items applied before requests get their turn: under 1 ms."""
LARGEST_OVERLAY: Final = 4000
"""Changed items held as objects (10 MB) before they are merged into the bulk."""
MOST_STEPS_BEHIND: Final = 128
"""A replica further behind loads everything, which costs no more."""
MOST_UNUSED_TEXTS: Final = 50_000
"""Beyond these, and a quarter of the items, everything is loaded anew: 2 MB of titles that nobody sees."""
_PAUSE_SECONDS: Final = 0.0002
_MOST_BACKOFF_SECONDS: Final = 5.0


class CatalogGone(Exception):  # noqa: N818 - what happened, like StoreUnavailable
    """The store holds no catalog (any more), or replaced it while it was read."""


class CatalogReplica:
    """Keeps :attr:`catalog` up to date with a store.

    If the store fails, or comes back empty, the last good catalog stays in use and :attr:`last_error` says why.
    Parsing and merging happen in a thread; the event loop only swaps the result in.

    Args:
        source: where the catalog is.
        departments: the shop's department table.
        poll_seconds: how often to look for changes: one small command each time.
        clock: Unix seconds; sales begin and end by it.
    """

    def __init__(
        self,
        source: CatalogSource,
        departments: DepartmentTable,
        *,
        poll_seconds: float = POLL_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._departments = departments
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._generation: str | None = None
        self._checked_at: float | None = None
        self._merging: asyncio.Task[None] | None = None
        self._applied_while_merging: list[tuple[Changes, int]] = []
        self._task: asyncio.Task[None] | None = None
        self.catalog = Catalog.empty(departments)
        """The catalog to decide with; use one reference throughout a decision."""
        self.last_error: str | None = None
        """Why the replica may be stale, ``None`` while all is well."""

    @property
    def version(self) -> int:
        """The store's version of :attr:`catalog`; 0 before the first load."""
        return self.catalog.version

    @property
    def checked_at(self) -> float | None:
        """When the replica was last known to be what the store has, in Unix seconds."""
        return self._checked_at

    @property
    def age_seconds(self) -> float | None:
        """Seconds since then; ``None`` if it never was."""
        return None if self._checked_at is None else max(self._clock() - self._checked_at, 0.0)

    async def start(self) -> None:
        """Load the catalog if the store answers, then keep it fresh in a task of its own."""
        with suppress(StoreUnavailable, TableError, CatalogGone):
            await self._refresh()
        self._task = asyncio.create_task(self._run(), name="catalog replica")

    async def stop(self) -> None:
        """End the task; the catalog stays usable."""
        tasks = [task for task in (self._task, self._merging) if task is not None]
        self._task = self._merging = None
        await end_tasks(tasks)

    async def refresh(self) -> None:
        """Catch up with the store once.

        Raises:
            StoreUnavailable: the store does not answer; the catalog stays as it was.
        """
        await self._refresh()

    async def _run(self) -> None:
        failures = 0
        while True:
            await asyncio.sleep(min(self._poll_seconds * 2**failures, _MOST_BACKOFF_SECONDS))
            try:
                await self._refresh()
                failures = 0
            except (StoreUnavailable, TableError, CatalogGone):
                failures = min(failures + 1, 4)
            except Exception:  # a replica that stops for good would serve an old catalog for days
                logger.exception("The catalog replica failed; it tries again.")
                failures = min(failures + 1, 4)

    async def _refresh(self) -> None:
        try:
            await self._catch_up()
            if self._merging is None and self.catalog.overlay_size > LARGEST_OVERLAY:
                self._merging = asyncio.create_task(self._merge(), name="catalog merge")
            if not self.catalog.is_prepared(self._clock()):
                await asyncio.to_thread(self.catalog.prepare, self._clock())
        except (StoreUnavailable, TableError, CatalogGone) as error:
            self._fail(str(error))
            raise
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}")
            raise
        self.last_error = None
        self._checked_at = self._clock()

    def _fail(self, reason: str) -> None:
        if reason != self.last_error:
            logger.warning("The catalog may be stale: %s", reason)
        self.last_error = reason

    async def _catch_up(self) -> None:
        state = await self._source.state()
        if state.generation is None:
            if self._generation is None:
                return
            raise CatalogGone("the store has lost the catalog: the last one stays in use, PUT it again")
        wasteful = self.catalog.unused_texts > MOST_UNUSED_TEXTS + len(self.catalog) // 4
        if state.generation != self._generation or state.version < self.version or wasteful:
            await self._load(state)
            state = await self._source.state()
        while self._generation == state.generation and self.version < state.version:
            behind = state.version - self.version
            steps = await self._source.steps_after(self.version) if behind <= MOST_STEPS_BEHIND else None
            if steps is None:
                state = await self._source.state()
                if self.version < state.version:
                    await self._load(state)
                continue
            await self._apply(steps)

    async def _load(self, state: CatalogState) -> None:
        """Load everything; steps taken while it is read are applied again afterwards, which changes nothing."""
        if state.generation is None:
            raise CatalogGone("the catalog was removed while it was read")
        framing = Framing(self._departments, Texts())
        # Nobody waits for an answer from a catalog that is not there yet, so the first load need not make room.
        pause_seconds = _PAUSE_SECONDS if len(self.catalog) else 0.0
        async for segments in self._source.segments(state.generation):
            await asyncio.to_thread(_add, framing, segments, pause_seconds)
        catalog = await asyncio.to_thread(_framed, framing, self._departments, state.version)
        if state.items and not len(catalog):
            raise CatalogGone("the catalog was replaced while it was read")
        await asyncio.to_thread(catalog.prepare, self._clock())
        self._abandon_merge()
        self.catalog = catalog
        self._generation = state.generation

    async def _apply(self, steps: list[VersionedStep]) -> None:
        for change, version in await asyncio.to_thread(_changes, steps, self._departments):
            self.catalog.apply(change, version)
            if self._merging is not None:
                self._applied_while_merging.append((change, version))
            await asyncio.sleep(0)

    async def _merge(self) -> None:
        """Merge the overlay while changes go on being applied, then apply those to the result and swap it in."""
        self._applied_while_merging = []
        try:
            catalog = await asyncio.to_thread(self.catalog.merged)
            while len(self._applied_while_merging) > 1:
                missed, self._applied_while_merging = self._applied_while_merging, []
                await asyncio.to_thread(_apply_all, catalog, missed)
            await asyncio.to_thread(catalog.prepare, self._clock())
            _apply_all(catalog, self._applied_while_merging)
            self.catalog = catalog
        except Exception:  # the overlay goes on growing, and the next round tries again
            logger.exception("Merging the catalog's changes failed.")
        finally:
            self._merging = None

    def _abandon_merge(self) -> None:
        if self._merging is not None:
            self._merging.cancel()


def _add(framing: Framing, segments: list[bytes], pause_seconds: float) -> None:
    for segment in segments:
        framing.add(decode_table(segment))
        if pause_seconds:
            time.sleep(pause_seconds)


def _framed(framing: Framing, departments: DepartmentTable, version: int) -> Catalog:
    frame = Frame.of(framing.tables(), framing.texts)
    return_free_memory()
    return Catalog(frame, departments=departments, version=version)


def return_free_memory() -> None:
    """Give the system back what loading a catalog needed for a moment: 85 MB after a million SKUs, in 6 ms."""
    with suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def _changes(steps: list[VersionedStep], departments: DepartmentTable) -> list[tuple[Changes, int]]:
    """Build the items of steps, in portions that the event loop can apply at once; the last has the version."""
    changes: list[tuple[Changes, int]] = []
    for version, step in steps:
        removals = [step.removed[i : i + ITEMS_AT_ONCE] for i in range(0, len(step.removed), ITEMS_AT_ONCE)]
        portions = [Changes((), tuple(removed), None) for removed in removals]
        segment = decode_table(step.table) if step.table else None
        for start in range(0, 0 if segment is None else len(segment), ITEMS_AT_ONCE):
            assert segment is not None  # noqa: S101 - the range is empty otherwise
            rows = np.arange(start, min(start + ITEMS_AT_ONCE, len(segment)))
            portions.append(Changes.of(segment.take_items(rows), (), departments))
            time.sleep(_PAUSE_SECONDS)
        changes += [(portion, version - 1) for portion in portions[:-1]]
        changes += [(portion, version) for portion in portions[-1:] or [Changes((), (), None)]]
    return changes


def _apply_all(catalog: Catalog, changes: list[tuple[Changes, int]]) -> None:
    for change, version in changes:
        catalog.apply(change, version)
