"""Picking up published models: whole ones only, and never on the event loop."""

import asyncio
import threading
from dataclasses import dataclass

from recommender.model import ModelError
from service.metrics.metrics import Metrics
from service.model_watch import RETRY_LOOKS, ModelWatch


@dataclass
class Trained:
    """A model, as far as the watch is concerned."""

    version: str
    created_at: float = 1.0


class Folder:
    """A models folder whose pointer and contents tests change."""

    def __init__(self) -> None:
        self.pointer: str | None = None
        self.broken: set[str] = set()
        self.loads: list[str] = []
        self.threads: set[int] = set()

    def published(self) -> str | None:
        """Return the version pointed to."""
        return self.pointer

    def load(self, version: str) -> Trained:
        """Load a version, unless it is broken."""
        self.loads.append(version)
        self.threads.add(threading.get_ident())
        if version in self.broken:
            raise ModelError(f"{version}: als_items.npy is damaged")
        return Trained(version)


def watch_of(folder: Folder, metrics: Metrics | None = None) -> ModelWatch[Trained]:
    """Return a watch that looks when it is told to."""
    return ModelWatch(folder.published, folder.load, metrics or Metrics(), poll_interval_seconds=0.001)


def test_without_a_model_there_is_none_and_no_complaint() -> None:
    """A fresh installation is no fault."""
    watch = watch_of(Folder())
    asyncio.run(watch.check())
    assert (watch.current, watch.problem) == (None, None)


def test_a_published_model_is_loaded_once_in_another_thread() -> None:
    """Requests go on while it is read, and nothing is read again until something new is published."""
    folder = Folder()
    watch = watch_of(folder)
    for version in ("1", "1", "2", "2"):
        folder.pointer = version
        asyncio.run(watch.check())
        assert watch.current == Trained(version)
    assert folder.loads == ["1", "2"]
    assert threading.get_ident() not in folder.threads


def test_a_damaged_model_leaves_the_last_good_one_in_place_and_says_why() -> None:
    """It shows as a problem and in a metric, and is not read again every second."""
    folder, metrics = Folder(), Metrics()
    watch = watch_of(folder, metrics)
    folder.pointer = "1"
    asyncio.run(watch.check())
    folder.pointer, folder.broken = "2", {"2"}
    for _ in range(3):
        asyncio.run(watch.check())
    assert watch.current == Trained("1")
    assert watch.problem is not None
    assert "damaged" in watch.problem
    assert folder.loads == ["1", "2"]
    assert b"kabin_model_load_failures_total 1.0" in metrics.exposition("")[0]
    folder.pointer = "3"
    asyncio.run(watch.check())
    assert watch.current == Trained("3")
    assert watch.problem is None


def test_a_model_that_could_not_be_loaded_is_tried_again_later() -> None:
    """A disk that failed for a while keeps nobody from the new model for good."""
    folder = Folder()
    watch = watch_of(folder)
    folder.pointer, folder.broken = "1", {"1"}
    for _ in range(RETRY_LOOKS):
        asyncio.run(watch.check())
    assert folder.loads == ["1"]
    folder.broken = set()
    asyncio.run(watch.check())
    assert (watch.current, watch.problem) == (Trained("1"), None)


def test_going_back_to_the_model_before_clears_the_problem() -> None:
    """Rolling back is publishing, too."""
    folder = Folder()
    watch = watch_of(folder)
    for version, broken in (("1", set[str]()), ("2", {"2"}), ("1", {"2"})):
        folder.pointer, folder.broken = version, broken
        asyncio.run(watch.check())
    assert (watch.current, watch.problem) == (Trained("1"), None)


def test_an_unreadable_pointer_is_a_problem_and_nothing_more() -> None:
    """A half-mounted disk must not stop the service."""
    watch: ModelWatch[Trained]

    def published() -> str | None:
        raise OSError("stale file handle")

    watch = ModelWatch(published, Folder().load, Metrics(), poll_interval_seconds=0.001)
    asyncio.run(watch.check())
    assert watch.problem == "stale file handle"


def test_a_pointer_that_can_be_read_again_is_no_problem_any_more() -> None:
    """Readiness must not complain for ever of a disk that was away for a second."""
    folder = Folder()
    folder.pointer = "1"
    reads = iter((None, OSError("stale file handle"), None))

    def published() -> str | None:
        if (failure := next(reads)) is not None:
            raise failure
        return folder.pointer

    watch = ModelWatch(published, folder.load, Metrics(), poll_interval_seconds=0.001)
    problems = []
    for _ in range(3):
        asyncio.run(watch.check())
        problems.append(watch.problem)
    assert problems == [None, "stale file handle", None]
    assert folder.loads == ["1"]


def test_the_watch_keeps_looking() -> None:
    """What is published while it runs is taken over without being asked."""
    folder = Folder()
    watch = watch_of(folder)

    async def scenario() -> None:
        task = asyncio.create_task(watch.run())
        async with asyncio.timeout(30):
            for version in ("1", "2"):
                folder.pointer = version
                while watch.current != Trained(version):  # noqa: ASYNC110 - what is under test polls, too
                    await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(scenario())
