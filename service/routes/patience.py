"""Waiting with a deadline that costs nothing where there is nothing to wait for."""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def within(seconds: float, work: Coroutine[Any, Any, _T]) -> _T:
    """Return what ``work`` returns.

    A small body lies ready when its request is handled. So the work is run up to its first wait, and only if there
    is one a timer is set: setting and removing one takes 6 µs, more than reading the body.

    Raises:
        TimeoutError: the work takes longer.
    """
    steps = work.__await__()
    try:
        awaited = next(steps)
    except StopIteration as done:
        result: _T = done.value
        return result
    async with asyncio.timeout(seconds):
        return await _continued(steps, awaited)


@coroutine
def _continued(steps: Generator[Any, Any, _T], awaited: Any) -> Generator[Any, Any, _T]:
    """Wait for what was awaited last, and go on from there; work that is given up is closed."""
    try:
        yield awaited
        return (yield from steps)
    finally:
        steps.close()
