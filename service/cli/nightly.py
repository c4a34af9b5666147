"""`kabin nightly`: archive, train and publish once a night, unattended."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio
import contextlib
import logging
import logging.config
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import click
from click.core import ParameterSource

from service.cli.options import STORE, settings_options
from service.cli.reachable_redis import redis_of
from service.cli.store import client_of
from service.cli.training_options import training_options, training_settings
from service.logs import JsonLineStream, fields, logging_of
from service.settings import Settings, load_settings

if TYPE_CHECKING:
    from service.nights.schedule import DailySchedule
    from service.nights.watch import NightExit, NightState

_OF_THE_WATCH: Final = frozenset({"at", "timezone", "now", "since"})
"""Options that are not handed on to the process that does a night."""

_COMMAND: Final = (sys.executable, "-P", "-m", "service.cli", "nightly", "--now")
"""-P: a folder called `service` where a shop starts this is not ours."""

_log = logging.getLogger(__name__)


@click.command()
@click.option("--at", metavar="HH:MM", help="Time of day at which each night is due; runs until SIGTERM.")
@click.option(
    "--timezone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="IANA time zone of --at, such as Europe/Berlin.",
)
@click.option("--now", is_flag=True, help="Do one night at once and exit, for cron, systemd or Kubernetes.")
@click.option(
    "--since",
    type=float,
    hidden=True,
    metavar="SECONDS",
    help="With --now: do nothing if a night has begun since then (Unix seconds).",
)
@training_options
@settings_options(*STORE)
@click.pass_context
def nightly(
    context: click.Context,
    /,
    *,
    at: str | None,
    timezone: str,
    now: bool,
    since: float | None,
    engine: Literal["implicit", "spark"],
    spark_conf: tuple[str, ...],
    **flags: Any,
) -> int:
    """Archive, train and publish once a night.

    A night moves the event log into the archive, compacts that, trains, and publishes the model if the gate lets it
    pass (see kabin train --help). With --at it waits for each night, makes up at once for one that was missed, and
    tries a failed one again; it may run on several machines, one of which does the night.

    With --now the exit code says how the night ended: 0 published, 3 refused by the gate, 4 another process is at it, 1
    failed. Standard error has a JSON object a line, or sentences and a progress bar at a terminal.
    """
    schedule = _schedule(at, timezone, now=now)
    training = training_settings(flags)
    settings = load_settings(**flags)
    with _logging():
        if schedule is not None:
            return asyncio.run(_watch(schedule, settings, _same_options(context)))
        from service.cli.one_night import Training, one_night

        with redis_of(settings) as reachable:
            night = one_night(reachable, Training(training, engine, spark_conf), unless_since=since)
            return asyncio.run(night)


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    """Log to standard error while the block runs: sentences at a terminal, else nothing but JSON lines."""
    is_terminal = sys.stderr.isatty()
    logging.config.dictConfig(logging_of(is_terminal=is_terminal))
    with contextlib.ExitStack() as stack:
        if not is_terminal:
            stack.enter_context(contextlib.redirect_stderr(JsonLineStream(sys.stderr, time.time)))
        yield


def _schedule(at: str | None, timezone: str, *, now: bool) -> "DailySchedule | None":
    """Return when nights are due; None for one now."""
    from service.nights.schedule import parse_schedule

    if now == (at is not None):
        raise click.UsageError(
            "say when: --at 03:30 for each night, or --now for one at once (from cron, systemd or Kubernetes)"
        )
    if at is None:
        return None
    try:
        return parse_schedule(at, timezone)
    except ValueError as error:
        raise click.UsageError(f"--at {at} --timezone {timezone}: {error}") from None


def _same_options(context: click.Context) -> list[str]:
    """Return the options that this command was called with, for the process that does a night."""
    arguments: list[str] = []
    for option in context.command.params:
        name = option.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE or name in _OF_THE_WATCH:
            continue
        value = context.params[name]
        if isinstance(value, bool):
            arguments.append((option.opts if value else option.secondary_opts)[0])
            continue
        for one in value if isinstance(option, click.Option) and option.multiple else (value,):
            arguments += [option.opts[0], *map(str, one if isinstance(one, tuple) else (one,))]
    return arguments


async def _watch(schedule: "DailySchedule", settings: Settings, arguments: Sequence[str]) -> int:
    from service.nights.watch import NightWatch

    watch = NightWatch(schedule, NightProcesses(settings, arguments))
    task = asyncio.create_task(watch.watch())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    _log.info("stopped")
    return 0


class NightProcesses:
    """Does each night in a process of its own.

    Its memory goes back to the machine in the morning, and what kills it (the kernel, when memory runs out) does not kill
    the watch.

    Args:
        settings: where Redis is; it is connected to only while it is asked, so that a service whose embedded server
            this would use can end.
        arguments: further ones of `kabin nightly --now`.
    """

    def __init__(self, settings: Settings, arguments: Sequence[str]) -> None:
        self._settings = settings
        self._arguments = arguments

    async def state(self, now: float) -> "NightState":
        """See :meth:`service.nights.watch.NightRunner.state`."""
        from service.nights.night import LEASE
        from service.nights.watch import NightState
        from service.stores.leases import RedisLeases
        from service.stores.nights import RedisNights

        with redis_of(self._settings) as reachable:
            async with client_of(reachable) as (client, keyspace):
                nights = RedisNights(client, keyspace)
                waiting_since = await nights.waiting_since(now)
                last = await nights.last()
                lease = await RedisLeases(client, keyspace).current(LEASE)
        return NightState(
            waiting_since if last is None else last.started_at, None if lease is None else lease.holder
        )

    async def run(self, due: float) -> "NightExit":
        """See :meth:`service.nights.watch.NightRunner.run`; a cancelled one is told to end, and waited for."""
        from service.nights.watch import NightExit

        process = await asyncio.create_subprocess_exec(
            *_COMMAND, "--since", repr(due), *self._arguments, stdin=asyncio.subprocess.DEVNULL
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        try:
            return NightExit(code)
        except ValueError:
            # Negative: of a signal, such as -9 where the kernel ran out of memory.
            _log.error("the night's process ended unexpectedly", extra=fields(code=code))
            return NightExit.FAILED
