"""Deadlines that cost nothing where there is nothing to wait for."""

import asyncio
from typing import Any

import pytest

from service.routes.patience import within

pytestmark = pytest.mark.anyio


class Work:
    """Work that waits for an event before it returns, and notes how it ended."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.began = asyncio.Event()
        self.has_ended = False

    async def run(self) -> str:
        """Wait twice."""
        try:
            self.began.set()
            await self.may_end.wait()
            await asyncio.sleep(0)
            return "done"
        finally:
            self.has_ended = True


async def test_what_does_not_wait_sets_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its result, or its error, is there at once."""

    def no_timer(*_arguments: Any) -> None:
        raise AssertionError("a timer was set")

    async def ready() -> str:
        return "done"

    async def wrong() -> str:
        raise ValueError("wrong")

    monkeypatch.setattr(asyncio, "timeout", no_timer)
    assert await within(1.0, ready()) == "done"
    with pytest.raises(ValueError, match="wrong"):
        await within(1.0, wrong())


async def test_what_waits_goes_on_where_it_was() -> None:
    """Nothing is lost or done twice."""
    work = Work()
    task = asyncio.create_task(within(5.0, work.run()))
    await work.began.wait()
    work.may_end.set()
    assert await task == "done"


async def test_what_takes_too_long_is_given_up_and_closed() -> None:
    """The one who waited is told, and the work lets go of what it held."""
    work = Work()
    with pytest.raises(TimeoutError):
        await within(0.01, work.run())
    assert work.has_ended


async def test_who_is_cancelled_takes_the_work_along() -> None:
    """A client that hangs up leaves nothing behind that waits."""
    work = Work()
    task = asyncio.create_task(within(5.0, work.run()))
    await work.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.has_ended


async def test_an_error_after_a_wait_is_the_callers() -> None:
    """Also one that comes late."""

    async def wrong() -> None:
        await asyncio.sleep(0)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await within(5.0, wrong())
