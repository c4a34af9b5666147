"""Picks up each newly published model: loaded and verified off the event loop, then swapped in whole."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from recommender.model import ModelError
from service.metrics import Metrics

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
"""Looks until a model that could not be loaded is tried again: half a minute at a look a second."""


class ModelWatch(Generic[M]):
    """Holds the model in use; a request takes the reference once and keeps it to its end.

    A published model that cannot be loaded leaves the last good one in place, is tried again after
    ``RETRY_LOOKS`` looks (a disk that failed may answer by then) or when something else is published, and shows
    in :attr:`problem` and in a metric.

    Args:
        published: returns the version that the models folder points to, ``None`` before the first one.
        load: returns the model of a version, verified; slow, so it runs in a thread.
        metrics: told of every change and failure.
        poll_interval_seconds: between two looks.
    """

    def __init__(
        self,
        published: Callable[[], str | None],
        load: Callable[[str], M],
        metrics: Metrics,
        *,
        poll_interval_seconds: float,
    ) -> None:
        self._published = published
        self._load = load
        self._metrics = metrics
        self._poll_interval_seconds = poll_interval_seconds
        self._seen: str | None = None
        self._looks_until_retry = 0
        self.current: M | None = None
        self.problem: str | None = None

    async def check(self) -> None:
        """Look once, and take over what has been published since."""
        try:
            version = await asyncio.to_thread(self._published)
            if version is None or version == self._seen:
                in_use = self.current is not None and version == self.current.version
                if in_use:
                    self.problem = None  # What was the matter with the pointer is over.
                self._looks_until_retry -= 1
                if version is None or in_use or self._looks_until_retry > 0:
                    return
            self._seen, self._looks_until_retry = version, RETRY_LOOKS
            model = await asyncio.to_thread(self._load, version)
        except (ModelError, OSError) as error:
            if self.problem != str(error):
                self._metrics.model_failure()
                _log.error("a published model cannot be used, the last good one stays: %s", error)
            self.problem = str(error)
            return
        self.current = model
        self.problem = None
        self._metrics.model(model.version, model.created_at)
        _log.info("model %s is in use", model.version)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(self._poll_interval_seconds)
            try:
                await self.check()
            except Exception:  # noqa: BLE001 - a watch that ended would keep an old model for good, unnoticed
                _log.exception("looking for a new model failed; it goes on")
