"""Picks up each newly published model: loaded and verified off the event loop, then swapped in whole."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, Generic, Protocol, TypeVar

from recommender.model import ModelError
from service.metrics.metrics import Metrics

_log = logging.getLogger(__name__)


class Versioned(Protocol):
    """What the watch needs to know of a model."""

    @property
    def version(self) -> str:
        """The version under which it was published."""

    @property
    def created_at(self) -> float:
        """When it was trained, Unix seconds."""


M = TypeVar("M", bound=Versioned)

RETRY_LOOKS: Final = 30
"""Looks until a model that could not be loaded is tried again: 15 seconds at two looks a second."""

VERIFYING_NICENESS: Final = 10
"""Of the thread that verifies models. Where twenty processes shared two cores, it brought the event loop's median delay
meanwhile from between 2.0 and 6.0 ms down to between 0.9 and 2.5; verifying took a quarter longer."""

NOTHING_PUBLISHED: Final = "nothing is published any more: is the models folder still there?"
"""The problem while there is no pointer, though a model is in use."""


class ModelWatch(Generic[M]):
    """Holds the model in use; a request takes the reference once and keeps it to its end.

    A published model that cannot be used leaves the last good one in place, is tried again after
    ``RETRY_LOOKS`` looks (a disk that failed may answer by then) or when something else is published, and shows
    in :attr:`problem` and in metrics.

    The model before the one in use is kept, verified and mapped (its pages are the kernel's to take back): rolling
    back needs no reading, and what is let go of at last has been out of use since the swap before.

    Args:
        published: returns the version that the models folder points to, ``None`` before the first one.
        load: returns the model of a version; runs in a thread.
        metrics: told of every change and failure.
        poll_interval_seconds: between two looks.
        verify: compares the checksums of a version before it is loaded, where ``load`` does not do so itself; most of
            the work, and none of it under the interpreter's lock, so it runs in a thread that gives way to requests.
    """

    def __init__(
        self,
        published: Callable[[], str | None],
        load: Callable[[str], M],
        metrics: Metrics,
        *,
        poll_interval_seconds: float,
        verify: Callable[[str], None] | None = None,
    ) -> None:
        self._published = published
        self._load = load
        self._verify = verify
        self._metrics = metrics
        self._poll_interval_seconds = poll_interval_seconds
        self._verifier = ThreadPoolExecutor(1, thread_name_prefix="model", initializer=_give_way)
        self._seen: str | None = None
        self._looks_until_retry = 0
        self._before: M | None = None
        self.current: M | None = None
        self.problem: str | None = None

    async def check(self) -> None:
        """Look once, and take over what has been published since; whatever fails, the model in use stays."""
        try:
            version = await asyncio.to_thread(self._published)
            if version is None:
                self._report(None if self.current is None else NOTHING_PUBLISHED)
                return
            if not self._is_to_be_loaded(version):
                return
            self._seen, self._looks_until_retry = version, RETRY_LOOKS
            await self._swap(await self._model(version))
        except (ModelError, OSError) as error:
            self._report(str(error))
        except Exception as error:  # noqa: BLE001 - a watch that ended would keep an old model for good, unnoticed
            self._report(f"{type(error).__name__}: {error}")

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(self._poll_interval_seconds)
            await self.check()

    def _is_to_be_loaded(self, version: str) -> bool:
        """Tell whether a version is news, or one that failed so long ago that it is worth another attempt."""
        if version != self._seen:
            return True
        if self.current is not None and version == self.current.version:
            self._report(None)  # What was the matter with the pointer is over.
            return False
        self._looks_until_retry -= 1
        return self._looks_until_retry <= 0

    async def _model(self, version: str) -> M:
        for kept in (self.current, self._before):
            if kept is not None and kept.version == version:
                return kept
        if self._verify is not None:
            await asyncio.get_running_loop().run_in_executor(self._verifier, self._verify, version)
        return await asyncio.to_thread(self._load, version)

    async def _swap(self, model: M) -> None:
        self._report(None)
        if model is self.current:
            return
        retired = [self._before]
        self._before, self.current = self.current, model
        self._metrics.state.model(model.version, model.created_at)
        _log.info("model %s is in use", model.version)
        # Unmapping 270 MB takes 10 to 25 ms, in which the event loop would answer nobody.
        await asyncio.to_thread(retired.clear)

    def _report(self, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            self._metrics.state.model_failure()
            _log.error("a published model cannot be used, the last good one stays: %s", problem)
        self.problem = problem
        self._metrics.state.model_problem(is_there=problem is not None)


def _give_way() -> None:
    """Let this thread run behind those that answer requests, where threads have a priority of their own."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), VERIFYING_NICENESS)
