"""How `kabin import catalog` runs, and what it says of the feed."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import click

from service.cli.output import counted
from service.cli.progress import progress
from service.cli.store import client_of
from service.settings import Settings
from service.stores.catalog import CatalogChange, CatalogShrinks, RedisCatalogStore

REPORTS_SHOWN = 20
"""Reports of rows that are printed of each kind."""

SECONDS_BETWEEN_LOOKS = 0.2


def import_feed(settings: Settings, file: Path, *, force: bool = False) -> None:
    """Make a feed the catalog in the Redis of ``settings`` and print what became of its rows.

    Raises:
        click.ClickException: the catalog would shrink by over 30 %.
    """
    started = time.monotonic()
    try:
        change = asyncio.run(_replace(settings, file, force=force))
    except CatalogShrinks as error:
        reason = str(error).partition(";")[0]
        raise click.ClickException(f"{reason}; import it with --force if it is meant") from None
    _tell(change, time.monotonic() - started)


async def _replace(settings: Settings, file: Path, *, force: bool) -> CatalogChange:
    async with client_of(settings) as (client, keyspace):
        store = RedisCatalogStore(
            client,
            keyspace,
            default_currency=settings.default_currency,
            timezone=settings.feed_zone,
        )
        with progress("Importing") as report, file.open("rb") as feed:
            size = max(1, os.fstat(feed.fileno()).st_size)
            watched = asyncio.create_task(_watch(lambda: report(feed.tell() / size, "bytes")))
            try:
                return await store.replace(feed, name=file.name, force=force)
            finally:
                watched.cancel()


async def _watch(tell: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        tell()


def check_readable(file: Path) -> None:
    """Refuse a file that cannot be opened, before any server is started for it.

    Raises:
        click.ClickException: it is absent, a folder or not allowed.
    """
    try:
        file.open("rb").close()
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None


def _tell(change: CatalogChange, seconds: float) -> None:
    for kind, reports, count in (
        ("rejected", change.rejected, change.rejected_count),
        ("warning", change.warnings, change.warning_count),
    ):
        for row in reports[:REPORTS_SHOWN]:
            field = f", {row.field}" if row.field else ""
            click.echo(f"{kind}: line {row.line}{field}: {row.detail}", err=True)
        if count > REPORTS_SHOWN:
            click.echo(f"{kind}: {count:,} in all", err=True)
    click.echo(
        f"{counted(change.accepted, 'row')} taken, {change.rejected_count:,} rejected, {counted(change.removed, 'SKU')} gone; "
        f"the catalog has {counted(change.items, 'item')} and {counted(change.skus, 'SKU')}; {seconds:.1f} s"
    )
