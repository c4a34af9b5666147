"""`kabin nightly`: how it is called, what its exit codes mean, and the processes that its watch starts."""

import asyncio
import json
import os
import signal
import stat
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import click
import pytest

from recommender.model import last_training
from recommender.training import TrainingSettings
from service.archiving import Compacted, Drained
from service.cli import cli, main, one_night
from service.cli.nightly import NightProcesses, _same_options
from service.cli.one_night import Training
from service.logs import JsonLines
from service.nights.night import LEASE, Checkpoint, Trained
from service.nights.watch import NightExit, NightState
from service.settings import Settings
from service.stores.connection import connected
from service.stores.keys import Keyspace
from service.stores.leases import RedisLeases
from service.stores.nights import RedisNights

VERSION = "20251122T023000Z-000"
DUE = 1_763_778_600.0
TRAINING = Training(TrainingSettings())
_numbers = count()


@pytest.fixture
def settings(valkey_url: str, tmp_path: Path) -> Settings:
    """Settings of an empty shop on the tests' server."""
    return Settings(redis_url=valkey_url, redis_prefix=f"night{next(_numbers)}", data_dir=tmp_path)  # type: ignore[arg-type]


class EmptyLog:
    """An archiver with nothing to do."""

    async def drain(self, _now: float) -> Drained:
        """Drain nothing."""
        return Drained()

    async def compact(self, _now: float) -> Compacted:
        """Compact nothing."""
        return Compacted()


