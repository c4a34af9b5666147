"""`kabin visitor`: what a shop does for a visitor who asks."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio

import click

from service.cli.options import settings_options
from service.cli.output import counted
from service.cli.reachable_redis import redis_of
from service.cli.store import client_of
from service.cli.visitor_names import visitor_ids_of
from service.settings import Settings, load_settings


@click.group()
def visitor() -> None:
    """Erase visitors."""


@visitor.command()
@click.argument("visitor_ids", nargs=-1, required=True, metavar="VISITOR_ID...")
@settings_options("data_dir", "redis_url", "redis_prefix", "allow_eviction")
def erase(visitor_ids: tuple[str, ...], **flags: object) -> None:
    """Erase visitors, as `DELETE /visitors/ID` does.

    What is remembered of them and their events in the log are deleted at once. What is in the archive is skipped from
    now on, by training too, and deleted when the archive is next compacted. May be repeated, and safe while the
    service runs; what arrives afterwards starts a new story. A customer is named "customer:ID", and erased with what
    became theirs when they signed in.
    """
    if not all(visitor_ids):
        raise click.UsageError(
            "a VISITOR_ID is empty: no visitor has such an id (is a variable of your script unset?)"
        )
    settings = load_settings(**flags)
    with redis_of(settings) as reachable:
        asyncio.run(_erase(reachable, visitor_ids))


async def _erase(settings: Settings, named: tuple[str, ...]) -> None:
    from service.stores.erasures import RedisErasures

    async with client_of(settings) as (client, keyspace):
        erasures = RedisErasures(client, keyspace)
        for name, visitor_id in zip(named, visitor_ids_of(settings, named), strict=True):
            erasure = await erasures.erase(visitor_id)
            known = "erased" if erasure.was_known else "erased, though nothing was remembered"
            click.echo(f"{name}: {known}; {counted(erasure.events, 'event')} deleted from the log")
