"""Ending tasks, whatever they do with it."""

import asyncio
import contextlib

from service.tasks import end_tasks


def test_a_task_that_misses_its_first_cancellation_ends_all_the_same() -> None:
    """A library on its way may have swallowed it; the loop around it must not go on for ever."""

    async def scenario() -> None:
        missed: list[bool] = []

        async def looping() -> None:
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    if missed:
                        raise
                    missed.append(True)

        task = asyncio.create_task(looping())
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            await end_tasks([task])
        assert missed
        assert task.cancelled()

    asyncio.run(scenario())


def test_what_ending_tasks_raise_is_dropped() -> None:
    """Closing goes on; a task that failed has said so where it failed."""

    async def scenario() -> None:
        async def failing() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
            raise RuntimeError("a defect")

        async def over() -> None:
            """End at once."""

        tasks = [asyncio.create_task(failing()), asyncio.create_task(over())]
        await asyncio.sleep(0)
        await end_tasks(tasks)
        await end_tasks([])
        assert all(task.done() for task in tasks)

    asyncio.run(scenario())
