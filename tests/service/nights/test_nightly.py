"""One night: its order, what it survives, and everything that must keep it from publishing."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recommender.model import PublicationConflict, current_version, publish, write_model
from service.logs import JsonLines
from service.nights.night import (
    LEASE,
    LEASE_TTL_SECONDS,
    Checkpoint,
    Facts,
    NightDone,
    NightEnded,
    Step,
    StopRequest,
    Train,
    Trained,
    keep_night,
)
from service.stores.connection import StoreUnavailable
from service.stores.leases import LeaseTaken, MemoryLeases
from service.stores.nights import MemoryNights, Night
from tests.recommender.model.small_model import NOON, content

pytestmark = pytest.mark.anyio

VERSION = "20251122T023000Z-000"


class House:
    """What a night works with, and what came of it."""

    def __init__(self) -> None:
        self.now = 1_763_778_600.0
        self.monotonic = 100.0
        self.leases = MemoryLeases(lambda: self.monotonic)
        self.nights = MemoryNights()
        self.stop = StopRequest()
        self.done: list[str] = []
        self.fences: list[int] = []
        self.published: list[str] = []
        self.trained = Trained("published", VERSION, facts={"items": 480})
        self.during: dict[str, Callable[[], None]] = {}

    def step(
        self, name: str, *, fails_with: Exception | None = None, fatal: tuple[type[Exception], ...] = ()
    ) -> Step:
        """Return a step that notes that it was done."""

        async def run() -> Facts:
            self._happen(name)
            if fails_with is not None:
                raise fails_with
            return {"events": 12}

        return Step(name, run, fatal)

    async def train(self, fence: int, checkpoint: Checkpoint) -> Trained:
        """Train in two stages, as trainings do: with a checkpoint before each, the last right before publishing."""
        self.fences.append(fence)
        for stage in ("ALS", "publishing"):
            checkpoint()
            self._happen(stage)
        if self.trained.result == "published":
            self.published.append(self.trained.version)
        return self.trained

    def _happen(self, name: str) -> None:
        self.done.append(name)
        self.during.get(name, lambda: None)()

    async def keep(self, *steps: Step, train: Train | None = None, **options: Any) -> Trained:
        """Do a night with these steps, by default with archiving and compacting."""
        return await keep_night(
            steps or (self.step("archive"), self.step("compact")),
            train or self.train,
            leases=self.leases,
            nights=self.nights,
            holder="vega, process 12",
            stop=self.stop,
            clock=lambda: self.now,
            monotonic=lambda: self.monotonic,
            **options,
        )


@pytest.fixture
def house() -> House:
    """A house in which everything works."""
    return House()


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return what was logged, as the log's readers get it."""
    return [json.loads(JsonLines().format(record)) for record in caplog.records]


