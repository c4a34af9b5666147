"""Draining again and again."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from service.archiving.archiver import Archiver, Drained
from service.stores.archive import ArchiveError, ArchiveMismatch
from service.stores.connection import StoreUnavailable
from service.stores.leases import LeaseTaken

FILES_BETWEEN_COMPACTIONS: Final = 500
"""A drain a minute writes some 1,500 files a day; readers open each of them."""

_log = logging.getLogger(__name__)


async def follow(
    archiver: Archiver,
    *,
    interval_seconds: float,
    stop: asyncio.Event,
    clock: Callable[[], float],
    report: Callable[[Drained], None],
) -> None:
    """Drain, wait, and drain again until ``stop`` is set; a drain that runs then is finished. Compacts now and then.

    What may pass (Redis or the storage away, another archiver's turn) is logged and tried again at the next turn.

    Args:
        archiver: what drains.
        interval_seconds: between the end of one drain and the beginning of the next.
        stop: ends it.
        clock: Unix seconds.
        report: told of every drain.

    Raises:
        ArchiveMismatch: the log has been drained into another archive: somebody must decide.
    """
    files = 0
    while not stop.is_set():
        try:
            drained = await archiver.drain(clock())
            report(drained)
            files += drained.files
            if files >= FILES_BETWEEN_COMPACTIONS:
                await archiver.compact(clock())
                files = 0
        except ArchiveMismatch:
            raise
        except LeaseTaken as other:
            _log.debug("not archived now: %s", other)
        except (StoreUnavailable, ArchiveError) as error:
            _log.warning("not archived, tried again in %g s: %s", interval_seconds, error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), interval_seconds)
