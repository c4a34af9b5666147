"""One night in this process: which archive, which training and which Redis its steps work on."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import click

from recommender.interactions import InteractionError
from recommender.model import ModelError, TrainingRecord, last_training, record_training
from recommender.spark import SparkError
from recommender.training import TrainingSettings
from recommender.training.run import Engine
from service.archiving import Archiver
from service.cli.progress import Progress, progress
from service.cli.store import archiver_of, client_of, models_dir_of, reports_dir_of
from service.cli.train import interactions_of_log
from service.cli.training_engine import interactions_by_spark, training_engine
from service.logs import fields
from service.nights.night import (
    Checkpoint,
    Facts,
    NightDone,
    NightEnded,
    Step,
    StopRequest,
    Trained,
    keep_night,
    reason_of,
)
from service.nights.watch import NightExit
from service.settings import Settings
from service.stores.archive import ArchiveError, ArchiveMismatch
from service.stores.connection import StoreMisconfigured, StoreUnavailable
from service.stores.leases import LeaseTaken, RedisLeases
from service.stores.nights import RedisNights
from service.training import expected_seconds, facts_of, run_training

ARCHIVE_PATIENCE_SECONDS: Final = 120.0
"""How long to wait for the archiver beside a service, which drains for seconds each minute."""

_SELF_EXPLAINING: Final = (
    click.ClickException,
    StoreUnavailable,
    StoreMisconfigured,
    ArchiveError,
    ModelError,
    InteractionError,
    SparkError,
)
"""What fails with these is no bug, and its message says what to do: a traceback would only hide it."""

_log = logging.getLogger(__name__)


class Training(NamedTuple):
    """How a night trains: the settings, and what :func:`training_engine` takes."""

    settings: TrainingSettings
    engine: Engine = "implicit"
    spark_conf: tuple[str, ...] = ()


async def one_night(
    settings: Settings, training: Training, *, unless_since: float | None = None
) -> NightExit:
    """Do one night and return how it ended; why it did is logged, nothing is raised.

    SIGTERM and SIGINT end it at the next step or stage of training, before anything is published.

    Args:
        settings: with the address of a Redis.
        training: how to train.
        unless_since: Unix seconds; where a night has begun since then, there is nothing to do.
    """
    started_at = time.time()
    try:
        with _stopped_by_signals() as stop:
            trained = await _night(settings, training, stop, unless_since)
    except LeaseTaken as taken:
        _log.warning("another process is at it", extra=fields(holder=taken.holder))
        return NightExit.TAKEN
    except NightDone as done:
        _log.info("there is nothing left to do", extra=fields(reason=reason_of(done)))
        return NightExit.PUBLISHED
    except NightEnded as ended:
        _log.warning("night ends early, the current model stays", extra=fields(reason=reason_of(ended)))
        return NightExit.FAILED
    except Exception as error:  # noqa: BLE001 - whatever it is, the exit code and one line of the log have to say so
        is_bug = not isinstance(error, _SELF_EXPLAINING)
        reason = reason_of(error)
        _log.error("night failed, the current model stays", extra=fields(reason=reason), exc_info=is_bug)
        _record_failure(settings, training.engine, started_at, reason)
        return NightExit.FAILED
    return NightExit.REFUSED if trained.result == "refused" else NightExit.PUBLISHED


@contextmanager
def _stopped_by_signals() -> Iterator[StopRequest]:
    """Give what SIGTERM and SIGINT set while the block runs."""
    stop = StopRequest()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set, number.name)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _night(
    settings: Settings, training: Training, stop: StopRequest, unless_since: float | None
) -> Trained:
    async with client_of(settings) as (client, keyspace):
        archiver = archiver_of(settings, client, keyspace, patience_seconds=ARCHIVE_PATIENCE_SECONDS)

        async def train(fence: int, checkpoint: Checkpoint) -> Trained:
            # In a thread: the event loop renews the lease meanwhile.
            return await asyncio.to_thread(_train, settings, training, fence, checkpoint)

        # With another archive than before, most of what there is to learn from is missing.
        steps = (
            Step("archive", lambda: _drain(archiver), fatal=(ArchiveMismatch,)),
            Step("compact", lambda: _compact(archiver)),
        )
        return await keep_night(
            steps,
            train,
            leases=RedisLeases(client, keyspace),
            nights=RedisNights(client, keyspace),
            holder=f"{socket.gethostname()}, process {os.getpid()}",
            stop=stop,
            unless_since=unless_since,
        )


async def _drain(archiver: Archiver) -> Facts:
    drained = await archiver.drain(time.time())
    return {
        "events": drained.events,
        "files": drained.files,
        "size_bytes": drained.size_bytes,
        "days": len(drained.days),
        "repeated": drained.repeated,
        "erased": drained.erased,
    }


async def _compact(archiver: Archiver) -> Facts:
    compacted = await archiver.compact(time.time())
    return {
        "days": compacted.days,
        "files_before": compacted.files_before,
        "files_after": compacted.files_after,
        "erased": compacted.erased,
        "expired": compacted.expired,
    }


def _train(settings: Settings, training: Training, fence: int, checkpoint: Checkpoint) -> Trained:
    """Train on everything in the archive and what is still in the log; blocks for as long as that takes."""

    def checked(report: Progress) -> Progress:
        def report_on(done: float, note: str = "") -> None:
            checkpoint()
            report(done, note)

        return report_on

    with training_engine(training.engine, training.spark_conf) as engine:
        with progress("Reading the event log") as report:
            if engine.spark is not None:
                interactions, catalog = interactions_by_spark(settings, engine.spark)
            else:
                interactions, catalog = asyncio.run(interactions_of_log(settings, checked(report)))
        with progress("Training", expected_seconds(reports_dir_of(settings), engine.name)) as report:
            report_stage = checked(report)
            finished = run_training(
                interactions,
                catalog,
                training.settings,
                models_dir=models_dir_of(settings),
                reports_dir=reports_dir_of(settings),
                on_progress=lambda stage, done, total: report_stage(done / max(1, total), stage),
                factorise=engine.factorise,
                fence=fence,
                engine=engine.name,
            )
    result = finished.result
    for note in result.notes:
        _log.info("note", extra=fields(version=result.version, note=note))
    reasons = tuple(f"{refusal.code}: {refusal.detail}" for refusal in result.refusals)
    return Trained(
        "published" if result.published else "refused", result.version, reasons, facts_of(finished)
    )


def _record_failure(settings: Settings, engine: Engine, started_at: float, reason: str) -> None:
    """Let services and operators know of a night that failed before its training could tell them itself."""
    models_dir = models_dir_of(settings)
    last = last_training(models_dir)
    if last is not None and last.finished_at >= started_at:
        return
    now = time.time()
    with suppress(ModelError):  # such as a full disk, of which the night may have failed
        record_training(models_dir, TrainingRecord("failed", None, now, now - started_at, (reason,), engine))
