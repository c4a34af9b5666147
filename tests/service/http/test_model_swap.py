"""A swap under a request: it ends with the model that it began with, though that one's files are gone by then."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from recommender.decisions.served import ServedModel
from recommender.model import (
    ModelContent,
    TrainingRecord,
    current_version,
    load_model,
    prune,
    publish,
    record_training,
    write_model,
)
from recommender.recommendations.neighbours import Neighbours
from service.cli import main
from service.metrics.metrics import Metrics
from service.model_watch import ModelWatch


def published(models_dir: Path, best: int) -> str:
    """Publish a model of the small shop in which ``d<best>`` goes with everything."""
    items = np.full((12, 1), best, dtype=np.int32)
    items[best] = -1
    content = ModelContent(
        item_ids=[f"d{number}" for number in range(12)],
        neighbours={"blend": Neighbours(items, (items >= 0).astype(np.float32))},
        popular=np.arange(12, dtype=np.int32),
    )
    return publish(models_dir, write_model(models_dir, content, created_at=1e9 + best)).version


def watch_of(models_dir: Path) -> ModelWatch[ServedModel]:
    """Return what the service watches the folder with."""
    return ModelWatch(
        lambda: current_version(models_dir),
        lambda version: ServedModel(load_model(models_dir / version), source="blend"),
        Metrics(),
        poll_interval_seconds=0.01,
    )


def eventually(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_request_ends_with_the_model_that_it_began_with(make_shop: Any, tmp_path: Path) -> None:
    """While it waits for Redis two models are published, and its own is let go of and deleted."""
    models_dir = tmp_path / "models"
    shop = make_shop(redis_timeout_ms=10_000)
    watch = watch_of(models_dir)
    apply, reached, may_go_on = shop.store.apply, asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any, **options: Any) -> Any:
        reached.set()
        await may_go_on.wait()
        return await apply(*arguments, **options)

    async def take_over(best: int) -> str:
        version = published(models_dir, best)
        await watch.check()
        shop.model[0] = watch.current
        return version

    async def ask(client: httpx.AsyncClient) -> dict[str, Any]:
        body = {"visitor_id": "v1", "page": {"type": "product", "item_id": "d1"}}
        response = await client.post("/personalize", json=body, headers=shop.trusted)
        answer: dict[str, Any] = response.json()
        return answer

    async def scenario() -> None:
        transport = httpx.ASGITransport(shop.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://kabin.example") as client:
            old = await take_over(5)
            shop.store.apply = slow
            asking = asyncio.create_task(ask(client))
            await asyncio.wait_for(reached.wait(), 30)
            await take_over(7)
            new = await take_over(9)
            assert prune(models_dir, keep=1) == [old]
            assert not (models_dir / old).exists()
            may_go_on.set()
            for answer, version, best in ((await asking, old, "d5"), (await ask(client), new, "d9")):
                assert answer["model_version"] == version
                assert answer["recommendations"][0]["item_id"] == best
                assert not answer["degraded"]

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_rollback_reaches_every_worker_and_readiness_tells_of_the_training(
    start_server: Any, tmp_path: Path
) -> None:
    """The command moves a pointer; workers find it themselves, and say how the last training ended."""
    models_dir = tmp_path / "models"
    server = start_server(tmp_path, workers=2, model_poll_interval_ms=100)
    server.put_feed()

    def live() -> set[str | None]:
        return {httpx.get(f"{server.url}/readyz").json()["model"]["version"] for _ in range(20)}

    assert live() == {None}
    versions = [published(models_dir, best) for best in (5, 7)]
    eventually(lambda: live() == {versions[1]})
    record_training(models_dir, TrainingRecord("refused", "20300101T000000Z-000", 5.0, 1.0, ("HR@20 fell.",)))
    assert main(["model", "rollback", "--data-dir", str(tmp_path)]) == 0
    eventually(lambda: live() == {versions[0]})

    def told() -> set[tuple[str, str | None, str]]:
        """Return what is heard of readiness, of either worker."""
        heard = [httpx.get(f"{server.url}/readyz").json() for _ in range(20)]
        return {
            (ready["status"], ready["training"]["result"], *ready["training"]["reasons"]) for ready in heard
        }

    eventually(lambda: told() == {("ready", "refused", "HR@20 fell.")})

    def shown() -> bool:
        metrics = httpx.get(f"{server.url}/metrics").text
        return (
            'kabin_training_last_result{result="refused"} 1.0' in metrics
            and "kabin_training_finished_timestamp_seconds 5.0" in metrics
            and "kabin_model_problem 0.0" in metrics
        )

    eventually(shown)