@pytest.fixture(autouse=True)
def empty_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nights of these tests have nothing to archive."""
    monkeypatch.setattr(one_night, "archiver_of", lambda *_, **__: EmptyLog())


@pytest.fixture
def train_as(monkeypatch: pytest.MonkeyPatch) -> Callable[[Trained | Exception], None]:
    """Return a function that says how trainings end from then on; they learn nothing, and take no time."""

    def as_(ending: Trained | Exception) -> None:
        def train(_settings: Settings, _training: Training, _fence: int, checkpoint: Checkpoint) -> Trained:
            checkpoint()
            if isinstance(ending, Exception):
                raise ending
            return ending

        monkeypatch.setattr(one_night, "_train", train)

    return as_


def said(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return what was logged, as the log's readers get it."""
    return [json.loads(JsonLines().format(record)) for record in caplog.records]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "say when: --at 03:30"),
        (["--at", "03:30", "--now"], "say when: --at 03:30"),
        (["--at", "3.30"], "'3.30' is no time of day such as 03:30"),
        (["--at", "03:30", "--timezone", "CEST/Berlin"], "'CEST/Berlin' is no IANA time zone"),
        (["--at", "03:30", "--volume-percent", "90", "20"], "--volume-percent"),
    ],
)
def test_wrong_usage_is_said_before_anything_waits(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not at half past three, when nobody reads it."""
    assert main(["nightly", *arguments]) == 2
    assert reason in " ".join(capsys.readouterr().err.split())


def test_a_night_is_done_with_the_options_of_the_watch() -> None:
    """What was given on the command line is handed on as it was; what the environment says, the process reads itself."""
    given = "--redis-prefix shop --no-gate --volume-percent 20.0 400.0 --keep 9 --no-allow-eviction "
    given += "--engine spark --spark-conf spark.driver.memory=8g --spark-conf spark.cores.max=4"
    command = cli.get_command(click.Context(cli), "nightly")
    assert command is not None
    watch = ["--at", "03:30", "--timezone", "Europe/Berlin"]
    with command.make_context("nightly", [*watch, *given.split()]) as context:
        handed_on = _same_options(context)
    with command.make_context("nightly", ["--now", *handed_on]) as context:
        assert sorted(handed_on) == sorted(given.split())
        assert context.params["volume_percent"] == (20.0, 400.0)


@pytest.mark.anyio
async def test_exit_codes_say_how_a_night_ended(
    settings: Settings, train_as: Callable[[Trained | Exception], None], caplog: pytest.LogCaptureFixture
) -> None:
    """0 published, 3 refused, 1 failed, and what failed is recorded for metrics; each with its reason in the log."""
    models_dir = settings.data_dir / "models"
    train_as(Trained("published", VERSION))
    assert await one_night.one_night(settings, TRAINING) is NightExit.PUBLISHED
    train_as(Trained("refused", VERSION, ("coverage: half of the catalog.",)))
    assert await one_night.one_night(settings, TRAINING) is NightExit.REFUSED
    assert last_training(models_dir) is None, "trainings record themselves"
    train_as(click.ClickException("there is no event to learn from"))
    assert await one_night.one_night(settings, TRAINING) is NightExit.FAILED
    record = last_training(models_dir)
    assert record is not None
    assert (record.result, record.reasons) == ("failed", ("there is no event to learn from",))
    last = said(caplog)[-1]
    assert (last["level"], last["reason"]) == ("error", "there is no event to learn from")
    assert "traceback" not in last
    train_as(ZeroDivisionError("a bug"))
    assert await one_night.one_night(settings, TRAINING) is NightExit.FAILED
    assert "ZeroDivisionError: a bug" in said(caplog)[-1]["traceback"]


@pytest.mark.anyio
async def test_a_night_that_is_done_or_taken_is_not_done_again(
    settings: Settings,
    valkey_url: str,
    train_as: Callable[[Trained | Exception], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """4 while another process is at it, whose name is said; 0 where one has been since it was due."""
    train_as(Trained("published", VERSION))
    async with connected(valkey_url, timeout_seconds=20) as client:
        leases = RedisLeases(client, Keyspace(settings.redis_prefix))
        lease = await leases.acquire(LEASE, holder="rigel, process 7", ttl_seconds=60)
        assert lease is not None
        assert await one_night.one_night(settings, TRAINING) is NightExit.TAKEN
        assert said(caplog)[-1]["holder"] == "rigel, process 7"
        assert await NightProcesses(settings, []).state(DUE) == NightState(DUE, "rigel, process 7")
        await leases.release(lease)
        assert await one_night.one_night(settings, TRAINING) is NightExit.PUBLISHED
        night = await RedisNights(client, Keyspace(settings.redis_prefix)).last()
    assert night is not None
    assert await NightProcesses(settings, []).state(DUE) == NightState(night.started_at, None)
    train_as(AssertionError("must not train"))
    again = await one_night.one_night(settings, TRAINING, unless_since=night.started_at)
    assert again is NightExit.PUBLISHED


@pytest.mark.anyio
async def test_a_redis_that_is_not_there_fails_the_night(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In one line that names it; whoever has started the night tries again."""
    away = Settings(redis_url="redis://127.0.0.1:9/0", data_dir=tmp_path)  # type: ignore[arg-type]
    assert await one_night.one_night(away, TRAINING) is NightExit.FAILED
    (line,) = said(caplog)
    assert line["reason"].startswith("Redis: ")


@pytest.mark.anyio
async def test_sigterm_ends_a_night_before_it_publishes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The training thread notices at its next stage; the night is not noted, and its lease is free."""
    published = []

    def train(_settings: Settings, _training: Training, _fence: int, checkpoint: Checkpoint) -> Trained:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(10_000):
            checkpoint()
            time.sleep(0.001)
        published.append(VERSION)
        return Trained("published", VERSION)

    monkeypatch.setattr(one_night, "_train", train)
    assert await one_night.one_night(settings, TRAINING) is NightExit.FAILED
    assert published == []
    assert said(caplog)[-1]["reason"] == "stopped by SIGTERM"
    assert (await NightProcesses(settings, []).state(DUE)).holder is None
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("script", "ending"),
    [
        ("exit 0", NightExit.PUBLISHED),
        ("exit 3", NightExit.REFUSED),
        ("exit 4", NightExit.TAKEN),
        ("exit 2", NightExit.FAILED),
        ("kill -KILL $$", NightExit.FAILED),
    ],
)
async def test_the_watch_understands_how_the_process_of_a_night_ended(
    script: str, ending: NightExit, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that the kernel kills for its memory: the watch lives, and tries again."""
    _as_night(f'echo "$@" > {tmp_path}/arguments; {script}', tmp_path, monkeypatch)
    assert await NightProcesses(settings, ["--keep", "9"]).run(DUE) is ending
    assert (tmp_path / "arguments").read_text() == f"--since {DUE} --keep 9\n"


@pytest.mark.anyio
async def test_a_watch_that_ends_takes_its_night_along(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM reaches the night, and the watch waits until it has ended by itself."""
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    script = f"trap 'touch {ended}; exit 1' TERM; touch {begun}; while :; do sleep 0.01; done"
    _as_night(script, tmp_path, monkeypatch)
    night = asyncio.create_task(NightProcesses(settings, []).run(DUE))
    async with asyncio.timeout(30):
        while not begun.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
    night.cancel()
    with pytest.raises(asyncio.CancelledError):
        await night
    assert ended.exists()


def _as_night(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a shell script be the process of a night."""
    path = folder / "night"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("service.cli.nightly._COMMAND", (str(path),))
