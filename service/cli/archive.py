"""`kabin archive`: the event log, from Redis into Parquet files."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio
import logging
import logging.config
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import click

from service.cli.options import settings_options
from service.cli.output import counted
from service.cli.reachable_redis import redis_of
from service.cli.store import archiver_of, client_of
from service.history.archives import archive_of
from service.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from service.archiving import Archiver, Compacted, Drained

SETTINGS: Final = (
    "data_dir",
    "redis_url",
    "redis_prefix",
    "allow_eviction",
    "archive_url",
    "archive_interval_seconds",
    "archive_retention_days",
)
"""What the command needs to know; the service hands it to the archiver that it starts."""

PATIENCE_SECONDS: Final = 60.0
"""How long one drain waits for another archiver's turn to end."""

_NICENESS: Final = 5
"""Of an archiver beside a service: pages come first."""

_log = logging.getLogger(__name__)


@click.command()
@click.option(
    "--follow",
    is_flag=True,
    help="Go on until SIGTERM, with a pause of --archive-interval-seconds; kabin serve runs one of these.",
)
@click.option(
    "--compact",
    is_flag=True,
    help="Afterwards make few large files of many small ones, and remove what erased visitors did and what is too old; kabin nightly does.",
)
@click.option(
    "--adopt",
    is_flag=True,
    help="Go on in this archive though the events of this Redis went to another one before.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--attached",
    is_flag=True,
    hidden=True,
    help="End when standard input does, with whoever holds its other end.",
)
@settings_options(*SETTINGS)
def archive(
    *, follow: bool, compact: bool, adopt: bool, as_json: bool, attached: bool, **flags: object
) -> None:
    """Move the event log from Redis into Parquet files.

    They lie in a folder or an object store (--archive-url), by the day of the events. The command may be stopped or killed
    at any time: nothing is lost and nothing gets in twice. `kabin serve` runs it every minute by itself.
    """
    settings = load_settings(**flags)
    if follow and (compact or adopt or as_json):
        raise click.UsageError("--follow does not go with --compact, --adopt or --json")
    if follow and not settings.archive_interval_seconds:
        raise SettingsError("KABIN_ARCHIVE_INTERVAL_SECONDS is 0: give --follow a pause of a second or more")
    with redis_of(settings) as reachable:
        if follow:
            asyncio.run(_follow(reachable, attached=attached))
        else:
            asyncio.run(_archive_once(reachable, compact=compact, adopt=adopt, as_json=as_json))


async def _archive_once(settings: Settings, *, compact: bool, adopt: bool, as_json: bool) -> None:
    async with client_of(settings) as (client, keyspace):
        archiver = archiver_of(settings, client, keyspace, patience_seconds=PATIENCE_SECONDS)
        if adopt:
            await archiver.adopt(time.time())
        drained = await archiver.drain(time.time())
        compacted = await archiver.compact(time.time()) if compact else None
    if as_json:
        _print_json(settings, drained, compacted)
    else:
        _print(settings, drained, compacted)


async def _follow(settings: Settings, *, attached: bool) -> None:
    from service.archiving import follow
    from service.serving.server import LOGGING

    logging.config.dictConfig(LOGGING)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if attached:
        os.nice(_NICENESS)
        _stop_at_end_of_input(loop, stop)
    async with client_of(settings) as (client, keyspace):
        archiver: Archiver = archiver_of(settings, client, keyspace)
        await follow(
            archiver,
            interval_seconds=settings.archive_interval_seconds,
            stop=stop,
            clock=time.time,
            report=_log_drained,
        )


def _stop_at_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Set ``stop`` once nobody holds the other end of standard input any more; nothing is ever written to it."""
    descriptor = sys.stdin.fileno()

    def ended() -> None:
        loop.remove_reader(descriptor)
        stop.set()

    loop.add_reader(descriptor, ended)


def _log_drained(drained: "Drained") -> None:
    if drained.events or drained.repeated:
        _log.info("archived %s", _described(drained))


def _described(drained: "Drained") -> str:
    text = f"{counted(drained.events, 'event')} of {counted(len(drained.days), 'day')} in {counted(drained.files, 'file')}"
    text += f", {drained.size_bytes / 1e6:.1f} MB"
    if drained.repeated:
        text += f"; {counted(drained.repeated, 'event')} archived before, now gone from Redis too"
    if drained.erased:
        text += f"; {counted(drained.erased, 'event')} of erased visitors left out"
    return text


def _print(settings: Settings, drained: "Drained", compacted: "Compacted | None") -> None:
    click.echo(f"archived {_described(drained)}")
    if compacted is not None:
        click.echo(
            f"compacted {counted(compacted.days, 'day')}: {counted(compacted.files_before, 'file')} to {compacted.files_after:,}, "
            f"{counted(compacted.events, 'event')} kept, {compacted.erased:,} of erased visitors and {compacted.expired:,} "
            "that were too old removed"
        )
    archived = archive_of(settings)
    click.echo(
        f"the archive {archived.url} has {counted(archived.count(), 'event')} of {counted(len(archived.days()), 'day')}"
    )


def _print_json(settings: Settings, drained: "Drained", compacted: "Compacted | None") -> None:
    import msgspec

    archived = archive_of(settings)
    report: dict[str, Any] = {
        "archive": archived.url,
        "events": archived.count(),
        "drained": msgspec.to_builtins(drained) | {"days": sorted(drained.days)},
        "compacted": None if compacted is None else msgspec.to_builtins(compacted),
    }
    click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
