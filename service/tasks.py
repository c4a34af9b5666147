"""Ending tasks that run for as long as the process does."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_AGAIN_SECONDS: Final = 0.1


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until all of them have ended; what they raised is dropped.

    Once may not be enough: before Python 3.12 ``asyncio.wait_for``, which redis-py waits by, forgets a cancellation
    that comes in the moment its result does (python/cpython#86296), and a task that loops then goes on.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        done, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
        for task in done:
            if not task.cancelled():
                task.exception()
