"""How the last training ended, as a running service shows it."""

import asyncio
from pathlib import Path

from recommender.model import TrainingRecord, last_training, record_training
from service.metrics.metrics import Metrics
from service.training_watch import TrainingWatch


def test_every_training_shows_at_the_next_look(tmp_path: Path) -> None:
    """One result is 1 and the others are 0; before the first training all of them are 0."""
    metrics = Metrics()
    watch = TrainingWatch(lambda: last_training(tmp_path), metrics)

    def shown() -> tuple[set[str], float]:
        asyncio.run(watch.check())
        lines = [line.split(" ") for line in metrics.exposition("")[0].decode().splitlines()]
        values = {name: float(value) for name, *_, value in lines if name.startswith("kabin_training")}
        finished = values.pop("kabin_training_finished_timestamp_seconds")
        assert len(values) == 4
        return {name for name, value in values.items() if value}, finished

    assert shown() == (set(), 0.0)
    record_training(tmp_path, TrainingRecord("published", "20251121T120000Z-000", 5.0, 1.0))
    assert shown() == ({'kabin_training_last_result{result="published"}'}, 5.0)
    refused = TrainingRecord("refused", "20251121T120001Z-000", 9.0, 1.0, ("HR@20 fell.",))
    record_training(tmp_path, refused)
    assert shown() == ({'kabin_training_last_result{result="refused"}'}, 9.0)
    assert watch.last == refused


def test_the_watch_keeps_looking(tmp_path: Path) -> None:
    """From its first moment, until cancelled."""
    record = TrainingRecord("failed", None, 5.0, 1.0, ("no event to learn from",))
    watch = TrainingWatch(lambda: record, Metrics())

    async def scenario() -> None:
        task = asyncio.create_task(watch.run())
        async with asyncio.timeout(30):
            while watch.last is None:  # noqa: ASYNC110 - what is under test polls, too
                await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(scenario())
    assert watch.last == record