async def test_a_night_archives_compacts_trains_and_is_noted(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """In this order, under one lease whose token training shows; each step is logged with what it did."""
    caplog.set_level(logging.INFO)
    trained = await house.keep()
    assert trained == house.trained
    assert house.done == ["archive", "compact", "ALS", "publishing"]
    night = Night(
        started_at=house.now,
        finished_at=house.now,
        result="published",
        version=VERSION,
        holder="vega, process 12",
    )
    assert await house.nights.last() == night
    assert await house.leases.current(LEASE) is None
    said = lines(caplog)
    assert [(line["message"], line.get("step")) for line in said] == [
        ("night begins", None),
        *(
            (message, step)
            for step in ("archive", "compact", "train")
            for message in ("step begins", "step done")
        ),
        ("night ends", None),
    ]
    assert said[0]["fence"] == house.fences[0]
    assert (said[2]["events"], said[6]["items"], said[6]["version"]) == (12, 480, VERSION)
    assert {line["level"] for line in said} == {"info"}


async def test_a_refused_model_completes_the_night_too(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Its reasons are warnings, and nobody trains again before the next night."""
    house.trained = Trained("refused", VERSION, ("volume: a tenth of what is usual.",))
    assert (await house.keep()).result == "refused"
    last = await house.nights.last()
    assert last is not None
    assert last.result == "refused"
    assert [(line["message"], line.get("reason")) for line in lines(caplog)] == [
        ("model refused, the current one stays", "volume: a tenth of what is usual."),
        ("night ends", None),
    ]


async def test_an_archive_that_fails_does_not_cost_the_shop_its_model(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Training reads what is still in the log; the failure is told when it happens and again at the end."""
    broken = house.step("archive", fails_with=OSError(28, "No space left on device"))
    assert (await house.keep(broken, house.step("compact"))).result == "published"
    failure, end = lines(caplog)
    assert (failure["step"], failure["reason"]) == ("archive", "[Errno 28] No space left on device")
    assert end["failed_steps"] == ["archive"]


async def test_a_failure_after_which_training_makes_no_sense_ends_the_night(house: House) -> None:
    """Where the archive is another one than yesterday's, or training reads nothing else, no model is made of it."""
    with pytest.raises(FileNotFoundError):
        await house.keep(house.step("archive", fails_with=FileNotFoundError(), fatal=(FileNotFoundError,)))
    assert house.done == ["archive"]
    assert await house.nights.last() is None


async def test_a_training_that_fails_leaves_the_night_to_be_done(house: House) -> None:
    """It is not noted as completed, and its lease is free for the next attempt."""

    def fail() -> None:
        raise MemoryError

    house.during["ALS"] = fail
    with pytest.raises(MemoryError):
        await house.keep()
    assert await house.nights.last() is None
    assert await house.leases.current(LEASE) is None


@pytest.mark.parametrize(
    ("when", "done"),
    [("archive", ["archive"]), ("compact", ["archive", "compact"]), ("ALS", ["archive", "compact", "ALS"])],
)
@pytest.mark.parametrize("how", ["stopped", "lost"])
async def test_whoever_is_stopped_or_loses_the_lease_goes_no_further(
    house: House, when: str, done: list[str], how: str
) -> None:
    """What runs is finished, the next step or stage is not begun, and nothing is published or noted."""

    def lose() -> None:
        house.monotonic += LEASE_TTL_SECONDS + 1

    house.during[when] = lose if how == "lost" else lambda: house.stop.set("SIGTERM")
    with pytest.raises(NightEnded, match="stopped by SIGTERM" if how == "stopped" else "lease is lost"):
        await house.keep()
    assert house.done == done
    assert house.published == []
    assert await house.nights.last() is None


async def test_two_at_once_do_one_night(house: House) -> None:
    """The second is told who is at it, and does nothing at all."""
    lease = await house.leases.acquire(LEASE, holder="rigel, process 7", ttl_seconds=60)
    assert lease is not None
    with pytest.raises(LeaseTaken) as taken:
        await house.keep()
    assert taken.value.holder == "rigel, process 7"
    assert house.done == []
    await house.leases.release(lease)
    await house.keep()
    assert house.fences[0] > lease.token


@pytest.mark.parametrize(
    ("begun_before", "is_done"), [(0.0, True), (-60.0, True), (1.0, False), (-1e8, False)]
)
async def test_a_night_that_another_machine_has_completed_meanwhile_is_not_repeated(
    house: House, begun_before: float, is_done: bool
) -> None:
    """Looked at under the lease, so it cannot be missed in between; one noted for years ahead was noted wrongly."""
    due = house.now
    other = Night(
        started_at=due - begun_before,
        finished_at=due + 600,
        result="refused",
        version=VERSION,
        holder="rigel",
    )
    await house.nights.complete(other)
    if is_done:
        with pytest.raises(NightDone, match="refused by rigel"):
            await house.keep(unless_since=due)
        assert house.done == []
    else:
        await house.keep(unless_since=due)
    await house.keep()  # without a due time a night is what was asked for


async def test_a_redis_that_dies_after_publishing_does_not_make_the_night_a_failure(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The model is live; that it could not be noted is a warning."""

    async def away(_night: Night) -> None:
        raise StoreUnavailable("Redis: gone")

    monkeypatch.setattr(house.nights, "complete", away)
    assert (await house.keep()).result == "published"
    assert "could not be noted" in caplog.text


async def test_a_machine_that_stood_still_cannot_publish_over_its_successor(
    house: House, tmp_path: Path
) -> None:
    """Paused after its last look at the lease, it wakes when another night is over: the fence holds it back."""
    first, second = (write_model(tmp_path, content(), created_at=NOON + number) for number in range(2))

    async def publish_second(fence: int, checkpoint: Checkpoint) -> Trained:
        checkpoint()
        publish(tmp_path, second, fence=fence)
        return Trained("published", second)

    async def publish_late(fence: int, checkpoint: Checkpoint) -> Trained:
        checkpoint()
        house.monotonic += LEASE_TTL_SECONDS + 1
        await house.keep(train=publish_second)
        publish(tmp_path, first, fence=fence)
        return Trained("published", first)

    with pytest.raises(PublicationConflict, match="lost its lease"):
        await house.keep(train=publish_late)
    assert current_version(tmp_path) == second
    completed = await house.nights.last()
    assert completed is not None
    assert completed.version == second
