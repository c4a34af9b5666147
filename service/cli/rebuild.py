"""`kabin rebuild`: every state anew from what visitors did."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio
import time

import click

from service.cli.options import STORE, settings_options
from service.cli.output import counted
from service.cli.progress import progress
from service.cli.reachable_redis import redis_of
from service.cli.store import client_of, open_catalog, rebuilder_of
from service.cli.visitor_names import visitor_ids_of
from service.settings import Settings, load_settings


@click.command()
@click.argument("visitor_ids", nargs=-1, metavar="[VISITOR_ID]...")
@settings_options(*STORE, "visitor_ttl_days", "first_visit_ttl_minutes", "session_gap_minutes")
def rebuild(visitor_ids: tuple[str, ...], **flags: object) -> None:
    """Recompute visitors' states from event log and archive.

    All visitors' states, or those of the visitors named, are computed again from the event log and the archive by
    the functions that handle live events. Do so when the catalog or a parameter has changed what events mean,
    or after Redis has lost its data (import the catalog first). Safe while the service runs.
    """
    settings = load_settings(**flags)
    with redis_of(settings) as reachable:
        asyncio.run(_rebuild(reachable, visitor_ids))


async def _rebuild(settings: Settings, visitor_ids: tuple[str, ...]) -> None:
    from service.stores.installation import note_restored

    async with client_of(settings) as (client, keyspace):
        catalog = await open_catalog(settings, client, keyspace)
        if not len(catalog):
            click.echo(
                "warning: the catalog is empty, and sizes of items that it lacks leave no trace: "
                "`kabin import catalog`, then rebuild again",
                err=True,
            )
        rebuilder = await rebuilder_of(settings, client, keyspace, catalog)
        with progress("Rebuilding") as report:
            done = await rebuilder.rebuild(
                visitor_ids_of(settings, visitor_ids) or None,
                now=time.time(),
                progress=lambda read, total: report(read / max(1, total), counted(read, "event")),
            )
        if not visitor_ids:
            await note_restored(client, keyspace)
    click.echo(f"{counted(done.visitors, 'visitor')} rebuilt from {counted(done.events, 'event')}")
    if done.repeated:
        click.echo(f"{counted(done.repeated, 'event')} in the history more than once, counted once")
    if done.unreadable:
        raise click.ClickException(
            f"{counted(done.unreadable, 'entry', 'entries')} of the log cannot be read; the rest is rebuilt"
        )
