"""The watch of a real process, as the settings want it."""

import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Final

from service.experiments.last_good import LastGoodCopy
from service.experiments.sources import FileSource, PayloadSource, SourceCopy
from service.experiments.watch import POLL_SECONDS, ExperimentWatch
from service.metrics.metrics import Metrics
from service.settings import Settings, SettingsError
from service.stores.experiments import ExperimentStore

FOLDER: Final = "experiments"
"""In the data folder: what was last good."""


def watch_of(
    settings: Settings,
    store: ExperimentStore,
    metrics: Metrics,
    clock: Callable[[], float] = time.time,
) -> ExperimentWatch:
    """Return the watch of a process; nothing is opened before it is started.

    Raises:
        SettingsError: the endpoint's address makes no sense.
    """
    return ExperimentWatch(
        store,
        source_of(settings, clock),
        # Of each installation on a Redis its own: what one has lost is not another's.
        settings.data_dir / FOLDER / f"redis-{settings.redis_prefix}",
        metrics,
        learning_traffic=settings.learning_traffic,
        clock=clock,
    )


def source_of(settings: Settings, clock: Callable[[], float]) -> PayloadSource | None:
    """Return the source of definitions besides Redis; ``None`` if there is none.

    Raises:
        SettingsError: the endpoint's address makes no sense.
    """
    if settings.experiments_file is not None:
        path = settings.experiments_file
        copy = _copy(settings.data_dir, f"file {path.absolute()}")
        return FileSource(path, copy, clock, poll_interval_seconds=POLL_SECONDS)
    if settings.growthbook_url is not None:
        # Its HTTP client and what that imports take 0.15 s, which a start without GrowthBook need not wait for.
        from service.experiments.growthbook import GrowthBookSource  # noqa: PLC0415

        url = settings.growthbook_url
        copy = _copy(settings.data_dir, f"growthbook {url}")
        try:
            return GrowthBookSource(url, copy, clock, refresh_seconds=settings.growthbook_refresh_seconds)
        except ValueError as error:
            raise SettingsError(f"KABIN_GROWTHBOOK_URL makes no sense: {error}") from error
    return None


def _copy(data_dir: Path, origin: str) -> LastGoodCopy[SourceCopy]:
    """Return the copy of one origin; another one's is never taken for it."""
    name = blake2b(origin.encode(), digest_size=8).hexdigest()
    return LastGoodCopy(data_dir / FOLDER / f"source-{name}.json", SourceCopy)
